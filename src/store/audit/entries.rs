//! Entries of the audit log, how they are stored, and the head.

use crate::domain::Instant;
use crate::domain::application::ApplicationId;
use crate::domain::audit::{AuditAction, AuditEntry, AuditRecord, ChainHash};
use crate::domain::commitment::Commitment;
use crate::domain::key::KeyId;
use crate::domain::user::{Caller, UserId};
#[cfg(feature = "postgres")]
use crate::store::reader::Engine;
use crate::store::row::{Row, RowResult};
#[cfg(feature = "postgres")]
use crate::store::value::Value;
use crate::store::value::values;
use crate::store::{Reader, StoreError, WriteTx, convert};

pub(super) const ENTRY: &str = "l.number, l.at, l.actor, l.actor_uid, l.action, l.application_id, l.key_id, l.user_id, l.changes, \
    l.commitment, l.hash";

pub(super) fn entry(row: &Row<'_>) -> RowResult<(AuditEntry, ChainHash)> {
    let entry = AuditEntry {
        number: row.get(0)?,
        at: convert::instant(row, 1)?,
        actor: UserId(row.get(2)?),
        actor_uid: row.get(3)?,
        action: row.get(4)?,
        application: row.get::<Option<i64>>(5)?.map(ApplicationId),
        key: convert::maybe_key_id(row, 6)?,
        user: row.get::<Option<i64>>(7)?.map(UserId),
        changes: row.get(8)?,
        commitment: row.get::<Option<[u8; 32]>>(9)?.map(Commitment),
    };
    Ok((entry, ChainHash(row.get(10)?)))
}

/// The random identity of the database, which starts the chain.
pub fn identity(r: &Reader<'_>) -> Result<[u8; 16], StoreError> {
    r.value("reading the identity of the database", "SELECT identity FROM database", &[])
}

/// The start of the chain.
pub fn genesis(r: &Reader<'_>) -> Result<ChainHash, StoreError> {
    identity(r).map(|identity| ChainHash::genesis(&identity))
}

const READING_END: &str = "reading the end of the audit log";

/// The number and hash of the last entry; 0 and the start of the chain when there is none.
pub fn head(r: &Reader<'_>) -> Result<(u64, ChainHash), StoreError> {
    let sql = "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1";
    let last = r.first(READING_END, sql, &[], |row| Ok((row.get(0)?, ChainHash(row.get(1)?))))?;
    last.map_or_else(|| Ok((0, genesis(r)?)), Ok)
}

/// The time of the last entry, if any.
pub fn last_at(r: &Reader<'_>) -> Result<Option<Instant>, StoreError> {
    let sql = "SELECT at FROM audit ORDER BY number DESC LIMIT 1";
    r.first(READING_END, sql, &[], |row| convert::instant(row, 0))
}

/// Returns whether the log has an entry that a user wrote under an operating system user.
pub fn has_entries_by(r: &Reader<'_>, user: UserId, uid: u32) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM audit WHERE actor = ?1 AND actor_uid = ?2)";
    r.value("reading the audit log", sql, values![user.0, uid])
}

/// The last entry of the deletion of a key, with its hash. Reads the log from its end.
pub fn deletion_of(r: &Reader<'_>, id: KeyId) -> Result<Option<(AuditEntry, ChainHash)>, StoreError> {
    let sql = format!(
        "SELECT {ENTRY} FROM audit l WHERE l.key_id = ?1 AND l.action = ?2 ORDER BY l.number DESC LIMIT 1"
    );
    r.first("reading the audit log", &sql, values![id.as_str(), AuditAction::KeyDeleted.as_str()], entry)
}

/// The name that an Application had before the entry with a number, also one that was deleted since.
pub fn application_name(
    r: &Reader<'_>,
    application: ApplicationId,
    before: u64,
) -> Result<Option<String>, StoreError> {
    let [created, renamed] = [AuditAction::ApplicationCreated, AuditAction::ApplicationRenamed];
    let named = r.first(
        "reading the audit log",
        &format!(
            "SELECT {ENTRY} FROM audit l WHERE l.number < ?1 AND l.application_id = ?2 AND l.action IN (?3, ?4) \
             ORDER BY l.number DESC LIMIT 1"
        ),
        values![before, application.0, created.as_str(), renamed.as_str()],
        entry,
    )?;
    let changes = named.map(|(entry, _)| entry.changes()).unwrap_or_default();
    Ok(changes.into_iter().find(|change| change.field == "name").and_then(|change| change.after))
}

