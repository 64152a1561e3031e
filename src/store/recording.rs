//! The bookkeeping of recording: which processes record use, up to when everything is written, and when use may have been
//! lost. Predecessors that end when they are no longer used depend on it.

use super::reader::Engine;
use super::{Reader, StoreError, WriteTx, sqlite};
use crate::domain::Instant;

/// The row of this process among those that record use. Dropping it without
/// [`UsageWriter::unregister`](super::usage_writer::UsageWriter::unregister) leaves the row, as if the process were killed.
#[derive(Debug)]
pub enum Registration {
    /// In a file of SQLite.
    Sqlite(sqlite::recording::Registration),
}

/// Whether a process was killed while it recorded use, and [`end_killed`] can say what may be missing.
pub fn has_killed(r: &Reader<'_>, now: Instant) -> Result<bool, StoreError> {
    match r.engine() {
        Engine::Sqlite { connection, path } => {
            Ok(!sqlite::recording::abandoned(connection, path, now)?.is_empty())
        }
        #[cfg(feature = "postgres")]
        Engine::Postgres { .. } => Ok(false),
    }
}

/// Turns the rows of processes that were killed into gaps, and deletes the gaps that no key depends on.
pub fn end_killed(tx: &WriteTx<'_>, now: Instant) -> Result<(), StoreError> {
    match tx.engine() {
        Engine::Sqlite { connection, path } => sqlite::recording::end_killed(connection, path, now),
        #[cfg(feature = "postgres")]
        Engine::Postgres { .. } => Ok(()),
    }
}
