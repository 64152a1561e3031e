//! The queries of `keydesk check`: keys that need attention. Each scans a limited number of rows of an index, so that a
//! million keys cost no more than some thousands.

use crate::store::value::{Value, values};
use chrono::TimeDelta;

use super::convert::{self, HAS_ALARM, KEY_COLUMNS, WITH_KEYS};
use super::keys::{TOMBSTONE, select, tombstone_of};
use super::usage::day_of;
use super::{Reader, StoreError};
use crate::domain::Instant;
use crate::domain::application::{ApplicationId, Scope};
use crate::domain::key::{Key, Tombstone};

/// How many rows of an index one question looks at.
pub(crate) const LOOKED_AT: u64 = 50_000;

/// Keys that were found, and whether there may be more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundKeys {
    pub keys: Vec<Key>,
    /// Whether the answer was cut.
    pub more: bool,
}

impl FoundKeys {
    fn cut(mut keys: Vec<Key>, most: usize) -> Self {
        let more = keys.len() > most;
        keys.truncate(most);
        Self { keys, more }
    }
}

/// A deleted key that is still in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedInUse {
    pub tombstone: Tombstone,
    /// The last request with it.
    pub last: Instant,
    pub last_from: Option<String>,
}

/// Deleted keys that were used in the last 24 hours, the latest first, at most `most`, without throwaway keys.
pub fn deleted_in_use(
    r: &Reader<'_>,
    scope: Scope,
    now: Instant,
    most: usize,
) -> Result<Vec<DeletedInUse>, StoreError> {
    let application = match scope {
        Scope::Application(id) => Some(id.0),
        Scope::All => None,
    };
    // The row of yesterday counts only where there is none of today.
    let sql = format!(
        "SELECT {TOMBSTONE}, f.last, f.last_from FROM refusals f JOIN tombstones t ON t.key_id = f.key_id \
         WHERE f.day IN (?1, ?1 - 1) AND f.reason = 'deleted' AND f.last > ?2 AND t.throwaway = 0 \
         AND (f.day = ?1 OR NOT EXISTS (SELECT 1 FROM refusals g WHERE g.day = ?1 AND g.reason = f.reason \
         AND g.key_id = f.key_id)) \
         AND (?3 IS NULL OR t.application_id = ?3) ORDER BY f.last DESC, f.key_id LIMIT ?4"
    );
    let since = (now - TimeDelta::days(1)).timestamp();
    r.all(
        "reading which deleted keys are still in use",
        &sql,
        values![day_of(now), since, application, most],
        |row| {
            let (last, last_from) = (convert::instant(row, 10)?, row.get(11)?);
            Ok(DeletedInUse { tombstone: tombstone_of(row)?, last, last_from })
        },
    )
}

/// Canary keys with a use that was not acknowledged, by name, at most `most`.
pub fn canaries_used(r: &Reader<'_>, scope: Scope, most: usize) -> Result<FoundKeys, StoreError> {
    let application = match scope {
        Scope::Application(id) => Some(id.0),
        Scope::All => None,
    };
    let sql = format!(
        "SELECT {KEY_COLUMNS} FROM keys k INDEXED BY keys_canaries {WITH_KEYS} WHERE {HAS_ALARM} \
         AND (?1 IS NULL OR k.application_id = ?1) ORDER BY k.name_order, k.key_id LIMIT ?2"
    );
    Ok(FoundKeys::cut(select(r, &sql, values![application, most + 1])?, most))
}

fn number(value: usize) -> Value {
    Value::from(i64::try_from(value).unwrap_or(i64::MAX))
}

/// Valid keys of an Application that expire until an instant and have no successor, in the order of expiration, without
/// throwaway keys.
pub fn expiring(
    r: &Reader<'_>,
    application: ApplicationId,
    now: Instant,
    until: Instant,
    most: usize,
) -> Result<FoundKeys, StoreError> {
    ending(r, application, now, until, "k.replaced_by IS NULL AND k.throwaway = 0 AND k.canary = 0", most)
}

