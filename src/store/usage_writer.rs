//! Writes accepted and rejected requests in batches on a separate connection.
//!
//! Use is not part of the audit log, so this is the only writer besides [`Store::write`](super::Store::write). It writes
//! counts and "last used", nothing that a verification depends on, and no version of a key. Its commits are not synced
//! (`synchronous=NORMAL`): a power failure may lose the last counts, but never a change that was reported as done, since
//! each of those syncs the whole write-ahead log.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::schema::SchemaCheck;
use super::usage::day_of;
use super::{StoreError, migrate, open};
use crate::domain::Instant;
use crate::domain::key::KeyId;
use crate::host::files::DatabaseFiles;

/// How long counts are kept, in days. The details of a key show 30.
pub const DAYS_KEPT: i64 = 90;

/// Maximum number of rows in a transaction, to limit how long others wait for the lock.
const BATCH: usize = 500;

/// Maximum number of old rows to delete at once, for the same reason.
const DROPPED_AT_ONCE: i64 = 5_000;

/// The key of a count: accepted requests of a key, or rejections for a reason, on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// As of [`day_of`].
    pub day: i64,
    /// Why requests were rejected; none for accepted ones.
    pub reason: Option<&'static str>,
    /// The key, if known. Accepted requests without one are not written.
    pub key: Option<KeyId>,
    /// The source address, where the key is known: without one, sources could be any number.
    pub source: Option<IpAddr>,
}

/// The time of a request, and its source address.
pub type Seen = (Instant, Option<IpAddr>);

/// The number of requests, the first and the last one, all on the day of the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    pub count: u64,
    pub first: Seen,
    pub last: Seen,
}

impl Count {
    #[must_use]
    pub fn one(seen: Seen) -> Self {
        Self { count: 1, first: seen, last: seen }
    }

    /// Adds two counts of one entry.
    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        if other.first.0 < self.first.0 {
            self.first = other.first;
        }
        if other.last.0 >= self.last.0 {
            self.last = other.last;
        }
    }
}

#[derive(Debug)]
pub struct UsageWriter {
    connection: Connection,
    path: PathBuf,
    files: DatabaseFiles,
    schema: SchemaCheck,
}

impl UsageWriter {
    /// Opens a database of the newest format for writing. Waits for a lock up to `patience`.
    pub fn open(path: &Path, patience: Duration) -> Result<Self, StoreError> {
        let connection = open::writable(path)?;
        migrate::reject_other(&connection, path)?;
        let mut schema = SchemaCheck::default();
        schema.confirm(&connection, path)?;
        let fault = |error| StoreError::from_sqlite(&error, "opening it", path);
        connection.pragma_update(None, "synchronous", "NORMAL").map_err(fault)?;
        connection.busy_timeout(patience).map_err(fault)?;
        let files =
            DatabaseFiles::of(path).ok_or_else(|| StoreError::NoDatabase { path: path.to_owned() })?;
        Ok(Self { connection, path: path.to_owned(), files, schema })
    }

    /// Writes entries and removes them from the list. After an error, it contains those that were not written.
    pub fn write(&mut self, entries: &mut Vec<(Entry, Count)>) -> Result<(), StoreError> {
        while !entries.is_empty() {
            if !self.files.are_in_place() {
                return Err(StoreError::Moved { path: self.path.clone() });
            }
            let some = entries.len().min(BATCH);
            self.transact(|transaction| {
                entries[..some].iter().try_for_each(|(entry, count)| match (entry.reason, entry.key) {
                    (None, None) => Ok(()),
                    (None, Some(key)) => write_used(transaction, entry.day, key, count),
                    (Some(reason), key) => write_rejected(transaction, entry.day, reason, key, count),
                })
            })?;
            entries.drain(..some);
        }
        Ok(())
    }

    /// Deletes the counts of old days.
    pub fn drop_old_days(&mut self, now: Instant) -> Result<(), StoreError> {
        let first = day_of(now) - DAYS_KEPT;
        for sql in [
            "DELETE FROM key_uses WHERE (key_id, day) IN (SELECT key_id, day FROM key_uses \
             INDEXED BY key_uses_by_day WHERE day < ?1 LIMIT ?2)",
            "DELETE FROM refusals WHERE (day, reason, key_id) IN (SELECT day, reason, key_id FROM refusals \
             WHERE day < ?1 LIMIT ?2)",
        ] {
            while self.transact(|transaction| transaction.execute(sql, [first, DROPPED_AT_ONCE]))? > 0 {}
        }
        Ok(())
    }

    fn transact<T>(
        &mut self,
        f: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let path = &self.path;
        let fault = |error| StoreError::from_sqlite(&error, "recording use", path);
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
        self.schema.confirm(&transaction, path)?;
        let result = f(&transaction).map_err(fault)?;
        transaction.commit().map_err(fault)?;
        Ok(result)
    }
}

