//! The keys that a rotation of several keys takes.

use chrono::TimeDelta;
use strum::Display;

use crate::domain::Instant;
use crate::domain::key::Key;
use crate::domain::key_filter::{KeyTerm, Span};
use crate::domain::platform::Catalog;
use crate::store::keys::{self, KeyQuery, KeySort};
use crate::store::{Reader, StoreError};

/// Why a key that matches and has not ended is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display)]
pub enum NotDue {
    #[strum(serialize = "disabled")]
    Disabled,
    /// A rotation has created it a short time ago: a repeated command takes only what is left.
    #[strum(serialize = "recently rotated")]
    RecentlyRotated,
    /// Another session has rotated, deleted or ended it since it was listed.
    #[strum(serialize = "changed by another session")]
    Changed,
}

/// Whether a key can be rotated together with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Due,
    Skipped(NotDue),
    /// It has ended, has a successor, is a canary, or was created by a diagnosis or by a rotation that is not finished.
    Out,
}

/// Keys that match, by expiration.
#[derive(Clone, Debug, Default)]
pub struct DueKeys {
    pub due: Vec<Key>,
    pub skipped: Vec<(Key, NotDue)>,
}

/// How long a successor is not rotated again together with others; half its lifetime if that is shorter.
const RECENTLY: TimeDelta = TimeDelta::hours(24);

/// Returns whether a key can be rotated together with others.
///
/// # Errors
/// When the database cannot be read.
pub fn standing(r: &Reader<'_>, key: &Key, now: Instant) -> Result<Standing, StoreError> {
    let is_out = key.ended(now).is_some() || key.replaced_by.is_some() || key.is_canary;
    if is_out || keys::is_throwaway(r, key.id)? {
        return Ok(Standing::Out);
    }
    if let Some(old) = key.replaces {
        // The next rotation of its predecessor withdraws it.
        if key.delivered.is_none() && keys::get(r, old)?.is_some_and(|old| old.replaced_by.is_none()) {
            return Ok(Standing::Out);
        }
        if now - key.created < RECENTLY.min((key.expires - key.created) / 2) {
            return Ok(Standing::Skipped(NotDue::RecentlyRotated));
        }
    }
    Ok(if key.is_disabled(now) { Standing::Skipped(NotDue::Disabled) } else { Standing::Due })
}

/// Reads the keys that match a query and expire within a time, if one is given.
///
/// # Errors
/// When the database cannot be read.
pub fn due_keys(
    r: &Reader<'_>,
    mut query: KeyQuery,
    within: Option<TimeDelta>,
    catalog: &Catalog,
) -> Result<DueKeys, StoreError> {
    query.sort = KeySort::Expires;
    query.filter.terms.push(KeyTerm::Expires(match within {
        // Whole seconds: up to and with the last one.
        Some(within) => Span::LessThan(within + TimeDelta::seconds(1)),
        None => Span::MoreThan(TimeDelta::zero()),
    }));
    let mut found = DueKeys::default();
    let now = query.now;
    keys::each(r, &query, catalog, usize::MAX, |key| {
        match standing(r, &key, now)? {
            Standing::Due => found.due.push(key),
            Standing::Skipped(why) => found.skipped.push((key, why)),
            Standing::Out => {}
        }
        Ok::<_, StoreError>(())
    })?;
    Ok(found)
}
