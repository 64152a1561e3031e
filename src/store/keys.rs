//! Keys and tombstones: one by one, and the changes that the desk makes. The list is in `key_list`.

use chrono::TimeDelta;
use rusqlite::{OptionalExtension, Row, params};

use super::convert::{self, KEY_COLUMNS};
use super::key_list::select;
use super::{Reader, StoreError, WriteTx};
use crate::domain::Instant;
use crate::domain::application::ApplicationId;
use crate::domain::key::{Key, KeyId, NewKey, Purpose, Tombstone};
use crate::domain::secret::KeyHash;
use crate::domain::text::fold;
use crate::domain::user::UserId;

pub use super::key_list::{KeyQuery, KeySort, count, each, ids, page, plan};

/// One key.
pub fn get(r: &Reader<'_>, id: KeyId) -> Result<Option<Key>, StoreError> {
    let sql =
        format!("SELECT {KEY_COLUMNS} FROM keys k JOIN users u ON u.id = k.creator_id WHERE k.key_id = ?1");
    r.connection
        .prepare_cached(&sql)
        .and_then(|mut statement| statement.query_row([id.as_str()], convert::key).optional())
        .map_err(r.fault("reading a key"))
}

/// When the key that took this one's place was handed over, or made; `None` when there is none, or none any more.
pub fn replaced_at(r: &Reader<'_>, key: &Key) -> Result<Option<Instant>, StoreError> {
    let successor = key.replaced_by.map(|id| get(r, id)).transpose()?.flatten();
    Ok(successor.map(|successor| successor.delivered.unwrap_or(successor.created)))
}

/// Keys of exactly this name in an Application, at most 20.
pub fn named(r: &Reader<'_>, application: ApplicationId, name: &str) -> Result<Vec<Key>, StoreError> {
    with_name(r, application, name, "")
}

/// Those of them that have no successor in their place.
pub fn named_and_not_replaced(
    r: &Reader<'_>,
    application: ApplicationId,
    name: &str,
) -> Result<Vec<Key>, StoreError> {
    with_name(r, application, name, "AND k.replaced_by IS NULL")
}

fn with_name(
    r: &Reader<'_>,
    application: ApplicationId,
    name: &str,
    condition: &str,
) -> Result<Vec<Key>, StoreError> {
    let folded = format!("{}\n", fold(name));
    let until = format!("{}\u{b}", fold(name));
    let sql = format!(
        "SELECT {KEY_COLUMNS} FROM keys k INDEXED BY keys_by_name JOIN users u ON u.id = k.creator_id \
         WHERE k.application_id = ? AND k.folded >= ? AND k.folded < ? AND k.name = ? {condition} \
         ORDER BY k.folded LIMIT 20"
    );
    select(r, &sql, vec![application.0.into(), folded.into(), until.into(), name.to_owned().into()])
}

/// How far keys that expire soon are counted: beyond it "many" says enough, and the header must not wait.
pub const MOST_ATTENTION: u64 = 1_000;

/// How many keys of an Application work still, but not for longer than `soon`; at most [`MOST_ATTENTION`].
pub fn attention(
    r: &Reader<'_>,
    application: ApplicationId,
    now: Instant,
    soon: TimeDelta,
) -> Result<u64, StoreError> {
    r.connection
        .query_row(
            "SELECT count(*) FROM (SELECT 1 FROM keys INDEXED BY keys_by_state \
             WHERE application_id = ?1 AND is_disabled = 0 AND expires > ?2 AND expires <= ?3 LIMIT ?4)",
            params![application.0, now.timestamp(), (now + soon).timestamp(), MOST_ATTENTION],
            |row| row.get(0),
        )
        .map_err(r.fault("counting the keys that expire soon"))
}

