//! Which key does what: one table, from which footer, help and palette are made too.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// A key without its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A letter, digit or sign; capital letters stand for themselves.
    Char(char),
    /// The space bar.
    Space,
    /// Enter.
    Enter,
    /// Esc.
    Esc,
    /// Tab.
    Tab,
    /// Shift-Tab.
    BackTab,
    /// Backspace.
    Backspace,
    /// Delete.
    Delete,
    /// Insert.
    Insert,
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// A function key.
    F(u8),
    /// No key at all: an action that came from the mouse or the palette.
    None,
}

const NAMED: [(&str, Key); 17] = [
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
    ("none", Key::None),
];

/// A key with its modifiers, written `ctrl-p`, `alt-x`, `G`, `enter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chord {
    /// The key.
    pub key: Key,
    /// With Ctrl.
    pub ctrl: bool,
    /// With Alt.
    pub alt: bool,
}

impl Chord {
    /// A key without modifiers.
    #[must_use]
    pub fn plain(key: Key) -> Self {
        Self { key, ctrl: false, alt: false }
    }

    /// No key.
    #[must_use]
    pub fn none() -> Self {
        Self::plain(Key::None)
    }

    /// Ctrl-C.
    #[must_use]
    pub fn ctrl_c() -> Self {
        Self { key: Key::Char('c'), ctrl: true, alt: false }
    }

    /// Whether it writes a letter into a text.
    #[must_use]
    pub fn is_text(&self) -> bool {
        !self.ctrl && !self.alt && matches!(self.key, Key::Char(_) | Key::Space)
    }
}

/// A text names no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no key: write a letter or sign, enter, esc, space, tab, up, down, left, right, home, end, pageup, \
     pagedown, backspace, delete, f1 to f12, with ctrl- or alt- in front where wanted"
)]
pub struct NotAKey(pub String);

impl FromStr for Chord {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let wrong = || NotAKey(text.to_owned());
        let (mut rest, mut ctrl, mut alt) = (text, false, false);
        loop {
            if let Some(tail) = rest.strip_prefix("ctrl-").filter(|tail| !tail.is_empty() && !ctrl) {
                (rest, ctrl) = (tail, true);
            } else if let Some(tail) = rest.strip_prefix("alt-").filter(|tail| !tail.is_empty() && !alt) {
                (rest, alt) = (tail, true);
            } else {
                break;
            }
        }
        let mut chars = rest.chars();
        let key = match (chars.next(), chars.next()) {
            (Some(' '), None) => Key::Space,
            (Some(c), None) if !c.is_control() => Key::Char(c),
            _ => {
                if let Some((_, key)) = NAMED.iter().find(|(name, _)| *name == rest) {
                    *key
                } else {
                    let number = rest.strip_prefix('f').and_then(|n| n.parse::<u8>().ok());
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

/// A line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Where it works: a screen, `list`, `global`, `modal`, `reveal`.
    pub context: String,
    /// What is done.
    pub action: String,
    /// The keys that do it; the first is the one that is shown.
    pub chords: Vec<Chord>,
    /// A word or two for the footer.
    pub label: String,
    /// A sentence for help and palette.
    pub help: String,
}

/// The table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bindings {
    /// All lines, in the order of `assets/keys.toml`.
    pub entries: Vec<Binding>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    context: String,
    action: String,
    keys: Vec<String>,
    label: String,
    help: String,
}

#[derive(Deserialize)]
struct Lines {
    bindings: Vec<Line>,
}

/// What people put under `[keys]` in `config.toml`: `[keys.CONTEXT]` with `action = ["key", ...]`.
pub type Overrides = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// What is wrong with bindings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindingError {
    /// Not the expected TOML.
    #[error("{0}")]
    Toml(String),
    /// A text names no key.
    #[error("[keys.{context}] {action}: {error}")]
    Key {
        /// Where.
        context: String,
        /// What it should do.
        action: String,
        /// What is wrong with it.
        error: NotAKey,
    },
    /// There is no such place.
    #[error("[keys.{context}]: there is no such part; there are: {allowed}")]
    Context {
        /// What was written.
        context: String,
        /// What would be right.
        allowed: String,
    },
    /// There is nothing like it to do there.
    #[error("[keys.{context}] {action}: there is no such action; there are: {allowed}")]
    Action {
        /// Where.
        context: String,
        /// What was written.
        action: String,
        /// What would be right.
        allowed: String,
    },
    /// One key for two things.
    #[error("the key {chord} is bound to both {first} and {second}: give one of them another")]
    Clash {
        /// The key.
        chord: String,
        /// One of the two: `context.action`.
        first: String,
        /// The other.
        second: String,
    },
}

/// Which contexts are active together, so that a key in both is a clash.
fn together(a: &str, b: &str) -> bool {
    let screen = |c: &str| matches!(c, "keys" | "applications" | "users" | "audit");
    a == b
        || matches!((a, b), ("list", "global") | ("global", "list"))
        || (screen(a) && matches!(b, "list" | "global"))
        || (screen(b) && matches!(a, "list" | "global"))
}

impl Bindings {
    /// The table that ships with keydesk, `assets/keys.toml`.
    pub fn built_in() -> Result<Self, BindingError> {
        Self::parse(include_str!("../../assets/keys.toml"))
    }

