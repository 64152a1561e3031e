//! The numbers of keys for the metrics.

use chrono::TimeDelta;

use super::convert::{self, HAS_ALARM};
use super::known_key::KeyCounts;
use super::value::values;
use super::{Reader, StoreError};
use crate::domain::Instant;
use crate::domain::key::KeyState;

const WHAT: &str = "counting keys";

/// Counts the keys of all Applications in each state, by a scan of an index.
pub(super) fn by_state(r: &Reader<'_>, now: Instant, soon: TimeDelta) -> Result<KeyCounts, StoreError> {
    let at = now;
    let (now, soon) = (now.timestamp(), (now + soon).timestamp());
    let sql = "SELECT count(*) FILTER (WHERE expires <= ?1 AND replaced_by IS NULL AND canary = 0), \
               count(*) FILTER (WHERE expires > ?1 AND is_disabled = 1 AND canary = 0), \
               count(*) FILTER (WHERE expires > ?1 AND expires <= ?2 AND is_disabled = 0 AND canary = 0), \
               count(*) FILTER (WHERE expires > ?1 AND expires > ?2 AND is_disabled = 0 AND canary = 0), \
               count(*) FILTER (WHERE expires <= ?1 AND replaced_by IS NOT NULL AND canary = 0), \
               count(*) FILTER (WHERE canary = 1) \
               FROM keys INDEXED BY keys_by_state";
    let counted = r.first(WHAT, sql, values![now, soon], |row| {
        Ok([
            (KeyState::Expired, row.get(0)?),
            (KeyState::Disabled, row.get(1)?),
            (KeyState::ExpiresSoon, row.get(2)?),
            (KeyState::Valid, row.get(3)?),
            (KeyState::Replaced, row.get(4)?),
            (KeyState::Canary, row.get(5)?),
        ])
    })?;
    let mut counts: KeyCounts = counted.ok_or_else(|| r.damaged("nothing was counted".into()))?;
    // Those that are disabled for a time were counted as if they were not.
    let sql = "SELECT count(*) FILTER (WHERE expires <= ?2), count(*) FILTER (WHERE expires > ?2) FROM keys \
               INDEXED BY keys_disabled_until \
               WHERE disabled_until > ?1 AND disabled <= ?1 AND expires > ?1 AND canary = 0";
    let disabled = r.first(WHAT, sql, values![now, soon], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (disabled_soon, disabled_later): (i64, i64) = disabled.unwrap_or_default();
    for (state, count) in &mut counts {
        match state {
            KeyState::Disabled => *count += disabled_soon + disabled_later,
            KeyState::ExpiresSoon => *count -= disabled_soon,
            KeyState::Valid => *count -= disabled_later,
            KeyState::Expired | KeyState::Replaced | KeyState::Canary => {}
        }
    }
    for counted in ended_unused(r, at, soon)?.into_iter().flatten() {
        for (state, count) in &mut counts {
            *count += i64::from(*state == KeyState::Replaced) - i64::from(*state == counted);
        }
    }
    Ok(counts)
}

/// Of the keys that end when they are no longer used: the states that those would have otherwise that have ended, without
/// being marked as such.
fn ended_unused(r: &Reader<'_>, now: Instant, soon: i64) -> Result<Vec<Option<KeyState>>, StoreError> {
    let sql = concat!(
        "SELECT k.expires, k.disabled, k.disabled_until, s.last, ",
        convert::until_unused_columns!(),
        " FROM keys k INDEXED BY keys_until_unused LEFT JOIN key_use s ON s.key_id = k.key_id \
         WHERE k.unused_for IS NOT NULL AND k.expires > ?1 AND k.canary = 0"
    );
    r.all(WHAT, sql, values![now.timestamp()], |row| {
        let expires: i64 = row.get(0)?;
        let outage = convert::outage(row, 1)?;
        let last_used = convert::maybe_instant(row, 3)?;
        let rule = convert::until_unused(row, 4, outage)?;
        let counted = if outage.is_some_and(|outage| outage.covers(now)) {
            KeyState::Disabled
        } else if expires <= soon {
            KeyState::ExpiresSoon
        } else {
            KeyState::Valid
        };
        Ok(rule.and_then(|rule| rule.ended(last_used, now)).map(|_| counted))
    })
}

/// Counts the canary keys with a use that was not acknowledged.
pub(super) fn canaries_used(r: &Reader<'_>) -> Result<i64, StoreError> {
    let sql = format!("SELECT count(*) FROM keys k INDEXED BY keys_canaries WHERE {HAS_ALARM}");
    r.value("counting canary keys", &sql, &[])
}
