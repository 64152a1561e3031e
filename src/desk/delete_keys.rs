//! Delete keys for good, all in one synced commit.

use std::collections::HashMap;

use super::settle::mark_if_ended;
use super::{DeskError, Picked, Session, all_as_picked, changes_of_key, existing_key};
use crate::domain::Instant;
use crate::domain::audit::{AuditAction, AuditRecord, Change};
use crate::domain::key::{Key, KeyId, Tombstone};
use crate::store::{Urgency, WriteTx, keys};

/// Deletes keys, all or none. When it returns, the deletion is on disk and the next request with one of them is
/// rejected. Returns the tombstones, which name the last accepted request.
pub fn delete_keys(session: &mut Session<'_>, picked: &[Picked]) -> Result<Vec<Tombstone>, DeskError> {
    session.write(Urgency::Revoking, |tx, now, _| {
        let doomed = all_as_picked(tx, picked)?;
        let mut records = relink(tx, &doomed, now)?;
        let (tombstones, deleted): (Vec<_>, Vec<_>) = delete_all(tx, doomed, now)?.into_iter().unzip();
        records.extend(deleted);
        Ok((tombstones, records))
    })
}

/// Links the predecessors of keys that are about to be deleted with the next key of their line, or with none: such a key
/// can be rotated again, and does not end before it expires though it is unused.
pub(super) fn relink(tx: &WriteTx<'_>, doomed: &[Key], now: Instant) -> Result<Vec<AuditRecord>, DeskError> {
    let by_id: HashMap<KeyId, &Key> = doomed.iter().map(|key| (key.id, key)).collect();
    let mut records = Vec::new();
    let lasting = |key: &Key| key.replaces.filter(|old| !by_id.contains_key(old));
    let olds: Vec<KeyId> = doomed.iter().filter_map(lasting).collect();
    let mut olds = keys::get_all(tx, &olds)?;
    for key in doomed {
        let old = lasting(key).and_then(|old| olds.remove(&old));
        let Some(mut old) = old.filter(|old| old.replaced_by == Some(key.id)) else { continue };
        if let Some(record) = mark_if_ended(tx, &old, now)? {
            records.push(record);
            old = existing_key(tx, old.id)?;
        }
        let mut next = key.replaced_by;
        while let Some(doomed) = next.and_then(|next| by_id.get(&next)) {
            next = doomed.replaced_by;
        }
        let next = next.map_or(Ok(None), |next| keys::get(tx, next))?;
        keys::set_successor(tx, old.id, next.as_ref().map(|next| next.id))?;
        let action = AuditAction::SuccessorDeleted;
        records.push(changes_of_key::record(action, &old, &existing_key(tx, old.id)?));
        if let Some(next) = next {
            keys::set_replaces(tx, next.id, old.id)?;
            records.push(changes_of_key::record(
                AuditAction::PredecessorDeleted,
                &next,
                &existing_key(tx, next.id)?,
            ));
        }
    }
    Ok(records)
}

/// Deletes keys within a transaction.
pub(super) fn delete_all(
    tx: &WriteTx<'_>,
    doomed: Vec<Key>,
    now: Instant,
) -> Result<Vec<(Tombstone, AuditRecord)>, DeskError> {
    let ids: Vec<KeyId> = doomed.iter().map(|key| key.id).collect();
    keys::delete_all(tx, &ids, now)?;
    let remains = |key: Key| {
        let record = AuditRecord::new(AuditAction::KeyDeleted)
            .application(key.application)
            .key(key.id)
            .change(Change::from("name", key.name.as_str()))
            .change(Change::from("platform", key.kind.platform().unwrap_or("generic")));
        let tombstone = Tombstone {
            id: key.id,
            name: key.name,
            application: key.application,
            prefix: key.prefix,
            deleted: now,
            deleted_by: tx.actor(),
            last_used: key.last_used,
            last_used_from: key.last_used_from,
            first_refused: None,
            first_refused_from: None,
        };
        (tombstone, record)
    };
    Ok(doomed.into_iter().map(remains).collect())
}
