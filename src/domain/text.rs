//! Names, and how stored text is made inert before it is displayed.

use std::fmt;
use std::sync::Arc;

use unicode_width::UnicodeWidthChar;

/// The name of a key or an Application: 1 to 100 characters, no line breaks.
///
/// Hostile characters are stored as they are and made visible wherever the name is displayed, since
/// `Display` goes through [`inert`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

impl Name {
    /// The longest name, in characters.
    pub const MAX_CHARS: usize = 100;

    /// Trims and checks a name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.chars().count() > Self::MAX_CHARS {
            return Err(NameError::TooLong);
        }
        if text.contains(['\n', '\r', '\0']) {
            return Err(NameError::LineBreak);
        }
        Ok(Self(text.into()))
    }

    /// Does not check.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text.into())
    }

    /// The name as it was typed. To display it use `Display`, which is inert.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&inert(&self.0))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("a name is needed")]
    Empty,
    #[error("a name has {} characters at the most", Name::MAX_CHARS)]
    TooLong,
    #[error("a name stands on one line")]
    LineBreak,
}

/// Whether a character could move the cursor, hide itself or turn the reading direction round.
#[must_use]
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}')
}

/// The beginning of a sentence: with a capital letter.
#[must_use]
pub fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", letters.as_str())
}

/// Stored text made harmless and visible: control, bidirectional and zero-width characters stand as
/// `\u{202e}`, so that they neither act nor hide. All text from the database passes here on its way out.
#[must_use]
pub fn inert(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        // A combining mark has no width but belongs to the letter before it; alone it would join ours.
        let orphan = out.is_empty() && c.width() == Some(0);
        if is_unsafe(c) || orphan {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Case folded for searching: what [`crate::store`] keeps beside a key and what a filter is turned into.
#[must_use]
pub fn fold(text: &str) -> String {
    text.to_lowercase()
}

/// A form in which look-alikes are equal: case, the commonest Cyrillic and Greek twins of Latin letters,
/// digits that look like letters, and everything invisible is dropped. For a warning, never for a decision.
#[must_use]
pub fn skeleton(text: &str) -> String {
    text.chars()
        .filter(|c| !is_unsafe(*c))
        .flat_map(char::to_lowercase)
        .map(|c| match c {
            'а' | 'α' => 'a',
            'в' | 'β' => 'b',
            'с' | 'ϲ' => 'c',
            'е' | 'ε' => 'e',
            'һ' => 'h',
            'і' | 'ι' | 'l' | '1' | '|' | 'ı' => 'i',
            'ј' => 'j',
            'к' | 'κ' => 'k',
            'м' => 'm',
            'н' => 'n',
            'о' | 'ο' | '0' => 'o',
            'р' | 'ρ' => 'p',
            'ѕ' | '5' => 's',
            'т' | 'τ' => 't',
            'υ' | 'ц' => 'u',
            'х' | 'χ' => 'x',
            'у' | 'γ' => 'y',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hostile_text_is_shown_and_does_nothing() {
        assert_eq!(inert("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(inert("\u{202e}live"), "\\u{202e}live");
        assert_eq!(inert("zero\u{200b}width"), "zero\\u{200b}width");
        assert_eq!(inert("\u{9b}31m"), "\\u{9b}31m");
        assert_eq!(inert("Überweisung 支付 é"), "Überweisung 支付 é");
    }

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!(Name::parse("  Checkout ").map(|n| n.as_str().to_owned()), Ok("Checkout".into()));
        assert_eq!(Name::parse(" \t"), Err(NameError::Empty));
        assert_eq!(Name::parse("a\nb"), Err(NameError::LineBreak));
        assert!(Name::parse(&"x".repeat(100)).is_ok());
        assert_eq!(Name::parse(&"x".repeat(101)), Err(NameError::TooLong));
    }

    #[test]
    fn look_alikes_share_a_skeleton() {
        assert_eq!(skeleton("Storefront"), skeleton("St\u{200b}оrefrоnt"));
        assert_eq!(skeleton("Billing"), skeleton("BiIIing"));
        assert_ne!(skeleton("Storefront"), skeleton("Storehouse"));
    }

    proptest! {
        #[test]
        fn nothing_unsafe_survives(text in any::<String>()) {
            prop_assert!(!inert(&text).chars().any(is_unsafe));
        }
    }
}
