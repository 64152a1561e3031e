//! A list to choose from with a filter above it.

use crate::config::bindings::Action;
use crate::tui::app::modal::Press;
use crate::tui::app::text_field::TextField;

/// The filter, and the place of the chosen entry among those that match.
#[derive(Clone, Debug)]
pub struct Menu {
    pub filter: TextField,
    pub chosen: usize,
}

impl Menu {
    /// A menu whose filter takes so many characters.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { filter: TextField::new(limit), chosen: 0 }
    }

    /// Takes a key, where so many entries match; says whether the filter was edited.
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
