//! The secret, once.
//!
//! Invariant: the secret lives in here and nowhere else in the App; it is wiped when the modal is dropped.

mod several;

use std::path::PathBuf;

use crate::config::bindings::Key as KeyCode;
use crate::domain::key::{Key, KeyId};
use crate::domain::secret::Secret;
use crate::domain::text::inert;

use super::{Dialog, Flow, Modal, Press, Usage};
use crate::tui::app::action::Action;
use crate::tui::app::context::Context;
use crate::tui::app::message::{Message, Tone};
use crate::tui::app::msg::{Answer, Effect, Operation, RequestId, Target};
use crate::tui::app::text_field::TextField;
use several::Series;

pub use several::Successor;

/// The sentence of the product page.
pub const ONCE: &str =
    "You cannot display the API key after this step. If you lose the value, create a new API key.";

/// The one sight of a new key's secret.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Reveal {
    /// The new key.
    pub key: Key,
    secret: Secret,
    /// Whether the secret is shown in full.
    pub shown: bool,
    /// What the keyboard does at the moment.
    pub mode: Mode,
    /// What happened last.
    pub status: Option<(Tone, String)>,
    /// Whether it went to a terminal's clipboard, which keydesk cannot clear by itself.
    pub in_terminal_clipboard: bool,
    awaited: Option<RequestId>,
    saved: bool,
    noted: bool,
    /// What becomes of the key that it replaces.
    pub fate: Option<String>,
    /// Of how many this is which; several are shown in turn.
    pub turn: (usize, usize),
    series: Series,
}

/// What the keyboard does.
#[derive(Debug)]
pub enum Mode {
    /// Copy, write, show.
    Home,
    /// The path of a file is typed.
    Path(TextField),
    /// The path of a folder for this one and all that follow is typed.
    Folder(TextField),
    /// "You have not copied this key. Close anyway?" `yes` is whether Yes has the focus.
    Asking {
        /// Whether Yes has the focus.
        yes: bool,
    },
}

impl Reveal {
    /// Opens on a new key; the mouse is left to the terminal from now on.
    pub fn new(key: Key, secret: Secret, cx: &mut Context<'_>) -> Self {
        cx.want(Effect::Mouse(false));
        Self {
            key,
            secret,
            shown: false,
            mode: Mode::Home,
            status: None,
            in_terminal_clipboard: false,
            awaited: None,
            saved: false,
            noted: false,
            fate: None,
            turn: (1, 1),
            series: Series::default(),
        }
    }

