//! Rotate an API key: a successor takes its place.
//!
//! In one step if a person reads the secret ([`rotate_keys`]). In three if a program delivers it: the successor is
//! created ([`begin_rotation`]) and delivered, and only then does the old key get its expiration date
//! ([`finish_rotation`]). If the delivery fails, the successor is deleted ([`withdraw_successor`]) and the old key stays
//! as it was.
//!
//! A rotation is claimed before its successor is created, and the claim is held until the rotation is finished: of
//! several sessions that rotate one key, one delivers a secret. In a file, the claim of a process that was killed ends with
//! it. Its successor was never delivered, so the next rotation withdraws it. On a server, no one knows whether a process of
//! another host was killed: the claim holds until the successor is deleted.

use std::time::Duration;

use chrono::TimeDelta;

use super::create_key::add;
use super::delete_keys::{delete_all, relink};
use super::{CreatedKey, DeskError, Picked, Session, as_picked, changes_of_key, existing_key, refuse_canary};
use crate::domain::Instant;
use crate::domain::audit::{AuditAction, AuditRecord, Change};
use crate::domain::expiry::check_lifetime;
use crate::domain::key::{Key, KeyId, NewKey, Outage, Purpose};
use crate::domain::token::Entropy;
use crate::store::keys::ReplacedKey;
use crate::store::{Claimed, Reader, RotationClaim, Store, Urgency, WriteTx, claims, keys};

/// When the old key expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// After this time, and never past its own expiration.
    After(TimeDelta),
    /// At its own expiration.
    Unchanged,
    /// Once its successor is used and it has been unused for this time, at the latest at its own expiration.
    WhenUnused(TimeDelta),
    /// Now: it has leaked.
    AtOnce,
}

/// A rotation that is done.
#[derive(Debug)]
pub struct Rotated {
    /// The successor with its secret. Deliver it, then call [`super::mark_delivered`].
    pub created: CreatedKey,
    /// The old key as it is now.
    pub old: Key,
}

/// A rotation whose successor is to be delivered.
#[derive(Debug)]
pub struct BegunRotation {
    /// The successor with its secret.
    pub created: CreatedKey,
    /// Prevents other sessions from rotating the old key. Hold it until the rotation is finished or withdrawn.
    pub claim: RotationClaim,
}

/// How long the first of three steps waits for another session that rotates the same key. That one usually finishes in
/// this time, and the error can name the new state of the old key.
const PATIENCE: Duration = Duration::from_secs(5);

/// The lifetime of a key, which its successor takes over.
fn life_of(key: &Key) -> TimeDelta {
    key.own_expiration() - key.created
}

/// Rotates keys in one step, all or none: the old ones have their expiration dates before the new secrets are shown.
///
/// # Errors
/// When one of them was changed, deleted or rotated since it was seen. Nothing is changed then.
pub fn rotate_keys(
    session: &mut Session<'_>,
    picked: &[Picked],
    ending: Ending,
) -> Result<Vec<Rotated>, DeskError> {
    let urgency = if ending == Ending::AtOnce { Urgency::Revoking } else { Urgency::Normal };
    let ids: Vec<KeyId> = picked.iter().map(|picked| picked.id).collect();
    let claim = claim(session.store, &ids, Duration::ZERO)?;
    let max = session.max_lifetime;
    let result = session.write(urgency, |tx, now, entropy| {
        let (mut rotated, mut records) = (Vec::with_capacity(picked.len()), Vec::new());
        for picked in picked {
            let old = to_rotate(tx, *picked)?;
            let created = succeed(tx, &old, lifetime(&old, None, max, now)?, now, entropy, &mut records)?;
            let (old, record) = end(tx, &old, created.key.id, ending, now)?;
            records.push(record);
            rotated.push(Rotated { created, old });
        }
        if !claim.end(tx)? {
            return Err(lost_claim(rotated.first().map(|rotated| &rotated.old)));
        }
        Ok((rotated, records))
    });
    session.store.release_rotations(claim);
    result
}

