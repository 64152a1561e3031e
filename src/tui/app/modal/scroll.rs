//! How far a page is scrolled.

use crate::config::bindings::Action;

/// Lines scrolled off the top. The view limits it to what there is; the bound keeps the way back short.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scroll(pub usize);

impl Scroll {
    pub fn act(&mut self, action: Option<Action>) {
        self.by(match action {
            Some(Action::Down | Action::Next) => 1,
            Some(Action::Up | Action::Previous) => -1,
            Some(Action::PageDown) => 10,
            Some(Action::PageUp) => -10,
            Some(Action::First) => isize::MIN,
            _ => 0,
        });
    }

    pub fn by(&mut self, lines: isize) {
        self.0 = self.0.saturating_add_signed(lines).min(200);
    }
}
