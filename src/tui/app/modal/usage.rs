//! How to use a key: the header, a `curl` command, the platform's own steps. Never the secret.

use super::scroll::Scroll;
use super::{Dialog, Flow, Press};
use crate::config::bindings::Action;
use crate::domain::key::Key;
use crate::domain::platform::{self, Catalogue};
use crate::tui::app::shared::Shared;

/// The page.
#[derive(Debug)]
pub struct Usage {
    /// The key's prefix.
    pub prefix: String,
    pub usage: platform::Usage,
    pub scroll: Scroll,
}

impl Usage {
    #[must_use]
    pub fn of(key: &Key, catalogue: &Catalogue) -> Self {
        let usage = platform::usage(&key.kind, catalogue);
        Self { prefix: key.prefix.clone(), usage, scroll: Scroll::default() }
    }
}

impl Dialog for Usage {
    fn hints(&self) -> Vec<Action> {
        vec![Action::Cancel]
    }

    fn press(&mut self, press: &Press, _shared: &mut Shared) -> Flow {
        if matches!(press.action, Some(Action::Cancel | Action::Confirm)) {
            return Flow::Close;
        }
        self.scroll.act(press.action);
        Flow::Stay
    }

    fn scroll(&mut self, rows: isize) {
        self.scroll.by(rows);
    }
}
