//! Themes: the style of each kind of text.

use ratatui::style::Style;
use serde::Deserialize;

use super::settings::ThemeName;

/// The style of each kind of text. Color is never the only sign of anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Theme {
    /// Ordinary text and the background.
    pub text: Style,
    /// Text of less importance.
    pub dim: Style,
    /// The current screen, what has the focus.
    pub accent: Style,
    pub heading: Style,
    /// The selected row, the focused button.
    pub selection: Style,
    /// Matches of a filter.
    pub matched: Style,
    /// What needs attention soon.
    pub warning: Style,
    /// Failures and destructive actions.
    pub danger: Style,
    /// Success and valid keys.
    pub good: Style,
    /// The border of a dialog.
    pub border: Style,
    pub backdrop: Style,
    pub field: Style,
    /// The text field that has the focus.
    pub cursor: Style,
}

/// A theme file is malformed. Tests parse all that are compiled in.
#[derive(Debug, thiserror::Error)]
#[error("theme {name}: {reason}")]
pub struct ThemeError {
    pub name: String,
    pub reason: String,
}

impl Theme {
    pub fn named(name: ThemeName) -> Result<Self, ThemeError> {
        let text = match name {
            ThemeName::Dark => include_str!("../../assets/themes/dark.toml"),
            ThemeName::Light => include_str!("../../assets/themes/light.toml"),
            ThemeName::HighContrast => include_str!("../../assets/themes/high-contrast.toml"),
            ThemeName::Terminal => include_str!("../../assets/themes/terminal.toml"),
        };
        Self::parse(name.as_str(), text)
    }

    /// For `NO_COLOR`: modifiers such as bold and no colors.
    pub fn colorless() -> Result<Self, ThemeError> {
        Self::parse("colorless", include_str!("../../assets/themes/colorless.toml"))
    }

    pub fn parse(name: &str, text: &str) -> Result<Self, ThemeError> {
        toml::from_str(text)
            .map_err(|error| ThemeError { name: name.to_owned(), reason: error.message().to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use ratatui::style::Color;

    use super::*;

    #[test]
    fn a_style_has_colors_and_modifiers_only() {
        for name in ThemeName::ALL.iter().map(|name| name.as_str()).chain(["colorless"]) {
            let path = format!("{}/assets/themes/{name}.toml", env!("CARGO_MANIFEST_DIR"));
            let table: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
            for (role, style) in table {
                let known = |key: &String| ["fg", "bg", "add_modifier"].contains(&key.as_str());
                assert!(style.as_table().unwrap().keys().all(known), "{name} {role}");
            }
        }
        assert!(Theme::parse("x", "text = { fg = \"blurple\" }").is_err());
    }

    /// Relative luminance (WCAG 2.2).
    fn luminance(color: Color) -> f64 {
        let Color::Rgb(r, g, b) = color else { panic!("{color} is not an RGB color") };
        let part = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b)
    }

    fn contrast(a: Color, b: Color) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn everything_can_be_read() {
        for (name, least) in [(ThemeName::Dark, 4.5), (ThemeName::Light, 4.5), (ThemeName::HighContrast, 7.0)]
        {
            let theme = Theme::named(name).unwrap();
            let (fg, bg) = (theme.text.fg.unwrap(), theme.text.bg.unwrap());
            for (role, style) in [
                ("text", theme.text),
                ("dim", theme.dim),
                ("accent", theme.accent),
                ("heading", theme.heading),
                ("selection", theme.selection),
                ("matched", theme.matched),
                ("warning", theme.warning),
                ("danger", theme.danger),
                ("good", theme.good),
                ("field", theme.field),
                ("cursor", theme.cursor),
            ] {
                let got = contrast(style.fg.unwrap_or(fg), style.bg.unwrap_or(bg));
                assert!(got >= least, "{} {role}: {got:.2}", name.as_str());
            }
        }
    }

    #[test]
    fn the_terminals_own_colors_are_left_alone() {
        let theme = Theme::named(ThemeName::Terminal).unwrap();
        assert_eq!((theme.text.fg, theme.text.bg), (None, None));
    }

    #[test]
    fn no_color_is_no_color() {
        let theme = Theme::colorless().unwrap();
        for style in
            [theme.text, theme.dim, theme.accent, theme.selection, theme.danger, theme.good, theme.warning]
        {
            assert_eq!((style.fg, style.bg), (None, None));
        }
        assert_ne!(theme.selection, theme.text);
        assert_ne!(theme.dim, theme.text);
        assert_ne!(theme.backdrop, theme.text);
    }
}
