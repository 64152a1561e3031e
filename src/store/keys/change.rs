//! Changes of keys. Each is read back before it is committed.

use crate::store::value::{Value, values};
use chrono::TimeDelta;

use super::read::{get, tombstone};
use crate::domain::Instant;
use crate::domain::key::{Key, KeyId, NewKey, Outage, Purpose};
use crate::domain::secret::KeyHash;
use crate::domain::source::AllowedSources;
use crate::domain::text::{Name, Note};
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
         created, expires, throwaway, canary, owner, note, allowed_sources) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        values![
            id.as_str(),
            hash.as_bytes(),
            new.application.0,
            new.name.as_str(),
            convert::name_order(&new.name),
            convert::folded(&new.name, id, &new.kind, new.owner.as_ref(), new.note.as_ref()),
            prefix,
            new.key_type.as_str(),
            new.kind.platform().unwrap_or_default(),
            tx.actor().0,
            now.timestamp(),
            new.expires.timestamp(),
            purpose == Purpose::Throwaway,
            purpose == Purpose::Canary,
            new.owner.as_ref().map(Name::as_str),
            new.note.as_ref().map(Note::as_str),
            new.allowed_sources.to_string(),
        ],
    )?;
    tx.expect(
        what,
        "SELECT EXISTS (SELECT 1 FROM keys WHERE key_id = ? AND hash = ? AND application_id = ? AND prefix = ? \
         AND type = ? AND expires = ? AND disabled IS NULL AND allowed_sources = ? AND canary = ?)",
        [
            id.to_string().into(),
            hash.as_bytes().to_vec().into(),
            new.application.0.into(),
            prefix.to_owned().into(),
            new.key_type.as_str().to_owned().into(),
            new.expires.timestamp().into(),
            new.allowed_sources.to_string().into(),
            (purpose == Purpose::Canary).into(),
        ],
    );
    Ok(true)
}

/// Gives a key another name, owner, note and allowed sources.
pub(crate) fn set_properties(
    tx: &WriteTx<'_>,
    key: &Key,
    name: &Name,
    owner: Option<&Name>,
    note: Option<&Note>,
    allowed_sources: &AllowedSources,
) -> Result<(), StoreError> {
    let what = "editing a key";
    let (owner_text, note_text) = (owner.map(Name::as_str), note.map(Note::as_str));
    tx.change_one(
        what,
        "UPDATE keys SET name = ?2, name_order = ?3, folded = ?4, owner = ?5, note = ?6, allowed_sources = ?7, \
         version = version + 1 WHERE key_id = ?1",
        values![
            key.id.as_str(),
            name.as_str(),
            convert::name_order(name),
            convert::folded(name, key.id, &key.kind, owner, note),
            owner_text,
            note_text,
            allowed_sources.to_string(),
        ],
    )?;
    tx.expect(
        what,
        "SELECT EXISTS (SELECT 1 FROM keys WHERE key_id = ? AND name = ? AND owner IS NOT DISTINCT FROM ? AND note IS NOT DISTINCT FROM ? \
         AND allowed_sources = ?)",
        [
            key.id.to_string().into(),
            name.as_str().to_owned().into(),
            owner_text.map(ToOwned::to_owned).into(),
            note_text.map(ToOwned::to_owned).into(),
            allowed_sources.to_string().into(),
        ],
    );
    Ok(())
}

/// Records that the secret was delivered.
pub(crate) fn set_delivered(tx: &WriteTx<'_>, id: KeyId, now: Instant) -> Result<(), StoreError> {
    let what = "recording that a secret was delivered";
    let at = now.timestamp();
    tx.change_one(
        what,
        "UPDATE keys SET delivered = ?2 WHERE key_id = ?1 AND delivered IS NULL",
        values![id.as_str(), at],
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
        values![id.as_str(), old.as_str()],
    )?;
    tx.expect(
        what,
        "SELECT EXISTS (SELECT 1 FROM keys WHERE key_id = ? AND replaces = ?)",
        [id.to_string().into(), old.to_string().into()],
    );
    Ok(())
}

/// How a rotated key ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplacedKey {
    pub by: KeyId,
    pub expires: Instant,
    /// The expiration date without its replacement, if that is later.
    pub latest_expires: Option<Instant>,
    pub outage: Option<Outage>,
    /// How long it must be unused to end before it expires, and from when that counts.
    pub unused: Option<(TimeDelta, Instant)>,
}

