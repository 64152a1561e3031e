//! Help for the screen or modal below, made from the bindings.

use super::details::scroll_by;
use super::{Dialog, Flow, Press};
use crate::tui::app::action::Action;
use crate::tui::app::context::Context;

/// The page.
#[derive(Debug)]
pub struct Help {
    /// What it is about, and the names of the bindings to list.
    pub title: String,
    /// The bindings to list, by their names in `assets/keys.toml`.
    pub contexts: Vec<&'static str>,
    /// How many lines are scrolled off the top.
    pub scroll: usize,
}

impl Help {
    /// Help for these bindings.
    #[must_use]
    pub fn new(title: &str, contexts: &[&'static str]) -> Self {
        Self { title: title.into(), contexts: contexts.to_vec(), scroll: 0 }
    }
}

impl Dialog for Help {
    fn press(&mut self, press: Press, _cx: &mut Context<'_>) -> Flow {
        if matches!(press.action, Some(Action::Cancel | Action::Confirm | Action::Help)) {
            return Flow::Close;
        }
        scroll_by(&mut self.scroll, press.action);
        Flow::Stay
    }

    fn scroll(&mut self, rows: isize) {
        self.scroll = self.scroll.saturating_add_signed(rows).min(200);
    }
}
