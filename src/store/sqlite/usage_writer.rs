//! Writes use into a file of SQLite.
//!
//! The commits are not synced (`synchronous=NORMAL`): a power failure may lose the last counts, but never a change that
//! was reported as done, since each of those syncs the whole write-ahead log.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::recording::{self, Registration};
use super::schema::SchemaCheck;
use super::usage_rows;
use super::{migrate, open, usage_backlog};
use crate::domain::Instant;
use crate::domain::until_unused::Gap;
use crate::host::files::DatabaseFiles;
use crate::store::reader::Reader;
use crate::store::usage::day_of;
use crate::store::usage_counts::{Counted, DAYS_KEPT, Spilled};
use crate::store::{StoreError, state};

/// For errors.
const RECORDING: &str = "recording use";

/// Pages in the write-ahead log at which it is copied into the file. SQLite's default of 1,000 would copy the same pages
/// several times a second.
const CHECKPOINT_EVERY: u32 = 4_000;

/// Maximum number of old rows to delete at once, for the same reason.
const DROPPED_AT_ONCE: i64 = 5_000;

#[derive(Debug)]
pub(in crate::store) struct UsageWriter {
    connection: Connection,
    path: PathBuf,
    files: DatabaseFiles,
    schema: SchemaCheck,
}

impl UsageWriter {
    /// Opens a database of the newest format for writing. Waits for a lock up to `patience`.
    pub(in crate::store) fn open(path: &Path, patience: Duration) -> Result<Self, StoreError> {
        let connection = open::writable(path)?;
        migrate::reject_other(&connection, path)?;
        let mut schema = SchemaCheck::default();
        schema.confirm(&connection, path)?;
        let fault = |error| StoreError::from_sqlite(&error, "opening it", path);
        connection.pragma_update(None, "synchronous", "NORMAL").map_err(fault)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_EVERY).map_err(fault)?;
        connection.busy_timeout(patience).map_err(fault)?;
        let files =
            DatabaseFiles::of(path).ok_or_else(|| StoreError::NoDatabase { database: path.into() })?;
        Ok(Self { connection, path: path.to_owned(), files, schema })
    }

    /// Writes up to [`BATCH`] counts in one transaction. Those with one key should stand next to each other.
    pub(in crate::store) fn write_batch(&mut self, counted: &[Counted<'_>]) -> Result<(), StoreError> {
        self.transact(|transaction| usage_rows::add(transaction, counted))
    }

    /// Adds counts to the backlog, for [`Self::add_backlog`], in one transaction: much faster than writing them.
    pub(in crate::store) fn spill<'a>(
        &mut self,
        counted: impl Iterator<Item = Counted<'a>>,
    ) -> Result<(), StoreError> {
        self.transact(|transaction| usage_backlog::append(transaction, counted))
    }

    /// The oldest counts of the backlog, of any process.
    pub(in crate::store) fn backlog(&self) -> Result<Vec<Spilled>, StoreError> {
        usage_backlog::oldest(&self.connection).map_err(|error| self.fault(&error))
    }

    /// Adds up to [`BATCH`] of them in one transaction.
    pub(in crate::store) fn add_backlog(&mut self, rows: &[Spilled]) -> Result<(), StoreError> {
        self.transact(|transaction| usage_backlog::take(transaction, rows))
    }

    /// Whether there is a backlog.
    pub(in crate::store) fn has_backlog(&self) -> Result<bool, StoreError> {
        usage_backlog::exists(&self.connection).map_err(|error| self.fault(&error))
    }

    /// Deletes the counts of old days.
    pub(in crate::store) fn drop_old_days(&mut self, now: Instant) -> Result<(), StoreError> {
        let first = day_of(now) - DAYS_KEPT;
        for sql in [
            "DELETE FROM key_uses WHERE (key_id, day) IN (SELECT key_id, day FROM key_uses \
             INDEXED BY key_uses_by_day WHERE day < ?1 LIMIT ?2)",
            "DELETE FROM refusals WHERE (day, reason, key_id) IN (SELECT day, reason, key_id FROM refusals \
             WHERE day < ?1 LIMIT ?2)",
        ] {
            while self.transact(|transaction| transaction.execute(sql, [first, DROPPED_AT_ONCE]))? > 0 {}
        }
        self.drop_old_sources(first * 86_400)
    }

    /// Deletes the sources whose last request was before an instant, in portions in the order of the key IDs: no index has
    /// the instants. Only a portion with old ones takes the lock.
    fn drop_old_sources(&mut self, before: i64) -> Result<(), StoreError> {
        let mut behind = String::new();
        loop {
            let read = |error| self.fault(&error);
            let until: Option<String> = self
                .connection
                .query_row(
                    "SELECT max(key_id) FROM (SELECT key_id FROM key_sources WHERE key_id > ?1 \
                     ORDER BY key_id LIMIT ?2)",
                    rusqlite::params![behind, DROPPED_AT_ONCE],
                    |row| row.get(0),
                )
                .map_err(read)?;
            let Some(until) = until else { return Ok(()) };
            let portion = rusqlite::params![behind, until, before];
            let is_old: bool = self
                .connection
                .query_row(
                    "SELECT EXISTS (SELECT 1 FROM key_sources WHERE key_id > ?1 AND key_id <= ?2 AND last < ?3)",
                    portion,
                    |row| row.get(0),
                )
                .map_err(read)?;
            if is_old {
                self.transact(|transaction| {
                    transaction.execute(
                        "DELETE FROM key_sources WHERE key_id > ?1 AND key_id <= ?2 AND last < ?3",
                        portion,
                    )
                })?;
            }
            behind = until;
        }
    }

    /// Whether a key ends when it is no longer used: only then do recorders say up to which instant use is complete.
    pub(in crate::store) fn is_awaited(&self) -> Result<bool, StoreError> {
        recording::is_awaited(&self.connection).map_err(|error| self.fault(&error))
    }

    /// Registers this process as one that records, and has written what it counted before an instant apart from these gaps.
    pub(in crate::store) fn register(
        &mut self,
        now: Instant,
        since: Instant,
        gaps: &[Gap],
    ) -> Result<Registration, StoreError> {
        let path = self.path.clone();
        self.transact_or(|transaction| {
            recording::end_abandoned(transaction, &path, now)?;
            let fault = |error| StoreError::from_sqlite(&error, RECORDING, &path);
            gaps.iter().try_for_each(|gap| recording::add_gap(transaction, *gap)).map_err(fault)?;
            Registration::begin(transaction, &path, since)
        })
    }

    /// Turns what killed processes left into gaps.
    pub(in crate::store) fn end_abandoned(&mut self, now: Instant) -> Result<(), StoreError> {
        let path = self.path.clone();
        if !recording::abandoned(&self.connection, &path, now)?.is_empty() {
            self.transact_or(|transaction| recording::end_abandoned(transaction, &path, now))?;
        }
        Ok(())
    }

    /// Says that everything that this process counted before an instant is written, apart from these gaps. Returns whether
    /// the process is still registered.
    pub(in crate::store) fn advance(
        &mut self,
        registration: &Registration,
        until: Instant,
        gaps: &[Gap],
    ) -> Result<bool, StoreError> {
        self.write_gaps(gaps, |transaction| registration.advance(transaction, until))
    }

    /// Ends the registration: everything is written, apart from these gaps.
    pub(in crate::store) fn unregister(
        &mut self,
        registration: &Registration,
        gaps: &[Gap],
    ) -> Result<(), StoreError> {
        self.write_gaps(gaps, |transaction| registration.end(transaction))
    }

    /// Adds gaps and deletes those that no key depends on, with another change of the book.
    fn write_gaps<T>(
        &mut self,
        gaps: &[Gap],
        f: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.transact(|transaction| {
            gaps.iter().try_for_each(|gap| recording::add_gap(transaction, *gap))?;
            recording::prune_gaps(transaction)?;
            f(transaction)
        })
    }

    /// Runs a transaction. What it writes must not concern verification.
    fn transact<T>(
        &mut self,
        f: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let path = self.path.clone();
        self.transact_or(|transaction| {
            f(transaction).map_err(|error| StoreError::from_sqlite(&error, RECORDING, &path))
        })
    }

    fn transact_or<T>(
        &mut self,
        f: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let path = &self.path;
        if !self.files.are_in_place() {
            return Err(StoreError::Moved { path: path.clone() });
        }
        let fault = |error| StoreError::from_sqlite(&error, RECORDING, path);
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
        self.schema.confirm(&transaction, path)?;
        state::confirm_not_moved(&Reader::sqlite(&transaction, path))?;
        let result = f(&transaction)?;
        transaction.commit().map_err(fault)?;
        Ok(result)
    }

    fn fault(&self, error: &rusqlite::Error) -> StoreError {
        StoreError::from_sqlite(error, RECORDING, &self.path)
    }
}

