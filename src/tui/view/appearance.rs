//! Themes and signs.

use crate::config::settings::{Ascii, Settings, ThemeName};
use crate::config::theme::{Theme, ThemeError};

/// Colors and signs.
#[derive(Clone, Debug)]
pub struct Appearance {
    pub theme: Theme,
    pub glyphs: Glyphs,
}

/// All appearances, and which is the first.
#[derive(Debug)]
pub struct Appearances {
    all: Vec<Appearance>,
    first: usize,
}

impl Appearances {
    /// All themes, beginning with the one that is set; with `NO_COLOR` (no-color.org) only the one without colors.
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
            return Ok(Self { all: vec![Appearance { theme: Theme::colourless()?, glyphs }], first: 0 });
        }
        let all = ThemeName::ALL
            .iter()
            .map(|name| Ok(Appearance { theme: Theme::named(*name)?, glyphs }))
            .collect::<Result<_, ThemeError>>()?;
        let first = ThemeName::ALL.iter().position(|name| *name == settings.theme).unwrap_or_default();
        Ok(Self { all, first })
    }

    /// The appearance so many steps after the first.
    pub fn get(&self, steps: usize) -> &Appearance {
        &self.all[(self.first + steps) % self.all.len()]
    }
}

/// Signs, with a form for terminals that have ASCII only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glyphs {
    /// Whether there is ASCII only.
    pub ascii: bool,
    /// Between the parts of where one is.
    pub step: &'static str,
    /// At the end of what was cut.
    pub cut: &'static str,
    /// Before the chosen one of a list.
    pub pointer: &'static str,
    /// Before what is selected for an operation.
    pub picked: &'static str,
    /// A valid key.
    pub valid: &'static str,
    /// A key that expires soon.
    pub soon: &'static str,
    /// An expired key.
    pub expired: &'static str,
    /// A disabled key.
    pub disabled: &'static str,
    /// Before the key that took this one's place.
    pub replaced_by: &'static str,
    /// Before the key whose place this one took.
    pub replaces: &'static str,
    /// The order goes up.
    pub ascending: &'static str,
    /// The order goes down.
    pub descending: &'static str,
    /// There are rows above.
    pub more_above: &'static str,
    /// There are rows below.
    pub more_below: &'static str,
    /// A hidden letter.
    pub dot: char,
    /// A line from left to right.
    pub rule: &'static str,
    /// Bars, from the lowest.
    pub bars: [&'static str; 8],
}

impl Glyphs {
    /// For terminals that have Unicode.
    pub const UNICODE: Self = Self {
        ascii: false,
        step: "›",
        cut: "…",
        pointer: "▸",
        picked: "✓",
        valid: "●",
        soon: "◐",
        expired: "○",
        disabled: "‖",
        replaced_by: "→",
        replaces: "←",
        ascending: " ↑",
        descending: " ↓",
        more_above: "▲",
        more_below: "▼",
        dot: '•',
        rule: "─",
        bars: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    };

    /// For terminals that have ASCII only.
    pub const ASCII: Self = Self {
        ascii: true,
        step: ">",
        cut: "~",
        pointer: ">",
        picked: "*",
        valid: "+",
        soon: "!",
        expired: "x",
        disabled: "=",
        replaced_by: ">",
        replaces: "<",
        ascending: " ^",
        descending: " v",
        more_above: "^",
        more_below: "v",
        dot: '.',
        rule: "-",
        bars: [".", ".", ":", ":", "|", "|", "#", "#"],
    };
}
