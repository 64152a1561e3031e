//! Change when the old key of a rotation ends.

use super::rotate_key::{Bound, set_end};
use super::{DeskError, Ending, Picked, Session, as_picked};
use crate::domain::audit::AuditAction;
use crate::domain::key::Key;
use crate::store::Urgency;

/// Changes when a key ends that is being replaced: never past the expiration date that it had before its rotation.
///
/// # Errors
/// When the key has no successor, has ended, or was changed since it was seen. Nothing is changed then.
pub fn change_overlap(session: &mut Session<'_>, picked: Picked, ending: Ending) -> Result<Key, DeskError> {
    let urgency = if ending == Ending::AtOnce { Urgency::Revoking } else { Urgency::Normal };
    session.write(urgency, |tx, now, _| {
        let key = as_picked(tx, picked)?;
        let Some(successor) = key.replaced_by else {
            return Err(DeskError::NotReplaced { prefix: key.prefix });
        };
        if let Some(at) = key.ended(now) {
            return Err(DeskError::Ended { prefix: key.prefix, at });
        }
        let bound = Bound::OwnExpiration;
        let (key, record) = set_end(tx, &key, successor, ending, bound, AuditAction::KeyOverlapChanged, now)?;
        Ok((key, vec![record]))
    })
}
