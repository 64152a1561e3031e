//! The database access of a verification: a lookup by key ID.

use std::sync::Arc;
use std::time::{Duration, Instant as Stopwatch};

use chrono::TimeDelta;

use super::continuity::Continuity;
#[cfg(feature = "app")]
pub(crate) use super::known_key::MOST_KEPT;
pub use super::known_key::{Claim, KeyCounts, KnownKey, LookupResult};
#[cfg(feature = "postgres")]
use super::postgres;
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
    Sqlite(Box<sqlite::lookup::Lookup>),
    #[cfg(feature = "postgres")]
    Postgres(Box<postgres::lookup::Lookup>),
}

/// What the clock of a server has shown; none where the one of this system counts.
pub type Shown = Option<Instant>;

impl Lookup {
    /// Opens the database read-only. Waits up to `patience` for a lock that blocks readers of a file.
    ///
    /// # Errors
    /// When the database does not exist, cannot be read, or is not the one that `continuity` knows.
    pub fn open(
        location: impl Into<Location>,
        patience: Duration,
        continuity: Arc<Continuity>,
    ) -> Result<Self, StoreError> {
        Self::on(&location.into(), patience, continuity, Opening::First)
    }

    /// Another connection to a database that was opened before. That to a server is made when it is needed.
    ///
    /// # Errors
    /// As [`Self::open`], for a file.
    pub fn open_another(
        location: &Location,
        patience: Duration,
        continuity: Arc<Continuity>,
    ) -> Result<Self, StoreError> {
        Self::on(location, patience, continuity, Opening::Another)
    }

    #[cfg_attr(not(feature = "postgres"), allow(unused_variables, reason = "files are opened in one way"))]
    fn on(
        location: &Location,
        patience: Duration,
        continuity: Arc<Continuity>,
        opening: Opening,
    ) -> Result<Self, StoreError> {
        let engine = match location {
            Location::File(path) => {
                Engine::Sqlite(Box::new(sqlite::lookup::Lookup::open(path, patience, continuity)?))
            }
            #[cfg(feature = "postgres")]
            Location::Postgres(url) => Engine::Postgres(Box::new(match opening {
                Opening::First => postgres::lookup::Lookup::open(url, continuity)?,
                Opening::Another => postgres::lookup::Lookup::new(url, continuity),
            })),
            #[cfg(not(feature = "postgres"))]
            Location::Postgres(_) => return Err(StoreError::NoPostgres),
        };
        Ok(Self { engine })
    }

    /// Looks up a presented text.
    pub fn find<T>(
        &mut self,
        claim: Claim<'_>,
        judge: impl FnOnce(LookupResult<'_>, Shown) -> T,
    ) -> Result<T, StoreError> {
        match &mut self.engine {
            Engine::Sqlite(lookup) => lookup.find(claim, |found| judge(found, None)),
            #[cfg(feature = "postgres")]
            Engine::Postgres(lookup) => lookup.find(claim, |found, shown| judge(found, Some(shown))),
        }
    }

    /// Looks up several texts in one read. `judge` gets the results in order, or none where this fails. A server has to
    /// answer before `until`.
    pub fn find_all<'a>(
        &mut self,
        claims: impl Iterator<Item = Claim<'a>> + Clone,
        until: Stopwatch,
        mut judge: impl FnMut(LookupResult<'_>, Shown),
    ) -> Result<(), StoreError> {
        match &mut self.engine {
            Engine::Sqlite(lookup) => lookup.find_all(claims, |found| judge(found, None)),
            #[cfg(feature = "postgres")]
            Engine::Postgres(lookup) => {
                lookup.find_all(claims, until, |found, shown| judge(found, Some(shown)))
            }
        }
    }

    /// Checks whether the database has changed, and drops what is cached if so.
    ///
    /// # Errors
    /// When the database cannot be read, or another copy has taken its place.
    pub fn renew(&mut self) -> Result<Shown, StoreError> {
        match &mut self.engine {
            Engine::Sqlite(lookup) => lookup.renew().map(|()| None),
            #[cfg(feature = "postgres")]
            Engine::Postgres(lookup) => lookup.renew().map(Some),
        }
    }

    /// Whether it can be used again after an error.
    #[must_use]
    pub fn is_reusable(&self) -> bool {
        match &self.engine {
            Engine::Sqlite(_) => false,
            #[cfg(feature = "postgres")]
            Engine::Postgres(_) => true,
        }
    }

    /// Counts the keys in each state.
    pub fn counts(&mut self, now: Instant, soon: TimeDelta) -> Result<KeyCounts, StoreError> {
        match &mut self.engine {
            Engine::Sqlite(lookup) => lookup.counts(now, soon),
            #[cfg(feature = "postgres")]
            Engine::Postgres(lookup) => lookup.counts(now, soon),
        }
    }

    /// Counts the canary keys with a use that was not acknowledged.
    pub fn canaries_used(&mut self) -> Result<i64, StoreError> {
        match &mut self.engine {
            Engine::Sqlite(lookup) => lookup.canaries_used(),
            #[cfg(feature = "postgres")]
            Engine::Postgres(lookup) => lookup.canaries_used(),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Opening {
    First,
    Another,
}
