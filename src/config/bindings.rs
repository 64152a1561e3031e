//! The key bindings. Footer, help and palette come from the same table.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

pub use super::action::{Action, Context};
pub use super::chord::{Chord, Key, NotAKey};

/// A line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    pub context: Context,
    pub action: Action,
    /// The first one is shown in the footer.
    pub chords: Vec<Chord>,
    /// One or two words for the footer.
    pub label: String,
    /// A sentence for help and palette.
    pub help: String,
}

impl Binding {
    /// All keys that do it, for reading: `up, k`.
    #[must_use]
    pub fn keys(&self) -> String {
        self.chords.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

/// The table, in the order of `assets/keys.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bindings {
    entries: Vec<Binding>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    context: Context,
    action: Action,
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

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindingError {
    #[error("{0}")]
    Toml(String),
    #[error("[keys.{context}] {action}: {error}")]
    Key { context: String, action: String, error: NotAKey },
    #[error("[keys.{context}]: there is no such part; there are: {allowed}")]
    Context { context: String, allowed: String },
    #[error("[keys.{context}] {action}: there is no such action; there are: {allowed}")]
    Action { context: String, action: String, allowed: String },
    /// One key for two actions that can be pressed at the same time.
    #[error("the key {chord} is bound to both {first} and {second}: give one of them another")]
    Clash { chord: Chord, first: Bound, second: Bound },
    /// The configuration takes a key away that must stay.
    #[error(
        "[keys.{}] {}: {chord} must stay among its keys, so that there is always a way out",
        .bound.context.as_ref(),
        .bound.action.as_ref()
    )]
    Fixed { bound: Bound, chord: Chord },
}

/// What a key is bound to, written `context.action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    pub context: Context,
    pub action: Action,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.context.as_ref(), self.action.as_ref())
    }
}

/// Keys that no configuration can take away: Esc always leads back, Ctrl-C always quits.
const FIXED: [(Context, Action, Chord); 5] = [
    (Context::Global, Action::Quit, Chord::ctrl_c()),
    (Context::Global, Action::Dismiss, Chord::plain(Key::Esc)),
    (Context::Filter, Action::Cancel, Chord::plain(Key::Esc)),
    (Context::Modal, Action::Cancel, Chord::plain(Key::Esc)),
    (Context::Reveal, Action::Close, Chord::plain(Key::Esc)),
];

impl Bindings {
    /// `assets/keys.toml`.
    pub fn built_in() -> Result<Self, BindingError> {
        Self::parse(include_str!("../../assets/keys.toml"))
    }

    pub fn parse(text: &str) -> Result<Self, BindingError> {
        let lines: Lines = toml::from_str(text).map_err(|error| BindingError::Toml(error.to_string()))?;
        let mut bindings = Self::default();
        for Line { context, action, keys, label, help } in lines.bindings {
            let chords = chords(context.as_ref(), action.as_ref(), &keys)?;
            bindings.entries.push(Binding { context, action, chords, label, help });
        }
        bindings.check()?;
        Ok(bindings)
    }

    /// Replaces the keys of some actions.
    pub fn overridden(mut self, overrides: &Overrides) -> Result<Self, BindingError> {
        for (context, actions) in overrides {
            if !self.entries.iter().any(|entry| entry.context.as_ref() == context) {
                let allowed = self.words(|entry| Some(entry.context.as_ref()));
                return Err(BindingError::Context { context: context.clone(), allowed });
            }
            for (action, keys) in actions {
                let of_context = |entry: &Binding| entry.context.as_ref() == context;
                let named = |entry: &&mut Binding| of_context(entry) && entry.action.as_ref() == action;
                if let Some(entry) = self.entries.iter_mut().find(named) {
                    entry.chords = chords(context, action, keys)?;
                    continue;
                }
                let allowed = self.words(|entry| of_context(entry).then_some(entry.action.as_ref()));
                let (context, action) = (context.clone(), action.clone());
                return Err(BindingError::Action { context, action, allowed });
            }
        }
        for (context, action, chord) in FIXED {
            if !self.get(context, action).is_some_and(|entry| entry.chords.contains(&chord)) {
                return Err(BindingError::Fixed { bound: Bound { context, action }, chord });
            }
        }
        self.check()?;
        Ok(self)
    }

    fn words<'a>(&'a self, word: impl Fn(&'a Binding) -> Option<&'a str>) -> String {
        let mut words: Vec<&str> = self.entries.iter().filter_map(word).collect();
        words.dedup();
        words.join(", ")
    }

    fn check(&self) -> Result<(), BindingError> {
        for (place, first) in self.entries.iter().enumerate() {
            for second in self.entries.iter().skip(place + 1) {
                if !first.context.overlaps(second.context) {
                    continue;
                }
                if let Some(chord) = first.chords.iter().find(|chord| second.chords.contains(chord)) {
                    let bound = |entry: &Binding| Bound { context: entry.context, action: entry.action };
                    let (first, second) = (bound(first), bound(second));
                    return Err(BindingError::Clash { chord: *chord, first, second });
                }
            }
        }
        Ok(())
    }

    /// The action of a key, in the first of these contexts that binds it.
    #[must_use]
    pub fn action(&self, contexts: &[Context], chord: &Chord) -> Option<Action> {
        let bound = |context| self.of(context).find(|entry| entry.chords.contains(chord));
        contexts.iter().find_map(|context| bound(*context)).map(|entry| entry.action)
    }

    /// The entries of a context, in the table's order.
    pub fn of(&self, context: Context) -> impl Iterator<Item = &Binding> {
        self.entries.iter().filter(move |entry| entry.context == context)
    }

    /// The entry of an action in a context.
    #[must_use]
    pub fn get(&self, context: Context, action: Action) -> Option<&Binding> {
        self.of(context).find(|entry| entry.action == action)
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
        assert_eq!(bindings.action(&[Context::Keys], &"n".parse().unwrap()), Some(Action::Create));
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
                let actions = BTreeMap::from([(action.as_ref().to_owned(), keys)]);
                Overrides::from([(context.as_ref().to_owned(), actions)])
            };
            let error =
                Bindings::built_in().unwrap().overridden(&own(vec!["f9".into()])).unwrap_err().to_string();
            assert!(error.contains(action.as_ref()) && error.contains(&chord.to_string()), "{error}");
            let both = own(vec!["f9".into(), chord.to_string()]);
            assert!(Bindings::built_in().unwrap().overridden(&both).is_ok(), "{action:?}");
        }
    }

    #[test]
    fn what_is_unknown_says_what_is_known() {
        let own = Overrides::from([("keys".into(), BTreeMap::from([("explode".into(), vec![])]))]);
        let error = Bindings::built_in().unwrap().overridden(&own).unwrap_err().to_string();
        assert!(error.contains("create, rotate, delete"), "{error}");
    }
}
