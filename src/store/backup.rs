//! A consistent copy of the database in one file, created while it is in use.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::error::StoreError;
use super::reader::Engine;
use super::{Store, applications, audit, inspect, migrate, open};
use crate::domain::audit::ChainHash;

/// Number of pages in a step, between which the copy can be stopped.
const PAGES: i32 = 1_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupSummary {
    pub keys: u64,
    /// The number of the last entry of its audit log.
    pub entries: u64,
    /// The hash of that entry.
    pub head: ChainHash,
}

/// The progress of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Pages copied, and their total number.
    Copying(u64, u64),
    /// All pages are copied, and the copy is checked.
    Checking,
}

/// Number of SQLite's opcodes between two checks of the stop flag: some milliseconds.
const OPCODES: i32 = 100_000;

/// Copies a database into an empty file, checks the copy, and reports the progress. `None` means that `stop` was set.
///
/// The copy is read in one transaction, so that it is consistent and changes by others do not restart it. Meanwhile the
/// write-ahead log grows. It shrinks with the next change.
pub fn copy(
    store: &Store,
    into: &Path,
    stop: &Arc<AtomicBool>,
    tell: &mut dyn FnMut(Stage),
) -> Result<Option<BackupSummary>, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let fault = |what| move |error: rusqlite::Error| StoreError::from_sqlite(&error, what, into);
    let mut target = Connection::open_with_flags(into, flags).map_err(fault("opening the copy"))?;
    // No one opens the file before it is complete and synced: it needs no journal and no syncs.
    target.pragma_update(None, "journal_mode", "OFF").map_err(fault("opening the copy"))?;
    target.pragma_update(None, "synchronous", "OFF").map_err(fault("opening the copy"))?;
    // With SQLite's own size, the check of a million keys reads pages from the file ten times as often.
    open::limit_cache(&target).map_err(fault("opening the copy"))?;
    let copied = store.read(|reader| {
        // The first read begins the snapshot. Others can write from here on.
        let (entries, head) = audit::head(reader)?;
        let keys = applications::key_count(reader)?;
        let (connection, path) = match reader.engine() {
            Engine::Sqlite { connection, path } => (connection, path),
            #[cfg(feature = "postgres")]
            Engine::Postgres { .. } => {
                let instead = "Use pg_dump, or continuous archiving, on the server.";
                return Err(StoreError::NeedsFile { what: "keydesk backup", instead });
            }
        };
        let backup = Backup::new(connection, &mut target)
            .map_err(|error| StoreError::from_sqlite(&error, "copying it", path))?;
        loop {
            match backup.step(PAGES) {
                Ok(StepResult::Done) => return Ok(Some(BackupSummary { keys, entries, head })),
                Ok(StepResult::More) => {}
                // Only this process uses the target. The source can be busy for a moment.
                Ok(_) => std::thread::sleep(Duration::from_millis(20)),
                Err(error) => return Err(cause(&error, path, into)),
            }
            let progress = backup.progress();
            let number = |pages: i32| u64::try_from(pages).unwrap_or(0);
            let all = number(progress.pagecount);
            tell(Stage::Copying(all.saturating_sub(number(progress.remaining)), all));
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
        }
    })?;
    if copied.is_none() {
        return Ok(None);
    }
    tell(Stage::Checking);
    // Turns the write-ahead log off: the copy is a single file that can be read on a read-only file system.
    let mode: String = target
        .pragma_update_and_check(None, "journal_mode", "DELETE", |row| row.get(0))
        .map_err(fault("finishing the copy"))?;
    if mode != "delete" {
        return Err(StoreError::Sqlite {
            what: "finishing the copy",
            reason: format!("it is in mode {mode}"),
        });
    }
    let asked = Arc::clone(stop);
    target
        .progress_handler(OPCODES, Some(move || asked.load(Ordering::Relaxed)))
        .map_err(fault("checking the copy"))?;
    match check(&target, into) {
        Err(error) if error.is_interrupted() => return Ok(None),
        checked => checked?,
    }
    target.close().map_err(|(_, error)| fault("finishing the copy")(error))?;
    Ok(copied)
}

/// Distinguishes a full disk of the copy from a damaged source.
fn cause(error: &rusqlite::Error, source: &Path, into: &Path) -> StoreError {
    match StoreError::from_sqlite(error, "copying it", into) {
        full @ StoreError::Full { .. } => full,
        _ => StoreError::from_sqlite(error, "copying it", source),
    }
}

fn check(target: &Connection, path: &Path) -> Result<(), StoreError> {
    let fault = |error| StoreError::from_sqlite(&error, "checking the copy", path);
    let ours: i64 = target.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(fault)?;
    if ours != migrate::APPLICATION_ID {
        return Err(StoreError::damaged(path, "the copy is not a keydesk database"));
    }
    inspect::integrity(target, path)
}
