//! The dialog of a log mismatch: what differs, which deleted keys exist again, and what to do.

use crate::config::bindings::Key as KeyCode;
use crate::desk::known_head::{LogMismatch, RestoredKey};

use super::delete::Delete;
use super::{Dialog, Flow, Modal, Press};
use crate::tui::app::action::Action;
use crate::tui::app::context::Context;
use crate::tui::app::msg::{Answer, Operation, RequestId, Target};

/// The dialog. Later has the focus at first.
#[derive(Debug)]
pub struct LogMismatchDialog {
    /// The mismatch.
    pub mismatch: LogMismatch,
    /// Whether it asks for confirmation before the log is accepted.
    pub sure: bool,
    /// Why it could not be done.
    pub error: Option<String>,
    focus: usize,
    submitting: Option<RequestId>,
}

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Nothing yet.
    Later,
    /// Delete the restored keys.
    Delete,
    /// Accept the current log as the known one.
    Accept,
}

impl LogMismatchDialog {
    /// Opens it.
    #[must_use]
    pub fn new(mismatch: LogMismatch) -> Self {
        Self { mismatch, sure: false, error: None, focus: 0, submitting: None }
    }

    /// What can be done now.
    #[must_use]
    pub fn choices(&self) -> &'static [Choice] {
        match (self.sure, self.mismatch.restored.is_empty()) {
            (true, _) | (false, true) => &[Choice::Later, Choice::Accept],
            (false, false) => &[Choice::Later, Choice::Delete, Choice::Accept],
        }
    }

    /// What has the focus.
    #[must_use]
    pub fn focused(&self) -> Choice {
        self.choices().get(self.focus).copied().unwrap_or(Choice::Later)
    }

    /// Whether it is on its way.
    #[must_use]
    pub fn is_submitting(&self) -> bool {
        self.submitting.is_some()
    }

    fn turn(&mut self, back: bool) {
        let all = self.choices().len();
        self.focus = (self.focus + if back { all - 1 } else { 1 }) % all;
    }

    fn do_it(&mut self, cx: &mut Context<'_>) -> Flow {
        match self.focused() {
            Choice::Later => return self.back(),
            Choice::Delete => {
                let picked = self.mismatch.restored.iter().map(RestoredKey::picked).collect();
                return Flow::Swap(Box::new(Modal::Delete(Box::new(Delete::keys(picked, cx)))));
            }
            Choice::Accept if self.sure => {
                self.error = None;
                self.submitting = Some(cx.operate(Operation::AcceptLog));
            }
            Choice::Accept => (self.sure, self.focus) = (true, 0),
        }
        Flow::Stay
    }

    fn back(&mut self) -> Flow {
        if self.sure {
            (self.sure, self.focus) = (false, 0);
            Flow::Stay
        } else {
            Flow::Close
        }
    }
}

impl Dialog for LogMismatchDialog {
    fn press(&mut self, press: Press, cx: &mut Context<'_>) -> Flow {
        if self.submitting.is_some() {
            return Flow::Stay;
        }
        match (press.action, press.chord.key) {
            (Some(Action::Cancel), _) => return self.back(),
            (Some(Action::Confirm), _) => return self.do_it(cx),
            (Some(Action::Next), _) | (_, KeyCode::Right | KeyCode::Char('l')) => self.turn(false),
            (Some(Action::Previous), _) | (_, KeyCode::Left | KeyCode::Char('h')) => self.turn(true),
            _ => {}
        }
        Flow::Stay
    }

    fn click(&mut self, target: &Target, cx: &mut Context<'_>) -> Flow {
        match target {
            Target::Choice(place) if self.submitting.is_none() && *place < self.choices().len() => {
                self.focus = *place;
                self.do_it(cx)
            }
            _ => Flow::Stay,
        }
    }

    fn answer(&mut self, answer: &mut Answer, _cx: &mut Context<'_>) -> Flow {
        super::settle(&mut self.submitting, &mut self.error, answer)
    }
}
