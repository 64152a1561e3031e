//! The text to filter a list by.

use super::modal::Press;
use super::text_field::TextField;
use crate::config::bindings::Action;

/// The text, and whether keys go into it.
#[derive(Clone, Debug)]
pub struct Filter {
    pub field: TextField,
    pub typing: bool,
}

impl Default for Filter {
    fn default() -> Self {
        Self { field: TextField::new(100), typing: false }
    }
}

/// What a key did to the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    Same,
    Changed,
}

impl Filter {
    pub fn text(&self) -> &str {
        self.field.text()
    }

    /// Takes keys from now on. What is typed first replaces the present text.
    pub fn start(&mut self) {
        self.typing = true;
        self.field.select_all();
    }

    /// Takes a key while the text is typed. Keys that edit nothing are swallowed too, so that no letter acts.
    pub fn press(&mut self, press: &Press) -> Typed {
        match press.action {
            Some(Action::Confirm) => {
                self.typing = false;
                Typed::Same
            }
            Some(Action::Cancel) => self.clear(),
            _ => self.edit(|field| {
                field.edit(&press.chord);
            }),
        }
    }

    /// Takes pasted text, while the text is typed.
    pub fn paste(&mut self, text: &str) -> Typed {
        if self.typing { self.edit(|field| field.paste(text)) } else { Typed::Same }
    }

    pub fn clear(&mut self) -> Typed {
        self.typing = false;
        self.edit(|field| field.set(""))
    }

    fn edit(&mut self, edit: impl FnOnce(&mut TextField)) -> Typed {
        let before = self.text().to_owned();
        edit(&mut self.field);
        if before == self.text() { Typed::Same } else { Typed::Changed }
    }
}
