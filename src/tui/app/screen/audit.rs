//! Audit log: who did what, newest first, and whether the chain is whole.

use crate::store::audit::AuditRow;
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
    awaited_chain: Option<RequestId>,
}

impl AuditScreen {
    /// Asks for the rows around the selected one anew, and for the chain.
    pub fn reload(&mut self, cx: &mut Context<'_>) {
        self.rows.reload(cx);
        self.awaited_chain = Some(cx.load(Load::AuditChain));
    }

    /// Takes a key press; a modal that it opens is the answer.
    pub fn pressed(&mut self, press: &Press, cx: &mut Context<'_>) -> Option<Modal> {
        let action = self.rows.press(press, cx)?;
        if action == Action::Open { self.open() } else { None }
    }

    fn open(&self) -> Option<Modal> {
        let row = self.rows.list.selected().cloned()?;
        Some(Modal::AuditDetails(Box::new(AuditDetails { row, scroll: 0 })))
    }

    /// Selects the row that was clicked; a second click on it opens it.
    pub fn clicked(&mut self, place: usize) -> Option<Modal> {
        if self.rows.click(place) { self.open() } else { None }
    }

    /// Takes what the worker has read.
    pub fn answer(&mut self, answer: &mut Answer, cx: &mut Context<'_>) {
        if let Answer::Loaded(request, Ok(Loaded::AuditChain(chain))) = answer
            && self.awaited_chain == Some(*request)
        {
            self.chain = Some(chain.clone());
        }
        self.rows.answer(answer, cx);
    }
}
