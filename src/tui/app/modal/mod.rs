//! Dialogs: a stack of one enum whose variants own their data.

pub mod calendar;
pub mod chooser;
pub mod confirm;
pub mod delete;
pub mod disable;
pub mod edit;
pub mod form;
pub mod log_mismatch;
pub mod menu;
pub mod overlap;
pub mod properties;
pub mod reading;
pub mod reveal;
pub mod rotate;
pub mod stack;
pub mod submission;
pub mod targets;
pub mod triage;
pub mod wizard;

// What the dialogs use.
use super::direction::Direction;
use super::message::{Message, Tone};
use super::msg::{Effect, Load, Operation, Outcome};
use super::pending::{Pending, Reply};
use super::shared::Shared;
use super::text_field::TextField;
use crate::config::bindings::{Action, Chord, Context};
use crate::domain::Instant;
use crate::domain::application::Scope;
use crate::domain::key::Key;
use crate::domain::text::{Name, capitalized};
use crate::domain::token::holds_secret;
use chrono::NaiveDate;
use submission::Submission;

pub use chooser::Chooser;
pub use confirm::Confirm;
pub use delete::Delete;
pub use disable::Disable;
pub use edit::EditKey;
pub use form::Form;
pub use log_mismatch::LogMismatchDialog;
pub use overlap::Overlap;
pub use reading::Reading;
pub use reveal::Reveal;
pub use rotate::Rotate;
pub use targets::Targets;
pub use triage::Triage;
pub use wizard::Wizard;

/// Parses a typed name. It is displayed in many places, so that it cannot contain the secret of a key.
///
/// # Errors
/// Why it is invalid, as a sentence.
fn typed_name(text: &str) -> Result<Name, String> {
    if holds_secret(text) {
        return Err("The name contains the secret of a key. Choose another name.".to_owned());
    }
    Name::parse(text).map_err(|error| capitalized(&error.to_string()))
}

/// A key press, with what the bindings make of it.
#[derive(Clone, Copy, Debug)]
pub struct Press {
    pub chord: Chord,
    pub action: Option<Action>,
}

impl Press {
    /// An action without a key: from the mouse or the palette.
    pub fn of(action: Action) -> Self {
        Self { chord: Chord::none(), action: Some(action) }
    }

    /// To the next or the previous field.
    pub fn focus(&self) -> Option<Direction> {
        match self.action? {
            Action::Next => Some(Direction::Forward),
            Action::Previous => Some(Direction::Back),
            _ => None,
        }
    }

    /// To the choice at the right or at the left.
    pub fn choice(&self) -> Option<Direction> {
        match self.action? {
            Action::Right | Action::Toggle => Some(Direction::Forward),
            Action::Left => Some(Direction::Back),
            _ => None,
        }
    }
}

/// What a screen or a dialog asks the App to do.
#[derive(Debug)]
pub enum Flow {
    Stay,
    Close,
    Open(Box<Modal>),
    /// Another dialog replaces this one.
    Swap(Box<Modal>),
    /// The dialog closes, and an action is carried out below.
    CloseAnd(Action),
    /// The dialog closes, and the keys of this Application are shown.
    Choose(Scope),
    /// The dialog closes, and this key is selected in the list.
    Show(Box<Key>),
}

impl Flow {
    pub fn open(modal: impl Into<Modal>) -> Self {
        Self::Open(Box::new(modal.into()))
    }

    pub fn swap(modal: impl Into<Modal>) -> Self {
        Self::Swap(Box::new(modal.into()))
    }
}

/// A dialog. The provided methods are those of a page of text.
pub trait Dialog {
    /// Its bindings; the first context that binds a key wins.
    fn contexts(&self) -> &'static [Context] {
        &[Context::Modal, Context::List]
    }

    /// The actions for the hints.
    fn hints(&self) -> Vec<Action> {
        vec![Action::Confirm, Action::Cancel, Action::Next]
    }

    /// A label that replaces the one of the binding in the hints.
    fn label(&self, _action: Action) -> Option<&'static str> {
        None
    }

    /// Whether a text field has the focus and takes letters before the bindings do.
    fn takes_text(&self) -> bool {
        false
    }

    /// The keys that it is about.
    fn targets(&mut self) -> Option<&mut Targets> {
        None
    }

    /// The operation that it asks for: no input reaches it while that is pending.
    fn submission(&mut self) -> Option<&mut Submission> {
        None
    }

    /// Whether it waits for the result of what was confirmed.
    fn is_submitting(&mut self) -> bool {
        self.submission().is_some_and(|submission| submission.is_pending())
    }

    /// The operation is done.
    fn done(&mut self, _outcome: Outcome, _shared: &mut Shared) -> Flow {
        Flow::Close
    }

    /// Asks for the data that it shows.
    fn opened(&mut self, shared: &mut Shared) {
        match self.targets() {
            Some(targets) => targets.load(shared),
            None => self.refresh(shared),
        }
    }

    /// The data have changed.
    fn refresh(&mut self, _shared: &mut Shared) {}

    fn press(&mut self, press: &Press, shared: &mut Shared) -> Flow;

    /// Takes a pasted text, which contains no secret of a key.
    fn paste(&mut self, _text: &str, _shared: &mut Shared) {}

    /// Time has passed.
    fn tick(&mut self, _now: Instant) {}

    /// A choice, a button or a field was clicked, by its place.
    fn choose(&mut self, _place: usize, _shared: &mut Shared) -> Flow {
        Flow::Stay
    }

    /// A day of a calendar was clicked.
    fn choose_day(&mut self, _day: NaiveDate, _shared: &mut Shared) {}

    /// The mouse wheel was turned.
    fn scroll(&mut self, _rows: isize) {}

    /// Takes what it has asked to be read.
    fn loaded(&mut self, _reply: &mut Reply) {}

    /// Takes a response to what it asked for.
    fn receive(&mut self, reply: &mut Reply, shared: &mut Shared) -> Flow {
        let error = self.targets().and_then(|targets| targets.receive(reply));
        self.loaded(reply);
        let Some(submission) = self.submission() else { return Flow::Stay };
        if error.is_some() {
            submission.error = error;
        }
        match submission.take(reply) {
            Some(outcome) => self.done(outcome, shared),
            None => Flow::Stay,
        }
    }
}

macro_rules! modals {
    ($($(#[doc = $doc:literal])* $name:ident($dialog:ty),)*) => {
        /// A dialog above the screen. It takes all input.
        #[derive(Debug)]
        pub enum Modal { $($(#[doc = $doc])* $name(Box<$dialog>),)* }

        impl Modal {
            pub fn dialog(&self) -> &dyn Dialog {
                match self { $(Self::$name(dialog) => dialog.as_ref(),)* }
            }

            pub fn dialog_mut(&mut self) -> &mut dyn Dialog {
                match self { $(Self::$name(dialog) => dialog.as_mut(),)* }
            }
        }

        $(impl From<$dialog> for Modal {
            fn from(dialog: $dialog) -> Self {
                Self::$name(Box::new(dialog))
            }
        })*
    };
}

modals! {
    Form(Form),
    Wizard(Wizard),
    Reveal(Reveal),
    Reading(Reading),
    Delete(Delete),
    Confirm(Confirm),
    Disable(Disable),
    Edit(EditKey),
    Rotate(Rotate),
    Overlap(Overlap),
    LogMismatch(LogMismatchDialog),
    Chooser(Chooser),
    Triage(Triage),
}
