//! Disable and enable keys.

use super::{DeskError, Picked, Session, as_picked};
use crate::domain::audit::{AuditAction, AuditRecord, Change};
use crate::domain::expiry::rfc3339;
use crate::domain::key::Key;
use crate::store::keys::Outage;
use crate::store::{Urgency, keys};

/// Whether keys that are neither expired nor deleted are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAccess {
    Enabled,
    Disabled,
}

/// Sets the access of keys, all or none. A key that has it already stays as it is.
pub fn set_access(
    session: &mut Session<'_>,
    picked: &[Picked],
    access: KeyAccess,
) -> Result<Vec<Key>, DeskError> {
    let disabled = access == KeyAccess::Disabled;
    let urgency = if disabled { Urgency::Revoking } else { Urgency::Normal };
    session.write(urgency, |tx, now, _| {
        let mut changed = Vec::with_capacity(picked.len());
        let mut records = Vec::new();
        for picked in picked {
            let key = as_picked(tx, *picked)?;
            if key.disabled.is_some() == disabled {
                changed.push(key);
                continue;
            }
            keys::set_disabled(tx, key.id, disabled.then_some(Outage { since: now, until: None }))?;
            let (action, change) = match key.disabled {
                None => (AuditAction::KeyDisabled, Change::to("disabled", rfc3339(now))),
                Some(since) => (AuditAction::KeyEnabled, Change::from("disabled", rfc3339(since))),
            };
            records.push(AuditRecord::new(action).application(key.application).key(key.id).change(change));
            changed.extend(keys::get(tx, key.id)?);
        }
        Ok((changed, records))
    })
}
