//! A text field of one line.

use tui_input::{Input, InputRequest};

use crate::config::bindings::{Chord, Key};
use crate::domain::text::is_unsafe;

/// A line of text with a cursor and a maximum length. Control and invisible characters are dropped.
#[derive(Clone, Debug)]
pub struct TextField {
    input: Input,
    limit: usize,
    /// Whether all text is selected, so that typing and pasting replace it.
    selected: bool,
}

impl TextField {
    /// An empty field for at most `limit` characters.
    pub fn new(limit: usize) -> Self {
        Self { input: Input::default(), limit, selected: false }
    }

    /// A field with a text, and the cursor behind it.
    pub fn with(limit: usize, text: &str) -> Self {
        let mut field = Self::new(limit);
        field.set(text);
        field
    }

    pub fn set(&mut self, text: &str) {
        let text: String = text.chars().filter(|c| !is_unsafe(*c)).take(self.limit).collect();
        self.input = Input::new(text);
        self.selected = false;
    }

    /// Selects all text: what is typed or pasted next replaces it, and a key that moves the cursor keeps it.
    pub fn select_all(&mut self) {
        self.selected = !self.text().is_empty();
    }

    pub fn is_selected(&self) -> bool {
        self.selected
    }

    pub fn text(&self) -> &str {
        self.input.value()
    }

    /// The number of cells before the cursor.
    pub fn cursor(&self) -> usize {
        self.input.visual_cursor()
    }

    /// The number of cells that are scrolled off the left of a field of this width.
    pub fn scroll(&self, width: usize) -> usize {
        self.input.visual_scroll(width)
    }

    /// Inserts pasted text. Line breaks become spaces, other control characters are dropped.
    pub fn paste(&mut self, text: &str) {
        // Pasted text may be large.
        self.replace_selected();
        for c in text.chars().take(self.limit.saturating_mul(4)) {
            self.insert(if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c });
        }
    }

    fn replace_selected(&mut self) {
        if self.selected {
            self.set("");
        }
    }

    fn insert(&mut self, c: char) {
        if !is_unsafe(c) && self.text().chars().count() < self.limit {
            self.input.handle(InputRequest::InsertChar(c));
        }
    }

    /// Takes a key that edits; returns whether it did.
    pub fn edit(&mut self, chord: &Chord) -> bool {
        let request = match (chord.key, chord.ctrl, chord.alt) {
            (Key::Char(_) | Key::Space, false, false) => {
                self.replace_selected();
                self.insert(if let Key::Char(c) = chord.key { c } else { ' ' });
                return true;
            }
            (Key::Backspace, false, false) | (Key::Char('h'), true, false) => InputRequest::DeletePrevChar,
            (Key::Delete, _, _) | (Key::Char('d'), true, false) => InputRequest::DeleteNextChar,
            (Key::Left, false, false) | (Key::Char('b'), true, false) => InputRequest::GoToPrevChar,
            (Key::Right, false, false) | (Key::Char('f'), true, false) => InputRequest::GoToNextChar,
            (Key::Left, true, _) | (Key::Left | Key::Char('b'), _, true) => InputRequest::GoToPrevWord,
            (Key::Right, true, _) | (Key::Right | Key::Char('f'), _, true) => InputRequest::GoToNextWord,
            (Key::Home, _, _) | (Key::Char('a'), true, false) => InputRequest::GoToStart,
            (Key::End, _, _) | (Key::Char('e'), true, false) => InputRequest::GoToEnd,
            (Key::Char('w'), true, false) | (Key::Backspace, _, true) => InputRequest::DeletePrevWord,
            (Key::Char('u'), true, false) => InputRequest::DeleteFromStart,
            (Key::Char('k'), true, false) => InputRequest::DeleteTillEnd,
            _ => return false,
        };
        let deletes = !matches!(
            request,
            InputRequest::GoToPrevChar
                | InputRequest::GoToNextChar
                | InputRequest::GoToPrevWord
                | InputRequest::GoToNextWord
                | InputRequest::GoToStart
                | InputRequest::GoToEnd
        );
        if self.selected && deletes {
            self.set("");
        }
        self.selected = false;
        self.input.handle(request);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chord(text: &str) -> Chord {
        text.parse().unwrap()
    }

    #[test]
    fn hostile_pastes_are_filtered_and_cut() {
        let mut field = TextField::new(8);
        field.paste("a\u{1b}[2J\r\nb\u{202e}\u{200b}cdefghijkl");
        assert_eq!(field.text(), "a[2J  bc");
        field.paste(&"x".repeat(10_000_000));
        assert_eq!(field.text(), "a[2J  bc");
    }

    #[test]
    fn edits_as_people_expect() {
        let mut field = TextField::with(20, "one two");
        assert!(field.edit(&chord("ctrl-w")));
        assert_eq!(field.text(), "one ");
        assert!(field.edit(&chord("home")));
        assert!(field.edit(&chord("X")));
        assert_eq!(field.text(), "Xone ");
        assert!(!field.edit(&chord("enter")));
    }

    #[test]
    fn typing_replaces_what_is_selected() {
        let selected = || {
            let mut field = TextField::with(20, "one");
            field.select_all();
            field
        };
        for (key, text) in
            [("X", "X"), ("space", " "), ("backspace", ""), ("delete", ""), ("ctrl-u", ""), ("end", "one")]
        {
            let mut field = selected();
            assert!(field.edit(&chord(key)));
            assert_eq!((field.text(), field.is_selected()), (text, false), "{key}");
        }
        let mut field = selected();
        field.paste("two");
        assert_eq!(field.text(), "two");
        let mut field = selected();
        assert!(!field.edit(&chord("enter")) && field.is_selected());
        field.edit(&chord("left"));
        field.edit(&chord("X"));
        assert_eq!(field.text(), "onXe");
    }
}
