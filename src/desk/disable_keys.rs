//! Disable and enable keys: a pause that can be taken back.

use super::{DeskError, Picked, Session, as_picked};
use crate::domain::audit::{AuditAction, AuditRecord, Change};
use crate::domain::expiry::rfc3339;
use crate::domain::key::Key;
use crate::store::{Urgency, keys};

/// Disables or enables keys, all or none. A key that is so already is left as it is.
pub fn set_disabled(
    session: &mut Session<'_>,
    picked: &[Picked],
    disabled: bool,
) -> Result<Vec<Key>, DeskError> {
    let now = session.now;
    let urgency = if disabled { Urgency::Revoking } else { Urgency::Normal };
    session.store.write(session.caller, now, urgency, |tx| {
        let mut changed = Vec::with_capacity(picked.len());
        let mut records = Vec::new();
        for picked in picked {
            let key = as_picked(tx, *picked)?;
            if key.disabled.is_some() == disabled {
                changed.push(key);
                continue;
            }
            keys::set_disabled(tx, key.id, disabled.then_some(now))?;
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
