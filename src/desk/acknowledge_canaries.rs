//! Acknowledge the use of canary keys, which ends the alarm until they are used again.

use super::{DeskError, Picked, Session, existing_key};
use crate::domain::Instant;
use crate::domain::audit::{AuditAction, AuditRecord, Change};
use crate::domain::expiry::rfc3339;
use crate::domain::key::Key;
use crate::store::{Urgency, keys};

/// A canary key with the last use that the caller has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CanaryUse {
    pub key: Picked,
    pub last: Instant,
}

impl CanaryUse {
    /// Returns the alarm of a key, if it has one.
    #[must_use]
    pub fn of(key: &Key) -> Option<Self> {
        let last = key.canary_used.filter(|_| key.has_alarm())?;
        Some(Self { key: Picked { id: key.id, version: key.version }, last })
    }
}

/// Acknowledges uses up to the last one that the caller has seen: a later one, recorded meanwhile, is still an alarm. All
/// or none. What another session has acknowledged already stays as it is.
///
/// # Errors
/// When one of the keys was deleted, or is not a canary key. Nothing is changed then.
pub fn acknowledge_canaries(session: &mut Session<'_>, uses: &[CanaryUse]) -> Result<Vec<Key>, DeskError> {
    session.write(Urgency::Normal, |tx, _, _| {
        let (mut changed, mut records) = (Vec::with_capacity(uses.len()), Vec::new());
        for CanaryUse { key, last } in uses {
            let key = existing_key(tx, key.id)?;
            if !key.is_canary {
                return Err(DeskError::NotCanary { prefix: key.prefix });
            }
            if key.acknowledged < Some(*last) {
                keys::set_acknowledged(tx, key.id, *last)?;
                let (before, after) = (key.acknowledged.map(rfc3339), Some(rfc3339(*last)));
                let change = Change { field: "acknowledged".to_owned(), before, after };
                let record = AuditRecord::new(AuditAction::CanaryAcknowledged);
                records.push(record.application(key.application).key(key.id).change(change));
            }
            changed.push(existing_key(tx, key.id)?);
        }
        Ok((changed, records))
    })
}
