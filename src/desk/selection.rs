//! The keys that an action is about: which of them it changes, and which it leaves out and why.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::TimeDelta;
use strum::Display;

use super::{
    CanaryUse, DeskError, KeyDetails, Picked, Session, as_picked, details_of, refuse_replaced, text,
};
use crate::domain::Instant;
use crate::domain::key::{Key, KeyId};
use crate::domain::text::{capitalized, fold, inert};
use crate::store::{Reader, StoreError, keys};

/// How many keys of a selection are named.
const NAMED: usize = 20;

/// An action on keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAction {
    Rotate,
    /// Changes when the old key of a rotation ends.
    Overlap,
    Disable,
    Enable,
    /// Of the uses of canary keys.
    Acknowledge,
    Delete,
}

/// Why an action leaves a key out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display)]
#[strum(serialize_all = "lowercase")]
pub enum Skip {
    #[strum(serialize = "already deleted")]
    Deleted,
    #[strum(serialize = "already rotated")]
    Rotated,
    #[strum(serialize = "not being replaced")]
    NotReplaced,
    Expired,
    #[strum(serialize = "already disabled")]
    AlreadyDisabled,
    Disabled,
    #[strum(serialize = "not disabled")]
    Enabled,
    #[strum(serialize = "canary, always rejected")]
    Canary,
    #[strum(serialize = "without an alarm")]
    NoAlarm,
}

/// Keys that an action leaves out for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub why: Skip,
    pub count: usize,
    /// The names of the first of them; none of deleted keys.
    pub names: Vec<String>,
}

/// What an action on selected keys would do.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The instant at which states were judged.
    pub now: Instant,
    /// The keys that it changes, in the version that was read.
    pub keys: Vec<Picked>,
    /// The uses of those of them that are canary keys, as far as they were not acknowledged.
    pub uses: Vec<CanaryUse>,
    /// Some of them by last use and name, the most recently used one first; a single key even if it is left out.
    pub first: Vec<Key>,
    /// How many of them were used in the last 24 hours.
    pub used: usize,
    pub skipped: Vec<Skipped>,
    /// The use of the key, if there is only one.
    pub details: Option<KeyDetails>,
}

impl KeyAction {
    /// Returns why the action leaves a key out.
    ///
    /// Among several keys, expired and disabled ones are not rotated: their successors would be valid. A single one is,
    /// after its dialog has said so.
    fn skips(self, key: &Key, is_single: bool, now: Instant) -> Option<Skip> {
        let (is_expired, is_disabled) = (key.ended(now).is_some(), key.is_disabled(now));
        match self {
            Self::Rotate | Self::Disable | Self::Enable if key.is_canary => Some(Skip::Canary),
            Self::Rotate if key.replaced_by.is_some() => Some(Skip::Rotated),
            Self::Overlap if key.replaced_by.is_none() => Some(Skip::NotReplaced),
            Self::Rotate if !is_single && is_expired => Some(Skip::Expired),
            Self::Rotate if !is_single && is_disabled => Some(Skip::Disabled),
            Self::Overlap | Self::Disable | Self::Enable if is_expired => Some(Skip::Expired),
            // The end of a timed one can be changed.
            Self::Disable if key.stays_disabled() => Some(Skip::AlreadyDisabled),
            Self::Enable if !is_disabled => Some(Skip::Enabled),
            Self::Acknowledge if !key.has_alarm() => Some(Skip::NoAlarm),
            Self::Rotate
            | Self::Overlap
            | Self::Disable
            | Self::Enable
            | Self::Acknowledge
            | Self::Delete => None,
        }
    }
}

