//! The key bindings. Footer, help and palette come from the same table.

use std::fmt;

use serde::Deserialize;

pub use super::action::{Action, Context};
pub use super::chord::{Chord, Key};

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

    fn bound(&self) -> Bound {
        Bound { context: self.context, action: self.action }
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
    keys: Vec<Chord>,
    label: String,
    help: String,
}

#[derive(Deserialize)]
struct Lines {
    bindings: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindingError {
    #[error("{0}")]
    Toml(String),
    #[error("unknown context {context:?}: use one of {allowed}")]
    Context { context: String, allowed: String },
    #[error("unknown action {action:?} in [keys.{context}]: use one of {allowed}")]
    Action { context: String, action: String, allowed: String },
    /// One key for two actions that can be pressed at the same time.
    #[error("{chord} is bound to both {first} and {second}: change one of them")]
    Clash { chord: Chord, first: Bound, second: Bound },
    /// The configuration removes a key that is required.
    #[error("{bound} must keep {chord}: it always leads back")]
    Fixed { bound: Bound, chord: Chord },
}

impl BindingError {
    /// Whether a binding is part of a clash, or lacks a required key.
    pub(super) fn is_about(&self, it: Bound) -> bool {
        match self {
            Self::Clash { first, second, .. } => it == *first || it == *second,
            Self::Fixed { bound, .. } => it == *bound,
            _ => false,
        }
    }
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

/// Keys that cannot be removed: Esc always leads back, Ctrl-C always quits.
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
        for Line { context, action, keys: chords, label, help } in lines.bindings {
            bindings.entries.push(Binding { context, action, chords, label, help });
        }
        bindings.check()?;
        Ok(bindings)
    }

    /// Replaces the keys of an action. [`Self::check`] must follow.
    pub(super) fn set(
        &mut self,
        context: &str,
        action: &str,
        chords: Vec<Chord>,
    ) -> Result<Bound, BindingError> {
        let of_context = |entry: &Binding| entry.context.as_ref() == context;
        if let Some(entry) =
            self.entries.iter_mut().find(|entry| of_context(entry) && entry.action.as_ref() == action)
        {
            entry.chords = chords;
            return Ok(entry.bound());
        }
        let context = context.to_owned();
        if !self.entries.iter().any(of_context) {
            let allowed = self.words(|entry| Some(entry.context.as_ref()));
            return Err(BindingError::Context { context, allowed });
        }
        let allowed = self.words(|entry| of_context(entry).then_some(entry.action.as_ref()));
        Err(BindingError::Action { context, action: action.to_owned(), allowed })
    }

    fn words<'a>(&'a self, word: impl Fn(&'a Binding) -> Option<&'a str>) -> String {
        let mut words: Vec<&str> = self.entries.iter().filter_map(word).collect();
        words.dedup();
        words.join(", ")
    }

    /// Reports a missing required key, or a key bound to two actions that can be pressed at the same time.
    pub(super) fn check(&self) -> Result<(), BindingError> {
        for (context, action, chord) in FIXED {
            if !self.get(context, action).is_some_and(|entry| entry.chords.contains(&chord)) {
                return Err(BindingError::Fixed { bound: Bound { context, action }, chord });
            }
        }
        for (place, first) in self.entries.iter().enumerate() {
            for second in self.entries.iter().skip(place + 1) {
                if !first.context.overlaps(second.context) {
                    continue;
                }
                if let Some(chord) = first.chords.iter().find(|chord| second.chords.contains(chord)) {
                    let (first, second) = (first.bound(), second.bound());
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

    /// The keys of a binding named `context.action`; empty where there is none.
    #[must_use]
    pub fn keys_of(&self, bound: &str) -> String {
        let entry = self.entries.iter().find(|entry| entry.bound().to_string() == bound);
        entry.map(Binding::keys).unwrap_or_default()
    }

    /// The entry of an action in a context.
    #[must_use]
    pub fn get(&self, context: Context, action: Action) -> Option<&Binding> {
        self.of(context).find(|entry| entry.action == action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_table_is_valid() {
        let bindings = Bindings::built_in().unwrap();
        assert_eq!(bindings.action(&[Context::Keys], &"n".parse().unwrap()), Some(Action::Create));
        assert!(bindings.entries.iter().all(|b| !b.help.is_empty() && !b.label.is_empty()));
        bindings.check().unwrap();
    }

    fn overridden(bound: &str, keys: &[&str]) -> Result<Bindings, String> {
        let (context, action) = bound.split_once('.').unwrap();
        let mut bindings = Bindings::built_in().unwrap();
        let chords = keys.iter().map(|key| key.parse().unwrap()).collect();
        bindings
            .set(context, action, chords)
            .and_then(|_| bindings.check())
            .map_err(|error| error.to_string())?;
        Ok(bindings)
    }

    #[test]
    fn a_clash_names_both_actions() {
        for (key, other) in [("d", "keys.delete"), ("q", "global.quit")] {
            let error = overridden("keys.create", &[key]).unwrap_err();
            assert!(error.contains("keys.create") && error.contains(other), "{error}");
        }
    }

    #[test]
    fn required_keys_cannot_be_removed() {
        for (context, action, chord) in FIXED {
            let bound = Bound { context, action }.to_string();
            let error = overridden(&bound, &["f9"]).unwrap_err();
            assert!(error.contains(&bound) && error.contains(&chord.to_string()), "{error}");
            assert!(overridden(&bound, &["f9", &chord.to_string()]).is_ok(), "{bound}");
        }
    }

    #[test]
    fn an_unknown_word_is_rejected_with_the_known_ones() {
        assert!(overridden("keys.explode", &[]).unwrap_err().contains("create, rotate, delete"));
        assert!(overridden("cellar.up", &[]).unwrap_err().contains("keys, applications"));
    }
}
