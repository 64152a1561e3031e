//! Details of a key, where there is no room for them beside the list, and of an audit entry.

use crate::domain::key::KeyId;
use crate::store::audit::AuditRow;

use super::{Dialog, Flow, Press};
use crate::tui::app::action::Action;
use crate::tui::app::context::Context;
use crate::tui::app::msg::{Answer, KeyDetails, Load, Loaded, Remains, RequestId};
use crate::tui::app::screen::audit::deleted_key;

/// A key's details. Actions on the key work in here too: it closes and they are carried out.
#[derive(Debug)]
pub struct Details {
    id: KeyId,
    /// The details, once they have come; the inner none when the key is gone.
    pub details: Option<Option<KeyDetails>>,
    /// How many lines are scrolled off the top.
    pub scroll: usize,
    awaited: RequestId,
}

impl Details {
    /// Opens on a key.
    pub fn new(id: KeyId, cx: &mut Context<'_>) -> Self {
        Self { id, details: None, scroll: 0, awaited: cx.load(Load::Details(id)) }
    }

    /// Asks anew, after a change.
    pub fn reload(&mut self, cx: &mut Context<'_>) {
        self.awaited = cx.load(Load::Details(self.id));
    }
}

impl Dialog for Details {
    fn contexts(&self) -> &'static [&'static str] {
        &["keys", "list", "global"]
    }

    fn press(&mut self, press: Press, _cx: &mut Context<'_>) -> Flow {
        match press.action {
            Some(Action::Dismiss | Action::Open | Action::Quit) => Flow::Close,
            Some(
                action @ (Action::Rotate | Action::Delete | Action::Disable | Action::Enable | Action::Usage),
            ) => Flow::CloseAnd(action),
            action => {
                scroll_by(&mut self.scroll, action);
                Flow::Stay
            }
        }
    }

    fn scroll(&mut self, rows: isize) {
        self.scroll = self.scroll.saturating_add_signed(rows).min(100);
    }

    fn answer(&mut self, answer: &mut Answer, _cx: &mut Context<'_>) -> Flow {
        if let Answer::Loaded(request, Ok(Loaded::Details(details))) = answer
            && self.awaited == *request
        {
            self.details = Some(details.take().map(|details| *details));
        }
        Flow::Stay
    }
}

/// An audit entry's details.
#[derive(Debug)]
pub struct AuditDetails {
    /// The entry.
    pub row: AuditRow,
    /// What remains of the key whose deletion it tells of.
    pub remains: Option<Remains>,
    /// How many lines are scrolled off the top.
    pub scroll: usize,
    awaited: Option<RequestId>,
}

impl AuditDetails {
    /// Opens on an entry.
    pub fn new(row: AuditRow, cx: &mut Context<'_>) -> Self {
        let mut details = Self { row, remains: None, scroll: 0, awaited: None };
        details.reload(cx);
        details
    }

    /// Asks anew, after a change.
    pub fn reload(&mut self, cx: &mut Context<'_>) {
        self.awaited = deleted_key(&self.row).map(|key| cx.load(Load::Remains(key)));
    }
}

impl Dialog for AuditDetails {
    fn press(&mut self, press: Press, _cx: &mut Context<'_>) -> Flow {
        if matches!(press.action, Some(Action::Cancel | Action::Confirm)) {
            return Flow::Close;
        }
        scroll_by(&mut self.scroll, press.action);
        Flow::Stay
    }

    fn answer(&mut self, answer: &mut Answer, _cx: &mut Context<'_>) -> Flow {
        if let Answer::Loaded(request, Ok(Loaded::Remains(remains))) = answer
            && self.awaited == Some(*request)
        {
            self.remains = remains.take().map(|remains| *remains);
        }
        Flow::Stay
    }

    fn scroll(&mut self, rows: isize) {
        self.scroll = self.scroll.saturating_add_signed(rows).min(100);
    }
}

/// Scrolls a page that one reads.
pub(super) fn scroll_by(scroll: &mut usize, action: Option<Action>) {
    let by = match action {
        Some(Action::Down | Action::Next) => 1,
        Some(Action::Up | Action::Previous) => -1,
        Some(Action::PageDown) => 10,
        Some(Action::PageUp) => -10,
        Some(Action::First) => isize::MIN,
        _ => 0,
    };
    // The view cuts it to what there is; the bound keeps the way back short.
    *scroll = scroll.saturating_add_signed(by).min(200);
}
