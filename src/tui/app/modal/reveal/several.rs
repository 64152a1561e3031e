//! Several secrets, shown one after the other or written to a directory.

use std::path::{Path, PathBuf};

use crate::desk::text::count;
use crate::domain::key::Key;
use crate::domain::secret::Secret;
use crate::domain::text::inert;
use crate::tui::app::modal::{Flow, Message, Shared};

use super::{Mode, PathKind, Reveal};

/// A new key that replaces another one.
#[derive(Debug)]
pub struct Successor {
    pub key: Key,
    pub secret: Secret,
    /// A sentence about the old key.
    pub fate: String,
}

/// The state that their dialogs share.
#[derive(Debug, Default)]
pub(super) struct Series {
    /// Those that follow, the next one last.
    waiting: Vec<Successor>,
    /// The directory of the last file, suggested for the next.
    directory: Option<PathBuf>,
    /// The number of files written there.
    written: usize,
    /// Whether all that follow are written there.
    pub(super) is_written: bool,
}

impl Reveal {
    /// The dialog of the first successor; the others follow when it closes.
    pub fn successors(mut waiting: Vec<Successor>) -> Option<Self> {
        waiting.reverse();
        let turn = (1, waiting.len());
        Self::next_of(Series { waiting, ..Series::default() }, turn)
    }

    fn next_of(mut series: Series, turn: (usize, usize)) -> Option<Self> {
        let Successor { key, secret, fate } = series.waiting.pop()?;
        Some(Self { fate: Some(fate), turn, series, ..Self::new(key, secret) })
    }

    /// Whether others follow.
    pub fn is_followed(&self) -> bool {
        !self.series.waiting.is_empty()
    }

    /// Shows the next secret, or closes.
    pub(super) fn next(&mut self, shared: &mut Shared) -> Flow {
        let series = std::mem::take(&mut self.series);
        if series.waiting.is_empty() && series.is_written {
            let directory = inert(&series.directory.clone().unwrap_or_default().display().to_string());
            shared.say(Message::done(format!(
                "{} written to {directory} (mode 0600).",
                count(u64::try_from(series.written).unwrap_or(u64::MAX), "secret")
            )));
        }
        Self::next_of(series, (self.turn.0 + 1, self.turn.1)).map_or(Flow::Close, Flow::swap)
    }

    /// The file to suggest.
    pub(super) fn file(&self) -> PathBuf {
        let name = format!("{}.key", self.key.prefix);
        self.series.directory.as_ref().map_or_else(|| PathBuf::from(&name), |directory| directory.join(&name))
    }

    pub(super) fn ask_directory(&mut self) {
        let directory = self.series.directory.clone().unwrap_or_default();
        self.ask_path(PathKind::Directory, &directory);
    }

    /// Writes this one and all that follow to a directory.
    pub(super) fn write_all(&mut self, directory: PathBuf, shared: &mut Shared) -> Flow {
        let directory = Some(directory);
        if self.series.directory != directory {
            self.series.written = 0;
            self.series.directory = directory;
        }
        self.series.is_written = true;
        // This one was saved before.
        if self.saved {
            return self.leave(shared);
        }
        self.write(self.file(), shared);
        Flow::Stay
    }

    /// After a file was written: continues with the next one when all are to be written, unless that was interrupted by
    /// Esc or a question.
    pub(super) fn written(&mut self, path: &Path, shared: &mut Shared) -> Flow {
        self.series.directory = path.parent().map(PathBuf::from);
        self.series.written += 1;
        self.series.is_written &= matches!(self.mode, Mode::Path(PathKind::Directory, _));
        if self.series.is_written {
            return self.leave(shared);
        }
        if matches!(self.mode, Mode::Path(..)) {
            self.mode = Mode::Home;
        }
        Flow::Stay
    }
}
