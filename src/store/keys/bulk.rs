//! Reads and changes of many keys. On a server, where each statement is a round trip and runs the triggers of its table, in
//! statements about many keys.

use std::collections::HashMap;

use super::read::{get, select};
use crate::domain::Instant;
use crate::domain::key::{Key, KeyId, Outage};
use crate::store::convert::{KEY_COLUMNS, WITH_KEYS};
use crate::store::reader::Engine;
use crate::store::value::{Value, values};
use crate::store::{Reader, StoreError, WriteTx};

/// Maximum number of keys in a statement.
const PORTION: usize = 5_000;

/// The keys with these IDs that exist.
pub fn get_all(r: &Reader<'_>, ids: &[KeyId]) -> Result<HashMap<KeyId, Key>, StoreError> {
    let mut found = HashMap::with_capacity(ids.len());
    match r.engine() {
        Engine::Sqlite { .. } => {
            for id in ids {
                found.extend(get(r, *id)?.map(|key| (key.id, key)));
            }
        }
        #[cfg(feature = "postgres")]
        Engine::Postgres { .. } => {
            let sql = format!("SELECT {KEY_COLUMNS} FROM keys k {WITH_KEYS} WHERE k.key_id = ANY (?1)");
            for some in ids.chunks(PORTION) {
                let keys = select(r, &sql, &[texts(some)])?;
                found.extend(keys.into_iter().map(|key| (key.id, key)));
            }
        }
    }
    Ok(found)
}

#[cfg(feature = "postgres")]
fn texts(ids: &[KeyId]) -> Value {
    Value::texts(ids.iter().map(KeyId::as_str))
}

/// Deletes keys and leaves their tombstones.
pub fn delete_all(tx: &WriteTx<'_>, ids: &[KeyId], now: Instant) -> Result<(), StoreError> {
    const WHAT: &str = "deleting a key";
    let (at, actor) = (now.timestamp(), tx.actor().0);
    match tx.engine() {
        Engine::Sqlite { .. } => {
            for id in ids {
                tx.change_one(
                    WHAT,
                    "INSERT INTO tombstones (key_id, hash, application_id, name, prefix, type, platform, throwaway, deleted, \
                     deleted_by, last_used, last_used_from) \
                     SELECT k.key_id, hash, k.application_id, name, prefix, type, platform, throwaway, ?2, ?3, s.last, \
                     s.last_from FROM keys k LEFT JOIN key_use s ON s.key_id = k.key_id WHERE k.key_id = ?1",
                    values![id.as_str(), at, actor],
                )?;
                tx.change_one(WHAT, "DELETE FROM keys WHERE key_id = ?1", values![id.as_str()])?;
                tx.expect(
                    WHAT,
                    "SELECT NOT EXISTS (SELECT 1 FROM keys WHERE key_id = ?1) \
                     AND EXISTS (SELECT 1 FROM tombstones WHERE key_id = ?1 AND deleted = ?2)",
                    [id.to_string().into(), at.into()],
                );
            }
        }
        #[cfg(feature = "postgres")]
        Engine::Postgres { .. } => {
            for some in ids.chunks(PORTION) {
                let keys = texts(some);
                tx.change_exactly(
                    some.len(),
                    WHAT,
                    "INSERT INTO tombstones (key_id, hash, application_id, name, prefix, type, platform, throwaway, deleted, \
                     deleted_by, last_used, last_used_from) \
                     SELECT k.key_id, hash, k.application_id, name, prefix, type, platform, throwaway, ?2, ?3, s.last, \
                     s.last_from FROM keys k LEFT JOIN key_use s ON s.key_id = k.key_id WHERE k.key_id = ANY (?1)",
                    &[keys.clone(), at.into(), actor.into()],
                )?;
                let delete = "DELETE FROM keys WHERE key_id = ANY (?1)";
                tx.change_exactly(some.len(), WHAT, delete, std::slice::from_ref(&keys))?;
                tx.expect(
                    WHAT,
                    "SELECT NOT EXISTS (SELECT 1 FROM keys WHERE key_id = ANY (?1)) \
                     AND (SELECT count(*) FROM tombstones WHERE key_id = ANY (?1) AND deleted = ?2) = ?3",
                    [keys, at.into(), some.len().into()],
                );
            }
        }
    }
    Ok(())
}

/// Disables keys, or enables them.
pub fn set_disabled(tx: &WriteTx<'_>, keys: &[(KeyId, Option<Outage>)]) -> Result<(), StoreError> {
    let what = |outage: Option<Outage>| if outage.is_some() { "disabling a key" } else { "enabling a key" };
    let since = |outage: Option<Outage>| outage.map(|outage| outage.since.timestamp());
    let until = |outage: Option<Outage>| outage.and_then(|outage| outage.until).map(|at| at.timestamp());
    match tx.engine() {
        Engine::Sqlite { .. } => {
            for (id, outage) in keys.iter().copied() {
                tx.change_one(
                    what(outage),
                    "UPDATE keys SET disabled = ?2, disabled_until = ?3, \
                     is_disabled = CASE WHEN ?2 IS NOT NULL AND ?3 IS NULL THEN 1 ELSE 0 END, \
                     version = version + 1 WHERE key_id = ?1",
                    values![id.as_str(), since(outage), until(outage)],
                )?;
                tx.expect(
                    what(outage),
                    "SELECT EXISTS (SELECT 1 FROM keys WHERE key_id = ? AND disabled IS NOT DISTINCT FROM ? AND disabled_until IS NOT DISTINCT FROM ?)",
                    [id.to_string().into(), since(outage).into(), until(outage).into()],
                );
            }
        }
        #[cfg(feature = "postgres")]
        Engine::Postgres { .. } => {
            for some in keys.chunks(PORTION) {
                let what = what(some.first().and_then(|(_, outage)| *outage));
                let columns = [
                    Value::texts(some.iter().map(|(id, _)| id.as_str())),
                    Value::Integers(some.iter().map(|(_, outage)| since(*outage)).collect()),
                    Value::Integers(some.iter().map(|(_, outage)| until(*outage)).collect()),
                ];
                tx.change_exactly(
                    some.len(),
                    what,
                    "UPDATE keys k SET disabled = n.since, disabled_until = n.until, \
                     is_disabled = CASE WHEN n.since IS NOT NULL AND n.until IS NULL THEN 1 ELSE 0 END, \
                     version = version + 1 FROM unnest(?1, ?2, ?3) AS n (key_id, since, until) WHERE k.key_id = n.key_id",
                    &columns,
                )?;
                let [ids, since, until] = columns;
                tx.expect(
                    what,
                    "SELECT count(*) = ?4 FROM unnest(?1, ?2, ?3) AS n (key_id, since, until) JOIN keys k ON k.key_id = n.key_id \
                     AND k.disabled IS NOT DISTINCT FROM n.since AND k.disabled_until IS NOT DISTINCT FROM n.until",
                    [ids, since, until, some.len().into()],
                );
            }
        }
    }
    Ok(())
}
