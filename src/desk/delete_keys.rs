//! Delete keys: irreversible, one synced commit for all of them, a tombstone for each.

use super::{DeskError, Picked, Session, as_picked};
use crate::domain::Instant;
use crate::domain::audit::{AuditAction, AuditRecord, Change};
use crate::domain::key::{Key, Tombstone};
use crate::store::{Urgency, WriteTx, keys};

/// What a deletion leaves in the hands of whoever asked for it.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// What remains of the key.
    pub tombstone: Tombstone,
    /// The last accepted use before.
    pub last_used: Option<Instant>,
    /// Where that came from.
    pub last_used_from: Option<String>,
}

/// Deletes keys, all or none. When it returns, the deletion is on the disk and the next verification is refused.
pub fn delete_keys(session: &mut Session<'_>, picked: &[Picked]) -> Result<Vec<Receipt>, DeskError> {
    let now = session.now;
    session.store.write(session.caller, now, Urgency::Revoking, |tx| {
        let mut receipts = Vec::with_capacity(picked.len());
        let mut records = Vec::with_capacity(picked.len());
        for picked in picked {
            let key = as_picked(tx, *picked)?;
            let (receipt, record) = delete(tx, key, now)?;
            receipts.push(receipt);
            records.push(record);
        }
        Ok((receipts, records))
    })
}

/// Deletes one key within a transaction.
pub(super) fn delete(tx: &WriteTx<'_>, key: Key, now: Instant) -> Result<(Receipt, AuditRecord), DeskError> {
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
    };
    Ok((Receipt { tombstone, last_used: key.last_used, last_used_from: key.last_used_from }, record))
}
