//! Several secrets, one after the other: shown in turn, or written into a folder.

use std::path::{Path, PathBuf};

use super::{Mode, Reveal};
use crate::config::bindings::Key as KeyCode;
use crate::domain::key::Key;
use crate::domain::secret::Secret;
use crate::domain::text::inert;
use crate::tui::app::context::Context;
use crate::tui::app::message::{Message, Tone};
use crate::tui::app::modal::{Flow, Modal, Press};
use crate::tui::app::text_field::TextField;

/// A new key that takes the place of another.
#[derive(Debug)]
pub struct Successor {
    /// The new key.
    pub key: Key,
    /// Its secret.
    pub secret: Secret,
    /// What becomes of the old one, in a sentence.
    pub fate: String,
}

/// What goes from one to the next.
#[derive(Debug, Default)]
pub(super) struct Series {
    /// Those that follow, the next one last.
    waiting: Vec<Successor>,
    /// Where the last one was written to: the next one stands beside it.
    folder: Option<PathBuf>,
    /// How many were written there.
    written: usize,
    /// Whether all that follow go there too, without a question.
    pub(super) is_written: bool,
}

impl Reveal {
    /// Opens on the first of the keys that take the places of others; the rest follow when it closes.
    pub fn successors(mut waiting: Vec<Successor>, cx: &mut Context<'_>) -> Option<Self> {
        waiting.reverse();
        let turn = (1, waiting.len());
        Self::next_of(Series { waiting, ..Series::default() }, turn, cx)
    }

    fn next_of(mut series: Series, turn: (usize, usize), cx: &mut Context<'_>) -> Option<Self> {
        let Successor { key, secret, fate } = series.waiting.pop()?;
        Some(Self { fate: Some(fate), turn, series, ..Self::new(key, secret, cx) })
    }

    /// Whether others follow.
    #[must_use]
    pub fn is_followed(&self) -> bool {
        !self.series.waiting.is_empty()
    }

    /// Goes on with the next one, or closes.
    pub(super) fn next(&mut self, cx: &mut Context<'_>) -> Flow {
        let series = std::mem::take(&mut self.series);
        let (all, count) = (series.is_written, series.written);
        let folder = series.folder.clone().unwrap_or_default();
        let Some(mut next) = Self::next_of(series, (self.turn.0 + 1, self.turn.1), cx) else {
            if all {
                let place = inert(&folder.display().to_string());
                let text = format!("{count} new keys are in {place}, each in a file of its own (mode 0600).");
                cx.say(Message::done(text));
            }
            return Flow::Close;
        };
        if all {
            next.write(next.file(), cx);
        }
        Flow::Swap(Box::new(Modal::Reveal(Box::new(next))))
    }

    /// The file to suggest.
    pub(super) fn file(&self) -> PathBuf {
        let name = format!("{}.key", self.key.prefix);
        self.series.folder.as_ref().map_or_else(|| PathBuf::from(&name), |folder| folder.join(&name))
    }

    pub(super) fn ask_folder(&mut self) {
        let folder = self.series.folder.as_deref().unwrap_or(Path::new("")).display().to_string();
        self.status = None;
        self.mode = Mode::Folder(TextField::with(400, &folder));
    }

    pub(super) fn press_folder(&mut self, press: Press, cx: &mut Context<'_>) -> Flow {
        let Mode::Folder(field) = &mut self.mode else { return Flow::Stay };
        match press.chord.key {
            KeyCode::Esc => self.mode = Mode::Home,
            KeyCode::Enter if field.text().trim().is_empty() => {
                self.status = Some((Tone::Error, "A folder is needed; . is the one you are in.".into()));
            }
            KeyCode::Enter => {
                let folder = Some(PathBuf::from(field.text().trim()));
                if self.series.folder != folder {
                    self.series.written = 0;
                    self.series.folder = folder;
                }
                self.series.is_written = true;
                // What is in safety already is not written once more.
                if self.is_saved() {
                    return self.leave(cx);
                }
                self.write(self.file(), cx);
            }
            _ => {
                field.edit(&press.chord);
            }
        }
        Flow::Stay
    }

    /// One is written: the next one follows, unless somebody wants to leave.
    pub(super) fn written(&mut self, path: &Path, cx: &mut Context<'_>) -> Flow {
        self.series.folder = path.parent().map(PathBuf::from);
        self.series.written += 1;
        self.series.is_written &= matches!(self.mode, Mode::Home);
        if self.series.is_written { self.leave(cx) } else { Flow::Stay }
    }
}
