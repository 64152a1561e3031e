//! The terminal's events as messages.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind};

use super::app::msg::Msg;
use super::view::canvas::Hits;
use crate::config::bindings::{Chord, Key};
use crate::domain::secret::Secret;

/// How many rows a step of the wheel is.
const WHEEL: isize = 3;

/// The message of an event, if it means anything. `hits` is what the last frame drew.
pub fn message(event: Event, hits: &Hits) -> Option<Msg> {
    match event {
        Event::Key(event) => chord(event).map(Msg::Key),
        Event::Paste(text) => Some(Msg::Paste(Secret::new(text))),
        Event::Resize(columns, rows) => Some(Msg::Resize(columns, rows)),
        Event::Mouse(mouse) => match mouse.kind {
            MouseEventKind::Down(MouseButton::Left) => {
                hits.at(mouse.column, mouse.row).map(|target| Msg::Click(target.clone()))
            }
            MouseEventKind::ScrollDown => Some(Msg::Scroll(WHEEL)),
            MouseEventKind::ScrollUp => Some(Msg::Scroll(-WHEEL)),
            _ => None,
        },
        Event::FocusGained | Event::FocusLost => None,
    }
}

/// The chord of a key press; none for releases, which some terminals send.
pub fn chord(event: KeyEvent) -> Option<Chord> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let key = match event.code {
        KeyCode::Char(' ') => Key::Space,
        // Some terminals send uppercase letters as lowercase with Shift.
        KeyCode::Char(c) if event.modifiers.contains(KeyModifiers::SHIFT) => {
            Key::Char(c.to_uppercase().next().unwrap_or(c))
        }
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Delete => Key::Delete,
        KeyCode::Insert => Key::Insert,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::F(number) => Key::F(number),
        _ => return None,
    };
    Some(Chord {
        key,
        ctrl: event.modifiers.contains(KeyModifiers::CONTROL),
        alt: event.modifiers.contains(KeyModifiers::ALT),
    })
}
