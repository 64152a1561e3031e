//! Whether the database that is read is still the one that was read before.
//!
//! SQLite takes for granted that a file changes through SQLite alone. An older copy written over the live file, with an
//! empty write-ahead log, changes no counter of its own: it would go on, and accept keys that were deleted since. Two
//! things show it. The audit log does not continue the one that was read: every change of a key has its entry there,
//! and entries are only added. And the file is newer than its empty write-ahead log: a checkpoint writes the file first
//! and empties the log after that.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension};

use super::StoreError;
use crate::domain::audit::ChainHash;

/// What was read of a database, shared by all connections of one verifier.
#[derive(Debug, Default)]
pub struct Continuity {
    /// The last entry of the audit log.
    head: Mutex<Option<Head>>,
    file: Mutex<Option<Stamp>>,
    overwritten: AtomicBool,
}

/// Number and hash of an entry.
type Head = (u64, ChainHash);

impl Continuity {
    /// Whether another copy was found in the file's place: then nothing that is read from it counts until a restart.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.overwritten.load(Ordering::Relaxed)
    }

    /// Compares the file with its write-ahead log, if it has changed since any connection looked.
    pub(super) fn check_file(&self, file: &FileWatch, path: &Path) {
        let known = *self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let is_suspicious = || known.is_some_and(|known| file.stamp.is_written_past_log(&known, path));
        // A log that is being emptied has its size some moments before its time.
        for _ in 0..TICK.as_millis() {
            if !is_suspicious() {
                *self.file.lock().unwrap_or_else(PoisonError::into_inner) = Some(file.stamp);
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.overwritten.store(true, Ordering::Relaxed);
    }

    /// Compares the audit log with what was read of it before.
    ///
    /// # Errors
    /// [`StoreError::Overwritten`] when it does not continue, and whenever it is asked afterwards.
    pub(super) fn check(&self, connection: &Connection, path: &Path) -> Result<(), StoreError> {
        let fault = |error| StoreError::from_sqlite(&error, "reading the audit log", path);
        // Taken first: what another thread has read before this read begins, this read sees too.
        let known = *self.head.lock().unwrap_or_else(PoisonError::into_inner);
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
            self.overwritten.store(true, Ordering::Relaxed);
        }
        self.confirm(path)?;
        let mut head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        if head.is_none_or(|known| found.is_some_and(|found| known.0 < found.0)) {
            *head = found;
        }
        Ok(())
    }

    /// # Errors
    /// [`StoreError::Overwritten`] once another copy was found.
    pub(super) fn confirm(&self, path: &Path) -> Result<(), StoreError> {
        if self.is_broken() { Err(StoreError::Overwritten { path: path.to_owned() }) } else { Ok(()) }
    }
}

/// When the content of the database file was last looked at. It changes with each checkpoint and with nothing else of
/// SQLite's.
#[derive(Debug)]
pub(super) struct FileWatch {
    handle: FileHandle,
    stamp: Stamp,
    /// When it must be looked at once more: kernels count the time of files in ticks, and a file that has just changed
    /// may change again within the same one.
    again: Option<Instant>,
}

/// Longer than a tick of any kernel (Linux: 10 ms at most).
const TICK: Duration = Duration::from_millis(20);

/// Size, and seconds and nanoseconds of the last change of content and of the file's own record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// A name for the file that needs no walk over its path: each verification asks for its times.
///
/// It is open with `O_PATH`, so that closing it leaves SQLite's locks alone: they end when this process closes the file
/// after opening it for reading or writing (open(2), fcntl(2)).
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

/// The path of the file, where a file cannot be open without an effect on locks.
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

impl From<Metadata> for Stamp {
    fn from(file: Metadata) -> Self {
        Self {
            size: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }
}

impl Stamp {
    /// Whether something else than a checkpoint has written the file. A copy may keep the old time of modification; no
    /// checkpoint sets it back.
    fn is_written_past_log(&self, known: &Self, path: &Path) -> bool {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        (self.size, self.modified) != (known.size, known.modified)
            && std::fs::metadata(log).is_ok_and(|log| {
                let log = Self::from(log);
                let is_set_back = self.modified < known.modified && self.changed > log.changed;
                log.size == 0 && (self.modified > log.modified || is_set_back)
            })
    }
}

impl FileWatch {
    /// To be called before the first read of its content.
    pub(super) fn begin(path: &Path) -> Result<Self, StoreError> {
        let fault = |_| StoreError::Moved { path: path.to_owned() };
        let handle = FileHandle::open(path).map_err(fault)?;
        let stamp = handle.stamp().map_err(fault)?;
        Ok(Self { handle, stamp, again: Some(Instant::now() + TICK) })
    }

    /// Whether the content may be another than when this was last asked.
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
