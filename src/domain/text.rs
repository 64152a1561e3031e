//! Names, and how stored text is made inert before it is displayed.

use std::fmt;
use std::sync::Arc;

use unicode_width::UnicodeWidthChar;

/// The name of a key or an Application: 1 to 100 characters, no line breaks.
///
/// Control characters are stored as they are and made visible when the name is displayed, since `Display` uses
/// [`inert`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

impl Name {
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

    /// Does not check the length and the characters.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text.into())
    }

    /// The exact name. `Display` is safe to print.
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
    #[error("a name is required")]
    Empty,
    #[error("names have at most {} characters", Name::MAX_CHARS)]
    TooLong,
    #[error("names cannot contain line breaks")]
    LineBreak,
}

/// What an administrator wants to remember of a key: 1 to 500 characters, no line breaks.
///
/// `Display` makes control characters visible.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Note(Arc<str>);

impl Note {
    pub const MAX_CHARS: usize = 500;

    /// Trims and checks a note. An empty text is none.
    ///
    /// # Errors
    /// When it is too long or contains line breaks.
    pub fn parse(text: &str) -> Result<Option<Self>, NoteError> {
        let text = text.trim();
        if text.chars().count() > Self::MAX_CHARS {
            return Err(NoteError::TooLong);
        }
        if text.contains(['\n', '\r', '\0']) {
            return Err(NoteError::LineBreak);
        }
        Ok((!text.is_empty()).then(|| Self(text.into())))
    }

    /// Does not check the length and the characters.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text.into())
    }

    /// The exact note. `Display` is safe to print.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&inert(&self.0))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    #[error("notes have at most {} characters", Note::MAX_CHARS)]
    TooLong,
    #[error("notes cannot contain line breaks")]
    LineBreak,
}

/// Parses whom to ask before a key is deleted: up to 100 characters, no line breaks. An empty text is none.
///
/// # Errors
/// When it is too long or contains line breaks.
pub fn parse_owner(text: &str) -> Result<Option<Name>, OwnerError> {
    match Name::parse(text) {
        Ok(owner) => Ok(Some(owner)),
        Err(NameError::Empty) => Ok(None),
        Err(NameError::TooLong) => Err(OwnerError::TooLong),
        Err(NameError::LineBreak) => Err(OwnerError::LineBreak),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OwnerError {
    #[error("owners have at most {} characters", Name::MAX_CHARS)]
    TooLong,
    #[error("owners cannot contain line breaks")]
    LineBreak,
}

/// Whether a character could move the cursor, be invisible, or change the reading direction.
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

/// Capitalizes the first letter.
#[must_use]
pub fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", letters.as_str())
}

/// Makes control, bidirectional and zero-width characters visible, such as `\u{202e}`. All text from the database is
/// displayed through this.
#[must_use]
pub fn inert(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        // A combining mark at the start would combine with our own text.
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

/// A text whose order is the natural one of a folded text: numbers in it by their value, 2 before 10. Each is preceded by
/// its length.
#[must_use]
pub fn natural(folded: &str) -> String {
    let mut order = String::with_capacity(folded.len() + 4);
    let mut rest = folded;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let end =
            rest[start..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |length| start + length);
        let number = rest[start..end].trim_start_matches('0');
        order.push_str(&rest[..start]);
        let mut length = number.len();
        while length >= 9 {
            order.push('9');
            length -= 9;
        }
        order.push(char::from_digit(u32::try_from(length).unwrap_or_default(), 10).unwrap_or('0'));
        order.push_str(number);
        rest = &rest[end..];
    }
    order.push_str(rest);
    order
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
    fn numbers_in_names_order_by_their_value() {
        let names = [
            "job",
            "job 1",
            "job 2",
            "job 2 b",
            "job 2a",
            "job 10",
            "job 99",
            "job 100",
            "job 99999999",
            "job 999999999",
            "job 1000000000",
            "job 9999999999999999",
            "job 10000000000000000",
            "job 999999999999999999",
            "job a",
            "zoo 1",
        ];
        assert!(names.is_sorted_by(|a, b| natural(a) < natural(b)));
        assert_eq!(natural("job 007"), natural("job 7"));
        assert_eq!(
            (natural("öffnung"), natural("0"), natural("")),
            ("öffnung".into(), "0".into(), String::new())
        );
    }

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
