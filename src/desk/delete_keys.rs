//! Delete keys for good, all in one synced commit.

use super::{DeskError, Picked, Session, as_picked};
use crate::domain::Instant;
use crate::domain::audit::{AuditAction, AuditRecord, Change};
use crate::domain::key::{Key, Tombstone};
use crate::store::{Urgency, WriteTx, keys};

/// Deletes keys, all or none. When it returns, the deletion is on disk and the next request with one of them is
/// rejected. Returns the tombstones, which name the last accepted request.
pub fn delete_keys(session: &mut Session<'_>, picked: &[Picked]) -> Result<Vec<Tombstone>, DeskError> {
    session.write(Urgency::Revoking, |tx, now, _| {
        picked.iter().map(|picked| delete(tx, as_picked(tx, *picked)?, now)).collect()
    })
}

/// Deletes one key within a transaction.
pub(super) fn delete(
    tx: &WriteTx<'_>,
    key: Key,
    now: Instant,
) -> Result<(Tombstone, AuditRecord), DeskError> {
    keys::delete(tx, key.id, now)?;
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
    Ok((tombstone, record))
}
