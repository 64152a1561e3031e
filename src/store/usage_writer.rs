//! The book of use: what keys were let in and refused, written in batches on a connection of its own.
//!
//! It is not part of the audit log, for nobody decided anything: so it is the one writer beside
//! [`Store::write`](super::Store::write). It touches counts and "last used" and nothing that a decision rests on; a
//! key's version stays as it is. Its commits need no sync of their own (`synchronous=NORMAL`): a power cut may take
//! the last counts, and never a change that was reported as done, since each of those syncs the whole log.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::schema::SchemaCheck;
use super::usage::day_of;
use super::{StoreError, migrate, open};
use crate::domain::Instant;
use crate::domain::key::KeyId;
use crate::host::files::DatabaseFiles;

/// How long counts are kept, in days; details show 30.
pub const DAYS_KEPT: i64 = 90;

/// How many lines go into one transaction: others wait for the lock no longer than those take.
const BATCH: usize = 500;

/// Days that are dropped go in portions, for the same reason.
const DROPPED_AT_ONCE: i64 = 5_000;

/// How often and when last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// How often.
    pub count: u64,
    /// The first time.
    pub first: Instant,
    /// Where that came from.
    pub first_from: Option<String>,
    /// The last time.
    pub last: Instant,
    /// Where that came from.
    pub last_from: Option<String>,
}

/// A line of the book. All instants of its count are of the same day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UsageRecord {
    /// A key was let in.
    Used(KeyId, Count),
    /// Somebody was refused: with this key, or with nothing that is one.
    Refused(&'static str, Option<KeyId>, Count),
}

/// The connection that writes it.
#[derive(Debug)]
pub struct UsageWriter {
    connection: Connection,
    path: PathBuf,
    files: DatabaseFiles,
    schema: SchemaCheck,
}

impl UsageWriter {
    /// Opens a database of the newest format for writing; waits `patience` for the lock of others.
    pub fn open(path: &Path, patience: Duration) -> Result<Self, StoreError> {
        let connection = open::writable(path)?;
        migrate::refuse_other(&connection, path)?;
        let mut schema = SchemaCheck::default();
        schema.confirm(&connection, path)?;
        let fault = |error| StoreError::from_sqlite(&error, "opening it", path);
        connection.pragma_update(None, "synchronous", "NORMAL").map_err(fault)?;
        connection.busy_timeout(patience).map_err(fault)?;
        let files =
            DatabaseFiles::of(path).ok_or_else(|| StoreError::NoDatabase { path: path.to_owned() })?;
        Ok(Self { connection, path: path.to_owned(), files, schema })
    }

    /// Writes lines from the front of a list and takes them off it; on an error the rest is still there.
    pub fn write(&mut self, lines: &mut Vec<UsageRecord>) -> Result<(), StoreError> {
        while !lines.is_empty() {
            if !self.files.are_in_place() {
                return Err(StoreError::Moved { path: self.path.clone() });
            }
            let some = lines.len().min(BATCH);
            self.transact(|transaction| {
                lines[..some].iter().try_for_each(|line| match line {
                    UsageRecord::Used(id, count) => used(transaction, *id, count),
                    UsageRecord::Refused(reason, id, count) => refused(transaction, reason, *id, count),
                })
            })?;
            lines.drain(..some);
        }
        Ok(())
    }

    /// Drops the counts of days that are too long ago.
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

fn used(transaction: &Transaction<'_>, id: KeyId, count: &Count) -> rusqlite::Result<()> {
    let last = count.last.timestamp();
    transaction
        .prepare_cached(
            "INSERT INTO key_uses (key_id, day, count) VALUES (?1, ?2, ?3) \
             ON CONFLICT DO UPDATE SET count = count + excluded.count",
        )?
        .execute(params![id.as_str(), day_of(count.last), count.count])?;
    let known = transaction
        .prepare_cached(
            "UPDATE keys SET last_used = ?2, used_order = ?2, last_used_from = ?3 \
             WHERE key_id = ?1 AND used_order <= ?2",
        )?
        .execute(params![id.as_str(), last, count.last_from])?;
    if known == 0 {
        // Let in, and deleted before this was written: the receipt says so all the same.
        transaction
            .prepare_cached(
                "UPDATE tombstones SET last_used = ?2, last_used_from = ?3 \
                 WHERE key_id = ?1 AND coalesce(last_used, 0) <= ?2",
            )?
            .execute(params![id.as_str(), last, count.last_from])?;
    }
    Ok(())
}

fn refused(
    transaction: &Transaction<'_>,
    reason: &str,
    id: Option<KeyId>,
    count: &Count,
) -> rusqlite::Result<()> {
    let key = id.as_ref().map(KeyId::as_str).unwrap_or_default();
    transaction
        .prepare_cached(
            "INSERT INTO refusals (day, reason, key_id, count, last, last_from) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
             ON CONFLICT DO UPDATE SET count = count + excluded.count, last = max(last, excluded.last), \
             last_from = CASE WHEN excluded.last >= last THEN excluded.last_from ELSE last_from END",
        )?
        .execute(params![
            day_of(count.last),
            reason,
            key,
            count.count,
            count.last.timestamp(),
            count.last_from
        ])?;
    if id.is_some() {
        transaction
            .prepare_cached(
                "UPDATE tombstones SET first_refused = ?2, first_refused_from = ?3 \
                 WHERE key_id = ?1 AND first_refused IS NULL AND deleted <= ?2",
            )?
            .execute(params![key, count.first.timestamp(), count.first_from])?;
    }
    Ok(())
}