/// Adds entries to the end of the chain. Returns the number and the hash of the last one.
pub(in crate::store) fn append(
    tx: &WriteTx<'_>,
    caller: &Caller,
    records: &[AuditRecord],
) -> Result<Option<(u64, ChainHash)>, StoreError> {
    if records.is_empty() {
        return Ok(None);
    }
    let mut last = head(tx)?;
    for records in records.chunks(PORTION) {
        let mut entries = Vec::with_capacity(records.len());
        for record in records {
            let changes = serde_json::to_string(&record.changes)
                .map_err(|error| StoreError::Sqlite { what: WRITING, reason: error.to_string() })?;
            let entry = AuditEntry {
                number: last.0 + 1,
                at: tx.now(),
                actor: tx.actor(),
                actor_uid: caller.uid,
                action: record.action.as_str().to_owned(),
                application: record.application,
                key: record.key,
                user: record.user,
                changes,
                commitment: record.commitment,
            };
            last = (entry.number, entry.hash(&last.1));
            entries.push((entry, last.1));
        }
        match (tx.engine(), entries.as_slice()) {
            #[cfg(feature = "postgres")]
            (Engine::Postgres { .. }, [_, _, ..]) => insert_all(tx, entries)?,
            _ => entries.into_iter().try_for_each(|(entry, hash)| insert(tx, entry, hash))?,
        }
    }
    Ok(Some(last))
}

const WRITING: &str = "writing the audit log";

/// Maximum number of entries in a statement.
const PORTION: usize = 5_000;

fn insert(tx: &WriteTx<'_>, entry: AuditEntry, hash: ChainHash) -> Result<(), StoreError> {
    tx.change_one(
        WRITING,
        "INSERT INTO audit (number, at, actor, actor_uid, action, application_id, key_id, user_id, changes, commitment, \
         hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        values![
            entry.number,
            entry.at.timestamp(),
            entry.actor.0,
            entry.actor_uid,
            entry.action,
            entry.application.map(|a| a.0),
            entry.key.as_ref().map(KeyId::as_str),
            entry.user.map(|u| u.0),
            entry.changes,
            entry.commitment.map(|commitment| commitment.0),
            hash.0,
        ],
    )?;
    tx.expect(
        WRITING,
        "SELECT EXISTS (SELECT 1 FROM audit WHERE number = ? AND hash = ?)",
        [i64::try_from(entry.number).unwrap_or(i64::MAX).into(), hash.0.to_vec().into()],
    );
    Ok(())
}

/// Adds entries of one transaction in one statement.
#[cfg(feature = "postgres")]
fn insert_all(tx: &WriteTx<'_>, entries: Vec<(AuditEntry, ChainHash)>) -> Result<(), StoreError> {
    let Some((first, _)) = entries.first() else { return Ok(()) };
    let (at, actor, actor_uid) = (first.at.timestamp(), first.actor.0, first.actor_uid);
    let count = entries.len();
    let number = |(entry, _): &(AuditEntry, ChainHash)| i64::try_from(entry.number).unwrap_or(i64::MAX);
    let numbers = Value::integers(entries.iter().map(number));
    let hashes = Value::Blobs(entries.iter().map(|(_, hash)| Some(hash.0.to_vec())).collect());
    let applications = entries.iter().map(|(entry, _)| entry.application.map(|application| application.0));
    let keys = entries.iter().map(|(entry, _)| entry.key.map(|key| key.to_string()));
    let users = entries.iter().map(|(entry, _)| entry.user.map(|user| user.0));
    let commitments = entries.iter().map(|(entry, _)| entry.commitment.map(|found| found.0.to_vec()));
    let values = [
        at.into(),
        actor.into(),
        actor_uid.into(),
        numbers.clone(),
        Value::Integers(applications.collect()),
        Value::Texts(keys.collect()),
        Value::Integers(users.collect()),
        Value::Blobs(commitments.collect()),
        hashes.clone(),
        Value::texts(entries.iter().map(|(entry, _)| entry.action.as_str())),
        Value::texts(entries.into_iter().map(|(entry, _)| entry.changes)),
    ];
    tx.change_exactly(
        count,
        WRITING,
        "INSERT INTO audit (number, at, actor, actor_uid, action, application_id, key_id, user_id, changes, commitment, hash) \
         SELECT n.number, ?1, ?2, ?3, n.action, n.application_id, n.key_id, n.user_id, n.changes, n.commitment, n.hash \
         FROM unnest(?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
         AS n (number, application_id, key_id, user_id, commitment, hash, action, changes) ORDER BY n.number",
        &values,
    )?;
    tx.expect(
        WRITING,
        "SELECT count(*) = ?3 FROM unnest(?1, ?2) AS n (number, hash) \
         JOIN audit a ON a.number = n.number AND a.hash = n.hash",
        [numbers, hashes, count.into()],
    );
    Ok(())
}