impl Selection {
    /// Returns what an action would do to keys, of which `deleted` exist no more.
    #[must_use]
    pub fn of(action: KeyAction, mut keys: Vec<Key>, deleted: usize, now: Instant) -> Self {
        let is_single = keys.len() + deleted == 1;
        keys.sort_by_cached_key(|key| fold(key.name.as_str()));
        let (keys_to_change, first) = (Vec::with_capacity(keys.len()), Vec::with_capacity(keys.len()));
        let (uses, skipped) = (Vec::new(), Vec::new());
        let mut selection = Self { now, keys: keys_to_change, uses, first, used: 0, skipped, details: None };
        let mut skipped: BTreeMap<Skip, Skipped> = BTreeMap::new();
        let mut skip = |why: Skip, count, name: Option<String>| {
            let group = skipped.entry(why).or_insert_with(|| Skipped { why, count: 0, names: Vec::new() });
            group.count += count;
            group.names.extend(name.filter(|_| group.names.len() < NAMED));
        };
        if deleted > 0 {
            skip(Skip::Deleted, deleted, None);
        }
        for key in keys {
            if let Some(why) = action.skips(&key, is_single, now) {
                skip(why, 1, Some(key.name.to_string()));
                // A single key is shown all the same.
                selection.first.extend(is_single.then_some(key));
                continue;
            }
            selection.used += usize::from(key.last_used.is_some_and(|at| at > now - TimeDelta::hours(24)));
            selection.uses.extend(CanaryUse::of(&key));
            selection.keys.push(Picked { id: key.id, version: key.version });
            selection.first.push(key);
        }
        selection.first.sort_by_key(|key| Reverse(key.last_used));
        selection.first.truncate(NAMED);
        selection.skipped = skipped.into_values().collect();
        selection
    }

    /// Returns how many keys are left out.
    #[must_use]
    pub fn skips(&self) -> usize {
        self.skipped.iter().map(|skipped| skipped.count).sum()
    }

    /// Returns the key, if there is only one.
    #[must_use]
    pub fn single(&self) -> Option<&Key> {
        self.first.first().filter(|_| self.keys.len() <= 1)
    }
}

/// Reads what an action would do to keys.
///
/// # Errors
/// When the database cannot be read.
pub fn selection(
    r: &Reader<'_>,
    action: KeyAction,
    ids: &[KeyId],
    now: Instant,
) -> Result<Selection, StoreError> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        found.extend(keys::get(r, *id)?);
    }
    let deleted = ids.len() - found.len();
    let mut selection = Selection::of(action, found, deleted, now);
    selection.details = selection.single().cloned().map(|key| details_of(r, key, now)).transpose()?;
    Ok(selection)
}

/// What became of several keys.
#[derive(Debug)]
pub struct Batch<T> {
    pub done: Vec<T>,
    /// Why keys were left out that another session has changed, deleted or rotated since they were seen.
    pub skipped: Vec<DeskError>,
}

impl<T> Batch<T> {
    /// Returns how many keys were left out and why; none when there are none.
    #[must_use]
    pub fn report(&self) -> Option<String> {
        let first = capitalized(&inert(&self.skipped.first()?.to_string()));
        let keys = text::count(self.skipped.len() as u64, "key");
        Some(format!("{keys} skipped: another session was faster. {first}."))
    }
}

/// Carries out an operation on those keys that are as they were seen, all of these or none.
///
/// # Errors
/// Those of the operation, and the first conflict if no key is left.
pub fn on_unchanged<T>(
    session: &mut Session<'_>,
    picked: &[Picked],
    operation: impl Fn(&mut Session<'_>, &[Picked]) -> Result<Vec<T>, DeskError>,
) -> Result<Batch<T>, DeskError> {
    let conflicts = session.store.read(|r| Ok(picked.iter().map(|picked| conflict(r, *picked)).collect()))?;
    let conflicts: Vec<Option<DeskError>> = conflicts;
    let (mut rest, mut skipped) = (Vec::with_capacity(picked.len()), Vec::new());
    for (picked, conflict) in picked.iter().zip(conflicts) {
        match conflict {
            None => rest.push(*picked),
            Some(error) if error.is_about(picked.id) => skipped.push(error),
            Some(error) => return Err(error),
        }
    }
    while !rest.is_empty() {
        let error = match operation(session, &rest) {
            Ok(done) => return Ok(Batch { done, skipped }),
            Err(error) => error,
        };
        // Another session was faster.
        let before = rest.len();
        rest.retain(|picked| !error.is_about(picked.id));
        if rest.len() == before {
            return Err(error);
        }
        skipped.push(error);
    }
    skipped.into_iter().next().map_or(Ok(Batch { done: Vec::new(), skipped: Vec::new() }), Err)
}

/// Why a key cannot be changed as it was seen. A rotation says more than a change.
fn conflict(r: &Reader<'_>, picked: Picked) -> Option<DeskError> {
    let error = as_picked(r, picked).err()?;
    let key = keys::get(r, picked.id).ok().flatten();
    Some(key.and_then(|key| refuse_replaced(r, &key).err()).unwrap_or(error))
}
