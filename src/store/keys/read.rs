//! Single keys and tombstones.

use crate::domain::Instant;
use crate::domain::application::{ApplicationId, Scope};
use crate::domain::key::{Key, KeyId, Tombstone};
use crate::domain::secret::KeyHash;
use crate::domain::text::{fold, natural};
use crate::domain::user::UserId;
use crate::store::convert::{self, KEY_COLUMNS, WITH_KEYS};
use crate::store::row::{Row, RowResult};
use crate::store::value::{Value, values};
use crate::store::{Reader, StoreError, applications};

pub fn get(r: &Reader<'_>, id: KeyId) -> Result<Option<Key>, StoreError> {
    let sql = format!("SELECT {KEY_COLUMNS} FROM keys k {WITH_KEYS} WHERE k.key_id = ?1");
    r.first("reading a key", &sql, values![id.as_str()], convert::key)
}

/// The predecessors that end when they are no longer used, and those that have ended so and are not marked as such yet.
pub fn until_unused(r: &Reader<'_>) -> Result<Vec<Key>, StoreError> {
    let sql = format!(
        "SELECT {KEY_COLUMNS} FROM keys k INDEXED BY keys_until_unused {WITH_KEYS} WHERE k.unused_for IS NOT NULL \
         ORDER BY k.key_id"
    );
    select(r, &sql, &[])
}

/// Whether a diagnosis created a key and deletes it again.
pub(crate) fn is_throwaway(r: &Reader<'_>, id: KeyId) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM keys WHERE key_id = ?1 AND throwaway = 1)";
    r.value("reading what a key is for", sql, values![id.as_str()])
}

/// Whose text has a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextOf {
    Key,
    Deleted,
    /// Neither that of the key with this ID nor that of a deleted one.
    Nothing,
}

/// Compares the hash of a whole text with those of the key and the tombstone with its ID, in constant time.
pub fn text_of(r: &Reader<'_>, id: KeyId, hash: &KeyHash) -> Result<TextOf, StoreError> {
    let sql =
        "SELECT (SELECT hash FROM keys WHERE key_id = ?1), (SELECT hash FROM tombstones WHERE key_id = ?1)";
    let matches = r.first("comparing the hash of a key", sql, values![id.as_str()], |row| {
        let stored = |column| row.get::<Option<[u8; 32]>>(column).map(Option::unwrap_or_default);
        let (key, tombstone) = (KeyHash::from_bytes(stored(0)?), KeyHash::from_bytes(stored(1)?));
        Ok((key.matches(hash), tombstone.matches(hash)))
    })?;
    Ok(match matches {
        Some((true, _)) => TextOf::Key,
        Some((false, true)) => TextOf::Deleted,
        _ => TextOf::Nothing,
    })
}

/// When the successor of a key was delivered, or created; `None` without a successor.
pub(crate) fn replaced_at(r: &Reader<'_>, key: &Key) -> Result<Option<Instant>, StoreError> {
    let successor = key.replaced_by.map(|id| get(r, id)).transpose()?.flatten();
    Ok(successor.map(|successor| successor.delivered.unwrap_or(successor.created)))
}

/// The keys of a query for [`KEY_COLUMNS`].
pub(in crate::store) fn select(r: &Reader<'_>, sql: &str, values: &[Value]) -> Result<Vec<Key>, StoreError> {
    r.all("reading the keys", sql, values, convert::key)
}

/// Maximum number of keys that one name stands for in an answer.
const MOST_NAMED: usize = 20;

/// The keys that a name stands for in an Application, without regard to case: of each line of rotations the newest that
/// exists. A successor that was not delivered yet has not taken its predecessor's place. At most 20.
pub fn named(r: &Reader<'_>, application: ApplicationId, name: &str) -> Result<Vec<Key>, StoreError> {
    let newest = with_name(
        r,
        application,
        name,
        "k.replaced_by IS NULL AND NOT (k.delivered IS NULL AND EXISTS \
         (SELECT 1 FROM keys old WHERE old.key_id = k.replaces AND old.replaced_by IS NULL))",
    )?;
    if !newest.is_empty() {
        return Ok(newest);
    }
    // Every successor was deleted: the last key that is left.
    let last = with_name(
        r,
        application,
        name,
        "NOT EXISTS (SELECT 1 FROM keys new WHERE new.key_id = k.replaced_by)",
    )?;
    if !last.is_empty() {
        return Ok(last);
    }
    // Every successor has another name now.
    let mut renamed: Vec<Key> = Vec::new();
    for old in with_name(r, application, name, "TRUE")? {
        let key = newest_of_line(r, old)?;
        if renamed.iter().all(|other| other.id != key.id) {
            renamed.push(key);
        }
    }
    Ok(renamed)
}

/// How far a line of rotations is followed: a forged one may be a circle.
const LONGEST_LINE: usize = 1_000;

