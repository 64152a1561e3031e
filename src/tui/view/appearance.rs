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
    /// Pads the text of a field to a width in cells: with underscores where the theme gives fields no background.
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
    /// Whether the terminal has ASCII only.
    ascii: bool = false, true;
    /// Between the parts of the location.
    step: &'static str = "›", ">";
    /// At the end of a cut text.
    cut: &'static str = "…", "~";
    /// Before the chosen entry of a list.
    pointer: &'static str = "▸", ">";
    /// Before a key that is selected for an operation.
    picked: &'static str = "✓", "*";
    valid: &'static str = "●", "+";
    /// A key that expires soon.
    soon: &'static str = "◐", "!";
    /// A key that has ended.
    expired: &'static str = "○", "x";
    /// A key whose use is an alarm.
    canary: &'static str = "◆", "c";
    disabled: &'static str = "‖", "=";
    /// Before the successor of a key.
    replaced_by: &'static str = "→", ">";
    /// Before the predecessor of a key.
    replaces: &'static str = "←", "<";
    /// Ascending order.
    ascending: &'static str = " ↑", " ^";
    /// Descending order.
    descending: &'static str = " ↓", " v";
    more_above: &'static str = "▲", "^";
    more_below: &'static str = "▼", "v";
    /// Behind an option that asks for more.
    more: &'static str = "…", "";
    /// In the parentheses of the chosen option.
    chosen: char = '•', '*';
    /// A masked character.
    dot: char = '•', '.';
    /// Bars, from the lowest to the highest.
    bars: [&'static str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"], [".", ".", ":", ":", "|", "|", "#", "#"];
}
