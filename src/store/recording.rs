//! The bookkeeping of recording: which processes record use, up to when everything is written, and when use may have been
//! lost. Predecessors that end when they are no longer used depend on it.

#[cfg(feature = "postgres")]
use super::postgres;
use super::reader::Engine;
use super::{Reader, StoreError, WriteTx, sqlite};
use crate::domain::Instant;

/// The row of this process among those that record use. Dropping it without
/// [`UsageWriter::unregister`](super::usage_writer::UsageWriter::unregister) leaves the row, as if the process were killed.
#[derive(Debug)]
pub enum Registration {
    Sqlite(sqlite::recording::Registration),
    #[cfg(feature = "postgres")]
    Postgres(postgres::recording::Registration),
}

impl Registration {
    /// Whether no other process can have taken this one for killed.
    #[must_use]
    pub fn is_sure(&self) -> bool {
        match self {
            // It holds a lock.
            Self::Sqlite(_) => true,
            #[cfg(feature = "postgres")]
            Self::Postgres(registration) => registration.is_sure(),
        }
    }
}

/// Whether a process was killed while it recorded use, and [`end_killed`] can say what may be missing.
pub fn has_killed(r: &Reader<'_>, now: Instant) -> Result<bool, StoreError> {
    match r.engine() {
        Engine::Sqlite { connection, path } => {
            Ok(!sqlite::recording::abandoned(connection, path, now)?.is_empty())
        }
        #[cfg(feature = "postgres")]
        Engine::Postgres { connection, url } => postgres::recording::has_abandoned(connection)
            .map_err(|fault| fault.during("reading what killed processes left", url)),
    }
}

/// Turns the rows of processes that were killed into gaps, and deletes the gaps that no key depends on.
pub fn end_killed(tx: &WriteTx<'_>, now: Instant) -> Result<(), StoreError> {
    match tx.engine() {
        Engine::Sqlite { connection, path } => sqlite::recording::end_killed(connection, path, now),
        #[cfg(feature = "postgres")]
        Engine::Postgres { connection, url } => postgres::recording::end_abandoned(connection)
            .and_then(|_| postgres::recording::prune_gaps(connection))
            .map_err(|fault| fault.during("recording gaps", url)),
    }
}