    /// Reads a table.
    pub fn parse(text: &str) -> Result<Self, BindingError> {
        let lines: Lines = toml::from_str(text).map_err(|error| BindingError::Toml(error.to_string()))?;
        let mut bindings = Self::default();
        for Line { context, action, keys, label, help } in lines.bindings {
            let chords = chords(&context, &action, &keys)?;
            bindings.entries.push(Binding { context, action, chords, label, help });
        }
        bindings.check()?;
        Ok(bindings)
    }

    /// The same with other keys for some actions.
    pub fn overridden(mut self, overrides: &Overrides) -> Result<Self, BindingError> {
        for (context, actions) in overrides {
            if !self.entries.iter().any(|entry| entry.context == *context) {
                let allowed = self.words(|entry| Some(&entry.context));
                return Err(BindingError::Context { context: context.clone(), allowed });
            }
            for (action, keys) in actions {
                let allowed = self.words(|entry| (entry.context == *context).then_some(&entry.action));
                let entry = self.entries.iter_mut().find(|e| e.context == *context && e.action == *action);
                let Some(entry) = entry else {
                    let (context, action) = (context.clone(), action.clone());
                    return Err(BindingError::Action { context, action, allowed });
                };
                entry.chords = chords(context, action, keys)?;
            }
        }
        self.check()?;
        Ok(self)
    }

    fn words<'a>(&'a self, word: impl Fn(&'a Binding) -> Option<&'a String>) -> String {
        let mut words: Vec<&str> = self.entries.iter().filter_map(word).map(String::as_str).collect();
        words.dedup();
        words.join(", ")
    }

    fn check(&self) -> Result<(), BindingError> {
        for (place, first) in self.entries.iter().enumerate() {
            for second in self.entries.iter().skip(place + 1) {
                if !together(&first.context, &second.context) {
                    continue;
                }
                if let Some(chord) = first.chords.iter().find(|chord| second.chords.contains(chord)) {
                    return Err(BindingError::Clash {
                        chord: chord.to_string(),
                        first: format!("{}.{}", first.context, first.action),
                        second: format!("{}.{}", second.context, second.action),
                    });
                }
            }
        }
        Ok(())
    }

    /// The action of a key in a context.
    #[must_use]
    pub fn lookup(&self, context: &str, chord: &Chord) -> Option<&str> {
        self.entries
            .iter()
            .find(|entry| entry.context == context && entry.chords.contains(chord))
            .map(|entry| entry.action.as_str())
    }

    /// The keys of an action in a context.
    #[must_use]
    pub fn chords_for(&self, context: &str, action: &str) -> &[Chord] {
        self.entries
            .iter()
            .find(|entry| entry.context == context && entry.action == action)
            .map_or(&[], |entry| &entry.chords)
    }
}

fn chords(context: &str, action: &str, keys: &[String]) -> Result<Vec<Chord>, BindingError> {
    keys.iter().map(|key| key.parse()).collect::<Result<_, _>>().map_err(|error| BindingError::Key {
        context: context.into(),
        action: action.into(),
        error,
    })
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
        for wrong in ["", "ctrl-", "f13", "meta-x", "\u{1b}"] {
            assert!(wrong.parse::<Chord>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_shipped_table_is_sound() {
        let bindings = Bindings::built_in().unwrap();
        assert_eq!(bindings.lookup("keys", &"n".parse().unwrap()), Some("create"));
        assert!(bindings.entries.iter().all(|b| !b.help.is_empty() && !b.label.is_empty()));
    }

    #[test]
    fn a_clash_names_both() {
        let own = Overrides::from([("keys".into(), BTreeMap::from([("create".into(), vec!["d".into()])]))]);
        let error = Bindings::built_in().unwrap().overridden(&own).unwrap_err().to_string();
        assert!(error.contains("keys.create") && error.contains("keys.delete"), "{error}");
        let own = Overrides::from([("keys".into(), BTreeMap::from([("create".into(), vec!["q".into()])]))]);
        let error = Bindings::built_in().unwrap().overridden(&own).unwrap_err().to_string();
        assert!(error.contains("keys.create") && error.contains("global.quit"), "{error}");
    }

    #[test]
    fn what_is_unknown_says_what_is_known() {
        let own = Overrides::from([("keys".into(), BTreeMap::from([("explode".into(), vec![])]))]);
        let error = Bindings::built_in().unwrap().overridden(&own).unwrap_err().to_string();
        assert!(error.contains("create, delete"), "{error}");
    }
}
