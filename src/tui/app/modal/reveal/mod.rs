//! The dialog that shows a new secret once.
//!
//! The secret is kept only here, and wiped when the dialog is dropped.

mod several;

use std::path::{Path, PathBuf};

use chrono::TimeDelta;

use crate::domain::Instant;
use crate::domain::key::Key;
use crate::domain::secret::Secret;
use crate::domain::text::{capitalized, inert};
use crate::host::clipboard::Copied;

use super::{
    Action, Context, Dialog, Effect, Flow, Message, Operation, Pending, Press, Reading, Reply, Shared,
    TextField, Tone,
};
use several::Series;

pub use several::Successor;

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Reveal {
    pub key: Key,
    secret: Secret,
    /// Whether the secret is shown in full.
    pub shown: bool,
    pub mode: Mode,
    pub status: Option<(Tone, String)>,
    /// The instant at which the copy that the status reports is cleared from the clipboard.
    cleared_at: Option<Instant>,
    /// Whether it went to a terminal's clipboard, which keydesk cannot clear by itself.
    pub in_terminal_clipboard: bool,
    copy: Pending<Copied>,
    /// Whether Enter was pressed while the copy was pending: close once it has succeeded.
    closes_when_copied: bool,
    write: Pending<PathBuf>,
    /// Whether it was copied or written.
    saved: bool,
    /// Whether the delivery was recorded.
    noted: bool,
    /// A sentence about the key that it replaces.
    pub fate: Option<String>,
    /// The position among several, and their number.
    pub turn: (usize, usize),
    series: Series,
}

/// What the path is for: one file, or a directory for a file of this and each following secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    File,
    Directory,
}

/// The input that is expected.
#[derive(Debug)]
pub enum Mode {
    /// A command.
    Home,
    /// A path. The field stays open until the file is written or Esc is pressed.
    Path(PathKind, TextField),
    /// The answer to "You have not copied this key. Close anyway?"
    Asking {
        /// Whether Yes has the focus.
        yes: bool,
    },
}

impl Reveal {
    pub fn new(key: Key, secret: Secret) -> Self {
        Self {
            key,
            secret,
            shown: false,
            mode: Mode::Home,
            status: None,
            cleared_at: None,
            in_terminal_clipboard: false,
            copy: Pending::default(),
            closes_when_copied: false,
            write: Pending::default(),
            saved: false,
            noted: false,
            fate: None,
            turn: (1, 1),
            series: Series::default(),
        }
    }

