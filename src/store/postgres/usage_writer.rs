//! Writes use into a server.

use std::sync::Arc;
use std::time::Duration;

use super::database::identity;
use super::recording::{self, Registration};
use super::{migrate, usage_backlog, usage_rows};
use crate::domain::Instant;
use crate::domain::postgres_url::PostgresUrl;
use crate::domain::until_unused::Gap;
use crate::store::continuity::Continuity;
use crate::store::reader::Reader;
use crate::store::server::{ConnectOptions, Connection, Fault, FaultKind, LatestTimeline};
use crate::store::usage::day_of;
use crate::store::usage_counts::{Counted, DAYS_KEPT, Spilled};
use crate::store::value::{Value, values};
use crate::store::{StoreError, state};

/// For errors.
const RECORDING: &str = "recording use";

/// How long to try to connect: use waits in memory meanwhile.
const CONNECTING: Duration = Duration::from_secs(4);

/// How long a statement may take.
const ANSWER: Duration = Duration::from_secs(5);

/// How long to wait for the rows of another gateway or a deletion, at most. The server looks for sessions that wait for
/// each other after `deadlock_timeout`, 1 s: until then, the recorder has given up, and not the deletion.
const LOCKED: Duration = Duration::from_millis(400);

/// Maximum number of old rows to delete at once, to limit how long others wait for them.
const DROPPED_AT_ONCE: i64 = 5_000;

#[derive(Debug)]
pub(in crate::store) struct UsageWriter {
    url: PostgresUrl,
    latest: Arc<LatestTimeline>,
    connection: Connection,
    /// Of the database: after a loss of the connection, the same URL may lead to another one.
    identity: [u8; 16],
    patience: Duration,
    durability: Durability,
    /// The database was moved when it was last written to.
    is_moved: bool,
}

/// The SQLSTATE of a write into a database that was moved.
const MOVED: &str = "KD003";

/// What a crash of the server may take back.
#[derive(Clone, Copy, Debug)]
enum Durability {
    /// The last counts, which nothing depends on. A commit does not wait for the disk, and a deletion, which does, never
    /// waits for one of these.
    Loose,
    /// Nothing: while keys wait for the end of their use, what was lost would look as if they were unused. A commit waits
    /// for the disk of the server, but not for a standby, which may be gone: when one takes over, that is a gap.
    Local,
}

impl UsageWriter {
    /// Opens a database of the newest format for writing. Waits for a lock up to `patience`.
    pub(in crate::store) fn open(
        url: &PostgresUrl,
        patience: Duration,
        continuity: &Continuity,
    ) -> Result<Self, StoreError> {
        let latest = Arc::clone(&continuity.timeline);
        let connection = connect(url, &latest)?;
        migrate::check(&connection, url)?;
        let identity = identity(&connection, url)?;
        let patience = patience.min(LOCKED);
        Ok(Self {
            url: url.clone(),
            latest,
            connection,
            identity,
            patience,
            durability: Durability::Loose,
            is_moved: false,
        })
    }

    pub(in crate::store) fn write_batch(&mut self, counted: &[Counted<'_>]) -> Result<(), StoreError> {
        self.transact(|connection| usage_rows::add(connection, counted))
    }

    pub(in crate::store) fn spill<'a>(
        &mut self,
        counted: impl Iterator<Item = Counted<'a>>,
    ) -> Result<(), StoreError> {
        self.transact(|connection| usage_backlog::append(connection, counted))
    }

    pub(in crate::store) fn backlog(&mut self) -> Result<Vec<Spilled>, StoreError> {
        self.read(usage_backlog::oldest)
    }

    pub(in crate::store) fn add_backlog(&mut self, rows: &[Spilled]) -> Result<(), StoreError> {
        self.transact(|connection| usage_backlog::take(connection, rows))
    }

    pub(in crate::store) fn has_backlog(&mut self) -> Result<bool, StoreError> {
        self.read(usage_backlog::exists)
    }

    /// Deletes the counts of old days. Several gateways do so at once, each other rows.
    pub(in crate::store) fn drop_old_days(&mut self, now: Instant) -> Result<(), StoreError> {
        let first = day_of(now) - DAYS_KEPT;
        for sql in [
            "DELETE FROM key_uses WHERE (key_id, day) IN (SELECT key_id, day FROM key_uses \
             WHERE day < ?1 ORDER BY day LIMIT ?2 FOR UPDATE SKIP LOCKED)",
            "DELETE FROM refusals WHERE (day, reason, key_id) IN (SELECT day, reason, key_id FROM refusals \
             WHERE day < ?1 ORDER BY day LIMIT ?2 FOR UPDATE SKIP LOCKED)",
        ] {
            let portion = values![first, DROPPED_AT_ONCE];
            while self.transact(|connection| connection.execute(sql, portion))? > 0 {}
        }
        self.drop_old_sources(first * 86_400)
    }

