//! The dialog of a log mismatch: what differs, which deleted keys exist again, and what to do.

use crate::desk::KeyAction;
use crate::desk::known_head::LogMismatch;

use super::delete::Delete;
use super::{Action, Context, Dialog, Flow, Operation, Press, Shared, Submission, Targets};

/// The dialog. Later has the focus at first.
#[derive(Debug)]
pub struct LogMismatchDialog {
    pub mismatch: LogMismatch,
    /// Whether it asks for confirmation before the log is accepted.
    pub sure: bool,
    pub submission: Submission,
    focus: usize,
}

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
    pub fn new(mismatch: LogMismatch) -> Self {
        Self { mismatch, sure: false, submission: Submission::default(), focus: 0 }
    }

    /// What can be done now.
    pub fn choices(&self) -> &'static [Choice] {
        match (self.sure, self.mismatch.restored.is_empty()) {
            (true, _) | (false, true) => &[Choice::Later, Choice::Accept],
            (false, false) => &[Choice::Later, Choice::Delete, Choice::Accept],
        }
    }

    pub fn focused(&self) -> Choice {
        self.choices().get(self.focus).copied().unwrap_or(Choice::Later)
    }

    fn confirm(&mut self, shared: &mut Shared) -> Flow {
        match self.focused() {
            Choice::Later => return self.back(),
            Choice::Delete => {
                let restored = self.mismatch.restored.iter().map(|restored| restored.key.id).collect();
                return Flow::swap(Delete::keys(Targets::keys(KeyAction::Delete, restored)));
            }
            Choice::Accept if self.sure => self.submission.send(Operation::AcceptLog, shared),
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
    fn contexts(&self) -> &'static [Context] {
        &[Context::Choice, Context::Modal, Context::List]
    }

    fn submission(&mut self) -> Option<&mut Submission> {
        Some(&mut self.submission)
    }

    fn press(&mut self, press: &Press, shared: &mut Shared) -> Flow {
        match press.action {
            Some(Action::Cancel) => return self.back(),
            Some(Action::Confirm) => return self.confirm(shared),
            _ => {
                if let Some(direction) = press.focus().or(press.choice()) {
                    self.focus = direction.step(self.focus, self.choices().len());
                }
            }
        }
        Flow::Stay
    }

    fn choose(&mut self, place: usize, shared: &mut Shared) -> Flow {
        self.focus = place.min(self.choices().len() - 1);
        self.confirm(shared)
    }
}
