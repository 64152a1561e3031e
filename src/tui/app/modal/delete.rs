//! Typed confirmation of what cannot be undone.

use crate::desk::Picked;
use crate::domain::application::Application;
use crate::domain::text::is_unsafe;
use crate::domain::user::User;

use super::{Action, Context, Dialog, Flow, Operation, Press, Shared, Submission, Targets, TextField};

#[derive(Debug)]
pub struct Delete {
    pub subject: Subject,
    pub typed: TextField,
    pub focus: Focus,
    /// Whether Enter was pressed on a text that does not match.
    pub mismatch: bool,
    pub submission: Submission,
}

#[derive(Debug)]
pub enum Subject {
    Keys(Targets),
    /// An Application with its keys.
    Application(Application),
    /// A user; their keys keep working.
    User(User),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    Text,
    Cancel,
    /// The button that deletes; it does nothing before the text matches.
    Delete,
}

impl Delete {
    pub fn keys(picked: Vec<Picked>) -> Self {
        Self::about(Subject::Keys(Targets::new(picked)))
    }

    pub fn application(application: Application) -> Self {
        Self::about(Subject::Application(application))
    }

    pub fn user(user: User) -> Self {
        Self::about(Subject::User(user))
    }

    fn about(subject: Subject) -> Self {
        let (typed, submission) = (TextField::new(254), Submission::default());
        Self { subject, typed, focus: Focus::Text, mismatch: false, submission }
    }

    /// The text to type; none while it is not known yet.
    pub fn expected(&self) -> Option<String> {
        match &self.subject {
            Subject::Keys(targets) if targets.picked.len() != 1 => {
                Some(format!("delete {} keys", targets.picked.len()))
            }
            Subject::Keys(targets) => {
                targets.single().map(|one| typeable(one.key.name.as_str(), &one.key.prefix))
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

    /// Whether the typed text is the expected one.
    pub fn matches(&self) -> bool {
        self.expected().is_some_and(|expected| expected == self.typed.text())
    }

    fn submit(&mut self, shared: &mut Shared) {
        if !self.matches() {
            self.mismatch = true;
            return;
        }
        let operation = match &self.subject {
            Subject::Keys(targets) => Operation::DeleteKeys(targets.picked.clone()),
            Subject::Application(a) => Operation::DeleteApplication(a.id, a.version, a.keys, a.name.clone()),
            Subject::User(user) => Operation::DeleteUser(user.id, user.version),
        };
        self.submission.send(operation, shared);
    }
}

/// The name, or an alternative if it has characters that cannot be typed.
fn typeable(name: &str, otherwise: &str) -> String {
    if name.chars().any(is_unsafe) { otherwise.to_owned() } else { name.to_owned() }
}

impl Dialog for Delete {
    fn contexts(&self) -> &'static [Context] {
        match self.focus {
            Focus::Text => &[Context::Modal, Context::List],
            _ => &[Context::Choice, Context::Modal, Context::List],
        }
    }

    fn hints(&self) -> Vec<Action> {
        vec![Action::Cancel, Action::Next]
    }

    fn takes_text(&self) -> bool {
        self.focus == Focus::Text
    }

    fn targets(&mut self) -> Option<&mut Targets> {
        match &mut self.subject {
            Subject::Keys(targets) => Some(targets),
            Subject::Application(_) | Subject::User(_) => None,
        }
    }

    fn submission(&mut self) -> Option<&mut Submission> {
        Some(&mut self.submission)
    }

    fn press(&mut self, press: &Press, shared: &mut Shared) -> Flow {
        if let Some(direction) = press.focus() {
            self.focus = direction.among(&[Focus::Text, Focus::Cancel, Focus::Delete], self.focus);
            return Flow::Stay;
        }
        match (press.action, self.focus) {
            (Some(Action::Cancel), _) | (Some(Action::Confirm), Focus::Cancel) => return Flow::Close,
            (Some(Action::Confirm), _) => self.submit(shared),
            (_, Focus::Text) => {
                self.mismatch = false;
                self.typed.edit(&press.chord);
            }
            (_, focus) => {
                if let Some(direction) = press.choice() {
                    self.focus = direction.among(&[Focus::Cancel, Focus::Delete], focus);
                }
            }
        }
        Flow::Stay
    }

    fn paste(&mut self, text: &str, _shared: &mut Shared) {
        if self.focus == Focus::Text {
            self.mismatch = false;
            self.typed.paste(text);
        }
    }

    fn choose(&mut self, place: usize, shared: &mut Shared) -> Flow {
        match place {
            0 => self.focus = Focus::Text,
            1 => return Flow::Close,
            _ => {
                self.focus = Focus::Delete;
                self.submit(shared);
            }
        }
        Flow::Stay
    }
}