/// How many keys of an Application expire from one instant until before another.
pub fn expiring(
    r: &Reader<'_>,
    application: ApplicationId,
    from: Instant,
    until: Instant,
) -> Result<u64, StoreError> {
    r.connection
        .query_row(
            "SELECT count(*) FROM keys INDEXED BY keys_by_expires \
             WHERE application_id = ?1 AND expires >= ?2 AND expires < ?3",
            params![application.0, from.timestamp(), until.timestamp()],
            |row| row.get(0),
        )
        .map_err(r.fault("counting the keys of a month"))
}

const TOMBSTONE: &str = "key_id, name, application_id, prefix, deleted, deleted_by, last_used, last_used_from, \
     first_refused, first_refused_from";

fn tombstone_of(row: &Row<'_>) -> rusqlite::Result<Tombstone> {
    Ok(Tombstone {
        id: convert::key_id(row, 0)?,
        name: convert::name(row, 1)?,
        application: ApplicationId(row.get(2)?),
        prefix: row.get(3)?,
        deleted: convert::instant(row, 4)?,
        deleted_by: UserId(row.get(5)?),
        last_used: convert::maybe_instant(row, 6)?,
        last_used_from: row.get(7)?,
        first_refused: convert::maybe_instant(row, 8)?,
        first_refused_from: row.get(9)?,
    })
}

/// What remains of a deleted key.
pub fn tombstone(r: &Reader<'_>, id: KeyId) -> Result<Option<Tombstone>, StoreError> {
    r.connection
        .prepare_cached(&format!("SELECT {TOMBSTONE} FROM tombstones WHERE key_id = ?1"))
        .and_then(|mut statement| statement.query_row([id.as_str()], tombstone_of).optional())
        .map_err(r.fault("reading a tombstone"))
}

/// Deleted keys that were called exactly so, at most 20. It looks at all tombstones.
pub fn deleted_named(r: &Reader<'_>, name: &str) -> Result<Vec<Tombstone>, StoreError> {
    let fault = r.fault("reading the tombstones");
    let sql = format!("SELECT {TOMBSTONE} FROM tombstones WHERE name = ?1 ORDER BY deleted LIMIT 20");
    let mut statement = r.connection.prepare(&sql).map_err(&fault)?;
    let rows = statement.query_map([name], tombstone_of).map_err(&fault)?;
    rows.collect::<Result<_, _>>().map_err(&fault)
}

/// All keys of an Application, for deleting them with it.
pub fn ids_of(r: &Reader<'_>, application: ApplicationId) -> Result<Vec<KeyId>, StoreError> {
    let fault = r.fault("reading the keys of an Application");
    let mut statement = r
        .connection
        .prepare("SELECT key_id FROM keys INDEXED BY keys_by_id WHERE application_id = ?1 ORDER BY key_id")
        .map_err(&fault)?;
    let rows = statement.query_map([application.0], |row| convert::key_id(row, 0)).map_err(&fault)?;
    rows.collect::<Result<_, _>>().map_err(&fault)
}

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
        "INSERT INTO keys (key_id, hash, application_id, name, folded, prefix, type, platform, creator_id, \
         created, expires, throwaway) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            id.as_str(),
            hash.as_bytes(),
            new.application.0,
            new.name.as_str(),
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
pub fn set_delivered(tx: &WriteTx<'_>, id: KeyId, now: Instant) -> Result<(), StoreError> {
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
pub fn set_replaces(tx: &WriteTx<'_>, id: KeyId, old: KeyId) -> Result<(), StoreError> {
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
pub fn set_replaced(
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

/// The keys that were made to take this one's place.
pub fn successors(r: &Reader<'_>, old: KeyId) -> Result<Vec<Key>, StoreError> {
    let fault = r.fault("reading the successors of a key");
    let mut statement = r
        .connection
        .prepare_cached("SELECT key_id FROM keys INDEXED BY keys_by_replaces WHERE replaces = ?1")
        .map_err(&fault)?;
    let rows = statement.query_map([old.as_str()], |row| convert::key_id(row, 0)).map_err(&fault)?;
    let ids: Vec<KeyId> = rows.collect::<Result<_, _>>().map_err(&fault)?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        found.extend(get(r, id)?);
    }
    Ok(found)
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