    /// Deletes the sources whose last request was before an instant, in portions in the order of the key IDs: no index has
    /// the instants.
    fn drop_old_sources(&mut self, before: i64) -> Result<(), StoreError> {
        let mut behind = String::new();
        loop {
            let rows = self.read(|connection| {
                connection.query(
                    "SELECT max(key_id), coalesce(min(last) < ?3, FALSE) FROM (SELECT key_id, last FROM key_sources \
                     WHERE key_id > ?1 ORDER BY key_id LIMIT ?2) portion",
                    values![behind.as_str(), DROPPED_AT_ONCE, before],
                )
            })?;
            let read = |fault: Fault| fault.during(RECORDING, &self.url);
            let row =
                rows.first().ok_or_else(|| read(Fault::new(FaultKind::Other, "no row was returned")))?;
            let column = |error: tokio_postgres::Error| read(Fault::of(&error));
            let until: Option<String> = row.try_get(0).map_err(column)?;
            let is_old: bool = row.try_get(1).map_err(column)?;
            let Some(until) = until else { return Ok(()) };
            if is_old {
                let portion: &[Value] = values![behind, until.as_str(), before];
                self.transact(|connection| {
                    connection.execute(
                        "DELETE FROM key_sources WHERE (key_id, reason, source) IN \
                         (SELECT key_id, reason, source FROM key_sources \
                         WHERE key_id > ?1 AND key_id <= ?2 AND last < ?3 FOR UPDATE SKIP LOCKED)",
                        portion,
                    )
                })?;
            }
            behind = until;
        }
    }

    pub(in crate::store) fn is_awaited(&mut self) -> Result<bool, StoreError> {
        self.read(recording::is_awaited)
    }

    pub(in crate::store) fn register(
        &mut self,
        since: Instant,
        gaps: &[Gap],
    ) -> Result<Registration, StoreError> {
        self.durability = Durability::Local;
        self.transact(|connection| {
            recording::end_abandoned(connection)?;
            gaps.iter().try_for_each(|gap| recording::add_gap(connection, *gap))?;
            Registration::begin(connection, since)
        })
    }

    pub(in crate::store) fn end_abandoned(&mut self) -> Result<(), StoreError> {
        if self.read(recording::has_abandoned)? {
            self.transact(recording::end_abandoned)?;
        }
        Ok(())
    }

    pub(in crate::store) fn advance(
        &mut self,
        registration: &Registration,
        until: Instant,
        gaps: &[Gap],
    ) -> Result<bool, StoreError> {
        self.write_gaps(gaps, |connection| registration.advance(connection, until))
    }

    pub(in crate::store) fn unregister(
        &mut self,
        registration: &Registration,
        gaps: &[Gap],
    ) -> Result<(), StoreError> {
        self.write_gaps(gaps, |connection| registration.end(connection))?;
        self.durability = Durability::Loose;
        Ok(())
    }

    /// Adds gaps and deletes those that no key depends on, with another change of the book.
    fn write_gaps<T>(
        &mut self,
        gaps: &[Gap],
        f: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.transact(|connection| {
            gaps.iter().try_for_each(|gap| recording::add_gap(connection, *gap))?;
            recording::prune_gaps(connection)?;
            f(connection)
        })
    }

    fn read<T>(&mut self, f: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, StoreError> {
        self.reconnect()?;
        f(&self.connection).map_err(|fault| fault.during(RECORDING, &self.url))
    }

    /// Runs a transaction. What it writes must not concern verification. Where the connection is lost while it commits, it
    /// may be done: then what it added is counted twice rather than not at all.
    ///
    /// # Errors
    /// Nothing is written into a database that was moved.
    fn transact<T>(&mut self, f: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, StoreError> {
        self.reconnect()?;
        if self.is_moved {
            self.confirm_not_moved()?;
        }
        let connection = &self.connection;
        let durability = match self.durability {
            Durability::Loose => "off",
            Durability::Local => "local",
        };
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL synchronous_commit = {durability}; \
             SET LOCAL lock_timeout = {}",
            // Without limit where it is 0.
            self.patience.as_millis().max(1)
        );
        let fault = |fault: Fault| fault.during(RECORDING, &self.url);
        connection.begin(&begin).map_err(fault)?;
        let result = match f(connection) {
            Ok(result) => result,
            Err(failed) => {
                let _ = connection.roll_back();
                if failed.state().is_some_and(|state| state.code() == MOVED) {
                    self.is_moved = true;
                    self.confirm_not_moved()?;
                }
                return Err(failed.during(RECORDING, &self.url));
            }
        };
        connection.commit().map_err(|error| fault(error.into_fault()))?;
        Ok(result)
    }

    /// Asks without a write, of which the server would log each that fails.
    fn confirm_not_moved(&mut self) -> Result<(), StoreError> {
        state::confirm_not_moved(&Reader::postgres(&self.connection, &self.url))?;
        self.is_moved = false;
        Ok(())
    }

    /// Connects again where the connection was lost or leads to an old primary.
    fn reconnect(&mut self) -> Result<(), StoreError> {
        if self.connection.is_closed() || self.connection.is_old(&self.latest) {
            let connection = connect(&self.url, &self.latest)?;
            if identity(&connection, &self.url)? != self.identity {
                return Err(StoreError::Replaced { database: self.url.clone().into() });
            }
            self.connection = connection;
        }
        Ok(())
    }
}

fn connect(url: &PostgresUrl, latest: &Arc<LatestTimeline>) -> Result<Connection, StoreError> {
    let options = ConnectOptions { attempt: CONNECTING, connect: CONNECTING, patience: ANSWER, first: 0 };
    Connection::open(url, options, latest).map_err(|fault| fault.during(RECORDING, url))
}