    /// The text to draw: the secret when it is shown, else prefix and ID with dots.
    pub fn text(&self, dot: char) -> std::borrow::Cow<'_, str> {
        if self.shown {
            return self.secret.expose().into();
        }
        let hidden = self.secret.expose().len().saturating_sub(self.key.prefix.len() + 1);
        let dots: String = std::iter::repeat_n(dot, hidden).collect();
        format!("{}_{dots}", self.key.prefix).into()
    }

    /// Whether a copy or a file is pending.
    fn is_busy(&self) -> bool {
        self.copy.is_waiting() || self.write.is_waiting()
    }

    /// Hides the secret.
    pub fn hide(&mut self) {
        self.shown = false;
    }

    /// Asks before closing, unless the secret was copied or written. Returns whether it may close.
    pub fn may_close(&mut self) -> bool {
        if self.saved {
            return true;
        }
        self.shown = false;
        self.mode = Mode::Asking { yes: false };
        false
    }

    /// Records in the database that the secret was delivered, the first time only.
    fn note_delivery(&mut self, shared: &mut Shared) {
        if !self.noted {
            self.noted = true;
            shared.operate(Operation::MarkDelivered(self.key.id));
        }
    }

    fn close(&mut self, shared: &mut Shared) -> Flow {
        if self.may_close() { self.leave(shared) } else { Flow::Stay }
    }

    fn leave(&mut self, shared: &mut Shared) -> Flow {
        shared.push(Effect::Mouse(shared.settings().mouse));
        // Overwrites the secret on the screen.
        shared.push(Effect::Redraw);
        let prefix = &self.key.prefix;
        let text = if self.noted && self.key.is_canary {
            format!("Canary key {prefix} created. Requests that use it are rejected and raise an alarm.")
        } else if self.noted {
            let date = shared.zone().local(self.key.expires).date_naive();
            format!("Key {prefix} created. It expires on {date}.")
        } else if self.key.is_canary {
            format!("Canary key {prefix} created, but its secret was not delivered. Delete it.")
        } else {
            format!("Key {prefix} created, but its secret was not delivered. Rotate or delete it.")
        };
        let fate = self.fate.as_ref().map(|fate| format!(" {fate}")).unwrap_or_default();
        shared.say(Message::done(text + &fate));
        self.next(shared)
    }

    /// Asks for a path. Typing replaces the suggestion.
    fn ask_path(&mut self, kind: PathKind, suggestion: &Path) {
        let mut field = TextField::with(400, &suggestion.display().to_string());
        field.select_all();
        (self.mode, self.status) = (Mode::Path(kind, field), None);
    }

    fn press_home(&mut self, action: Action, shared: &mut Shared) -> Flow {
        match action {
            Action::Copy if !self.is_busy() => {
                let secret = self.secret.clone();
                self.copy.ask(shared, |request| Effect::Copy(request, secret));
                self.set_status(Tone::Note, "Copying...");
            }
            Action::Write if !self.is_busy() => {
                self.ask_path(PathKind::File, &self.file());
            }
            Action::WriteAll if !self.is_busy() && self.is_followed() => self.ask_directory(),
            Action::Show => {
                self.shown = !self.shown;
                if self.shown {
                    self.note_delivery(shared);
                } else {
                    shared.push(Effect::Redraw);
                }
            }
            Action::Usage => {
                self.shown = false;
                return Flow::open(Reading::usage(&self.key, shared.catalog()));
            }
            Action::ClearClipboard if self.in_terminal_clipboard => {
                shared.push(Effect::ClearClipboard);
                self.in_terminal_clipboard = false;
                self.set_status(Tone::Note, "Asked your terminal to clear its clipboard. Paste to check.");
            }
            Action::Close | Action::Confirm if self.copy.is_waiting() => self.closes_when_copied = true,
            Action::Close | Action::Cancel | Action::Confirm => return self.close(shared),
            _ => {}
        }
        Flow::Stay
    }

    fn press_path(&mut self, press: &Press, shared: &mut Shared) -> Flow {
        let Mode::Path(kind, field) = &mut self.mode else { return Flow::Stay };
        let path = PathBuf::from(field.text().trim());
        match (press.action, *kind) {
            (Some(Action::Cancel), _) => {
                self.mode = Mode::Home;
                self.status = None;
            }
            (Some(Action::Confirm), _) if self.write.is_waiting() => {}
            (Some(Action::Confirm), kind) if path.as_os_str().is_empty() => {
                let text = match kind {
                    PathKind::File => "Enter the path of a new file.",
                    PathKind::Directory => "Enter a directory, or . for the current one.",
                };
                self.set_status(Tone::Error, text);
            }
            (Some(Action::Confirm), PathKind::File) => self.write(path, shared),
            (Some(Action::Confirm), PathKind::Directory) => return self.write_all(path, shared),
            _ => {
                if field.edit(&press.chord) && !self.write.is_waiting() {
                    self.status = None;
                }
            }
        }
        Flow::Stay
    }

    fn write(&mut self, path: PathBuf, shared: &mut Shared) {
        let secret = self.secret.clone();
        self.write.ask(shared, |request| Effect::Write(request, path, secret));
        self.set_status(Tone::Note, "Writing...");
    }

    fn press_asking(&mut self, action: Action, shared: &mut Shared) -> Flow {
        let Mode::Asking { yes } = &mut self.mode else { return Flow::Stay };
        match action {
            Action::Left | Action::Right | Action::Next | Action::Previous => *yes = !*yes,
            Action::Yes => return self.leave(shared),
            Action::Confirm if *yes => return self.leave(shared),
            Action::Confirm | Action::Cancel | Action::No => self.mode = Mode::Home,
            // Saving the secret answers the question.
            Action::Copy | Action::Write | Action::WriteAll => {
                self.mode = Mode::Home;
                return self.press_home(action, shared);
            }
            _ => {}
        }
        Flow::Stay
    }

    fn set_status(&mut self, tone: Tone, text: &str) {
        self.status = Some((tone, inert(text)));
        self.cleared_at = None;
    }

    fn set_saved(&mut self, shared: &mut Shared) {
        self.saved = true;
        self.note_delivery(shared);
    }
}