/// The first step: creates the successor, with the lifetime of the old key (at most the maximum) or until `expires`. The old key stays as it
/// is.
///
/// # Errors
/// When the key was changed, deleted or rotated since it was seen, or another session rotates it.
pub fn begin_rotation(
    session: &mut Session<'_>,
    picked: Picked,
    expires: Option<Instant>,
) -> Result<BegunRotation, DeskError> {
    let claim = claim(session.store, &[picked.id], PATIENCE)?;
    let max = session.max_lifetime;
    let result = session.write(Urgency::Normal, |tx, now, entropy| {
        let old = to_rotate(tx, picked)?;
        let mut records = Vec::new();
        let created = succeed(tx, &old, lifetime(&old, expires, max, now)?, now, entropy, &mut records)?;
        if !claim.deliver(tx, old.id, created.key.id)? {
            return Err(lost_claim(Some(&old)));
        }
        Ok((created, records))
    });
    match result {
        Ok(created) => Ok(BegunRotation { created, claim }),
        Err(error) => {
            session.store.release_rotations(claim);
            Err(error)
        }
    }
}

/// Another session has taken the claim over: this one was too slow.
fn lost_claim(old: Option<&Key>) -> DeskError {
    DeskError::BeingRotated { prefix: old.map(|old| old.prefix.clone()).unwrap_or_default(), by: None }
}

/// Claims the rotation of keys, or returns an error that names the key that another session rotates.
fn claim(store: &Store, ids: &[KeyId], patience: Duration) -> Result<RotationClaim, DeskError> {
    let id = match store.claim_rotations(ids, patience)? {
        Claimed::Yes(claim) => return Ok(claim),
        Claimed::HeldElsewhere(id) => id,
    };
    let (old, successors) = store.read(|r| Ok((keys::get(r, id)?, keys::successors(r, id)?)))?;
    let by = successors.into_iter().find(|key| key.delivered.is_none()).map(|key| key.prefix);
    Err(DeskError::BeingRotated { prefix: old.map_or_else(|| id.to_string(), |old| old.prefix), by })
}

/// Returns the key as it was picked. Another session's rotation is the error, not the change of version that it caused.
fn to_rotate(tx: &WriteTx<'_>, picked: Picked) -> Result<Key, DeskError> {
    if let Some(key) = keys::get(tx, picked.id)? {
        refuse_canary(&key)?;
        refuse_replaced(tx, &key)?;
    }
    as_picked(tx, picked)
}

/// The last step: the successor was delivered, and the old key gets its expiration date. Returns none if the old key was
/// deleted meanwhile.
///
/// # Errors
/// When the successor was withdrawn meanwhile, or the old key has another. Nothing is changed then.
pub fn finish_rotation(
    session: &mut Session<'_>,
    successor: KeyId,
    ending: Ending,
) -> Result<Option<Key>, DeskError> {
    let urgency = if ending == Ending::AtOnce { Urgency::Revoking } else { Urgency::Normal };
    session.write(urgency, |tx, now, _| {
        let new = existing_key(tx, successor)?;
        let mut records = Vec::new();
        if new.delivered.is_none() {
            keys::set_delivered(tx, new.id, now)?;
            records
                .push(AuditRecord::new(AuditAction::KeyDelivered).application(new.application).key(new.id));
        }
        claims::delivered(tx, new.id)?;
        let old = new.replaces.map_or(Ok(None), |old| keys::get(tx, old))?;
        let Some(old) = old else { return Ok((None, records)) };
        let (old, record) = end(tx, &old, new.id, ending, now)?;
        records.push(record);
        Ok((Some(old), records))
    })
}

/// Deletes a successor that could not be delivered. The old key stays as it was.
///
/// # Errors
/// When it was already deleted, or the database could not be written.
pub fn withdraw_successor(session: &mut Session<'_>, successor: KeyId) -> Result<(), DeskError> {
    session.write(Urgency::Revoking, |tx, now, _| {
        let key = existing_key(tx, successor)?;
        let mut records = relink(tx, std::slice::from_ref(&key), now)?;
        records.extend(delete_all(tx, vec![key], now)?.into_iter().map(|(_, record)| record));
        Ok(((), records))
    })
}

