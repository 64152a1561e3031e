//! Which key does what: one table, from which footer, help and palette are made too.

use std::collections::BTreeMap;

use serde::Deserialize;

pub use super::chord::{Chord, Key, NotAKey};

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
    /// A key that keeps its meaning was taken from it.
    #[error("[keys.{context}] {action}: {chord} must stay among its keys, so that there is always a way out")]
    Fixed {
        /// Where.
        context: String,
        /// What it does there.
        action: String,
        /// The key.
        chord: String,
    },
}

/// Keys that keep their meaning whatever people bind: Esc always leads home, Ctrl-C always leaves.
const FIXED: [(&str, &str, Chord); 4] = [
    ("global", "quit", Chord::ctrl_c()),
    ("global", "dismiss", Chord::plain(Key::Esc)),
    ("modal", "cancel", Chord::plain(Key::Esc)),
    ("reveal", "close", Chord::plain(Key::Esc)),
];

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
        for (context, action, chord) in FIXED {
            if !self.chords_for(context, action).contains(&chord) {
                let (context, action, chord) = (context.into(), action.into(), chord.to_string());
                return Err(BindingError::Fixed { context, action, chord });
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
    fn the_ways_out_stay() {
        for (context, action, chord) in FIXED {
            let own = |keys: Vec<String>| {
                Overrides::from([(context.into(), BTreeMap::from([(action.into(), keys)]))])
            };
            let error =
                Bindings::built_in().unwrap().overridden(&own(vec!["f9".into()])).unwrap_err().to_string();
            assert!(error.contains(action) && error.contains(&chord.to_string()), "{error}");
            let both = own(vec!["f9".into(), chord.to_string()]);
            assert!(Bindings::built_in().unwrap().overridden(&both).is_ok(), "{action}");
        }
    }

    #[test]
    fn what_is_unknown_says_what_is_known() {
        let own = Overrides::from([("keys".into(), BTreeMap::from([("explode".into(), vec![])]))]);
        let error = Bindings::built_in().unwrap().overridden(&own).unwrap_err().to_string();
        assert!(error.contains("create, rotate, delete"), "{error}");
    }
}
