//! Themes and signs.

use crate::config::settings::{Ascii, Settings, ThemeName};
use crate::config::theme::{Theme, ThemeError};
use unicode_width::UnicodeWidthStr;

#[derive(Clone, Debug)]
pub struct Appearance {
    pub theme: Theme,
    pub glyphs: Glyphs,
}

impl Appearance {
    /// The text of a field filled up to a width: visibly, where the theme has no background for fields.
    pub fn filled(&self, text: &str, width: usize) -> String {
        let fill = if self.theme.field.bg.is_some() { " " } else { "_" };
        format!("{text}{}", fill.repeat(width.saturating_sub(text.width())))
    }
}

/// The appearance of each theme, in the order of [`ThemeName::ALL`]; with `NO_COLOR` one for all.
#[derive(Debug)]
pub struct Appearances(Vec<Appearance>);

impl Appearances {
    /// All themes; with `NO_COLOR` (no-color.org) only the one without colors.
    ///
    /// # Errors
    /// When a built-in theme is invalid.
    pub fn new(settings: &Settings, no_color: bool, utf8: bool) -> Result<Self, ThemeError> {
        let ascii = match settings.ascii {
            Ascii::Auto => !utf8,
            Ascii::On => true,
            Ascii::Off => false,
        };
        let glyphs = if ascii { Glyphs::ASCII } else { Glyphs::UNICODE };
        if no_color {
            return Ok(Self(vec![Appearance { theme: Theme::colorless()?, glyphs }]));
        }
        let all = ThemeName::ALL.iter().map(|name| Ok(Appearance { theme: Theme::named(*name)?, glyphs }));
        Ok(Self(all.collect::<Result<_, ThemeError>>()?))
    }

    /// The appearance of a theme.
    pub fn get(&self, theme: ThemeName) -> &Appearance {
        let place = ThemeName::ALL.iter().position(|name| *name == theme).unwrap_or_default();
        &self.0[place.min(self.0.len() - 1)]
    }
}

macro_rules! glyphs {
    ($($(#[doc = $doc:literal])* $name:ident: $type:ty = $unicode:expr, $ascii:expr;)*) => {
        /// Signs, for terminals with Unicode and for those with ASCII only.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Glyphs { $($(#[doc = $doc])* pub $name: $type,)* }

        impl Glyphs {
            pub const UNICODE: Self = Self { $($name: $unicode,)* };
            pub const ASCII: Self = Self { $($name: $ascii,)* };
        }
    };
}

glyphs! {
    /// Whether there is ASCII only.
    ascii: bool = false, true;
    /// Between the parts of where one is.
    step: &'static str = "›", ">";
    /// At the end of what was cut.
    cut: &'static str = "…", "~";
    /// Before the chosen one of a list.
    pointer: &'static str = "▸", ">";
    /// Before what is selected for an operation.
    picked: &'static str = "✓", "*";
    valid: &'static str = "●", "+";
    /// A key that expires soon.
    soon: &'static str = "◐", "!";
    /// A key that has ended.
    expired: &'static str = "○", "x";
    disabled: &'static str = "‖", "=";
    /// Before the key that took this one's place.
    replaced_by: &'static str = "→", ">";
    /// Before the key whose place this one took.
    replaces: &'static str = "←", "<";
    /// The order goes up.
    ascending: &'static str = " ↑", " ^";
    /// The order goes down.
    descending: &'static str = " ↓", " v";
    more_above: &'static str = "▲", "^";
    more_below: &'static str = "▼", "v";
    /// Behind an option that asks for more.
    more: &'static str = "…", "";
    /// In the parentheses of the chosen option.
    chosen: char = '•', '*';
    /// A hidden letter.
    dot: char = '•', '.';
    /// Bars, from the lowest.
    bars: [&'static str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"], [".", ".", ":", ":", "|", "|", "#", "#"];
}
