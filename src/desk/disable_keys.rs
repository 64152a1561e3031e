//! Disable and enable keys.

use super::{DeskError, Picked, Session, as_picked, changes_of_key, existing_key};
use crate::domain::audit::AuditAction;
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
            if let (KeyAccess::Enabled, Some(rule)) = (access, &key.until_unused) {
                // While it was disabled it could not be used: that time does not count as unused.
                keys::set_unused_since(tx, key.id, now.max(rule.since))?;
            }
            let action = if disabled { AuditAction::KeyDisabled } else { AuditAction::KeyEnabled };
            let after = existing_key(tx, key.id)?;
            records.push(changes_of_key::record(action, &key, &after));
            changed.push(after);
        }
        Ok((changed, records))
    })
}
