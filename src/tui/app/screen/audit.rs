//! Audit log: who did what, newest first, and whether the chain is whole.

use crate::domain::audit::AuditAction;
use crate::domain::key::KeyId;
use crate::store::audit::AuditRow;
use crate::store::usage::Presented;
use crate::store::{Page, Window};

use super::browse::{Browse, Listed};
use crate::tui::app::action::Action;
use crate::tui::app::context::Context;
use crate::tui::app::list::Row;
use crate::tui::app::modal::{AuditDetails, Modal, Press};
use crate::tui::app::msg::{Answer, Chain, Load, Loaded, RequestId};

impl Row for AuditRow {
    type Id = u64;
    fn id(&self) -> u64 {
        self.entry.number
    }
}

impl Listed for AuditRow {
    fn load(filter: String, window: Window<Self>) -> Load {
        Load::Audit(filter, window)
    }

    fn take(loaded: &mut Loaded) -> Option<Page<Self>> {
        match loaded {
            Loaded::Audit(page) => Some(std::mem::take(page)),
            _ => None,
        }
    }
}

/// The screen.
#[derive(Debug, Default)]
pub struct AuditScreen {
    /// The entries.
    pub rows: Browse<AuditRow>,
    /// Whether the chain is whole, once it has been looked at.
    pub chain: Option<Chain>,
    /// Deleted keys that were presented today, the latest first.
    pub presented: Vec<Presented>,
    awaited_chain: Option<RequestId>,
    awaited_presented: Option<RequestId>,
}

impl AuditScreen {
    /// Asks for the rows around the selected one anew, and for the chain.
    pub fn reload(&mut self, cx: &mut Context<'_>) {
        self.rows.reload(cx);
        self.awaited_presented = Some(cx.load(Load::Presented));
        self.awaited_chain = Some(cx.load(Load::AuditChain));
    }

    /// Whether this entry tells of a deletion, and the key is presented all the same.
    #[must_use]
    pub fn is_still_presented(&self, row: &AuditRow) -> bool {
        deleted_key(row).is_some_and(|key| self.presented.iter().any(|presented| presented.key == key))
    }

    /// Takes a key press; a modal that it opens is the answer.
    pub fn pressed(&mut self, press: &Press, cx: &mut Context<'_>) -> Option<Modal> {
        let action = self.rows.press(press, cx)?;
        if action == Action::Open { self.open(cx) } else { None }
    }

    fn open(&self, cx: &mut Context<'_>) -> Option<Modal> {
        let row = self.rows.list.selected().cloned()?;
        Some(Modal::AuditDetails(Box::new(AuditDetails::new(row, cx))))
    }

    /// Selects the row that was clicked; a second click on it opens it.
    pub fn clicked(&mut self, place: usize, cx: &mut Context<'_>) -> Option<Modal> {
        if self.rows.click(place) { self.open(cx) } else { None }
    }

    /// Takes what the worker has read.
    pub fn answer(&mut self, answer: &mut Answer, cx: &mut Context<'_>) {
        match answer {
            Answer::Loaded(request, Ok(Loaded::AuditChain(chain)))
                if self.awaited_chain == Some(*request) =>
            {
                let more = matches!(chain, Chain::Checking { .. });
                self.awaited_chain = more.then(|| cx.load(Load::AuditChain));
                self.chain = Some(chain.clone());
            }
            Answer::Loaded(request, Err(error)) if self.awaited_chain == Some(*request) => {
                self.awaited_chain = error.is_interrupted().then(|| cx.load(Load::AuditChain));
            }
            Answer::Loaded(request, Ok(Loaded::Presented(presented)))
                if self.awaited_presented == Some(*request) =>
            {
                self.presented = std::mem::take(presented);
            }
            _ => {}
        }
        self.rows.answer(answer, cx);
    }
}

/// The key whose deletion an entry tells of.
#[must_use]
pub fn deleted_key(row: &AuditRow) -> Option<KeyId> {
    row.entry.key.filter(|_| row.entry.action == AuditAction::KeyDeleted.as_str())
}