fn write_used(transaction: &Transaction<'_>, day: i64, id: KeyId, count: &Count) -> rusqlite::Result<()> {
    let Count { count: requests, first: (first, _), last: (last, from) } = count;
    transaction
        .prepare_cached(
            "INSERT INTO key_uses (key_id, day, count) VALUES (?1, ?2, ?3) \
             ON CONFLICT DO UPDATE SET count = count + excluded.count",
        )?
        .execute(params![id.as_str(), day, requests])?;
    let from = from.map(|from| from.to_string());
    let updated = transaction
        .prepare_cached("UPDATE key_use SET last = ?2, last_from = ?3 WHERE key_id = ?1 AND last <= ?2")?
        .execute(params![id.as_str(), last.timestamp(), from])?;
    if updated == 0 {
        // The first use, or one that is older than the last, or the key was deleted.
        transaction
            .prepare_cached(
                "INSERT INTO key_use (key_id, application_id, first, last, last_from) \
                 SELECT key_id, application_id, ?2, ?3, ?4 FROM keys WHERE key_id = ?1 \
                 ON CONFLICT DO UPDATE SET first = min(first, excluded.first)",
            )?
            .execute(params![id.as_str(), first.timestamp(), last.timestamp(), from])?;
        transaction
            .prepare_cached(
                "UPDATE tombstones SET last_used = ?2, last_used_from = ?3 \
                 WHERE key_id = ?1 AND coalesce(last_used, 0) <= ?2",
            )?
            .execute(params![id.as_str(), last.timestamp(), from])?;
    }
    write_source(transaction, id, "", count)
}

/// The number of sources that are listed of a key and a reason.
pub const SOURCES_KEPT: i64 = 64;

/// Adds requests of one source. Where there are too many sources, the oldest ones are counted together.
fn write_source(
    transaction: &Transaction<'_>,
    id: KeyId,
    reason: &str,
    count: &Count,
) -> rusqlite::Result<()> {
    let Count { count, first: (first, _), last: (last, from) } = count;
    let source = from.map(|from| from.to_string()).unwrap_or_default();
    let updated = transaction
        .prepare_cached(
            "UPDATE key_sources SET requests = requests + ?4, first = min(first, ?5), last = max(last, ?6) \
             WHERE key_id = ?1 AND reason = ?2 AND source = ?3",
        )?
        .execute(params![id.as_str(), reason, source, count, first.timestamp(), last.timestamp()])?;
    if updated > 0 {
        return Ok(());
    }
    transaction
        .prepare_cached(
            "INSERT INTO key_sources (key_id, reason, source, requests, first, last) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![id.as_str(), reason, source, count, first.timestamp(), last.timestamp()])?;
    let listed: i64 = transaction
        .prepare_cached(
            "SELECT count(*) FROM key_sources WHERE key_id = ?1 AND reason = ?2 AND source <> '*'",
        )?
        .query_row(params![id.as_str(), reason], |row| row.get(0))?;
    if listed > SOURCES_KEPT {
        let oldest: String = transaction
            .prepare_cached(
                "SELECT source FROM key_sources WHERE key_id = ?1 AND reason = ?2 AND source <> '*' \
                 ORDER BY last, source LIMIT 1",
            )?
            .query_row(params![id.as_str(), reason], |row| row.get(0))?;
        transaction
            .prepare_cached(
                "INSERT INTO key_sources (key_id, reason, source, requests, first, last) \
                 SELECT key_id, reason, '*', requests, first, last FROM key_sources \
                 WHERE key_id = ?1 AND reason = ?2 AND source = ?3 \
                 ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, \
                 first = min(first, excluded.first), last = max(last, excluded.last)",
            )?
            .execute(params![id.as_str(), reason, oldest])?;
        transaction
            .prepare_cached("DELETE FROM key_sources WHERE key_id = ?1 AND reason = ?2 AND source = ?3")?
            .execute(params![id.as_str(), reason, oldest])?;
    }
    Ok(())
}

fn write_rejected(
    transaction: &Transaction<'_>,
    day: i64,
    reason: &str,
    id: Option<KeyId>,
    count: &Count,
) -> rusqlite::Result<()> {
    let Count { count: requests, first: (first, first_from), last: (last, from) } = count;
    let key = id.as_ref().map(KeyId::as_str).unwrap_or_default();
    transaction
        .prepare_cached(
            "INSERT INTO refusals (day, reason, key_id, count, last, last_from) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
             ON CONFLICT DO UPDATE SET count = count + excluded.count, last = max(last, excluded.last), \
             last_from = CASE WHEN excluded.last >= last THEN excluded.last_from ELSE last_from END",
        )?
        .execute(params![day, reason, key, requests, last.timestamp(), from.map(|from| from.to_string())])?;
    if id.is_some() {
        transaction
            .prepare_cached(
                "UPDATE tombstones SET first_refused = ?2, first_refused_from = ?3 \
                 WHERE key_id = ?1 AND first_refused IS NULL AND deleted <= ?2",
            )?
            .execute(params![key, first.timestamp(), first_from.map(|from| from.to_string())])?;
    }
    match id {
        Some(id) => write_source(transaction, id, reason, count),
        None => Ok(()),
    }
}