    /// The text to draw: the secret when it is shown, else prefix and ID with dots.
    #[must_use]
    pub fn text(&self, dot: char) -> std::borrow::Cow<'_, str> {
        if self.shown {
            return self.secret.expose().into();
        }
        let hidden = self.secret.expose().len().saturating_sub(self.key.prefix.len() + 1);
        let dots: String = std::iter::repeat_n(dot, hidden).collect();
        format!("{}_{dots}", self.key.prefix).into()
    }

    /// Whether it was copied or written.
    #[must_use]
    pub fn is_saved(&self) -> bool {
        self.saved
    }

    /// Whether a copy or a file is on its way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.awaited.is_some()
    }

    /// The key that it is about.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.key.id
    }

    /// Hides the secret, as before going to the background.
    pub fn hide(&mut self) {
        self.shown = false;
    }

    /// Asks before closing, unless the secret is in safety. Says whether it may close.
    pub fn may_close(&mut self) -> bool {
        if self.saved {
            return true;
        }
        self.shown = false;
        self.mode = Mode::Asking { yes: false };
        false
    }

    /// Notes in the database that the secret was handed over, the first time only.
    fn note_delivery(&mut self, cx: &mut Context<'_>) {
        if !self.noted {
            self.noted = true;
            cx.operate(Operation::MarkDelivered(self.key.id));
        }
    }

    fn close(&mut self, cx: &mut Context<'_>) -> Flow {
        if !self.may_close() {
            return Flow::Stay;
        }
        self.leave(cx)
    }

    fn leave(&mut self, cx: &mut Context<'_>) -> Flow {
        cx.want(Effect::Mouse(cx.settings().mouse));
        // What was on the screen in full is overwritten, whatever comes next.
        cx.want(Effect::Redraw);
        let text = if self.noted {
            let until = cx.around.zone.local(self.key.expires).date_naive();
            format!("Key {} created. It works until {until}.", self.key.prefix)
        } else {
            format!("Key {} created, but its secret was never shown: rotate or delete it.", self.key.prefix)
        };
        let text = match &self.fate {
            Some(fate) => format!("{text} {fate}"),
            None => text,
        };
        cx.say(Message::done(text));
        self.next(cx)
    }

    fn press_home(&mut self, press: Press, cx: &mut Context<'_>) -> Flow {
        match press.action {
            Some(Action::Copy) if self.awaited.is_none() => {
                let request = cx.request();
                cx.want(Effect::Copy(request, self.secret.clone()));
                self.awaited = Some(request);
                self.status = Some((Tone::Note, "Copying...".into()));
            }
            Some(Action::Write) if self.awaited.is_none() => {
                self.status = None;
                self.mode = Mode::Path(TextField::with(400, &self.file().display().to_string()));
            }
            Some(Action::WriteAll) if self.awaited.is_none() && self.is_followed() => self.ask_folder(),
            Some(Action::Show) => {
                self.shown = !self.shown;
                if self.shown {
                    self.note_delivery(cx);
                } else {
                    cx.want(Effect::Redraw);
                }
            }
            Some(Action::Usage) => {
                self.shown = false;
                return Flow::Open(Box::new(Modal::Usage(Box::new(Usage::of(&self.key, cx)))));
            }
            Some(Action::ClearClipboard) if self.in_terminal_clipboard => {
                cx.want(Effect::ClearClipboard);
                self.in_terminal_clipboard = false;
                self.status =
                    Some((Tone::Note, "Asked your terminal to empty its clipboard; paste to check.".into()));
            }
            Some(Action::Close | Action::Cancel | Action::Confirm) => return self.close(cx),
            _ => {}
        }
        Flow::Stay
    }

    fn press_path(&mut self, press: Press, cx: &mut Context<'_>) {
        let Mode::Path(field) = &mut self.mode else { return };
        match press.chord.key {
            KeyCode::Esc => self.mode = Mode::Home,
            KeyCode::Enter if field.text().trim().is_empty() => {
                self.status = Some((Tone::Error, "A file name is needed.".into()));
            }
            KeyCode::Enter => {
                let path = PathBuf::from(field.text().trim());
                self.write(path, cx);
            }
            _ => {
                field.edit(&press.chord);
            }
        }
    }

    fn write(&mut self, path: PathBuf, cx: &mut Context<'_>) {
        let request = cx.request();
        cx.want(Effect::Write(request, path, self.secret.clone()));
        self.awaited = Some(request);
        self.status = Some((Tone::Note, "Writing...".into()));
        self.mode = Mode::Home;
    }

    fn press_asking(&mut self, press: Press, cx: &mut Context<'_>) -> Flow {
        let Mode::Asking { yes } = &mut self.mode else { return Flow::Stay };
        match press.chord.key {
            KeyCode::Left | KeyCode::Right | KeyCode::Tab | KeyCode::BackTab | KeyCode::Char('h' | 'l') => {
                *yes = !*yes;
            }
            KeyCode::Char('y' | 'Y') => return self.leave(cx),
            KeyCode::Enter if *yes => return self.leave(cx),
            KeyCode::Enter | KeyCode::Esc | KeyCode::Char('n' | 'N') => self.mode = Mode::Home,
            // Whoever thinks of it now need not say No first.
            _ if matches!(press.action, Some(Action::Copy | Action::Write | Action::WriteAll)) => {
                self.mode = Mode::Home;
                return self.press_home(press, cx);
            }
            _ => {}
        }
        Flow::Stay
    }

    fn settled(&mut self, saved: bool, tone: Tone, text: &str, cx: &mut Context<'_>) {
        self.awaited = None;
        self.status = Some((tone, inert(text)));
        if saved {
            self.saved = true;
            self.note_delivery(cx);
        }
    }
}

impl Dialog for Reveal {
    fn contexts(&self) -> &'static [&'static str] {
        &["reveal"]
    }

    fn takes_text(&self) -> bool {
        matches!(self.mode, Mode::Path(_) | Mode::Folder(_))
    }

    fn press(&mut self, press: Press, cx: &mut Context<'_>) -> Flow {
        match self.mode {
            Mode::Home => self.press_home(press, cx),
            Mode::Path(_) => {
                self.press_path(press, cx);
                Flow::Stay
            }
            Mode::Folder(_) => self.press_folder(press, cx),
            Mode::Asking { .. } => self.press_asking(press, cx),
        }
    }

    fn paste(&mut self, text: &str, _cx: &mut Context<'_>) {
        if let Mode::Path(field) | Mode::Folder(field) = &mut self.mode {
            field.paste(text);
        }
    }

    fn click(&mut self, target: &Target, cx: &mut Context<'_>) -> Flow {
        match (&self.mode, target) {
            (Mode::Asking { .. }, Target::Choice(1)) => self.leave(cx),
            (Mode::Asking { .. }, Target::Choice(_)) => {
                self.mode = Mode::Home;
                Flow::Stay
            }
            _ => Flow::Stay,
        }
    }

    fn answer(&mut self, answer: &mut Answer, cx: &mut Context<'_>) -> Flow {
        match answer {
            Answer::Copied(request, result) if self.awaited == Some(*request) => match result {
                Ok(copied) => {
                    self.in_terminal_clipboard = copied.is_in_terminal();
                    let (saved, mut text) = (copied.is_claimed(), copied.describe("press w"));
                    if !saved {
                        text.push_str("; show it and select with the mouse, or press w");
                    }
                    self.settled(saved, if saved { Tone::Done } else { Tone::Error }, &text, cx);
                }
                Err(error) => {
                    let text = format!("{error}; press w to write a file");
                    self.settled(false, Tone::Error, &text, cx);
                }
            },
            Answer::Written(request, result) if self.awaited == Some(*request) => match result {
                Ok(path) => {
                    let text = format!("Written to {} (mode 0600).", path.display());
                    self.settled(true, Tone::Done, &text, cx);
                    return self.written(path, cx);
                }
                Err(error) => {
                    self.series.is_written = false;
                    self.settled(false, Tone::Error, error, cx);
                }
            },
            _ => {}
        }
        Flow::Stay
    }
}
