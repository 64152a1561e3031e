//! Disable and enable keys.

use chrono::TimeDelta;

use super::{DeskError, Picked, Session, all_as_picked, changes_of_key, refuse_canary};
use crate::domain::Instant;
use crate::domain::audit::AuditAction;
use crate::domain::key::{Key, KeyId, Outage};
use crate::store::{Urgency, keys};

/// Whether keys that are neither expired nor deleted are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAccess {
    Enabled,
    /// Until they are enabled again.
    Disabled,
    /// For this time from now on, which ends by itself.
    DisabledFor(TimeDelta),
}

/// Sets the access of keys, all or none. A key that has it already stays as it is. Disabling a disabled key changes for how
/// long.
///
/// # Errors
/// When one of them was changed or deleted since it was seen, is a canary key, or would be disabled for no time. Nothing is
/// changed then.
pub fn set_access(
    session: &mut Session<'_>,
    picked: &[Picked],
    access: KeyAccess,
) -> Result<Vec<Key>, DeskError> {
    let urgency = if access == KeyAccess::Enabled { Urgency::Normal } else { Urgency::Revoking };
    session.write(urgency, |tx, now, _| {
        let action =
            if access == KeyAccess::Enabled { AuditAction::KeyEnabled } else { AuditAction::KeyDisabled };
        let before = all_as_picked(tx, picked)?;
        let mut pending = Vec::new();
        for key in &before {
            refuse_canary(key)?;
            let outage = outage(key, access, now)?;
            if outage != key.outage() {
                pending.push((key, outage));
            }
        }
        let outages: Vec<(KeyId, Option<Outage>)> =
            pending.iter().map(|(key, outage)| (key.id, *outage)).collect();
        keys::set_disabled(tx, &outages)?;
        for (key, outage) in &pending {
            let begins = |outage: Option<Outage>| outage.map(|outage| outage.since);
            let is_other = key.outage().is_some() && begins(key.outage()) != begins(*outage);
            if let Some(rule) = key.until_unused.as_ref().filter(|_| is_other && key.ended(now).is_none()) {
                // While it was disabled it could not be used: that time does not count as unused.
                keys::set_unused_since(tx, key.id, now.max(rule.since))?;
            }
        }
        let ids: Vec<KeyId> = outages.iter().map(|(id, _)| *id).collect();
        let mut after = keys::get_all(tx, &ids)?;
        let (mut changed, mut records) = (Vec::with_capacity(before.len()), Vec::with_capacity(ids.len()));
        for key in &before {
            let Some(after) = after.remove(&key.id) else {
                changed.push(key.clone());
                continue;
            };
            records.push(changes_of_key::record(action, key, &after));
            changed.push(after);
        }
        Ok((changed, records))
    })
}

/// What a key's outage becomes.
fn outage(key: &Key, access: KeyAccess, now: Instant) -> Result<Option<Outage>, DeskError> {
    let before = key.outage();
    // One that ended by itself stays recorded. It can still begin again where the clock was set back.
    let is_over = |outage: &Outage| outage.until.is_some_and(|until| until <= now);
    Ok(match access {
        KeyAccess::Enabled => before.filter(is_over),
        KeyAccess::Disabled => {
            let since = before.filter(|_| key.is_disabled(now)).map_or(now, |outage| outage.since);
            Some(Outage { since, until: None })
        }
        KeyAccess::DisabledFor(length) => {
            let until = now.checked_add_signed(length).filter(|until| *until > now);
            let until = Some(until.ok_or(DeskError::Past { at: now })?);
            // One without an end begins again: it must not last longer where the clock is set back.
            let timed = before.filter(|outage| outage.until.is_some() && key.is_disabled(now));
            Some(Outage { since: timed.map_or(now, |outage| outage.since), until })
        }
    })
}
