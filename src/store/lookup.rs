//! The database access of a verification: a lookup by key ID.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use super::continuity::Continuity;
#[cfg(feature = "app")]
pub(crate) use super::sqlite::lookup::MOST_KEPT;
pub use super::sqlite::lookup::{Claim, KeyCounts, KnownKey, LookupResult};
use super::{StoreError, sqlite};
use crate::domain::Instant;
use crate::domain::location::Location;

/// A read-only connection for verifications.
#[derive(Debug)]
pub struct Lookup {
    engine: Engine,
}

#[derive(Debug)]
enum Engine {
    Sqlite(sqlite::lookup::Lookup),
}

impl Lookup {
    /// Opens the database read-only. Waits up to `patience` for a lock that blocks readers.
    ///
    /// # Errors
    /// When the database does not exist, cannot be read, or is not the one that `continuity` knows.
    pub fn open(
        location: impl Into<Location>,
        patience: Duration,
        continuity: Arc<Continuity>,
    ) -> Result<Self, StoreError> {
        let engine = match &location.into() {
            Location::File(path) => Engine::Sqlite(sqlite::lookup::Lookup::open(path, patience, continuity)?),
            Location::Postgres(_) => return Err(StoreError::NoPostgres),
        };
        Ok(Self { engine })
    }

    /// Looks up a presented text.
    pub fn find<T>(
        &mut self,
        claim: Claim<'_>,
        judge: impl FnOnce(LookupResult<'_>) -> T,
    ) -> Result<T, StoreError> {
        match &mut self.engine {
            Engine::Sqlite(lookup) => lookup.find(claim, judge),
        }
    }

    /// Looks up several texts in one read. `judge` gets the results in order, or none where this fails.
    pub fn find_all<'a>(
        &mut self,
        claims: impl Iterator<Item = Claim<'a>> + Clone,
        judge: impl FnMut(LookupResult<'_>),
    ) -> Result<(), StoreError> {
        match &mut self.engine {
            Engine::Sqlite(lookup) => lookup.find_all(claims, judge),
        }
    }

    /// Checks whether the database has changed, and drops what is cached if so.
    ///
    /// # Errors
    /// When the database cannot be read, or another copy was written over it.
    pub fn renew(&mut self) -> Result<(), StoreError> {
        match &mut self.engine {
            Engine::Sqlite(lookup) => lookup.renew(),
        }
    }

    /// Counts the keys in each state.
    pub fn counts(&self, now: Instant, soon: TimeDelta) -> Result<KeyCounts, StoreError> {
        match &self.engine {
            Engine::Sqlite(lookup) => lookup.counts(now, soon),
        }
    }

    /// Counts the canary keys with a use that was not acknowledged.
    pub fn canaries_used(&self) -> Result<i64, StoreError> {
        match &self.engine {
            Engine::Sqlite(lookup) => lookup.canaries_used(),
        }
    }
}
