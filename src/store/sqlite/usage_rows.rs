//! Adds counted requests to the tables of use.

use rusqlite::{Transaction, params};

use crate::domain::key::KeyId;
use crate::store::usage_counts::{Count, Counted, SOURCES_KEPT};

/// Adds requests. Those with one key share the rows of the key where they stand next to each other.
pub(super) fn add(transaction: &Transaction<'_>, counted: &[Counted<'_>]) -> rusqlite::Result<()> {
    let same = |a: &Counted<'_>, b: &Counted<'_>| (a.key, a.reason, a.day) == (b.key, b.reason, b.day);
    for group in counted.chunk_by(same) {
        let [Counted { day, reason, key, count: first }, others @ ..] = group else { continue };
        let mut total = *first;
        for other in others {
            total.add(&other.count);
        }
        let known = match (*reason, *key) {
            // Accepted requests have a key.
            ("", None) => continue,
            ("", Some(key)) => write_used(transaction, *day, key, &total)?,
            (reason, key) => write_rejected(transaction, *day, reason, key, &total)?,
        };
        let known = if group.len() > SOURCES_AT_ONCE { Known::Perhaps } else { known };
        for Counted { reason, key, count, .. } in group {
            if let Some(key) = key {
                write_source(transaction, *key, reason, count, known)?;
            }
        }
    }
    Ok(())
}

/// How many sources of a key are added without counting them: fewer than are listed.
const SOURCES_AT_ONCE: usize = 32;

/// Whether a key may have sources already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    /// This is its first use: there are none.
    No,
    Perhaps,
}

fn write_used(transaction: &Transaction<'_>, day: i64, id: KeyId, count: &Count) -> rusqlite::Result<Known> {
    let Count { count: requests, first: (first, _), last: (last, from) } = count;
    transaction
        .prepare_cached(
            "INSERT INTO key_uses (key_id, day, count) VALUES (?1, ?2, ?3) \
             ON CONFLICT DO UPDATE SET count = count + excluded.count",
        )?
        .execute(params![id.as_str(), day, requests])?;
    let from = from.map(|from| from.to_string());
    let updated = transaction
        .prepare_cached(
            "UPDATE key_use SET first = min(first, ?4), last = ?2, last_from = ?3 WHERE key_id = ?1 AND last <= ?2",
        )?
        .execute(params![id.as_str(), last.timestamp(), from, first.timestamp()])?;
    if updated > 0 {
        return Ok(Known::Perhaps);
    }
    let inserted = transaction
        .prepare_cached(
            "INSERT INTO key_use (key_id, application_id, first, last, last_from) \
             SELECT key_id, application_id, ?2, ?3, ?4 FROM keys WHERE key_id = ?1 ON CONFLICT DO NOTHING",
        )?
        .execute(params![id.as_str(), first.timestamp(), last.timestamp(), from])?;
    if inserted > 0 {
        return Ok(Known::No);
    }
    // Older than the last use that is known.
    let older = transaction
        .prepare_cached("UPDATE key_use SET first = min(first, ?2) WHERE key_id = ?1")?
        .execute(params![id.as_str(), first.timestamp()])?;
    if older == 0 {
        // Deleted before this was written: counts for the tombstone.
        transaction
            .prepare_cached(
                "UPDATE tombstones SET last_used = ?2, last_used_from = ?3 \
                 WHERE key_id = ?1 AND coalesce(last_used, 0) <= ?2",
            )?
            .execute(params![id.as_str(), last.timestamp(), from])?;
    }
    Ok(Known::Perhaps)
}

/// Adds requests of one source. Where there are too many sources, the oldest ones are counted together.
fn write_source(
    transaction: &Transaction<'_>,
    id: KeyId,
    reason: &str,
    count: &Count,
    known: Known,
) -> rusqlite::Result<()> {
    let Count { count, first: (first, _), last: (last, from) } = count;
    let source = from.map(|from| from.to_string()).unwrap_or_default();
    let row = params![id.as_str(), reason, source, count, first.timestamp(), last.timestamp()];
    if known == Known::Perhaps {
        let updated = transaction
            .prepare_cached(
                "UPDATE key_sources SET requests = requests + ?4, first = min(first, ?5), last = max(last, ?6) \
                 WHERE key_id = ?1 AND reason = ?2 AND source = ?3",
            )?
            .execute(row)?;
        if updated > 0 {
            return Ok(());
        }
    }
    transaction
        .prepare_cached(
            "INSERT INTO key_sources (key_id, reason, source, requests, first, last) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
             ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, \
             first = min(first, excluded.first), last = max(last, excluded.last)",
        )?
        .execute(row)?;
    if known == Known::No {
        return Ok(());
    }
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
) -> rusqlite::Result<Known> {
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
    Ok(Known::Perhaps)
}
