//! Bindings as the App asks them: which action is this key, which keys do this.

use crate::config::bindings::{Bindings, Chord};

use super::action::{Action, UnknownAction};

/// The checked table of bindings. Footer, help and palette are made from it too.
#[derive(Clone, Debug)]
pub struct Keymap {
    bindings: Bindings,
}

/// A line of the help, a word of the footer.
#[derive(Clone, Copy, Debug)]
pub struct Hint<'a> {
    /// What is done.
    pub action: Action,
    /// The first key that does it.
    pub key: Option<&'a Chord>,
    /// All keys that do it.
    pub chords: &'a [Chord],
    /// A word or two.
    pub label: &'a str,
    /// A sentence.
    pub help: &'a str,
}

impl Hint<'_> {
    /// All keys that do it, for reading: `up, k`.
    #[must_use]
    pub fn keys(&self) -> String {
        self.chords.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

impl Keymap {
    /// Checks that every word of the table is an action.
    pub fn new(bindings: Bindings) -> Result<Self, UnknownAction> {
        for binding in &bindings.entries {
            binding.action.parse::<Action>()?;
        }
        Ok(Self { bindings })
    }

    /// The action of a key, in the first of these contexts that binds it.
    #[must_use]
    pub fn action(&self, contexts: &[&str], chord: &Chord) -> Option<Action> {
        contexts.iter().find_map(|context| self.bindings.lookup(context, chord)?.parse().ok())
    }

    /// The first key of an action.
    #[must_use]
    pub fn first_chord(&self, contexts: &[&str], action: Action) -> Option<Chord> {
        contexts.iter().find_map(|c| self.bindings.chords_for(c, action.as_str()).first().copied())
    }

    /// All that is bound in a context, in the table's order.
    pub fn hints<'a>(&'a self, context: &'a str) -> impl Iterator<Item = Hint<'a>> {
        self.bindings.entries.iter().filter(move |b| b.context == context).filter_map(|binding| {
            Some(Hint {
                action: binding.action.parse().ok()?,
                key: binding.chords.first(),
                chords: &binding.chords,
                label: &binding.label,
                help: &binding.help,
            })
        })
    }
}
