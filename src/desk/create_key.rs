//! Create an API key.

use super::private_text::refuse_private;
use super::{DeskError, Session, Subject, existing_key};
use crate::domain::Instant;
use crate::domain::audit::{AuditAction, AuditRecord, Change};
use crate::domain::commitment::{Commitment, KeyFacts};
use crate::domain::expiry::{check_lifetime, rfc3339};
use crate::domain::key::{Key, KeyId, NewKey, Purpose};
use crate::domain::secret::Secret;
use crate::domain::token::{Entropy, draw_id, draw_secret};
use crate::store::{StoreError, Urgency, WriteTx, applications, database, keys};

/// A new key with its secret, which exists here and nowhere else.
#[derive(Debug)]
pub struct CreatedKey {
    pub key: Key,
    /// To be delivered, after which [`mark_delivered`] is called.
    pub secret: Secret,
}

/// Maximum number of key IDs to draw. There are 62^10, so that a second one is never needed.
const TRIES: usize = 8;

/// Creates a key.
///
/// # Errors
/// When the system has no randomness, the expiration date is not in the future or too late, a text is private, or the
/// Application does not exist.
pub fn create_key(session: &mut Session<'_>, new: &NewKey) -> Result<CreatedKey, DeskError> {
    create(session, new, Purpose::Access)
}

/// Creates a key that must never be used: it is always rejected, and its use is an alarm.
///
/// # Errors
/// As [`create_key`].
pub fn create_canary_key(session: &mut Session<'_>, new: &NewKey) -> Result<CreatedKey, DeskError> {
    create(session, new, Purpose::Canary)
}

/// Creates a key for a diagnosis, which deletes it again.
pub fn create_throwaway_key(session: &mut Session<'_>, new: &NewKey) -> Result<CreatedKey, DeskError> {
    create(session, new, Purpose::Throwaway)
}

fn create(session: &mut Session<'_>, new: &NewKey, purpose: Purpose) -> Result<CreatedKey, DeskError> {
    let max = session.max_lifetime;
    let check = |now: Instant| -> Result<(), DeskError> {
        if new.expires <= now {
            return Err(DeskError::Past { at: new.expires });
        }
        // A canary key gives access to nothing, however long it lives.
        if purpose != Purpose::Canary {
            check_lifetime(new.expires, now, max)?;
        }
        Ok(())
    };
    check(session.now)?;
    session.write(Urgency::Normal, |tx, now, entropy| {
        check(now)?;
        let (created, record) = add(tx, new, purpose, now, entropy)?;
        refuse_private(tx, &record.changes)?;
        Ok((created, vec![record]))
    })
}

/// Adds a key within a transaction.
pub(super) fn add(
    tx: &WriteTx<'_>,
    new: &NewKey,
    purpose: Purpose,
    now: Instant,
    entropy: &mut dyn Entropy,
) -> Result<(CreatedKey, AuditRecord), DeskError> {
    if applications::get(tx, new.application)?.is_none() {
        return Err(DeskError::NotFound(Subject::Application(new.application)));
    }
    let prefix = database::prefix(tx)?;
    for _ in 0..TRIES {
        let id = draw_id(entropy)?;
        let secret = draw_secret(&prefix, new.key_type, id, entropy)?;
        let displayed = prefix.displayed(new.key_type, id);
        let hash = secret.hash();
        if !keys::insert(tx, new, id, &displayed, &hash, purpose, now)? {
            continue;
        }
        let commitment = Commitment::to_key(&KeyFacts {
            id,
            hash: hash.as_bytes(),
            prefix: &displayed,
            application: new.application.0,
            key_type: new.key_type.as_str(),
        });
        let key = existing_key(tx, id)?;
        let mut record = AuditRecord::new(AuditAction::KeyCreated)
            .application(new.application)
            .key(id)
            .change(Change::to("name", new.name.as_str()))
            .change(Change::to("platform", new.kind.platform().unwrap_or("generic")))
            .change(Change::to("type", new.key_type.as_str()))
            .change(Change::to("expires", rfc3339(new.expires)))
            .commitment(commitment);
        let optional = [
            ("owner", new.owner.as_ref().map(|owner| owner.as_str().to_owned())),
            ("note", new.note.as_ref().map(|note| note.as_str().to_owned())),
            ("allowed sources", (!new.allowed_sources.is_any()).then(|| new.allowed_sources.to_string())),
            ("throwaway", (purpose == Purpose::Throwaway).then(|| "yes".to_owned())),
            ("canary", (purpose == Purpose::Canary).then(|| "yes".to_owned())),
        ];
        for (field, value) in optional {
            record.changes.extend(value.map(|value| Change::to(field, value)));
        }
        return Ok((CreatedKey { key, secret }, record));
    }
    let reason = "could not generate a unique key ID".into();
    Err(StoreError::Sqlite { what: "drawing a key ID", reason }.into())
}

/// Records that the secret of a new key was delivered. A second call changes nothing.
pub fn mark_delivered(session: &mut Session<'_>, id: KeyId) -> Result<(), DeskError> {
    session.write(Urgency::Normal, |tx, now, _| {
        let key = keys::get(tx, id)?.ok_or(DeskError::NotFound(Subject::Key(id)))?;
        if key.delivered.is_some() {
            return Ok(((), vec![]));
        }
        keys::set_delivered(tx, id, now)?;
        let record = AuditRecord::new(AuditAction::KeyDelivered).application(key.application).key(id);
        Ok(((), vec![record]))
    })
}
