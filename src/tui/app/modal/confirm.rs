//! Yes or No, for what can be undone.

use crate::desk::{KeyAccess, KeyAction};
use crate::domain::user::User;

use super::{Action, Context, Dialog, Flow, Operation, Press, Shared, Submission, Targets};

/// The question. No has the focus at first.
#[derive(Debug)]
pub struct Confirm {
    pub subject: Subject,
    pub access: KeyAccess,
    /// Whether Yes has the focus.
    pub yes: bool,
    pub submission: Submission,
}

/// What is disabled or enabled.
#[derive(Debug)]
pub enum Subject {
    Keys(Targets),
    User(User),
}

impl Confirm {
    /// To disable or enable keys.
    pub fn keys(targets: Targets) -> Self {
        let access =
            if targets.action == KeyAction::Enable { KeyAccess::Enabled } else { KeyAccess::Disabled };
        Self::about(Subject::Keys(targets), access)
    }

    pub fn user(user: User, access: KeyAccess) -> Self {
        Self::about(Subject::User(user), access)
    }

    fn about(subject: Subject, access: KeyAccess) -> Self {
        Self { subject, access, yes: false, submission: Submission::default() }
    }

    /// Whether nothing is left to do.
    pub fn is_empty(&self) -> bool {
        matches!(&self.subject, Subject::Keys(targets) if targets.is_empty())
    }

    fn submit(&mut self, shared: &mut Shared) {
        let operation = match (&self.subject, self.access) {
            (Subject::Keys(targets), access) => {
                let Some(picked) = targets.picked() else { return };
                Operation::SetAccess(picked, access)
            }
            (Subject::User(user), KeyAccess::Disabled) => Operation::DisableUser(user.id, user.version),
            (Subject::User(user), KeyAccess::Enabled) => Operation::EnableUser(user.id, user.version),
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
            Subject::Keys(targets) => Some(targets),
            Subject::User(_) => None,
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
