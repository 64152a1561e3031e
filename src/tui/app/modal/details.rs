//! Details of a key, where they do not fit beside the list, and of an audit entry.

use crate::domain::audit::AuditAction;
use crate::domain::key::KeyId;
use crate::store::audit::AuditRow;

use super::scroll::Scroll;
use super::{Dialog, Flow, Press};
use crate::config::bindings::{Action, Context};
use crate::tui::app::msg::{KeyDetails, Load, Remains};
use crate::tui::app::pending::{Pending, Reply};
use crate::tui::app::shared::Shared;

/// A key's details. Actions on the key work in here too: it closes and they are carried out.
#[derive(Debug)]
pub struct Details {
    id: KeyId,
    /// None until they have come; the inner none when the key is gone.
    pub details: Option<Option<Box<KeyDetails>>>,
    pub scroll: Scroll,
    pending: Pending<Option<Box<KeyDetails>>>,
}

impl Details {
    #[must_use]
    pub fn new(id: KeyId) -> Self {
        Self { id, details: None, scroll: Scroll::default(), pending: Pending::default() }
    }
}

impl Dialog for Details {
    fn contexts(&self) -> &'static [Context] {
        &[Context::Keys, Context::List, Context::Global]
    }

    fn hints(&self) -> Vec<Action> {
        let details = self.details.as_ref().and_then(Option::as_ref);
        let is_disabled = details.is_some_and(|details| details.key.disabled.is_some());
        let switch = if is_disabled { Action::Enable } else { Action::Disable };
        vec![Action::Dismiss, Action::Usage, Action::Rotate, switch, Action::Delete]
    }

    fn refresh(&mut self, shared: &mut Shared) {
        self.pending.load(Load::Details(self.id), shared);
    }

    fn press(&mut self, press: &Press, _shared: &mut Shared) -> Flow {
        match press.action {
            Some(Action::Dismiss | Action::Open | Action::Quit) => Flow::Close,
            Some(
                action @ (Action::Rotate | Action::Delete | Action::Disable | Action::Enable | Action::Usage),
            ) => Flow::CloseAnd(action),
            action => {
                self.scroll.act(action);
                Flow::Stay
            }
        }
    }

    fn scroll(&mut self, rows: isize) {
        self.scroll.by(rows);
    }

    fn receive(&mut self, reply: &mut Reply, _shared: &mut Shared) -> Flow {
        if let Some(Ok(details)) = self.pending.take(reply) {
            self.details = Some(details);
        }
        Flow::Stay
    }
}

/// An audit entry's details.
#[derive(Debug)]
pub struct AuditDetails {
    pub row: AuditRow,
    /// What is known of the key that was deleted, if the entry is about one.
    pub remains: Option<Box<Remains>>,
    pub scroll: Scroll,
    pending: Pending<Option<Box<Remains>>>,
}

impl AuditDetails {
    #[must_use]
    pub fn new(row: AuditRow) -> Self {
        Self { row, remains: None, scroll: Scroll::default(), pending: Pending::default() }
    }
}

impl Dialog for AuditDetails {
    fn hints(&self) -> Vec<Action> {
        vec![Action::Cancel]
    }

    fn refresh(&mut self, shared: &mut Shared) {
        if let Some(key) = deleted_key(&self.row) {
            self.pending.load(Load::Remains(key), shared);
        }
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

    fn receive(&mut self, reply: &mut Reply, _shared: &mut Shared) -> Flow {
        if let Some(Ok(remains)) = self.pending.take(reply) {
            self.remains = remains;
        }
        Flow::Stay
    }
}

/// The key whose deletion an entry records.
#[must_use]
pub fn deleted_key(row: &AuditRow) -> Option<KeyId> {
    row.entry.key.filter(|_| row.entry.action == AuditAction::KeyDeleted.as_str())
}
