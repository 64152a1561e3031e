//! The open dialogs.

use super::Modal;
use crate::tui::app::msg::{Asker, DialogId};
use crate::tui::app::shared::Shared;

/// The open dialogs, the top one last.
#[derive(Debug, Default)]
pub struct Modals {
    stack: Vec<(DialogId, Modal)>,
    opened: DialogId,
}

impl Modals {
    /// Opens a dialog on top.
    pub fn push(&mut self, modal: Modal, shared: &mut Shared) {
        self.insert(self.stack.len(), modal, shared);
    }

    /// Opens a dialog below all others.
    pub fn push_below(&mut self, modal: Modal, shared: &mut Shared) {
        self.insert(0, modal, shared);
    }

    fn insert(&mut self, place: usize, mut modal: Modal, shared: &mut Shared) {
        self.opened.0 += 1;
        modal.dialog_mut().opened(shared.on_behalf_of(Asker::Dialog(self.opened)));
        self.stack.insert(place, (self.opened, modal));
    }

    pub fn remove(&mut self, id: DialogId) -> Option<Modal> {
        let place = self.stack.iter().position(|(open, _)| *open == id)?;
        Some(self.stack.remove(place).1)
    }

    /// Puts a dialog where another is.
    pub fn replace(&mut self, id: DialogId, modal: Modal, shared: &mut Shared) {
        if let Some(place) = self.stack.iter().position(|(open, _)| *open == id) {
            self.stack.remove(place);
            self.insert(place, modal, shared);
        }
    }

    /// Closes all dialogs above a place.
    pub fn truncate(&mut self, len: usize) {
        self.stack.truncate(len);
    }

    pub fn get_mut(&mut self, id: DialogId) -> Option<&mut Modal> {
        self.stack.iter_mut().find(|(open, _)| *open == id).map(|(_, modal)| modal)
    }

    pub fn last(&self) -> Option<&Modal> {
        self.stack.last().map(|(_, modal)| modal)
    }

    pub fn last_id(&self) -> Option<DialogId> {
        self.stack.last().map(|(id, _)| *id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Modal> {
        self.stack.iter().map(|(_, modal)| modal)
    }

    pub fn iter_mut(
        &mut self,
    ) -> impl DoubleEndedIterator<Item = (DialogId, &mut Modal)> + ExactSizeIterator {
        self.stack.iter_mut().map(|(id, modal)| (*id, modal))
    }

    pub fn len(&self) -> usize {
        self.stack.len()
    }

    pub fn is_empty(&self) -> bool {
        self.stack.is_empty()
    }
}
