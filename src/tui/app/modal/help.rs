//! Help for the screen or dialog below, made from the bindings.

use super::scroll::Scroll;
use super::{Dialog, Flow, Press};
use crate::config::bindings::{Action, Context};
use crate::tui::app::shared::Shared;

/// The page.
#[derive(Debug)]
pub struct Help {
    /// What it is about.
    pub title: String,
    /// Whose bindings are listed.
    pub contexts: Vec<Context>,
    pub scroll: Scroll,
}

impl Help {
    #[must_use]
    pub fn new(title: &str, contexts: &[Context]) -> Self {
        Self { title: title.into(), contexts: contexts.to_vec(), scroll: Scroll::default() }
    }
}

impl Dialog for Help {
    fn hints(&self) -> Vec<Action> {
        vec![Action::Cancel, Action::Next]
    }

    fn press(&mut self, press: &Press, _shared: &mut Shared) -> Flow {
        if matches!(press.action, Some(Action::Cancel | Action::Confirm | Action::Help)) {
            return Flow::Close;
        }
        self.scroll.act(press.action);
        Flow::Stay
    }

    fn scroll(&mut self, rows: isize) {
        self.scroll.by(rows);
    }
}
