//! Changes of keys. Each is read back before it is committed.

use rusqlite::params;

use super::read::{get, tombstone};
use crate::domain::Instant;
use crate::domain::key::{KeyId, NewKey, Purpose};
use crate::domain::secret::KeyHash;
use crate::store::{StoreError, WriteTx, convert};

/// Adds a key. `false` means that the ID is in use, or was.
pub fn insert(
    tx: &WriteTx<'_>,
    new: &NewKey,
    id: KeyId,
    prefix: &str,
    hash: &KeyHash,
    purpose: Purpose,
    now: Instant,
) -> Result<bool, StoreError> {
    if tombstone(tx, id)?.is_some() || get(tx, id)?.is_some() {
        return Ok(false);
    }
    let what = "adding a key";
    tx.change_one(
        what,
        "INSERT INTO keys (key_id, hash, application_id, name, name_order, folded, prefix, type, platform, creator_id, \
         created, expires, throwaway) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            id.as_str(),
            hash.as_bytes(),
            new.application.0,
            new.name.as_str(),
            convert::name_order(&new.name),
            convert::folded(&new.name, id, &new.kind),
            prefix,
            new.key_type.as_str(),
            new.kind.platform().unwrap_or_default(),
            tx.actor().0,
            now.timestamp(),
            new.expires.timestamp(),
            purpose == Purpose::Throwaway,
        ],
    )?;
    tx.expect(
        what,
        "SELECT EXISTS (SELECT 1 FROM keys WHERE key_id = ? AND hash = ? AND application_id = ? AND prefix = ? \
         AND type = ? AND expires = ? AND disabled IS NULL)",
        [
            id.to_string().into(),
            hash.as_bytes().to_vec().into(),
            new.application.0.into(),
            prefix.to_owned().into(),
            new.key_type.as_str().to_owned().into(),
            new.expires.timestamp().into(),
        ],
    );
    Ok(true)
}

/// Records that the secret was delivered.
pub(crate) fn set_delivered(tx: &WriteTx<'_>, id: KeyId, now: Instant) -> Result<(), StoreError> {
    let what = "recording that a secret was delivered";
    let at = now.timestamp();
    tx.change_one(
        what,
        "UPDATE keys SET delivered = ?2 WHERE key_id = ?1 AND delivered IS NULL",
        params![id.as_str(), at],
    )?;
    tx.expect(
        what,
        "SELECT EXISTS (SELECT 1 FROM keys WHERE key_id = ? AND delivered = ?)",
        [id.to_string().into(), at.into()],
    );
    Ok(())
}

/// Records which key a new one replaces.
pub(crate) fn set_replaces(tx: &WriteTx<'_>, id: KeyId, old: KeyId) -> Result<(), StoreError> {
    let what = "recording which key a new one replaces";
    tx.change_one(
        what,
        "UPDATE keys SET replaces = ?2 WHERE key_id = ?1",
        params![id.as_str(), old.as_str()],
    )?;
    tx.expect(
        what,
        "SELECT EXISTS (SELECT 1 FROM keys WHERE key_id = ? AND replaces = ?)",
        [id.to_string().into(), old.to_string().into()],
    );
    Ok(())
}

/// Gives a rotated key its successor and its new expiration.
pub(crate) fn set_replaced(
    tx: &WriteTx<'_>,
    id: KeyId,
    by: KeyId,
    expires: Instant,
    disabled: Option<Instant>,
) -> Result<(), StoreError> {
    let what = "ending a replaced key";
    let (expires, disabled) = (expires.timestamp(), disabled.map(|at| at.timestamp()));
    tx.change_one(
        what,
        "UPDATE keys SET replaced_by = ?2, expires = ?3, disabled = ?4, is_disabled = (?4 IS NOT NULL), \
         version = version + 1 WHERE key_id = ?1",
        params![id.as_str(), by.as_str(), expires, disabled],
    )?;
    tx.expect(
        what,
        "SELECT EXISTS (SELECT 1 FROM keys WHERE key_id = ? AND replaced_by = ? AND expires = ? AND disabled IS ?)",
        [id.to_string().into(), by.to_string().into(), expires.into(), disabled.into()],
    );
    Ok(())
}

/// Disables a key, or enables it.
pub fn set_disabled(tx: &WriteTx<'_>, id: KeyId, since: Option<Instant>) -> Result<(), StoreError> {
    let what = if since.is_some() { "disabling a key" } else { "enabling a key" };
    let since = since.map(|at| at.timestamp());
    tx.change_one(
        what,
        "UPDATE keys SET disabled = ?2, is_disabled = (?2 IS NOT NULL), version = version + 1 WHERE key_id = ?1",
        params![id.as_str(), since],
    )?;
    tx.expect(
        what,
        "SELECT EXISTS (SELECT 1 FROM keys WHERE key_id = ? AND disabled IS ?)",
        [id.to_string().into(), since.into()],
    );
    Ok(())
}

/// Deletes a key and leaves its tombstone.
pub fn delete(tx: &WriteTx<'_>, id: KeyId, now: Instant) -> Result<(), StoreError> {
    let what = "deleting a key";
    tx.change_one(
        what,
        "INSERT INTO tombstones (key_id, hash, application_id, name, prefix, type, platform, throwaway, deleted, \
         deleted_by, last_used, last_used_from) \
         SELECT key_id, hash, application_id, name, prefix, type, platform, throwaway, ?2, ?3, last_used, \
         last_used_from FROM keys WHERE key_id = ?1",
        params![id.as_str(), now.timestamp(), tx.actor().0],
    )?;
    tx.change_one(what, "DELETE FROM keys WHERE key_id = ?1", [id.as_str()])?;
    tx.expect(
        what,
        "SELECT NOT EXISTS (SELECT 1 FROM keys WHERE key_id = ?1) \
         AND EXISTS (SELECT 1 FROM tombstones WHERE key_id = ?1 AND deleted = ?2)",
        [id.to_string().into(), now.timestamp().into()],
    );
    Ok(())
}
