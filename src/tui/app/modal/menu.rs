//! What the choosers and the wizard choose from.

use crate::domain::text::fold;

use super::{Action, Press, TextField};

/// A filter, and the place of the chosen entry among those that match.
#[derive(Clone, Debug)]
pub struct Menu {
    pub filter: TextField,
    pub chosen: usize,
}

impl Menu {
    /// `limit` is the maximum number of characters of the filter.
    pub fn new(limit: usize) -> Self {
        Self { filter: TextField::new(limit), chosen: 0 }
    }

    /// Whether a text contains all words of the filter, without regard to case.
    pub fn matches(&self, text: &str) -> bool {
        let (filter, text) = (fold(self.filter.text()), fold(text));
        filter.split_whitespace().all(|word| text.contains(word))
    }

    /// Takes a key; returns whether the filter was edited.
    pub fn press(&mut self, press: &Press, matching: usize) -> bool {
        match press.action {
            Some(Action::Next) => self.step(1, matching),
            Some(Action::Previous) => self.step(-1, matching),
            _ if self.filter.edit(&press.chord) => {
                self.chosen = 0;
                return true;
            }
            _ => {}
        }
        false
    }

    pub fn paste(&mut self, text: &str) {
        self.filter.paste(text);
        self.chosen = 0;
    }

    pub fn step(&mut self, by: isize, matching: usize) {
        self.chosen = self.chosen.saturating_add_signed(by).min(matching.saturating_sub(1));
    }
}
