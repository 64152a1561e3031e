//! Writes accepted and rejected requests in batches on a separate connection.
//!
//! Use is not part of the audit log, so this is the only writer besides [`Store::write`](super::Store::write). It writes
//! counts and "last used", nothing that a verification depends on, and no version of a key.

use std::time::Duration;

use super::continuity::Continuity;
#[cfg(feature = "postgres")]
use super::postgres;
use super::recording::Registration;
pub use super::usage_counts::{BATCH, Count, Counted, DAYS_KEPT, Entry, Seen, Spilled};
use super::{StoreError, sqlite};
use crate::domain::Instant;
use crate::domain::location::Location;
use crate::domain::until_unused::Gap;

#[derive(Debug)]
pub struct UsageWriter {
    engine: Engine,
}

#[derive(Debug)]
enum Engine {
    Sqlite(Box<sqlite::usage_writer::UsageWriter>),
    #[cfg(feature = "postgres")]
    Postgres(Box<postgres::usage_writer::UsageWriter>),
}

impl UsageWriter {
    /// Opens a database of the newest format for writing. Waits for a lock up to `patience`.
    pub fn open(location: impl Into<Location>, patience: Duration) -> Result<Self, StoreError> {
        Self::open_beside(&location.into(), patience, &Continuity::default())
    }

    /// The same for a database that is verified against too, to follow it from one server to another.
    #[cfg_attr(not(feature = "postgres"), allow(unused_variables, reason = "files stay in their place"))]
    pub fn open_beside(
        location: &Location,
        patience: Duration,
        continuity: &Continuity,
    ) -> Result<Self, StoreError> {
        let engine = match location {
            Location::File(path) => {
                Engine::Sqlite(Box::new(sqlite::usage_writer::UsageWriter::open(path, patience)?))
            }
            #[cfg(feature = "postgres")]
            Location::Postgres(url) => {
                let writer = postgres::usage_writer::UsageWriter::open(url, patience, continuity)?;
                Engine::Postgres(Box::new(writer))
            }
            #[cfg(not(feature = "postgres"))]
            Location::Postgres(_) => return Err(StoreError::NoPostgres),
        };
        Ok(Self { engine })
    }

    /// Writes entries. After an error, some of them may be written.
    pub fn write(&mut self, entries: &mut [(Entry, Count)]) -> Result<(), StoreError> {
        entries.sort_by_key(|(entry, _)| (entry.key, entry.reason, entry.day));
        let counted: Vec<Counted<'_>> =
            entries.iter().map(|(entry, count)| Counted::of(entry, *count)).collect();
        counted.chunks(BATCH).try_for_each(|some| self.write_batch(some))
    }

    /// Writes up to [`BATCH`] counts in one transaction. Those with one key should stand next to each other.
    pub fn write_batch(&mut self, counted: &[Counted<'_>]) -> Result<(), StoreError> {
        match &mut self.engine {
            Engine::Sqlite(writer) => writer.write_batch(counted),
            #[cfg(feature = "postgres")]
            Engine::Postgres(writer) => writer.write_batch(counted),
        }
    }

    /// Adds counts to the backlog, for [`Self::add_backlog`], in one transaction: much faster than writing them.
    pub fn spill<'a>(&mut self, counted: impl Iterator<Item = Counted<'a>>) -> Result<(), StoreError> {
        match &mut self.engine {
            Engine::Sqlite(writer) => writer.spill(counted),
            #[cfg(feature = "postgres")]
            Engine::Postgres(writer) => writer.spill(counted),
        }
    }

    /// The oldest counts of the backlog, of any process.
    pub fn backlog(&mut self) -> Result<Vec<Spilled>, StoreError> {
        match &mut self.engine {
            Engine::Sqlite(writer) => writer.backlog(),
            #[cfg(feature = "postgres")]
            Engine::Postgres(writer) => writer.backlog(),
        }
    }

    /// Adds up to [`BATCH`] of them in one transaction.
    pub fn add_backlog(&mut self, rows: &[Spilled]) -> Result<(), StoreError> {
        match &mut self.engine {
            Engine::Sqlite(writer) => writer.add_backlog(rows),
            #[cfg(feature = "postgres")]
            Engine::Postgres(writer) => writer.add_backlog(rows),
        }
    }

    /// Whether there is a backlog.
    pub fn has_backlog(&mut self) -> Result<bool, StoreError> {
        match &mut self.engine {
            Engine::Sqlite(writer) => writer.has_backlog(),
            #[cfg(feature = "postgres")]
            Engine::Postgres(writer) => writer.has_backlog(),
        }
    }

    /// Deletes the counts of old days.
    pub fn drop_old_days(&mut self, now: Instant) -> Result<(), StoreError> {
        match &mut self.engine {
            Engine::Sqlite(writer) => writer.drop_old_days(now),
            #[cfg(feature = "postgres")]
            Engine::Postgres(writer) => writer.drop_old_days(now),
        }
    }

    /// Whether a key ends when it is no longer used: only then do recorders say up to which instant use is complete.
    pub fn is_awaited(&mut self) -> Result<bool, StoreError> {
        match &mut self.engine {
            Engine::Sqlite(writer) => writer.is_awaited(),
            #[cfg(feature = "postgres")]
            Engine::Postgres(writer) => writer.is_awaited(),
        }
    }

    /// Registers this process as one that records, and has written what it counted before an instant apart from these gaps.
    pub fn register(
        &mut self,
        now: Instant,
        since: Instant,
        gaps: &[Gap],
    ) -> Result<Registration, StoreError> {
        match &mut self.engine {
            Engine::Sqlite(writer) => writer.register(now, since, gaps).map(Registration::Sqlite),
            #[cfg(feature = "postgres")]
            Engine::Postgres(writer) => writer.register(since, gaps).map(Registration::Postgres),
        }
    }

    /// Turns what killed processes left into gaps.
    pub fn end_abandoned(&mut self, now: Instant) -> Result<(), StoreError> {
        match &mut self.engine {
            Engine::Sqlite(writer) => writer.end_abandoned(now),
            #[cfg(feature = "postgres")]
            Engine::Postgres(writer) => writer.end_abandoned(),
        }
    }

    /// Says that everything that this process counted before an instant is written, apart from these gaps. Returns whether
    /// the process is still registered.
    pub fn advance(
        &mut self,
        registration: &Registration,
        until: Instant,
        gaps: &[Gap],
    ) -> Result<bool, StoreError> {
        match (&mut self.engine, registration) {
            (Engine::Sqlite(writer), Registration::Sqlite(registration)) => {
                writer.advance(registration, until, gaps)
            }
            #[cfg(feature = "postgres")]
            (Engine::Postgres(writer), Registration::Postgres(registration)) => {
                writer.advance(registration, until, gaps)
            }
            // Of another writer.
            #[cfg(feature = "postgres")]
            _ => Ok(false),
        }
    }

    /// Ends the registration: everything is written, apart from these gaps.
    pub fn unregister(&mut self, registration: &Registration, gaps: &[Gap]) -> Result<(), StoreError> {
        match (&mut self.engine, registration) {
            (Engine::Sqlite(writer), Registration::Sqlite(registration)) => {
                writer.unregister(registration, gaps)
            }
            #[cfg(feature = "postgres")]
            (Engine::Postgres(writer), Registration::Postgres(registration)) => {
                writer.unregister(registration, gaps)
            }
            // Of another writer.
            #[cfg(feature = "postgres")]
            _ => Ok(()),
        }
    }
}
