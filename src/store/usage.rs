//! The use of keys: accepted and rejected requests by UTC day, written by `usage_writer`.

use crate::store::value::values;
use std::collections::HashMap;

use super::{Reader, StoreError, convert};
use crate::domain::Instant;
use crate::domain::key::KeyId;
use crate::domain::text::{Name, inert};

/// The number of a day: days since 1970-01-01, UTC.
#[must_use]
pub fn day_of(at: Instant) -> i64 {
    at.timestamp().div_euclid(86_400)
}

/// The number of accepted requests on each of the last 30 days, oldest first.
pub fn last_30_days(r: &Reader<'_>, id: KeyId, now: Instant) -> Result<Vec<u64>, StoreError> {
    let first = day_of(now) - 29;
    let counts: HashMap<i64, u64> = r.all(
        "reading the use of a key",
        "SELECT day, count FROM key_uses WHERE key_id = ?1 AND day >= ?2 AND day < ?2 + 30",
        values![id.as_str(), first],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok((first..first + 30).map(|day| counts.get(&day).copied().unwrap_or_default()).collect())
}

/// The number of accepted requests on the days after that of an instant (UTC), also of a deleted key.
pub(crate) fn accepted_on_later_days(r: &Reader<'_>, id: KeyId, at: Instant) -> Result<u64, StoreError> {
    let sql = "SELECT CAST(coalesce(sum(count), 0) AS BIGINT) FROM key_uses WHERE key_id = ?1 AND day > ?2";
    r.value("reading the use of a key", sql, values![id.as_str(), day_of(at)])
}

/// Accepted requests with a key that are recorded but not yet counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncounted {
    /// Requests after an instant, at least.
    pub later: u64,
    pub last: Instant,
    pub last_from: Option<String>,
}

/// Accepted requests with a key, also a deleted one, that are recorded but not yet counted, if any; with the number of
/// those after an instant. Reads all that are not counted.
pub fn uncounted(r: &Reader<'_>, id: KeyId, at: Instant) -> Result<Option<Uncounted>, StoreError> {
    let accepted = "FROM use_backlog WHERE key_id = ?1 AND reason = ''";
    let later: u64 = r.value(
        "reading the use of a key",
        &format!(
            "SELECT CAST(coalesce(sum(CASE WHEN first > ?2 THEN count ELSE 1 END), 0) AS BIGINT) {accepted} AND last > ?2"
        ),
        values![id.as_str(), at.timestamp()],
    )?;
    let sql = format!("SELECT last, nullif(source, '') {accepted} ORDER BY last DESC, number DESC LIMIT 1");
    r.first("reading the use of a key", &sql, values![id.as_str()], |row| {
        Ok(Uncounted { later, last: convert::instant(row, 0)?, last_from: row.get(1)? })
    })
}

/// Rejected requests with a key, for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The reason, as in logs and metrics.
    pub reason: String,
    /// Requests today (UTC).
    pub today: u64,
    /// Requests in the last 30 days.
    pub count: u64,
    pub last: Instant,
    pub last_from: Option<String>,
}

/// Rejections of the last 30 days with a key, also a deleted one; the latest reason first.
pub fn refused(r: &Reader<'_>, id: KeyId, now: Instant) -> Result<Vec<Refused>, StoreError> {
    r.all(
        "reading the rejected requests of a key",
        "SELECT f.reason, CAST(sum(CASE WHEN f.day = ?2 THEN f.count ELSE 0 END) AS BIGINT), \
         CAST(sum(f.count) AS BIGINT), max(f.last), (SELECT l.last_from FROM refusals l INDEXED BY refusals_by_key \
         WHERE l.key_id = ?1 AND l.reason = f.reason ORDER BY l.day DESC LIMIT 1) \
         FROM refusals f INDEXED BY refusals_by_key WHERE f.key_id = ?1 AND f.day > ?2 - 30 \
         GROUP BY f.reason ORDER BY max(f.last) DESC",
        values![id.as_str(), day_of(now)],
        |row| {
            Ok(Refused {
                reason: row.get(0)?,
                today: row.get(1)?,
                count: row.get(2)?,
                last: convert::instant(row, 3)?,
                last_from: row.get(4)?,
            })
        },
    )
}

/// A source of requests with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub address: SourceAddress,
    pub requests: u64,
    pub first: Instant,
    pub last: Instant,
}

/// The reason for rejecting a deleted key, as in logs and metrics.
pub const DELETED: &str = "deleted";

/// The reason for rejecting a disabled key, as in logs and metrics.
pub const DISABLED: &str = "disabled";

/// The reason for rejecting a canary key.
pub const CANARY: &str = "canary";

/// Where requests came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceAddress {
    Known(String),
    /// Neither the connection nor a proxy told the address.
    Unknown,
    /// The sources that are too old to be listed alone.
    Older,
}

impl SourceAddress {
    /// The text in a table: the address, or why there is none.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Known(address) => inert(address),
            Self::Unknown => "unknown address".into(),
            Self::Older => "older sources".into(),
        }
    }
}

/// The sources of the accepted requests with a key, or of those that were rejected for a reason (as in logs and metrics),
/// the latest first; the older ones, counted together, last.
pub fn sources(r: &Reader<'_>, id: KeyId, reason: Option<&str>) -> Result<Vec<Source>, StoreError> {
    r.all(
        "reading the sources of a key",
        "SELECT source, requests, first, last FROM key_sources WHERE key_id = ?1 AND reason = ?2 \
         ORDER BY source = '*', last DESC, source",
        values![id.as_str(), reason.unwrap_or_default()],
        |row| {
            let address: String = row.get(0)?;
            Ok(Source {
                address: match address.as_str() {
                    "" => SourceAddress::Unknown,
                    "*" => SourceAddress::Older,
                    _ => SourceAddress::Known(address),
                },
                requests: row.get(1)?,
                first: convert::instant(row, 2)?,
                last: convert::instant(row, 3)?,
            })
        },
    )
}

/// A deleted key that is still in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    pub key: KeyId,
    pub name: Name,
    /// Requests today (UTC).
    pub today: u64,
    pub last: Instant,
    pub last_from: Option<String>,
}

/// Deleted keys of all Applications that were used today (UTC), the latest first, at most `most`, without throwaway
/// keys.
pub fn presented_today(r: &Reader<'_>, now: Instant, most: usize) -> Result<Vec<Presented>, StoreError> {
    r.all(
        "reading which deleted keys are still in use",
        "SELECT f.key_id, t.name, f.count, f.last, f.last_from FROM refusals f \
         JOIN tombstones t ON t.key_id = f.key_id \
         WHERE f.day = ?1 AND f.reason = 'deleted' AND t.throwaway = 0 ORDER BY f.last DESC, f.key_id LIMIT ?2",
        values![day_of(now), most],
        |row| {
            Ok(Presented {
                key: convert::key_id(row, 0)?,
                name: convert::name(row, 1)?,
                today: row.get(2)?,
                last: convert::instant(row, 3)?,
                last_from: row.get(4)?,
            })
        },
    )
}
