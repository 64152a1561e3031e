//! Disable keys: for how long, and Yes or No.

use chrono::TimeDelta;

use crate::desk::KeyAccess;
use crate::domain::expiry::parse_duration;
use crate::domain::text::capitalized;

use super::{Action, Context, Dialog, Flow, Operation, Press, Shared, Submission, Targets, TextField};

/// How long keys can be disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Until they are enabled again.
    Unlimited,
    Minutes(u32),
    /// As typed.
    Other,
}

/// The choices.
pub const LENGTHS: [Length; 4] = [Length::Unlimited, Length::Minutes(5), Length::Minutes(60), Length::Other];

/// The place of the button that closes the dialog, behind the choices.
pub const CANCEL: usize = LENGTHS.len();
/// The place of the button that disables.
pub const DISABLE: usize = CANCEL + 1;

#[derive(Debug)]
pub struct Disable {
    pub targets: Targets,
    /// The index of the chosen one of [`LENGTHS`].
    pub chosen: usize,
    /// The duration of [`Length::Other`].
    pub typed: TextField,
    /// Whether Yes has the focus.
    pub yes: bool,
    pub submission: Submission,
}

impl Disable {
    pub fn new(targets: Targets) -> Self {
        let (typed, submission) = (TextField::new(16), Submission::default());
        Self { targets, chosen: 0, typed, yes: false, submission }
    }

    pub fn length(&self) -> Length {
        LENGTHS.get(self.chosen).copied().unwrap_or(Length::Unlimited)
    }

    /// How long the keys will be disabled; none until they are enabled again.
    ///
    /// # Errors
    /// When the typed text is not a duration, or none at all.
    pub fn duration(&self) -> Result<Option<TimeDelta>, String> {
        match self.length() {
            Length::Unlimited => Ok(None),
            Length::Minutes(minutes) => Ok(Some(TimeDelta::minutes(minutes.into()))),
            Length::Other => match parse_duration(self.typed.text()) {
                Ok(length) if length > TimeDelta::zero() => Ok(Some(length)),
                Ok(_) => Err("the duration must not be 0".into()),
                Err(error) => Err(error.to_string()),
            },
        }
    }

    fn submit(&mut self, shared: &mut Shared) {
        let access = match self.duration() {
            Ok(length) => length.map_or(KeyAccess::Disabled, KeyAccess::DisabledFor),
            Err(error) => {
                self.submission.error = Some(capitalized(&error));
                return;
            }
        };
        if let Some(picked) = self.targets.picked() {
            self.submission.send(Operation::SetAccess(picked, access), shared);
        }
    }

    /// Focuses Disable too, so that Enter does what was chosen.
    fn choose_length(&mut self, place: usize) {
        self.submission.error = None;
        self.chosen = place.min(LENGTHS.len() - 1);
        self.yes = true;
    }
}

impl Dialog for Disable {
    fn contexts(&self) -> &'static [Context] {
        match self.length() {
            Length::Other => &[Context::Modal, Context::List],
            Length::Unlimited | Length::Minutes(_) => {
                &[Context::Question, Context::Choice, Context::Modal, Context::List]
            }
        }
    }

    fn hints(&self) -> Vec<Action> {
        match self.length() {
            _ if self.targets.is_empty() => vec![Action::Cancel],
            Length::Other => vec![Action::Confirm, Action::Cancel, Action::Next],
            _ if self.yes => vec![Action::Confirm, Action::Cancel, Action::Next],
            Length::Unlimited | Length::Minutes(_) => vec![Action::Yes, Action::Cancel, Action::Next],
        }
    }

    fn label(&self, action: Action) -> Option<&'static str> {
        match action {
            Action::Yes | Action::Confirm => Some("disable"),
            Action::Next => Some("duration"),
            _ => None,
        }
    }

    fn takes_text(&self) -> bool {
        self.length() == Length::Other && !self.targets.is_empty()
    }

    fn targets(&mut self) -> Option<&mut Targets> {
        Some(&mut self.targets)
    }

    fn submission(&mut self) -> Option<&mut Submission> {
        Some(&mut self.submission)
    }

    fn press(&mut self, press: &Press, shared: &mut Shared) -> Flow {
        let is_typing = self.takes_text();
        match press.action {
            Some(Action::Cancel | Action::No) => return Flow::Close,
            Some(Action::Confirm | Action::Yes) if self.targets.is_empty() => return Flow::Close,
            Some(Action::Confirm) if !self.yes && !is_typing => return Flow::Close,
            Some(Action::Confirm | Action::Yes) => self.submit(shared),
            Some(Action::Next | Action::Down) => self.choose_length((self.chosen + 1) % LENGTHS.len()),
            Some(Action::Previous | Action::Up) => {
                self.choose_length((self.chosen + LENGTHS.len() - 1) % LENGTHS.len());
            }
            _ if is_typing => {
                if self.typed.edit(&press.chord) {
                    self.submission.error = None;
                }
            }
            _ => self.yes ^= press.choice().is_some(),
        }
        Flow::Stay
    }

    fn paste(&mut self, text: &str, _shared: &mut Shared) {
        if self.takes_text() {
            self.submission.error = None;
            self.typed.paste(text);
        }
    }

    fn choose(&mut self, place: usize, shared: &mut Shared) -> Flow {
        match place {
            _ if self.targets.is_empty() => return Flow::Close,
            CANCEL => return Flow::Close,
            DISABLE => {
                self.yes = true;
                self.submit(shared);
            }
            place => self.choose_length(place),
        }
        Flow::Stay
    }
}
