//! Confirmation of what cannot be undone.

use crate::domain::application::Application;
use crate::domain::key::{Key, KeyId};
use crate::domain::text::is_unsafe;
use crate::domain::user::User;

use super::{Action, Context, Dialog, Flow, Operation, Press, Shared, Submission, Targets, TextField};

/// How many characters of a key's ID confirm its deletion.
pub const TYPED_OF_ID: usize = 4;

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

/// What confirms the deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asks {
    /// Nothing is left to delete.
    Nothing,
    /// Still unknown.
    Unknown,
    /// The answer Yes: no software uses the key.
    Yes,
    /// One of these texts: the whole name, or the end of the key ID.
    Text(Vec<String>),
}

impl Delete {
    pub fn keys(targets: Targets) -> Self {
        Self::about(Subject::Keys(targets))
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

    pub fn asks(&self) -> Asks {
        let text = match &self.subject {
            Subject::Keys(targets) if targets.is_empty() => return Asks::Nothing,
            Subject::Keys(targets) => match (targets.single(), &targets.selection) {
                (_, None) => return Asks::Unknown,
                (Some(key), Some(selection)) if key.ended(selection.now).is_some() || is_unknown(key) => {
                    return Asks::Yes;
                }
                (Some(key), _) => {
                    let end = &key.id.as_str()[KeyId::LENGTH - TYPED_OF_ID..];
                    return Asks::Text(vec![end.to_owned(), key.name.as_str().to_owned()]);
                }
                (None, _) => format!("delete {} keys", targets.count()),
            },
            Subject::Application(application) => {
                typeable(application.name.as_str(), &format!("application {}", application.id.0))
            }
            Subject::User(user) => {
                let number = format!("user {}", user.id.0);
                user.email.as_ref().map_or(number.clone(), |email| typeable(email.as_str(), &number))
            }
        };
        Asks::Text(vec![text])
    }

    /// Whether the typed text is one of those that confirm.
    pub fn matches(&self) -> bool {
        matches!(self.asks(), Asks::Text(texts) if texts.iter().any(|text| text == self.typed.text()))
    }

    fn submit(&mut self, shared: &mut Shared) {
        let operation = match &self.subject {
            Subject::Keys(targets) => {
                let Some(picked) = targets.picked() else { return };
                Operation::DeleteKeys(picked)
            }
            Subject::Application(a) => Operation::DeleteApplication(a.id, a.version, a.keys, a.name.clone()),
            Subject::User(user) => Operation::DeleteUser(user.id, user.version),
        };
        self.submission.send(operation, shared);
    }

    fn submit_if_it_matches(&mut self, shared: &mut Shared) {
        self.mismatch = !self.matches();
        if !self.mismatch {
            self.submit(shared);
        }
    }

    fn press_text(&mut self, press: &Press, shared: &mut Shared) -> Flow {
        if let Some(direction) = press.focus() {
            self.focus = direction.among(&[Focus::Text, Focus::Cancel, Focus::Delete], self.focus);
            return Flow::Stay;
        }
        match (press.action, self.focus) {
            (Some(Action::Confirm), Focus::Cancel) => return Flow::Close,
            (Some(Action::Confirm), _) => self.submit_if_it_matches(shared),
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
}

/// Whether the secret of a key was never delivered.
fn is_unknown(key: &Key) -> bool {
    key.last_used.is_none() && key.canary_used.is_none() && key.delivered.is_none()
}

/// The name, or an alternative if it has characters that cannot be typed.
fn typeable(name: &str, otherwise: &str) -> String {
    if name.chars().any(is_unsafe) { otherwise.to_owned() } else { name.to_owned() }
}

impl Dialog for Delete {
    fn contexts(&self) -> &'static [Context] {
        match self.asks() {
            Asks::Yes => &[Context::Question, Context::Modal, Context::List],
            Asks::Text(_) if self.focus != Focus::Text => &[Context::Choice, Context::Modal, Context::List],
            _ => &[Context::Modal, Context::List],
        }
    }

    fn hints(&self) -> Vec<Action> {
        match self.asks() {
            Asks::Yes => vec![Action::Yes, Action::Cancel],
            Asks::Nothing => vec![Action::Cancel],
            Asks::Unknown | Asks::Text(_) => vec![Action::Cancel, Action::Next],
        }
    }

    fn takes_text(&self) -> bool {
        self.focus == Focus::Text && matches!(self.asks(), Asks::Text(_) | Asks::Unknown)
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
        if press.action == Some(Action::Cancel) {
            return Flow::Close;
        }
        match (self.asks(), press.action) {
            (Asks::Text(_) | Asks::Unknown, _) => return self.press_text(press, shared),
            (Asks::Nothing, Some(Action::Confirm)) | (Asks::Yes, Some(Action::Confirm | Action::No)) => {
                return Flow::Close;
            }
            (Asks::Yes, Some(Action::Yes)) => self.submit(shared),
            _ => {}
        }
        Flow::Stay
    }

    fn paste(&mut self, text: &str, _shared: &mut Shared) {
        if self.takes_text() {
            self.mismatch = false;
            self.typed.paste(text);
        }
    }

    fn choose(&mut self, place: usize, shared: &mut Shared) -> Flow {
        match (place, self.asks()) {
            (0, _) => self.focus = Focus::Text,
            (1, _) | (_, Asks::Nothing | Asks::Unknown) => return Flow::Close,
            (_, Asks::Yes) => self.submit(shared),
            (_, Asks::Text(_)) => {
                self.focus = Focus::Delete;
                self.submit_if_it_matches(shared);
            }
        }
        Flow::Stay
    }
}
