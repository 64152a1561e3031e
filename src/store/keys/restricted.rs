//! Keys with allowed sources, and whether the addresses of their clients are known.

use crate::store::value::values;
use chrono::TimeDelta;

use crate::domain::Instant;
use crate::store::{Reader, StoreError};

/// The keys with allowed sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestrictedKeys {
    pub keys: u64,
    /// Accepted requests of the last 30 days from an address that is not of this machine.
    pub accepted: u64,
    /// Requests of the last 30 days that were rejected since the address was not known, or is of this machine, as that of
    /// a proxy that is not trusted.
    pub rejected: u64,
}

/// Of this machine, or not known.
const NOT_TOLD: &str = "(s.source IN ('', '::1') OR s.source LIKE '127.%')";

/// The number of keys with allowed sources.
pub fn count_restricted(r: &Reader<'_>) -> Result<u64, StoreError> {
    let sql = "SELECT count(*) FROM keys WHERE allowed_sources <> ''";
    r.value("counting the keys with allowed sources", sql, &[])
}

/// Reads how the keys with allowed sources are used.
pub fn restricted(r: &Reader<'_>, now: Instant) -> Result<RestrictedKeys, StoreError> {
    let keys = count_restricted(r)?;
    if keys == 0 {
        // Each of the next statements would read all keys too.
        return Ok(RestrictedKeys { keys, accepted: 0, rejected: 0 });
    }
    let since = (now - TimeDelta::days(30)).timestamp();
    let requests = |reason: &str, condition: &str| {
        let sql = format!(
            "SELECT CAST(coalesce(sum(s.requests), 0) AS BIGINT) FROM keys k \
             CROSS JOIN key_sources s ON s.key_id = k.key_id AND s.reason = ?1 \
             WHERE k.allowed_sources <> '' AND s.last > ?2 AND s.source <> '*' AND {condition}"
        );
        r.value("reading the use of keys with allowed sources", &sql, values![reason, since])
    };
    Ok(RestrictedKeys {
        keys,
        accepted: requests("", &format!("NOT {NOT_TOLD}"))?,
        rejected: requests("source_not_allowed", NOT_TOLD)?,
    })
}