/// Returns when a successor expires: at a chosen instant, else after the lifetime of the old key or the maximum.
fn lifetime(
    old: &Key,
    chosen: Option<Instant>,
    max: Option<TimeDelta>,
    now: Instant,
) -> Result<Instant, DeskError> {
    let expires = if let Some(chosen) = chosen {
        check_lifetime(chosen, now, max)?;
        chosen
    } else {
        let life = max.map_or(life_of(old), |max| max.min(life_of(old)));
        now.checked_add_signed(life).ok_or(DeskError::Past { at: old.expires })?
    };
    if expires <= now { Err(DeskError::Past { at: expires }) } else { Ok(expires) }
}

/// Creates the successor of a key, after deleting successors that were never delivered.
fn succeed(
    tx: &WriteTx<'_>,
    old: &Key,
    expires: Instant,
    now: Instant,
    entropy: &mut dyn Entropy,
    records: &mut Vec<AuditRecord>,
) -> Result<CreatedKey, DeskError> {
    let mut undelivered = keys::successors(tx, old.id)?;
    undelivered.retain(|key| key.delivered.is_none());
    records.extend(delete_all(tx, undelivered, now)?.into_iter().map(|(_, record)| record));
    let new = NewKey {
        application: old.application,
        name: old.name.clone(),
        kind: old.kind.clone(),
        key_type: old.key_type,
        expires,
        owner: old.owner.clone(),
        note: old.note.clone(),
        allowed_sources: old.allowed_sources.clone(),
    };
    let (mut created, record) = add(tx, &new, Purpose::Access, now, entropy)?;
    keys::set_replaces(tx, created.key.id, old.id)?;
    created.key.replaces = Some(old.id);
    records.push(record.change(Change::to("replaces", old.id.as_str())));
    Ok(created)
}

/// Returns the error that says that a key has a successor.
pub(super) fn refuse_replaced(r: &Reader<'_>, old: &Key) -> Result<(), DeskError> {
    let Some(by) = old.replaced_by else { return Ok(()) };
    let by = keys::get(r, by)?.map_or_else(|| by.to_string(), |key| key.prefix);
    Err(DeskError::Replaced { prefix: old.prefix.clone(), by })
}

/// Gives the old key its successor and its expiration date.
fn end(
    tx: &WriteTx<'_>,
    old: &Key,
    successor: KeyId,
    ending: Ending,
    now: Instant,
) -> Result<(Key, AuditRecord), DeskError> {
    if old.replaced_by != Some(successor) {
        refuse_replaced(tx, old)?;
    }
    set_end(tx, old, successor, ending, Bound::PresentExpiration, AuditAction::KeyRotated, now)
}

/// The latest instant at which a key may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// Its expiration date as it is.
    PresentExpiration,
    /// The one that it had before it was replaced.
    OwnExpiration,
}

/// Says when a key ends that another one replaces. The record has the action.
pub(super) fn set_end(
    tx: &WriteTx<'_>,
    key: &Key,
    successor: KeyId,
    ending: Ending,
    bound: Bound,
    action: AuditAction,
    now: Instant,
) -> Result<(Key, AuditRecord), DeskError> {
    let own = key.own_expiration();
    let latest = match bound {
        Bound::PresentExpiration => key.expires,
        Bound::OwnExpiration => own,
    };
    // A key cannot expire before it was created. Where the clock is behind, it is disabled as well.
    let expires = match ending {
        Ending::Unchanged | Ending::WhenUnused(_) => latest,
        Ending::After(overlap) => {
            now.checked_add_signed(overlap).map_or(latest, |at| at.min(latest)).max(key.created)
        }
        Ending::AtOnce => now.max(key.created).min(latest),
    };
    let must_disable = ending == Ending::AtOnce && expires > now && !key.stays_disabled();
    let outage = if must_disable {
        Some(Outage { since: key.disabled.unwrap_or(now), until: None })
    } else {
        key.outage()
    };
    let unused = match ending {
        Ending::WhenUnused(length) if latest > now => {
            // Unused time that has passed already counts for another length too.
            let since = key.until_unused.as_ref().filter(|_| bound == Bound::OwnExpiration);
            Some((length, since.map_or(now.max(key.created), |rule| rule.since)))
        }
        _ => None,
    };
    let latest_expires = (expires < own).then_some(own);
    let end = ReplacedKey { by: successor, expires, latest_expires, outage, unused };
    keys::set_replaced(tx, key.id, end)?;
    let after = existing_key(tx, key.id)?;
    let record = changes_of_key::record(action, key, &after);
    Ok((after, record))
}
