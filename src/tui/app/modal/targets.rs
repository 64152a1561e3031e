//! The keys that a dialog is about.

use crate::desk::{CanaryUse, KeyAction, KeyDetails, Picked, Selection};
use crate::domain::Instant;
use crate::domain::key::{Key, KeyId};
use crate::tui::app::msg::Load;
use crate::tui::app::pending::{Pending, Reply};
use crate::tui::app::shared::Shared;

/// Keys as they were when the dialog opened.
#[derive(Debug)]
pub struct Targets {
    pub action: KeyAction,
    ids: Vec<KeyId>,
    /// What the action would do; none until it has been read.
    pub selection: Option<Box<Selection>>,
    pending: Pending<Box<Selection>>,
    /// Whether the keys are certain: the dialog has read them or could not, or the list was up to date.
    is_read: bool,
}

impl Targets {
    /// Several keys, which are still to be read.
    pub fn keys(action: KeyAction, ids: Vec<KeyId>) -> Self {
        Self { action, ids, selection: None, pending: Pending::default(), is_read: false }
    }

    /// One key as the list shows it. Its use is still to be read. What is pressed before takes effect only if no newer
    /// rows are expected: else it may be meant for another key.
    pub fn key(action: KeyAction, key: Key, rows_are_stale: bool, now: Instant) -> Self {
        let ids = vec![key.id];
        let selection = Some(Box::new(Selection::of(action, vec![key], 0, now)));
        Self { action, ids, selection, pending: Pending::default(), is_read: !rows_are_stale }
    }

    /// The keys to change; none where nothing is left to do, and until they are certain.
    pub fn picked(&self) -> Option<Vec<Picked>> {
        let selection = self.selection.as_ref().filter(|_| self.is_read)?;
        (!selection.keys.is_empty()).then(|| selection.keys.clone())
    }

    /// The uses to acknowledge, on the same conditions.
    pub fn uses(&self) -> Option<Vec<CanaryUse>> {
        self.picked()?;
        self.selection.as_ref().map(|selection| selection.uses.clone())
    }

    /// The number of keys to change, or of all selected ones until they have been read.
    pub fn count(&self) -> usize {
        self.selection.as_ref().map_or(self.ids.len(), |selection| selection.keys.len())
    }

    /// Whether nothing is left to do.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// The only key.
    pub fn single(&self) -> Option<&Key> {
        self.selection.as_ref()?.single()
    }

    /// The only key with its use, once that has been read.
    pub fn details(&self) -> Option<&KeyDetails> {
        self.selection.as_ref()?.details.as_ref()
    }

    pub fn load(&mut self, shared: &mut Shared) {
        self.pending.load(Load::Selection(self.action, self.ids.clone()), shared);
    }

    /// Takes what was read, if the reply holds it; returns what is wrong, if something is.
    pub fn receive(&mut self, reply: &mut Reply) -> Option<String> {
        let selection = self.pending.take(reply)?;
        self.is_read = true;
        match selection {
            Ok(selection) => {
                self.selection = Some(selection);
                None
            }
            Err(error) => Some(error.to_string()),
        }
    }
}
