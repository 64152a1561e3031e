//! Detects that a file in use was replaced by another copy.
//!
//! SQLite assumes that only SQLite changes a file. An older copy written over the live file, with an empty write-ahead
//! log, changes no counter of SQLite: verification would continue and accept keys that were deleted since. Two checks
//! detect it. The audit log does not continue the one that was read: every change of a key has an entry there, and
//! entries are only added. And the file is newer than its empty write-ahead log: a checkpoint writes the file first and
//! empties the log afterwards.

use std::io;
use std::path::Path;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension};

use crate::domain::audit::ChainHash;
use crate::store::StoreError;
use crate::store::continuity::Continuity;
use crate::store::file_stamp::Stamp;

impl Continuity {
    /// Compares the file with its write-ahead log, if it has changed since the last check by any connection.
    pub(super) fn check_file(&self, file: &FileWatch, path: &Path) {
        let known = *self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let is_suspicious = || known.is_some_and(|known| file.stamp.is_written_past_log(&known, path));
        // While a log is emptied, its size changes before its time.
        for _ in 0..TICK.as_millis() {
            if !is_suspicious() {
                *self.file.lock().unwrap_or_else(PoisonError::into_inner) = Some(file.stamp);
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.end();
    }

    /// Compares the audit log with the part that was read before.
    ///
    /// # Errors
    /// [`StoreError::Overwritten`] when it does not continue, and on each later call.
    pub(super) fn check(&self, connection: &Connection, path: &Path) -> Result<(), StoreError> {
        let fault = |error| StoreError::from_sqlite(&error, "reading the audit log", path);
        // Read first: what another thread has read before, this read sees too.
        let known = self.head();
        let found = connection
            .prepare_cached("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1")
            .and_then(|mut statement| {
                statement.query_row([], |row| Ok((row.get(0)?, ChainHash(row.get(1)?)))).optional()
            })
            .map_err(fault)?;
        let continues = match (known, found) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(known), Some(found)) if known.0 < found.0 => connection
                .prepare_cached("SELECT hash FROM audit WHERE number = ?1")
                .and_then(|mut statement| statement.query_row([known.0], |row| row.get(0)).optional())
                .map_err(fault)?
                .is_some_and(|hash| ChainHash(hash) == known.1),
            (Some(known), Some(found)) => known == found,
        };
        if !continues {
            self.end();
        }
        self.confirm(path)?;
        self.learn(found);
        Ok(())
    }

    /// # Errors
    /// [`StoreError::Overwritten`] once another copy was found.
    pub(super) fn confirm(&self, path: &Path) -> Result<(), StoreError> {
        if self.is_broken() { Err(StoreError::Overwritten { path: path.to_owned() }) } else { Ok(()) }
    }
}

/// The times of the database file at the last check. Only checkpoints change them.
#[derive(Debug)]
pub(super) struct FileWatch {
    handle: FileHandle,
    stamp: Stamp,
    /// When it must be checked again: kernels count file times in ticks, and a file that has just changed may change again
    /// within the same tick.
    again: Option<Instant>,
}

/// Longer than a tick of any kernel (Linux: at most 10 ms).
const TICK: Duration = Duration::from_millis(20);

/// A handle to the file that avoids resolving its path: each verification reads its times.
///
/// It is opened with `O_PATH`, so that closing it does not release SQLite's locks. Closing a file that was opened for
/// reading or writing does (open(2), fcntl(2)).
#[cfg(target_os = "linux")]
#[derive(Debug)]
struct FileHandle(std::fs::File);

#[cfg(target_os = "linux")]
impl FileHandle {
    fn open(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt;

        std::fs::OpenOptions::new().read(true).custom_flags(nix::libc::O_PATH).open(path).map(Self)
    }

    fn stamp(&self) -> io::Result<Stamp> {
        self.0.metadata().map(Stamp::from)
    }
}

/// The path of the file, on systems where an open file always affects locks.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
struct FileHandle(std::path::PathBuf);

#[cfg(not(target_os = "linux"))]
impl FileHandle {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(path.to_owned()))
    }

    fn stamp(&self) -> io::Result<Stamp> {
        std::fs::metadata(&self.0).map(Stamp::from)
    }
}

impl FileWatch {
    /// Must be called before the first read of the content.
    pub(super) fn begin(path: &Path) -> Result<Self, StoreError> {
        let fault = |_| StoreError::Moved { path: path.to_owned() };
        let handle = FileHandle::open(path).map_err(fault)?;
        let stamp = handle.stamp().map_err(fault)?;
        Ok(Self { handle, stamp, again: Some(Instant::now() + TICK) })
    }

    /// Whether the content may have changed since the last call.
    pub(super) fn has_changed(&mut self, path: &Path) -> Result<bool, StoreError> {
        let stamp = self.handle.stamp().map_err(|_| StoreError::Moved { path: path.to_owned() })?;
        if stamp != self.stamp {
            self.stamp = stamp;
            self.again = Some(Instant::now() + TICK);
            return Ok(true);
        }
        if self.again.is_some_and(|again| again <= Instant::now()) {
            self.again = None;
            return Ok(true);
        }
        Ok(false)
    }
}
