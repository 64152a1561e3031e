//! How to use a key: the header, a ready `curl` line, the platform's own steps. Never the secret itself.

use crate::domain::key::Key;
use crate::domain::platform;

use super::details::scroll_by;
use super::{Dialog, Flow, Press};
use crate::tui::app::action::Action;
use crate::tui::app::context::Context;

/// The page.
#[derive(Debug)]
pub struct Usage {
    /// The key's displayed prefix.
    pub prefix: String,
    /// What to say.
    pub usage: platform::Usage,
    /// How many lines are scrolled off the top.
    pub scroll: usize,
}

impl Usage {
    /// The page for a key.
    pub fn of(key: &Key, cx: &mut Context<'_>) -> Self {
        let usage = platform::usage(&key.kind, cx.catalogue());
        Self { prefix: key.prefix.clone(), usage, scroll: 0 }
    }
}

impl Dialog for Usage {
    fn press(&mut self, press: Press, _cx: &mut Context<'_>) -> Flow {
        if matches!(press.action, Some(Action::Cancel | Action::Confirm)) {
            return Flow::Close;
        }
        scroll_by(&mut self.scroll, press.action);
        Flow::Stay
    }

    fn scroll(&mut self, rows: isize) {
        self.scroll = self.scroll.saturating_add_signed(rows).min(100);
    }
}