#[cfg(test)]
#[cfg(feature = "app")]
pub(in crate::store) mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::host::entropy::SystemEntropy;
    use crate::store::Store;
    use crate::store::usage_counts::{Count, Entry};
    use crate::store::usage_writer::{BATCH, UsageWriter};

    /// Requests of a key and an address, at an instant.
    pub(in crate::store) fn entry(
        key: u32,
        reason: Option<&'static str>,
        address: u8,
        at: i64,
    ) -> (Entry, Count) {
        let at = Instant::from_timestamp(at, 0).unwrap();
        let source = Some(IpAddr::from([10, 0, 0, address]));
        let key = format!("{key:010}").parse().ok();
        (Entry { day: day_of(at), reason, key, source }, Count::one((at, source)))
    }

    pub(in crate::store) fn database() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keydesk.db");
        drop(Store::open(&path, &mut SystemEntropy).unwrap());
        let rows = "PRAGMA foreign_keys = OFF; CREATE TEMP TABLE n AS WITH RECURSIVE n(value) AS (SELECT 0 UNION ALL \
                    SELECT value + 1 FROM n LIMIT 58) SELECT value, printf('%010d', value) AS id FROM n; \
                    INSERT INTO keys (key_id, hash, application_id, name, name_order, folded, \
                    prefix, type, platform, creator_id, created, expires) \
                    SELECT id, zeroblob(32), 1, 'a', 'a', 'a', 'ik', 'test', '', 1, 0, 9 FROM n WHERE value < 50; \
                    INSERT INTO tombstones (key_id, hash, application_id, name, prefix, type, platform, deleted, deleted_by) \
                    SELECT id, zeroblob(32), 1, 'a', 'ik', 'test', '', 86300, 1 FROM n WHERE value >= 50";
        open::writable(&path).unwrap().execute_batch(rows).unwrap();
        (folder, path)
    }

    /// Requests of 60 keys, of which 50 exist and 8 are deleted, on two days, in no order.
    pub(in crate::store) fn requests() -> Vec<(Entry, Count)> {
        (0..3_000_u32)
            .map(|number| {
                let reason = (number % 7 == 0).then_some("disabled");
                let address = u8::try_from(number % 5).unwrap();
                entry(number * 37 % 60, reason, address, 86_000 + i64::from(number * 7_919 % 1_000))
            })
            .collect()
    }

    pub(in crate::store) fn spill(writer: &mut UsageWriter, entries: &[(Entry, Count)]) {
        writer.spill(entries.iter().map(|(entry, count)| Counted::of(entry, *count))).unwrap();
    }

    pub(in crate::store) fn add_backlog(writer: &mut UsageWriter) {
        while writer.has_backlog().unwrap() {
            let rows = writer.backlog().unwrap();
            rows.chunks(BATCH).for_each(|some| writer.add_backlog(some).unwrap());
        }
    }

    /// The tables of use, and what of tombstones is about use.
    pub(in crate::store) const TABLES: [&str; 6] = [
        "SELECT * FROM key_uses ORDER BY key_id, day",
        "SELECT * FROM key_use ORDER BY key_id",
        "SELECT * FROM key_sources ORDER BY key_id, reason, source",
        "SELECT * FROM refusals ORDER BY key_id, reason, day",
        "SELECT key_id, last_used, last_used_from, first_refused, first_refused_from FROM tombstones ORDER BY key_id",
        "SELECT * FROM use_backlog ORDER BY number",
    ];

    /// Their rows, as psql prints them.
    pub(in crate::store) fn tables(path: &Path) -> [String; 6] {
        let connection = open::readable(path).unwrap();
        TABLES.map(|sql| {
            let mut statement = connection.prepare(sql).unwrap();
            let columns = statement.column_count();
            let rows = statement.query_map([], |row| {
                let text = |column| match row.get_ref(column)? {
                    rusqlite::types::ValueRef::Null => Ok(String::new()),
                    rusqlite::types::ValueRef::Integer(number) => Ok(number.to_string()),
                    value => Ok::<_, rusqlite::Error>(value.as_str().unwrap().to_owned()),
                };
                (0..columns).map(text).collect::<Result<Vec<_>, _>>()
            });
            rows.unwrap().map(|row| row.unwrap().join("|")).collect::<Vec<_>>().join("\n")
        })
    }

    #[test]
    fn what_is_spilled_is_added_as_if_it_had_been_written() {
        let (_a, direct) = database();
        let mut writer = UsageWriter::open(&direct, Duration::ZERO).unwrap();
        writer.write(&mut requests()).unwrap();
        let (_b, spilled) = database();
        let mut writer = UsageWriter::open(&spilled, Duration::ZERO).unwrap();
        spill(&mut writer, &requests());
        assert!(writer.has_backlog().unwrap());
        add_backlog(&mut writer);
        assert!(!writer.has_backlog().unwrap());
        assert_eq!(tables(&direct), tables(&spilled));
        let uses: i64 = open::readable(&direct)
            .unwrap()
            .query_row(
                "SELECT (SELECT sum(count) FROM key_uses) + (SELECT sum(count) FROM refusals)",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(uses, 3_000);
    }

    #[test]
    fn two_processes_add_the_same_rows_once() {
        let (_folder, path) = database();
        let mut writer = UsageWriter::open(&path, Duration::ZERO).unwrap();
        spill(&mut writer, &requests());
        let rows = writer.backlog().unwrap();
        add_backlog(&mut writer);
        let before = tables(&path);
        // Newer rows have the numbers of those that are gone.
        let newer = [entry(1, None, 1, 200_000)];
        spill(&mut writer, &newer);
        writer.add_backlog(&rows).unwrap();
        let after = tables(&path);
        assert_eq!(before[..5], after[..5]);
        assert!(after[5].contains("200000"), "{}", after[5]);
    }
}