impl Dialog for Reveal {
    fn contexts(&self) -> &'static [Context] {
        match self.mode {
            Mode::Home => &[Context::Reveal],
            Mode::Path(..) => &[Context::Modal],
            Mode::Asking { .. } => &[Context::Question, Context::Choice, Context::Modal, Context::Reveal],
        }
    }

    fn label(&self, action: Action) -> Option<&'static str> {
        match (action, &self.mode) {
            (Action::Show, _) if self.shown => Some("hide"),
            (Action::Confirm, Mode::Path(..)) => Some("write"),
            (Action::Close, _) if self.is_followed() => Some("next"),
            _ => None,
        }
    }

    fn hints(&self) -> Vec<Action> {
        match self.mode {
            Mode::Home => {}
            Mode::Path(..) => return vec![Action::Confirm, Action::Cancel],
            Mode::Asking { .. } => return vec![Action::Yes, Action::No, Action::Copy, Action::Write],
        }
        // More do not fit on 80 columns.
        let third = if self.is_followed() { Action::WriteAll } else { Action::Usage };
        let mut actions = vec![Action::Copy, Action::Write, Action::Show, third];
        actions.extend(self.in_terminal_clipboard.then_some(Action::ClearClipboard));
        actions.push(Action::Close);
        actions
    }

    fn takes_text(&self) -> bool {
        matches!(self.mode, Mode::Path(..))
    }

    fn opened(&mut self, shared: &mut Shared) {
        // The terminal keeps the mouse, to select text.
        shared.push(Effect::Mouse(false));
        if self.series.is_written {
            self.ask_directory();
            self.write(self.file(), shared);
        }
    }

    fn tick(&mut self, now: Instant) {
        if self.cleared_at.is_some_and(|at| at <= now) {
            self.set_status(Tone::Note, "Clipboard cleared. Press c to copy again.");
        }
    }

    fn press(&mut self, press: &Press, shared: &mut Shared) -> Flow {
        match (&self.mode, press.action) {
            (Mode::Home, Some(action)) => self.press_home(action, shared),
            (Mode::Asking { .. }, Some(action)) => self.press_asking(action, shared),
            (Mode::Path(..), _) => self.press_path(press, shared),
            (_, None) => Flow::Stay,
        }
    }

    fn paste(&mut self, text: &str, _shared: &mut Shared) {
        if let Mode::Path(_, field) = &mut self.mode {
            field.paste(text);
        }
    }

    fn choose(&mut self, place: usize, shared: &mut Shared) -> Flow {
        if !matches!(self.mode, Mode::Asking { .. }) {
            return Flow::Stay;
        }
        self.press_asking(if place == 1 { Action::Yes } else { Action::No }, shared)
    }

    fn receive(&mut self, reply: &mut Reply, shared: &mut Shared) -> Flow {
        match self.copy.take(reply) {
            Some(Ok(copied)) => {
                let closes = std::mem::take(&mut self.closes_when_copied);
                self.in_terminal_clipboard = copied.is_in_terminal();
                if copied.is_claimed() {
                    self.set_status(Tone::Done, &copied.describe("press w"));
                    self.set_saved(shared);
                    if let Copied::System { seconds, .. } = copied {
                        let seconds = TimeDelta::seconds(i64::try_from(seconds).unwrap_or(i64::MAX / 1_000));
                        self.cleared_at = shared.now.checked_add_signed(seconds);
                    }
                    if closes {
                        return self.close(shared);
                    }
                } else {
                    let text = copied.describe("press w");
                    let text = format!("{text}. Press v and select it with the mouse, or press w.");
                    self.set_status(Tone::Error, &text);
                }
            }
            Some(Err(error)) => {
                self.closes_when_copied = false;
                self.set_status(
                    Tone::Error,
                    &format!("{}. Press w to write a file.", capitalized(&error.to_string())),
                );
            }
            None => {}
        }
        match self.write.take(reply) {
            Some(Ok(path)) => {
                self.set_status(Tone::Done, &format!("Written to {} (mode 0600).", path.display()));
                self.set_saved(shared);
                return self.written(&path, shared);
            }
            Some(Err(error)) => {
                self.series.is_written = false;
                self.set_status(Tone::Error, &capitalized(&error));
            }
            None => {}
        }
        Flow::Stay
    }
}
