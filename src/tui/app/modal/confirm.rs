//! Yes or No, for what can be undone.

use crate::desk::KeyAccess;
use crate::domain::user::User;

use super::{Action, Context, Dialog, Flow, Operation, Press, Shared, Submission, Targets};

/// The question. No has the focus at first.
#[derive(Debug)]
pub struct Confirm {
    pub subject: Subject,
    /// Whether Yes has the focus.
    pub yes: bool,
    pub submission: Submission,
}

/// What is disabled, enabled or acknowledged.
#[derive(Debug)]
pub enum Subject {
    EnableKeys(Targets),
    /// The uses of canary keys.
    Acknowledge(Targets),
    DisableUser(User),
    EnableUser(User),
}

impl Confirm {
    pub fn about(subject: Subject) -> Self {
        Self { subject, yes: false, submission: Submission::default() }
    }

    /// Whether nothing is left to do.
    pub fn is_empty(&self) -> bool {
        matches!(&self.subject, Subject::EnableKeys(targets) | Subject::Acknowledge(targets) if targets.is_empty())
    }

    fn submit(&mut self, shared: &mut Shared) {
        let operation = match &self.subject {
            Subject::EnableKeys(targets) => {
                let Some(picked) = targets.picked() else { return };
                Operation::SetAccess(picked, KeyAccess::Enabled)
            }
            Subject::Acknowledge(targets) => {
                let Some(uses) = targets.uses() else { return };
                Operation::AcknowledgeCanaries(uses)
            }
            Subject::DisableUser(user) => Operation::DisableUser(user.id, user.version),
            Subject::EnableUser(user) => Operation::EnableUser(user.id, user.version),
        };
        self.submission.send(operation, shared);
    }
}

impl Dialog for Confirm {
    fn contexts(&self) -> &'static [Context] {
        &[Context::Question, Context::Choice, Context::Modal, Context::List]
    }

    fn hints(&self) -> Vec<Action> {
        if self.is_empty() {
            vec![Action::Cancel]
        } else {
            vec![Action::Confirm, Action::Cancel, Action::Next]
        }
    }

    fn targets(&mut self) -> Option<&mut Targets> {
        match &mut self.subject {
            Subject::EnableKeys(targets) | Subject::Acknowledge(targets) => Some(targets),
            Subject::DisableUser(_) | Subject::EnableUser(_) => None,
        }
    }

    fn submission(&mut self) -> Option<&mut Submission> {
        Some(&mut self.submission)
    }

    fn press(&mut self, press: &Press, shared: &mut Shared) -> Flow {
        match press.action {
            Some(Action::Cancel | Action::No) => return Flow::Close,
            Some(Action::Confirm | Action::Yes) if self.is_empty() => return Flow::Close,
            Some(Action::Confirm) if !self.yes => return Flow::Close,
            Some(Action::Confirm | Action::Yes) => self.submit(shared),
            _ => self.yes ^= press.focus().or(press.choice()).is_some(),
        }
        Flow::Stay
    }

    fn choose(&mut self, place: usize, shared: &mut Shared) -> Flow {
        if place == 0 || self.is_empty() {
            return Flow::Close;
        }
        self.yes = true;
        self.submit(shared);
        Flow::Stay
    }
}
