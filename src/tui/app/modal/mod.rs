//! Modals: a stack of one enum whose variants own their data. What cannot be, cannot be written down.

pub mod calendar;
pub mod confirm;
pub mod delete;
pub mod details;
pub mod form;
pub mod help;
pub mod log_mismatch;
pub mod palette;
pub mod picker;
pub mod reveal;
pub mod rotate;
pub mod usage;
pub mod wizard;

use crate::config::bindings::Chord;

use super::action::Action;
use super::context::Context;
use super::msg::{Answer, RequestId, Target};

pub use confirm::Confirm;
pub use delete::Delete;
pub use details::{AuditDetails, Details};
pub use form::Form;
pub use help::Help;
pub use log_mismatch::LogMismatchDialog;
pub use palette::Palette;
pub use picker::Picker;
pub use reveal::Reveal;
pub use rotate::Rotate;
pub use usage::Usage;
pub use wizard::Wizard;

/// A dialog above the screen. It swallows all input.
#[derive(Debug)]
pub enum Modal {
    /// A few fields: the first start, a new Application, another name, a new user.
    Form(Box<Form>),
    /// Create API Key.
    Wizard(Box<Wizard>),
    /// The secret, once.
    Reveal(Box<Reveal>),
    /// A key's details.
    Details(Box<Details>),
    /// An audit entry's details.
    AuditDetails(Box<AuditDetails>),
    /// Typed confirmation of what cannot be undone.
    Delete(Box<Delete>),
    /// Yes or No for what can be undone.
    Confirm(Box<Confirm>),
    /// Why a key is rotated, and when the old one ends.
    Rotate(Box<Rotate>),
    /// The audit log is not the one that was seen.
    LogMismatch(Box<LogMismatchDialog>),
    /// Choose an Application.
    Picker(Box<Picker>),
    /// How to use a key.
    Usage(Box<Usage>),
    /// The keys that do something here.
    Help(Box<Help>),
    /// Every action by name.
    Palette(Box<Palette>),
}

/// A key press with what the bindings make of it here.
#[derive(Clone, Copy, Debug)]
pub struct Press {
    /// The key.
    pub chord: Chord,
    /// What it is bound to in this modal.
    pub action: Option<Action>,
}

/// What becomes of the top modal after a message.
#[derive(Debug)]
pub enum Flow {
    /// It stays.
    Stay,
    /// It closes.
    Close,
    /// Another opens above it.
    Open(Box<Modal>),
    /// Another takes its place.
    Swap(Box<Modal>),
    /// It closes and an action is carried out below.
    CloseAnd(Action),
    /// It closes and the Application is changed to this one.
    Choose(crate::domain::application::ApplicationId),
}

macro_rules! each {
    ($modal:expr, $inner:ident => $result:expr) => {
        match $modal {
            Modal::Form($inner) => $result,
            Modal::Wizard($inner) => $result,
            Modal::Reveal($inner) => $result,
            Modal::Details($inner) => $result,
            Modal::AuditDetails($inner) => $result,
            Modal::Delete($inner) => $result,
            Modal::Confirm($inner) => $result,
            Modal::Rotate($inner) => $result,
            Modal::LogMismatch($inner) => $result,
            Modal::Picker($inner) => $result,
            Modal::Usage($inner) => $result,
            Modal::Help($inner) => $result,
            Modal::Palette($inner) => $result,
        }
    };
}

/// What every modal does. The defaults are those of a page that one reads and closes.
pub trait Dialog {
    /// The names of its bindings in `assets/keys.toml`; the first that binds a key wins.
    fn contexts(&self) -> &'static [&'static str] {
        &["modal", "list"]
    }

    /// Whether a text field has the focus and takes keys before the bindings do.
    fn takes_text(&self) -> bool {
        false
    }

    /// A key was pressed.
    fn press(&mut self, press: Press, cx: &mut Context<'_>) -> Flow;

    /// Text was pasted.
    fn paste(&mut self, _text: &str, _cx: &mut Context<'_>) {}

    /// Something in it was clicked.
    fn click(&mut self, _target: &Target, _cx: &mut Context<'_>) -> Flow {
        Flow::Stay
    }

    /// The wheel was turned over it.
    fn scroll(&mut self, _rows: isize) {}

    /// The worker answers.
    fn answer(&mut self, _answer: &mut Answer, _cx: &mut Context<'_>) -> Flow {
        Flow::Stay
    }
}

impl Dialog for Modal {
    fn contexts(&self) -> &'static [&'static str] {
        each!(self, modal => modal.contexts())
    }

    fn takes_text(&self) -> bool {
        each!(self, modal => modal.takes_text())
    }

    fn press(&mut self, press: Press, cx: &mut Context<'_>) -> Flow {
        each!(self, modal => modal.press(press, cx))
    }

    fn paste(&mut self, text: &str, cx: &mut Context<'_>) {
        each!(self, modal => modal.paste(text, cx));
    }

    fn click(&mut self, target: &Target, cx: &mut Context<'_>) -> Flow {
        // A button is a key press by other means.
        if let Target::Action(action) = target {
            let chord = cx.around.keymap.first_chord(self.contexts(), *action).unwrap_or_else(Chord::none);
            return self.press(Press { chord, action: Some(*action) }, cx);
        }
        each!(self, modal => modal.click(target, cx))
    }

    fn scroll(&mut self, rows: isize) {
        each!(self, modal => modal.scroll(rows));
    }

    fn answer(&mut self, answer: &mut Answer, cx: &mut Context<'_>) -> Flow {
        each!(self, modal => modal.answer(answer, cx))
    }
}

/// What becomes of a dialog that waits for an operation: it closes when that is done, and says why when it is not.
fn settle(submitting: &mut Option<RequestId>, error: &mut Option<String>, answer: &Answer) -> Flow {
    let Answer::Done(request, result) = answer else { return Flow::Stay };
    if *submitting != Some(*request) {
        return Flow::Stay;
    }
    match &**result {
        Ok(_) => Flow::Close,
        Err(fault) => {
            *submitting = None;
            *error = Some(sentence(fault));
            Flow::Stay
        }
    }
}

/// What an operation's failure says, with what to do next.
fn sentence(error: &crate::desk::DeskError) -> String {
    let text = crate::domain::text::capitalized(&crate::domain::text::inert(&error.to_string()));
    match error.hint() {
        Some(hint) => format!("{text}. {hint}"),
        None => text,
    }
}
