//! Yes or No for what can be undone but is felt at once.

use crate::config::bindings::Key as KeyCode;
use crate::desk::Picked;
use crate::domain::key::KeyId;
use crate::domain::user::User;

use super::delete::MOST_LISTED;
use super::{Dialog, Flow, Press};
use crate::tui::app::action::Action;
use crate::tui::app::context::Context;
use crate::tui::app::msg::{Answer, KeyDetails, Load, Loaded, Operation, RequestId, Target};

/// The question. No has the focus at first.
#[derive(Debug)]
pub struct Confirm {
    /// What is asked.
    pub question: Question,
    /// Whether Yes has the focus.
    pub yes: bool,
    /// Why it could not be done.
    pub error: Option<String>,
    submitting: Option<RequestId>,
}

/// What is asked.
#[derive(Debug)]
pub enum Question {
    /// Disable or enable keys.
    Keys {
        /// Identities and versions of all of them.
        picked: Vec<Picked>,
        /// Their details, once they have come: of the first hundred.
        keys: Vec<KeyDetails>,
        /// Disable them, or enable them.
        disable: bool,
        /// The request for the details.
        awaited: Option<RequestId>,
    },
    /// Disable or enable a user.
    User {
        /// The user.
        user: User,
        /// Disable them, or enable them.
        disable: bool,
    },
}

impl Confirm {
    /// Disable or enable keys?
    pub fn keys(picked: Vec<Picked>, disable: bool, cx: &mut Context<'_>) -> Self {
        let ids: Vec<KeyId> = picked.iter().take(MOST_LISTED).map(|p| p.id).collect();
        let awaited = Some(cx.load(Load::Targets(ids)));
        Self::asking(Question::Keys { picked, keys: Vec::new(), disable, awaited })
    }

    /// Disable or enable a user?
    #[must_use]
    pub fn user(user: User, disable: bool) -> Self {
        Self::asking(Question::User { user, disable })
    }

    fn asking(question: Question) -> Self {
        Self { question, yes: false, error: None, submitting: None }
    }

    /// Whether it is on its way.
    #[must_use]
    pub fn is_submitting(&self) -> bool {
        self.submitting.is_some()
    }

    fn submit(&mut self, cx: &mut Context<'_>) {
        let operation = match &self.question {
            Question::Keys { picked, disable, .. } => Operation::SetDisabled(picked.clone(), *disable),
            Question::User { user, disable: true } => Operation::DisableUser(user.id, user.version),
            Question::User { user, disable: false } => Operation::EnableUser(user.id, user.version),
        };
        self.error = None;
        self.submitting = Some(cx.operate(operation));
    }
}

impl Dialog for Confirm {
    fn press(&mut self, press: Press, cx: &mut Context<'_>) -> Flow {
        if self.submitting.is_some() {
            return Flow::Stay;
        }
        match (press.action, press.chord.key) {
            (Some(Action::Cancel), _) | (_, KeyCode::Char('n' | 'N')) => return Flow::Close,
            (Some(Action::Confirm), _) if !self.yes => return Flow::Close,
            (Some(Action::Confirm), _) | (_, KeyCode::Char('y' | 'Y')) => self.submit(cx),
            (Some(Action::Next | Action::Previous), _)
            | (_, KeyCode::Left | KeyCode::Right | KeyCode::Char('h' | 'l')) => self.yes = !self.yes,
            _ => {}
        }
        Flow::Stay
    }

    fn click(&mut self, target: &Target, cx: &mut Context<'_>) -> Flow {
        match target {
            _ if self.submitting.is_some() => {}
            Target::Choice(0) => return Flow::Close,
            Target::Choice(_) => {
                self.yes = true;
                self.submit(cx);
            }
            _ => {}
        }
        Flow::Stay
    }

    fn answer(&mut self, answer: &mut Answer, _cx: &mut Context<'_>) -> Flow {
        match answer {
            Answer::Loaded(request, Ok(Loaded::Targets(details))) => {
                if let Question::Keys { keys, awaited, .. } = &mut self.question
                    && *awaited == Some(*request)
                {
                    *awaited = None;
                    *keys = std::mem::take(details);
                }
                Flow::Stay
            }
            answer => super::settle(&mut self.submitting, &mut self.error, answer),
        }
    }
}