/// Gives a rotated key its successor and its end.
pub(crate) fn set_replaced(tx: &WriteTx<'_>, id: KeyId, end: ReplacedKey) -> Result<(), StoreError> {
    let what = "ending a replaced key";
    let since = end.outage.map(|outage| outage.since.timestamp());
    let until = end.outage.and_then(|outage| outage.until).map(|at| at.timestamp());
    let unused_for = end.unused.map(|(length, _)| length.num_seconds());
    let unused_since = end.unused.map(|(_, since)| since.timestamp());
    let latest = end.latest_expires.map(|at| at.timestamp());
    tx.change_one(
        what,
        "UPDATE keys SET replaced_by = ?2, expires = ?3, disabled = ?4, disabled_until = ?5, \
         is_disabled = CASE WHEN ?4 IS NOT NULL AND ?5 IS NULL THEN 1 ELSE 0 END, unused_for = ?6, unused_since = ?7, latest_expires = ?8, \
         version = version + 1 \
         WHERE key_id = ?1",
        values![
            id.as_str(),
            end.by.as_str(),
            end.expires.timestamp(),
            since,
            until,
            unused_for,
            unused_since,
            latest
        ],
    )?;
    tx.expect(
        what,
        "SELECT EXISTS (SELECT 1 FROM keys WHERE key_id = ? AND replaced_by = ? AND expires = ? AND disabled IS NOT DISTINCT FROM ? \
         AND disabled_until IS NOT DISTINCT FROM ? AND unused_for IS NOT DISTINCT FROM ? AND unused_since IS NOT DISTINCT FROM ?)",
        [
            id.to_string().into(),
            end.by.to_string().into(),
            end.expires.timestamp().into(),
            since.into(),
            until.into(),
            unused_for.into(),
            unused_since.into(),
        ],
    );
    Ok(())
}

/// Marks a key as ended that ends when it is no longer used: at an instant, or by its own expiration. It keeps its version:
/// no one has changed it.
pub(crate) fn set_ended(tx: &WriteTx<'_>, id: KeyId, end: Option<Instant>) -> Result<(), StoreError> {
    let what = "marking a key as ended";
    let end = end.map(|at| at.timestamp());
    tx.change_one(
        what,
        "UPDATE keys SET latest_expires = CASE WHEN ?2 < expires THEN coalesce(latest_expires, expires) \
         ELSE latest_expires END, expires = CASE WHEN ?2 < expires THEN ?2 ELSE expires END, unused_for = NULL, unused_since = NULL \
         WHERE key_id = ?1",
        values![id.as_str(), end],
    )?;
    // The rest of the transaction may delete it.
    tx.expect(
        what,
        "SELECT NOT EXISTS (SELECT 1 FROM keys WHERE key_id = ?1 AND (unused_for IS NOT NULL OR expires > ?2))",
        [id.to_string().into(), end.map_or(Value::from(i64::MAX), Value::from)],
    );
    Ok(())
}

/// Says when the unused time of a key begins that ends when it is no longer used.
pub(crate) fn set_unused_since(tx: &WriteTx<'_>, id: KeyId, since: Instant) -> Result<(), StoreError> {
    let what = "enabling a key";
    let since = since.timestamp();
    tx.change_one(
        what,
        "UPDATE keys SET unused_since = ?2 WHERE key_id = ?1 AND unused_for IS NOT NULL",
        values![id.as_str(), since],
    )?;
    tx.expect(
        what,
        "SELECT EXISTS (SELECT 1 FROM keys WHERE key_id = ? AND unused_since = ?)",
        [id.to_string().into(), since.into()],
    );
    Ok(())
}

/// Gives a key another successor, since its own is deleted; or none, and then it does not end when it is no longer used.
pub(crate) fn set_successor(tx: &WriteTx<'_>, id: KeyId, by: Option<KeyId>) -> Result<(), StoreError> {
    let what = "deleting the successor of a key";
    let by = by.map(|by| by.to_string());
    tx.change_one(
        what,
        "UPDATE keys SET replaced_by = ?2, unused_for = CASE WHEN ?2 IS NOT NULL THEN unused_for END, \
         unused_since = CASE WHEN ?2 IS NOT NULL THEN unused_since END, version = version + 1 WHERE key_id = ?1",
        values![id.as_str(), by.as_deref()],
    )?;
    tx.expect(
        what,
        "SELECT EXISTS (SELECT 1 FROM keys WHERE key_id = ?1 AND replaced_by IS NOT DISTINCT FROM ?2 \
         AND (?2 IS NOT NULL OR unused_for IS NULL))",
        [id.to_string().into(), by.into()],
    );
    Ok(())
}

/// Records up to which instant the uses of a canary key were acknowledged.
pub(crate) fn set_acknowledged(tx: &WriteTx<'_>, id: KeyId, at: Instant) -> Result<(), StoreError> {
    let (what, at) = ("acknowledging the use of a canary key", at.timestamp());
    tx.change_one(
        what,
        "UPDATE keys SET acknowledged = ?2, version = version + 1 WHERE key_id = ?1 AND canary = 1",
        values![id.as_str(), at],
    )?;
    tx.expect(
        what,
        "SELECT EXISTS (SELECT 1 FROM keys WHERE key_id = ? AND acknowledged = ?)",
        [id.to_string().into(), at.into()],
    );
    Ok(())
}