fn newest_of_line(r: &Reader<'_>, mut key: Key) -> Result<Key, StoreError> {
    for _ in 0..LONGEST_LINE {
        let next = key.replaced_by.map(|id| get(r, id)).transpose()?.flatten();
        let Some(next) = next else { break };
        key = next;
    }
    Ok(key)
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
        "SELECT {KEY_COLUMNS} FROM keys k INDEXED BY keys_by_name {WITH_KEYS} \
         WHERE k.application_id = ? AND k.name_order = ? AND k.folded >= ? AND k.folded < ? AND {condition} \
         ORDER BY k.key_id LIMIT {MOST_NAMED}"
    );
    select(r, &sql, values![application.0, natural(&fold(name)), folded, until])
}

/// How far keys that expire soon are counted: beyond it "many" says enough, and the header must not wait.
pub(crate) const MOST_ATTENTION: u64 = 1_000;

/// How many keys of an Application expire until an instant and have no successor; at most `MOST_ATTENTION`.
pub fn attention(
    r: &Reader<'_>,
    application: ApplicationId,
    now: Instant,
    until: Instant,
) -> Result<u64, StoreError> {
    r.value(
        "counting the keys that expire soon",
        "SELECT count(*) FROM (SELECT 1 FROM keys INDEXED BY keys_by_state \
         WHERE application_id = ?1 AND is_disabled = 0 AND expires > ?2 AND expires <= ?3 AND replaced_by IS NULL \
         AND canary = 0 LIMIT ?4) k",
        values![application.0, now.timestamp(), until.timestamp(), MOST_ATTENTION],
    )
}

/// How many keys expire from one instant until before another, without canary keys.
pub fn expiring(r: &Reader<'_>, scope: Scope, from: Instant, until: Instant) -> Result<u64, StoreError> {
    let sql = "SELECT (SELECT count(*) FROM keys INDEXED BY keys_by_expires \
               WHERE application_id = ?1 AND expires >= ?2 AND expires < ?3) \
               - (SELECT count(*) FROM keys INDEXED BY keys_canaries \
               WHERE canary = 1 AND application_id = ?1 AND expires >= ?2 AND expires < ?3)";
    let count = |application: ApplicationId| {
        let values = values![application.0, from.timestamp(), until.timestamp()];
        r.value::<u64>("counting the keys of a month", sql, values)
    };
    applications::of(r, scope)?.into_iter().map(count).sum()
}

pub(in crate::store) const TOMBSTONE: &str = "t.key_id, t.name, t.application_id, t.prefix, t.deleted, t.deleted_by, \
     t.last_used, t.last_used_from, t.first_refused, t.first_refused_from";

/// A tombstone from [`TOMBSTONE`].
pub(in crate::store) fn tombstone_of(row: &Row<'_>) -> RowResult<Tombstone> {
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

pub fn tombstone(r: &Reader<'_>, id: KeyId) -> Result<Option<Tombstone>, StoreError> {
    let sql = format!("SELECT {TOMBSTONE} FROM tombstones t WHERE key_id = ?1");
    r.first("reading a tombstone", &sql, values![id.as_str()], tombstone_of)
}

/// Deleted keys of a name, without regard to case, in an Application or in all; the last deleted first, at most 20.
/// Reads all tombstones.
pub(crate) fn deleted_named(
    r: &Reader<'_>,
    application: Option<ApplicationId>,
    name: &str,
) -> Result<Vec<Tombstone>, StoreError> {
    let (wanted, mut found) = (fold(name), Vec::new());
    let sql = format!("SELECT {TOMBSTONE} FROM tombstones t");
    r.each("reading the tombstones", &sql, &[], tombstone_of, |tombstone| {
        let here = application.is_none_or(|application| application == tombstone.application);
        if here && fold(tombstone.name.as_str()) == wanted {
            found.push(tombstone);
        }
        Ok::<_, StoreError>(())
    })?;
    found.sort_by_key(|tombstone| std::cmp::Reverse(tombstone.deleted));
    found.truncate(MOST_NAMED);
    Ok(found)
}

/// All keys of an Application, for deleting them with it.
pub fn ids_of(r: &Reader<'_>, application: ApplicationId) -> Result<Vec<KeyId>, StoreError> {
    let sql = "SELECT key_id FROM keys INDEXED BY keys_by_id WHERE application_id = ?1 ORDER BY key_id";
    r.all("reading the keys of an Application", sql, values![application.0], |row| convert::key_id(row, 0))
}

/// The keys that were made to take this one's place.
pub fn successors(r: &Reader<'_>, old: KeyId) -> Result<Vec<Key>, StoreError> {
    let sql = "SELECT key_id FROM keys INDEXED BY keys_by_replaces WHERE replaces = ?1";
    let ids: Vec<KeyId> =
        r.all("reading the successors of a key", sql, values![old.as_str()], |row| convert::key_id(row, 0))?;
    ids.into_iter().filter_map(|id| get(r, id).transpose()).collect()
}
