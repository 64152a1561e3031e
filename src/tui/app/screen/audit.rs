//! Audit log: who did what, newest first, and whether the chain is whole.

use super::{Filter, Filtered, chosen, movement};
use crate::store::audit::AuditRow;
use crate::store::{Anchor, Window};
use crate::tui::app::action::Action;
use crate::tui::app::context::Context;
use crate::tui::app::list::{List, Row};
use crate::tui::app::modal::{AuditDetails, Modal, Press};
use crate::tui::app::msg::{Answer, Chain, Load, Loaded, RequestId};

impl Row for AuditRow {
    type Id = u64;
    fn id(&self) -> u64 {
        self.entry.number
    }
}

/// The screen.
#[derive(Debug, Default)]
pub struct AuditScreen {
    /// The rows.
    pub list: List<AuditRow>,
    /// Words to filter by.
    pub filter: Filter,
    /// Whether the chain is whole, once it has been looked at.
    pub chain: Option<Chain>,
    /// Why the rows could not be read.
    pub error: Option<String>,
    awaited: Option<RequestId>,
    awaited_chain: Option<RequestId>,
}

impl AuditScreen {
    /// Asks for the rows around the selected one anew, and for the chain.
    pub fn reload(&mut self, cx: &mut Context<'_>) {
        let window = self.list.window();
        self.fetch(window, cx);
        self.awaited_chain = Some(cx.load(Load::AuditChain));
    }

    fn fetch(&mut self, window: Window<AuditRow>, cx: &mut Context<'_>) {
        let request = cx.load(Load::Audit(self.filter.text().to_owned(), window));
        self.list.await_rows(request);
        self.awaited = Some(request);
    }

    fn restart(&mut self, cx: &mut Context<'_>) {
        let window = Window { anchor: Anchor::First, ..self.list.window() };
        self.list.clear();
        self.fetch(window, cx);
    }

    /// Takes a key press; a modal that it opens is the answer.
    pub fn press(&mut self, press: &Press, cx: &mut Context<'_>) -> Option<Modal> {
        match self.filter.press(press) {
            Filtered::No => press.action.and_then(|action| self.act(action, cx)),
            Filtered::Same => None,
            Filtered::Changed => {
                self.restart(cx);
                None
            }
        }
    }

    /// Takes pasted text.
    pub fn paste(&mut self, text: &str, cx: &mut Context<'_>) {
        if self.filter.paste(text) == Filtered::Changed {
            self.restart(cx);
        }
    }

    /// Carries out an action; a modal that it opens is the answer.
    pub fn act(&mut self, action: Action, cx: &mut Context<'_>) -> Option<Modal> {
        if let Some(step) = movement(action) {
            if let Some(window) = self.list.go(step) {
                self.fetch(window, cx);
            }
            return None;
        }
        match action {
            Action::Filter => self.filter.typing = true,
            Action::Dismiss if !self.filter.text().is_empty() => {
                self.filter.clear();
                self.restart(cx);
            }
            Action::Open => {
                let row = chosen(&self.list)?;
                return Some(Modal::AuditDetails(Box::new(AuditDetails { row, scroll: 0 })));
            }
            _ => {}
        }
        None
    }

    /// Selects the row that was clicked; a second click on it opens it.
    pub fn click(&mut self, place: usize, cx: &mut Context<'_>) -> Option<Modal> {
        if self.list.visible().1 == Some(place) {
            return self.act(Action::Open, cx);
        }
        self.list.select_visible(place);
        None
    }

    /// Takes what the worker has read.
    pub fn answer(&mut self, answer: &mut Answer, cx: &mut Context<'_>) {
        let Answer::Loaded(request, result) = answer else { return };
        if self.awaited_chain == Some(*request) {
            if let Ok(Loaded::AuditChain(chain)) = result {
                self.chain = Some(chain.clone());
            }
            return;
        }
        if self.awaited != Some(*request) {
            return;
        }
        match result {
            Ok(Loaded::Audit(page)) => {
                self.error = None;
                if let Some(window) = self.list.take(*request, std::mem::take(page)) {
                    self.fetch(window, cx);
                }
            }
            Err(error) if !error.is_interrupted() => {
                self.list.give_up(*request);
                self.error = Some(error.to_string());
            }
            _ => {}
        }
    }
}