/// The same for keys that have a successor.
pub fn predecessors(
    r: &Reader<'_>,
    application: ApplicationId,
    now: Instant,
    until: Instant,
    most: usize,
) -> Result<FoundKeys, StoreError> {
    ending(r, application, now, until, "k.replaced_by IS NOT NULL", most)
}

fn ending(
    r: &Reader<'_>,
    application: ApplicationId,
    now: Instant,
    until: Instant,
    condition: &str,
    most: usize,
) -> Result<FoundKeys, StoreError> {
    let sql = format!(
        "SELECT {KEY_COLUMNS} FROM keys k INDEXED BY keys_by_state {WITH_KEYS} \
         WHERE k.application_id = ? AND k.is_disabled = 0 AND k.expires > ? AND k.expires <= ? AND {condition} \
         ORDER BY k.expires, k.key_id LIMIT ?"
    );
    let values =
        vec![application.0.into(), now.timestamp().into(), until.timestamp().into(), number(most + 1)];
    Ok(FoundKeys::cut(select(r, &sql, &values)?, most))
}

/// Valid keys of an Application that were delivered before an instant and not used since, those never used first.
pub fn idle(
    r: &Reader<'_>,
    application: ApplicationId,
    now: Instant,
    since: Instant,
    most: usize,
) -> Result<FoundKeys, StoreError> {
    let condition = "k.is_disabled = 0 AND k.expires > ?2 AND k.canary = 0 AND k.delivered < ?3";
    let never = format!(
        "SELECT {KEY_COLUMNS} FROM (SELECT key_id FROM never_used WHERE application_id = ?1 ORDER BY key_id \
         LIMIT {LOOKED_AT}) m CROSS JOIN keys k ON k.key_id = m.key_id {WITH_KEYS} WHERE {condition} \
         ORDER BY k.key_id LIMIT ?4"
    );
    let before = format!(
        "SELECT {KEY_COLUMNS} FROM (SELECT key_id FROM key_use INDEXED BY key_use_by_last \
         WHERE application_id = ?1 AND last < ?3 ORDER BY last, key_id LIMIT {LOOKED_AT}) m \
         CROSS JOIN keys k ON k.key_id = m.key_id {WITH_KEYS} WHERE {condition} ORDER BY s.last, k.key_id LIMIT ?4"
    );
    let (now, since) = (now.timestamp(), since.timestamp());
    let values = |limit| vec![application.0.into(), now.into(), since.into(), number(limit)];
    let mut keys = select(r, &never, &values(most + 1))?;
    if keys.len() <= most {
        keys.extend(select(r, &before, &values(most + 1 - keys.len()))?);
    }
    let mut found = FoundKeys::cut(keys, most);
    if !found.more {
        found.more = r.value(
            "looking for keys that are not used",
            "SELECT ?3 IN ((SELECT count(*) FROM (SELECT 1 FROM key_use INDEXED BY key_use_by_last \
             WHERE application_id = ?1 AND last < ?2 LIMIT ?3) u), \
             (SELECT count(*) FROM (SELECT 1 FROM never_used WHERE application_id = ?1 LIMIT ?3) n))",
            values![application.0, since, LOOKED_AT],
        )?;
    }
    Ok(found)
}

/// Valid keys of an Application without a successor whose secret was never delivered.
pub fn undelivered(
    r: &Reader<'_>,
    application: ApplicationId,
    now: Instant,
    most: usize,
) -> Result<FoundKeys, StoreError> {
    let sql = format!(
        "SELECT {KEY_COLUMNS} FROM keys k INDEXED BY keys_undelivered {WITH_KEYS} WHERE k.application_id = ? \
         AND k.canary = 0 AND k.delivered IS NULL AND k.is_disabled = 0 AND k.expires > ? AND k.replaced_by IS NULL AND s.last IS NULL \
         ORDER BY k.key_id LIMIT ?"
    );
    let values = vec![application.0.into(), now.timestamp().into(), number(most + 1)];
    Ok(FoundKeys::cut(select(r, &sql, &values)?, most))
}
