//! Keys and their text form.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// A key without its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A letter, digit or sign. A capital letter is a key of its own.
    Char(char),
    Space,
    Enter,
    Esc,
    Tab,
    BackTab,
    Backspace,
    Delete,
    Insert,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    /// 1 to 12.
    F(u8),
    /// An action of the mouse or the palette.
    None,
}

const NAMED: [(&str, Key); 18] = [
    ("space", Key::Space),
    ("enter", Key::Enter),
    ("esc", Key::Esc),
    ("tab", Key::Tab),
    ("shift-tab", Key::BackTab),
    ("backspace", Key::Backspace),
    ("delete", Key::Delete),
    ("insert", Key::Insert),
    ("up", Key::Up),
    ("down", Key::Down),
    ("left", Key::Left),
    ("right", Key::Right),
    ("home", Key::Home),
    ("end", Key::End),
    ("pageup", Key::PageUp),
    ("pagedown", Key::PageDown),
    ("pgup", Key::PageUp),
    ("pgdn", Key::PageDown),
];

/// A key with its modifiers, written `ctrl-p`, `alt-x`, `G`, `enter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Chord {
    pub key: Key,
    pub ctrl: bool,
    pub alt: bool,
}

impl Chord {
    #[must_use]
    pub const fn plain(key: Key) -> Self {
        Self { key, ctrl: false, alt: false }
    }

    #[must_use]
    pub fn none() -> Self {
        Self::plain(Key::None)
    }

    #[must_use]
    pub const fn ctrl_c() -> Self {
        Self { key: Key::Char('c'), ctrl: true, alt: false }
    }

    /// Whether it types a character into a field.
    #[must_use]
    pub fn is_text(&self) -> bool {
        !self.ctrl && !self.alt && matches!(self.key, Key::Char(_) | Key::Space)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a key: use a character, enter, esc, space, tab, up, down, left, right, home, end, pageup, pagedown, \
     backspace, delete, insert, shift-tab, f1 to f12, optionally after ctrl- or alt-"
)]
pub struct NotAKey(pub String);

/// The rest after a prefix, compared without regard to case; none when the rest is empty.
fn after<'a>(prefix: &str, text: &'a str) -> Option<&'a str> {
    let (head, tail) = text.split_at_checked(prefix.len())?;
    (head.eq_ignore_ascii_case(prefix) && !tail.is_empty()).then_some(tail)
}

impl TryFrom<String> for Chord {
    type Error = NotAKey;

    fn try_from(text: String) -> Result<Self, NotAKey> {
        text.parse()
    }
}

impl FromStr for Chord {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let wrong = || NotAKey(text.to_owned());
        let (mut rest, mut ctrl, mut alt) = (text, false, false);
        loop {
            if let Some(tail) = after("ctrl-", rest).filter(|_| !ctrl) {
                (rest, ctrl) = (tail, true);
            } else if let Some(tail) = after("alt-", rest).filter(|_| !alt) {
                (rest, alt) = (tail, true);
            } else {
                break;
            }
        }
        let mut chars = rest.chars();
        let key = match (chars.next(), chars.next()) {
            (Some(' '), None) => Key::Space,
            // Terminals send a letter with Ctrl in lower case.
            (Some(c), None) if ctrl && c.is_ascii_uppercase() => Key::Char(c.to_ascii_lowercase()),
            (Some(c), None) if !c.is_control() => Key::Char(c),
            _ => {
                if let Some((_, key)) = NAMED.iter().find(|(name, _)| name.eq_ignore_ascii_case(rest)) {
                    *key
                } else {
                    let number = after("f", rest).and_then(|n| n.parse::<u8>().ok());
                    Key::F(number.filter(|n| (1..=12).contains(n)).ok_or_else(wrong)?)
                }
            }
        };
        Ok(Self { key, ctrl, alt })
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        if self.ctrl {
            text.push_str("Ctrl-");
        }
        if self.alt {
            text.push_str("Alt-");
        }
        match self.key {
            Key::Char(c) if self.ctrl => text.extend(c.to_uppercase()),
            Key::Char(c) => text.push(c),
            Key::F(number) => text = format!("{text}F{number}"),
            Key::BackTab => text.push_str("Shift-Tab"),
            Key::PageUp => text.push_str("PgUp"),
            Key::PageDown => text.push_str("PgDn"),
            key => {
                let name = NAMED.iter().find(|(_, known)| *known == key).map_or("", |(name, _)| name);
                let mut letters = name.chars();
                text.extend(letters.next().map(|c| c.to_ascii_uppercase()));
                text.push_str(letters.as_str());
            }
        }
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chords_read_and_show() {
        for (text, shown) in [
            ("q", "q"),
            ("G", "G"),
            ("ctrl-p", "Ctrl-P"),
            ("shift-tab", "Shift-Tab"),
            ("f5", "F5"),
            ("-", "-"),
        ] {
            assert_eq!(text.parse::<Chord>().unwrap().to_string(), shown);
        }
        for chord in [
            Chord::ctrl_c(),
            "pageup".parse().unwrap(),
            "shift-tab".parse().unwrap(),
            "alt-f5".parse().unwrap(),
        ] {
            assert_eq!(chord.to_string().parse(), Ok(chord), "what is shown can be written");
        }
        assert_eq!("ctrl-P".parse::<Chord>(), "ctrl-p".parse(), "terminals know no difference");
        assert_ne!("G".parse::<Chord>(), "g".parse());
        for wrong in ["", "ctrl-", "f13", "meta-x", "none", "\u{1b}", "é-"] {
            assert!(wrong.parse::<Chord>().is_err(), "{wrong:?}");
        }
    }
}
