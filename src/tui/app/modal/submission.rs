//! An operation that a dialog has asked for.

use crate::desk::DeskError;
use crate::domain::text::{capitalized, inert};
use crate::tui::app::msg::{Operation, Outcome};
use crate::tui::app::pending::{Pending, Reply};
use crate::tui::app::shared::Shared;

/// The operation that is on its way, and why the last one failed.
#[derive(Debug, Default)]
pub struct Submission {
    pub error: Option<String>,
    outcome: Pending<Outcome>,
}

impl Submission {
    pub fn send(&mut self, operation: Operation, shared: &mut Shared) {
        self.error = None;
        self.outcome.operate(operation, shared);
    }

    pub fn is_pending(&self) -> bool {
        self.outcome.is_waiting()
    }

    /// Takes the outcome; an error is kept to be shown.
    pub fn take(&mut self, reply: &mut Reply) -> Option<Outcome> {
        match self.outcome.take(reply)? {
            Ok(outcome) => Some(outcome),
            Err(error) => {
                self.error = Some(sentence(&error));
                None
            }
        }
    }
}

fn sentence(error: &DeskError) -> String {
    let text = capitalized(&inert(&error.to_string()));
    match error.hint() {
        Some(hint) => format!("{text}. {hint}"),
        None => text,
    }
}
