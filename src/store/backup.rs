//! A consistent copy of the database in one file, made while others work.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::error::StoreError;
use super::{Store, audit, inspect, migrate};
use crate::domain::audit::ChainHash;

/// Pages in one step: short enough that one can be stopped between two, long enough to be quick.
const PAGES: i32 = 1_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupSummary {
    pub keys: u64,
    /// The number of the last entry of its audit log.
    pub entries: u64,
    /// That entry's hash: who keeps it can tell later that nothing before it was changed.
    pub head: ChainHash,
}

/// How far a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Pages copied, of so many.
    Copying(u64, u64),
    /// All are there; now the copy is looked through.
    Checking,
}

/// Opcodes of SQLite between two looks at whether to stop: some milliseconds.
const OPCODES: i32 = 100_000;

/// Copies a database into an empty file, and looks whether the copy is sound; tells how far it is. `None` means that
/// `stop` was set meanwhile.
///
/// All is read in one transaction, so that the copy is of one moment and nobody's changes make it begin again. The
/// write-ahead log grows meanwhile, and shrinks with the next change after.
pub fn copy(
    store: &Store,
    into: &Path,
    stop: &Arc<AtomicBool>,
    tell: &mut dyn FnMut(Stage),
) -> Result<Option<BackupSummary>, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let fault = |what| move |error: rusqlite::Error| StoreError::from_sqlite(&error, what, into);
    let mut target = Connection::open_with_flags(into, flags).map_err(fault("opening the copy"))?;
    // The file is complete before anybody opens it, and is synced then: no journal, no syncing.
    target.pragma_update(None, "journal_mode", "OFF").map_err(fault("opening the copy"))?;
    target.pragma_update(None, "synchronous", "OFF").map_err(fault("opening the copy"))?;
    let copied = store.read(|reader| {
        // Reading takes the snapshot; from here on others write beside it.
        let (entries, head) = audit::head(reader)?;
        let keys = reader
            .connection
            .query_row("SELECT coalesce(sum(key_count), 0) FROM applications", [], |row| row.get(0))
            .map_err(reader.fault("counting the keys"))?;
        let backup = Backup::new(reader.connection, &mut target).map_err(reader.fault("copying it"))?;
        loop {
            match backup.step(PAGES) {
                Ok(StepResult::Done) => return Ok(Some(BackupSummary { keys, entries, head })),
                Ok(StepResult::More) => {}
                // The target is nobody else's; so it is the source, for a moment.
                Ok(_) => std::thread::sleep(Duration::from_millis(20)),
                Err(error) => return Err(cause(&error, reader.path, into)),
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
    // The mark of a write-ahead log goes too: the copy is one file, readable where nothing can be written.
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

/// Whether it is the disk of the copy that is full, or damage in what is copied.
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
        return Err(StoreError::damaged(path, "the copy is not marked as keydesk's"));
    }
    inspect::integrity(target, path)
}
