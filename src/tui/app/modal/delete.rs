//! Typed confirmation of what cannot be undone.

use crate::config::bindings::Key as KeyCode;
use crate::desk::Picked;
use crate::domain::application::Application;
use crate::domain::key::KeyId;
use crate::domain::text::is_unsafe;
use crate::domain::user::User;

use super::{Dialog, Flow, Press};
use crate::tui::app::action::Action;
use crate::tui::app::context::Context;
use crate::tui::app::msg::{Answer, KeyDetails, Load, Loaded, Operation, RequestId, Target};
use crate::tui::app::text_field::TextField;

/// The dialog: what is about to go, and what has been typed to confirm it.
#[derive(Debug)]
pub struct Delete {
    /// What is about to go.
    pub subject: Subject,
    /// What has been typed.
    pub typed: TextField,
    /// What has the focus.
    pub focus: Focus,
    /// Why it could not be done.
    pub error: Option<String>,
    /// Whether Enter was pressed on a text that does not match.
    pub mismatch: bool,
    submitting: Option<RequestId>,
}

/// What is about to go.
#[derive(Debug)]
pub enum Subject {
    /// Keys, as they were when the dialog opened.
    Keys {
        /// Identities and versions of all of them.
        picked: Vec<Picked>,
        /// Their details, once they have come: of the first hundred.
        keys: Vec<KeyDetails>,
        /// The request for them.
        awaited: Option<RequestId>,
    },
    /// An Application with its keys.
    Application(Application),
    /// A user; their keys go on working.
    User(User),
}

/// How many keys are listed in the dialog at the most.
pub const MOST_LISTED: usize = 100;

/// What has the focus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    /// The text to type.
    Text,
    /// The button that leaves everything as it is.
    Cancel,
    /// The button that deletes; it does nothing before the text matches.
    Delete,
}

impl Delete {
    /// About keys.
    pub fn keys(picked: Vec<Picked>, cx: &mut Context<'_>) -> Self {
        let ids: Vec<KeyId> = picked.iter().take(MOST_LISTED).map(|p| p.id).collect();
        let awaited = Some(cx.load(Load::Targets(ids)));
        Self::about(Subject::Keys { picked, keys: Vec::new(), awaited })
    }

    /// About an Application.
    #[must_use]
    pub fn application(application: Application) -> Self {
        Self::about(Subject::Application(application))
    }

    /// About a user.
    #[must_use]
    pub fn user(user: User) -> Self {
        Self::about(Subject::User(user))
    }

    fn about(subject: Subject) -> Self {
        Self {
            subject,
            typed: TextField::new(254),
            focus: Focus::Text,
            error: None,
            mismatch: false,
            submitting: None,
        }
    }

    /// The text to type; none while it is not known yet.
    #[must_use]
    pub fn expected(&self) -> Option<String> {
        match &self.subject {
            Subject::Keys { picked, .. } if picked.len() != 1 => {
                Some(format!("delete {} keys", picked.len()))
            }
            Subject::Keys { keys, .. } => {
                keys.first().map(|one| typeable(one.key.name.as_str(), &one.key.prefix))
            }
            Subject::Application(application) => {
                Some(typeable(application.name.as_str(), &format!("application {}", application.id.0)))
            }
            Subject::User(user) => {
                let number = format!("user {}", user.id.0);
                Some(user.email.as_ref().map_or(number.clone(), |email| typeable(email.as_str(), &number)))
            }
        }
    }

    /// Whether what was typed is what must be.
    #[must_use]
    pub fn matches(&self) -> bool {
        self.expected().is_some_and(|expected| expected == self.typed.text())
    }

    /// Whether the deletion is on its way.
    #[must_use]
    pub fn is_submitting(&self) -> bool {
        self.submitting.is_some()
    }

    fn submit(&mut self, cx: &mut Context<'_>) {
        if !self.matches() || self.submitting.is_some() {
            self.mismatch = self.submitting.is_none();
            return;
        }
        let operation = match &self.subject {
            Subject::Keys { picked, .. } => Operation::DeleteKeys(picked.clone()),
            Subject::Application(a) => Operation::DeleteApplication(a.id, a.version, a.keys, a.name.clone()),
            Subject::User(user) => Operation::DeleteUser(user.id, user.version),
        };
        self.error = None;
        self.submitting = Some(cx.operate(operation));
    }

    fn move_focus(&mut self, back: bool) {
        self.focus = match (self.focus, back) {
            (Focus::Text, false) | (Focus::Delete, true) => Focus::Cancel,
            (Focus::Cancel, false) | (Focus::Text, true) => Focus::Delete,
            (Focus::Delete, false) | (Focus::Cancel, true) => Focus::Text,
        };
    }
}

/// The name, or where it holds characters that nobody can type, something else that names the thing.
fn typeable(name: &str, otherwise: &str) -> String {
    if name.chars().any(is_unsafe) { otherwise.to_owned() } else { name.to_owned() }
}

impl Dialog for Delete {
    fn takes_text(&self) -> bool {
        self.focus == Focus::Text
    }

    fn press(&mut self, press: Press, cx: &mut Context<'_>) -> Flow {
        if self.submitting.is_some() {
            // Its outcome will be shown; closing would only hide it.
            return Flow::Stay;
        }
        match (press.action, self.focus) {
            (Some(Action::Cancel), _) | (Some(Action::Confirm), Focus::Cancel) => return Flow::Close,
            (Some(Action::Confirm), _) => self.submit(cx),
            (Some(Action::Next), _) => self.move_focus(false),
            (Some(Action::Previous), _) => self.move_focus(true),
            (_, Focus::Text) => {
                self.mismatch = false;
                self.typed.edit(&press.chord);
            }
            _ if matches!(press.chord.key, KeyCode::Left | KeyCode::Right) => {
                self.focus = if self.focus == Focus::Cancel { Focus::Delete } else { Focus::Cancel };
            }
            _ => {}
        }
        Flow::Stay
    }

    fn paste(&mut self, text: &str, _cx: &mut Context<'_>) {
        if self.focus == Focus::Text && self.submitting.is_none() {
            self.mismatch = false;
            self.typed.paste(text);
        }
    }

    fn click(&mut self, target: &Target, cx: &mut Context<'_>) -> Flow {
        match target {
            _ if self.submitting.is_some() => {}
            Target::Choice(0) => self.focus = Focus::Text,
            Target::Choice(1) => return Flow::Close,
            Target::Choice(_) => {
                self.focus = Focus::Delete;
                self.submit(cx);
            }
            _ => {}
        }
        Flow::Stay
    }

    fn answer(&mut self, answer: &mut Answer, _cx: &mut Context<'_>) -> Flow {
        match answer {
            Answer::Loaded(request, result) => {
                if let Subject::Keys { picked, keys, awaited } = &mut self.subject
                    && *awaited == Some(*request)
                {
                    *awaited = None;
                    match result {
                        Ok(Loaded::Targets(details)) => {
                            *keys = std::mem::take(details);
                            if keys.is_empty() && !picked.is_empty() {
                                self.error = Some("Another session has deleted it already.".into());
                            }
                        }
                        Ok(_) => {}
                        Err(error) => self.error = Some(error.to_string()),
                    }
                }
                Flow::Stay
            }
            answer => super::settle(&mut self.submitting, &mut self.error, answer),
        }
    }
}
