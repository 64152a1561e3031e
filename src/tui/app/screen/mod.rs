//! The four screens: what each knows and does.

pub mod applications;
pub mod audit;
pub mod browse;
pub mod keys;
pub mod timeline;
pub mod users;

use crate::config::bindings::Key as KeyCode;

use super::action::Action;
use super::list::{List, Move, Row};
use super::modal::Press;
use super::text_field::TextField;

pub use applications::ApplicationsScreen;
pub use audit::AuditScreen;
pub use keys::KeysScreen;
pub use users::UsersScreen;

/// What was typed to filter a list by, and whether one is typing.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The words.
    pub field: TextField,
    /// Whether keys go into the field.
    pub typing: bool,
}

impl Default for Filter {
    fn default() -> Self {
        Self { field: TextField::new(100), typing: false }
    }
}

/// What a key did to a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filtered {
    /// It was not for the filter.
    No,
    /// It was, and the words are the same.
    Same,
    /// The words have changed.
    Changed,
}

impl Filter {
    /// The words.
    #[must_use]
    pub fn text(&self) -> &str {
        self.field.text()
    }

    /// Takes a key while one is typing. Enter keeps the words, Esc clears them; arrows are the list's.
    pub fn press(&mut self, press: &Press) -> Filtered {
        if !self.typing {
            return Filtered::No;
        }
        match press.chord.key {
            KeyCode::Enter => {
                self.typing = false;
                Filtered::Same
            }
            KeyCode::Esc => self.clear(),
            KeyCode::Up | KeyCode::Down | KeyCode::PageUp | KeyCode::PageDown => Filtered::No,
            _ => self.changed(|field| field.edit(&press.chord)),
        }
    }

    /// Takes pasted text while one is typing.
    pub fn paste(&mut self, text: &str) -> Filtered {
        if !self.typing {
            return Filtered::No;
        }
        self.changed(|field| {
            field.paste(text);
            true
        })
    }

    /// Clears the words.
    pub fn clear(&mut self) -> Filtered {
        self.typing = false;
        if self.text().is_empty() {
            return Filtered::Same;
        }
        self.field.set("");
        Filtered::Changed
    }

    fn changed(&mut self, edit: impl FnOnce(&mut TextField) -> bool) -> Filtered {
        let before = self.text().to_owned();
        edit(&mut self.field);
        // Keys that edit nothing are swallowed all the same, so that no letter acts while one types.
        if before == self.text() { Filtered::Same } else { Filtered::Changed }
    }
}

/// The movement that an action asks for, if it does.
#[must_use]
pub fn movement(action: Action) -> Option<Move> {
    Some(match action {
        Action::Up => Move::By(-1),
        Action::Down => Move::By(1),
        Action::PageUp => Move::Pages(-1),
        Action::PageDown => Move::Pages(1),
        Action::First => Move::First,
        Action::Last => Move::Last,
        _ => return None,
    })
}

/// The selected row of a list, or nothing to act on.
pub(super) fn chosen<T: Row>(list: &List<T>) -> Option<T> {
    list.selected().cloned()
}
