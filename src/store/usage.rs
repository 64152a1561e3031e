//! What keys were used for: counts by day. Written in batches by whoever serves verifications.

use chrono::{DateTime, NaiveDate};
use rusqlite::params;

use super::{Reader, StoreError};
use crate::domain::Instant;
use crate::domain::key::KeyId;

/// The number of a day: days since 1970-01-01, UTC.
#[must_use]
pub fn day_of(at: Instant) -> i64 {
    at.timestamp().div_euclid(86_400)
}

/// The date of a day's number.
#[must_use]
pub fn date_of(day: i64) -> Option<NaiveDate> {
    DateTime::from_timestamp(day.checked_mul(86_400)?, 0).map(|at| at.date_naive())
}

/// Uses of each of the last 30 days, the oldest first, today's last.
pub fn last_30_days(r: &Reader<'_>, id: KeyId, now: Instant) -> Result<Vec<u64>, StoreError> {
    let fault = r.fault("reading a key's use");
    let first = day_of(now) - 29;
    let mut days = vec![0; 30];
    let mut statement = r
        .connection
        .prepare_cached("SELECT day, count FROM key_uses WHERE key_id = ?1 AND day >= ?2 AND day < ?2 + 30")
        .map_err(&fault)?;
    let rows = statement
        .query_map(params![id.as_str(), first], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, u64>(1)?)))
        .map_err(&fault)?;
    for row in rows {
        let (day, count) = row.map_err(&fault)?;
        if let Some(slot) = usize::try_from(day - first).ok().and_then(|place| days.get_mut(place)) {
            *slot = count;
        }
    }
    Ok(days)
}
