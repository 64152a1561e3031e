//! The audit log: appended to with every change, read newest first, checked link by link.

use rusqlite::{OptionalExtension, Row, params, params_from_iter};

use super::convert;
use super::page::{self, Page, Step, Window};
use super::{Reader, StoreError, WriteTx};
use crate::domain::Instant;
use crate::domain::application::ApplicationId;
use crate::domain::audit::{AuditEntry, AuditRecord, ChainHash};
use crate::domain::text::{Name, fold};
use crate::domain::user::{Caller, Email, UserId};

/// An entry with the names of what it is about, as they are now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// The entry.
    pub entry: AuditEntry,
    /// Its link of the chain.
    pub hash: ChainHash,
    /// The actor's email; none once they are deleted.
    pub actor_email: Option<Email>,
    /// The Application's name, while there is such an Application.
    pub application: Option<Name>,
    /// The key's name, also of a deleted key.
    pub key: Option<Name>,
    /// The email of the user it was done to; none once they are deleted.
    pub user_email: Option<Email>,
}

const ENTRY: &str = "l.number, l.at, l.actor, l.actor_uid, l.action, l.application_id, l.key_id, l.user_id, l.changes, l.hash";

fn entry(row: &Row<'_>) -> rusqlite::Result<(AuditEntry, ChainHash)> {
    let entry = AuditEntry {
        number: row.get(0)?,
        at: convert::instant(row, 1)?,
        actor: UserId(row.get(2)?),
        actor_uid: row.get(3)?,
        action: row.get(4)?,
        application: row.get::<_, Option<i64>>(5)?.map(ApplicationId),
        key: convert::maybe_key_id(row, 6)?,
        user: row.get::<_, Option<i64>>(7)?.map(UserId),
        changes: row.get(8)?,
    };
    Ok((entry, ChainHash(row.get(9)?)))
}

fn audit_row(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    let (entry, hash) = entry(row)?;
    let name = |column| -> rusqlite::Result<Option<Name>> {
        Ok(row.get::<_, Option<String>>(column)?.map(Name::from_stored))
    };
    Ok(AuditRow {
        entry,
        hash,
        actor_email: convert::email(row, 10)?,
        application: name(11)?,
        key: name(12)?,
        user_email: convert::email(row, 13)?,
    })
}

/// The random identity with which the chain starts.
fn genesis(r: &Reader<'_>) -> Result<ChainHash, StoreError> {
    r.connection
        .query_row("SELECT identity FROM database", [], |row| row.get::<_, [u8; 16]>(0))
        .map(|identity| ChainHash::genesis(&identity))
        .map_err(r.fault("reading the database's identity"))
}

/// The number of the last entry and its hash; 0 and the start of the chain when there is none.
pub fn head(r: &Reader<'_>) -> Result<(u64, ChainHash), StoreError> {
    let last = r
        .connection
        .prepare_cached("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1")
        .and_then(|mut statement| {
            statement.query_row([], |row| Ok((row.get(0)?, ChainHash(row.get(1)?)))).optional()
        })
        .map_err(r.fault("reading the end of the audit log"))?;
    last.map_or_else(|| Ok((0, genesis(r)?)), Ok)
}

/// Adds an entry to the end of the chain.
pub(super) fn append(
    tx: &WriteTx<'_>,
    caller: &Caller,
    now: Instant,
    record: &AuditRecord,
) -> Result<(), StoreError> {
    let (last, previous) = head(tx)?;
    let changes = serde_json::to_string(&record.changes)
        .map_err(|error| StoreError::Sqlite { what: "writing the audit log", reason: error.to_string() })?;
    let entry = AuditEntry {
        number: last + 1,
        at: now,
        actor: tx.actor(),
        actor_uid: caller.uid,
        action: record.action.as_str().to_owned(),
        application: record.application,
        key: record.key,
        user: record.user,
        changes,
    };
    let hash = entry.hash(&previous);
    tx.connection
        .prepare_cached(
            "INSERT INTO audit (number, at, actor, actor_uid, action, application_id, key_id, user_id, changes, hash) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                entry.number,
                entry.at.timestamp(),
                entry.actor.0,
                entry.actor_uid,
                entry.action,
                entry.application.map(|a| a.0),
                entry.key.as_ref().map(super::super::domain::key::KeyId::as_str),
                entry.user.map(|u| u.0),
                entry.changes,
                hash.0,
            ])
        })
        .map(drop)
        .map_err(tx.fault("writing the audit log"))
}

/// The rows of a window, newest first.
pub fn page(r: &Reader<'_>, filter: &str, window: &Window<AuditRow>) -> Result<Page<AuditRow>, StoreError> {
    let fault = r.fault("reading the audit log");
    let folded = fold(filter);
    let words: Vec<String> = folded.split_whitespace().map(str::to_owned).collect();
    let condition =
        " AND instr(lower(replace(l.action, '.', ' ') || ' ' || coalesce(l.key_id, '') || ' ' || \
        l.changes || ' ' || coalesce(a.email, '') || ' ' || coalesce(s.email, '') || ' ' || \
        coalesce(p.name, '') || ' ' || coalesce(k.name, t.name, '')), ?) > 0"
            .repeat(words.len());
    let cursor = |seen: &AuditRow| Ok(seen.entry.number.to_string());
    page::fetch(window, cursor, |step, limit| {
        // Newest first: forward is towards smaller numbers.
        let (from, compare, direction) = match step {
            Step::Forward(from) => (from, "<=", "DESC"),
            Step::Backward(from) => (from, ">", "ASC"),
        };
        let start = from.map_or_else(String::new, |_| format!(" AND l.number {compare} cast(? AS INTEGER)"));
        let sql = format!(
            "SELECT {ENTRY}, a.email, p.name, coalesce(k.name, t.name), s.email FROM audit l \
             LEFT JOIN users a ON a.id = l.actor LEFT JOIN users s ON s.id = l.user_id \
             LEFT JOIN applications p ON p.id = l.application_id LEFT JOIN keys k ON k.key_id = l.key_id \
             LEFT JOIN tombstones t ON t.key_id = l.key_id \
             WHERE 1{condition}{start} ORDER BY l.number {direction} LIMIT {limit}"
        );
        let mut statement = r.connection.prepare_cached(&sql).map_err(&fault)?;
        let values = words.iter().chain(from);
        let rows = statement.query_map(params_from_iter(values), audit_row).map_err(&fault)?;
        rows.collect::<Result<_, _>>().map_err(&fault)
    })
}

/// What the chain says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainReport {
    /// Every entry holds to the one before; the last one's number and hash.
    Whole(u64, ChainHash),
    /// The first entry that does not hold, and why.
    Broken {
        /// Its number.
        number: u64,
        /// What is wrong.
        reason: &'static str,
    },
}

/// Walks the chain, from the start or from a link that is known to hold.
pub fn verify(
    r: &Reader<'_>,
    from: Option<(u64, ChainHash)>,
    progress: &mut dyn FnMut(u64),
) -> Result<ChainReport, StoreError> {
    let fault = r.fault("checking the audit log");
    let (mut number, mut previous) = match from {
        Some(link) => link,
        None => (0, genesis(r)?),
    };
    let sql = format!("SELECT {ENTRY} FROM audit l WHERE l.number > ?1 ORDER BY l.number");
    let mut statement = r.connection.prepare(&sql).map_err(&fault)?;
    let rows = statement.query_map([number], entry).map_err(&fault)?;
    for row in rows {
        let (entry, hash) = row.map_err(&fault)?;
        if entry.number != number + 1 {
            return Ok(ChainReport::Broken { number: number + 1, reason: "the entry is missing" });
        }
        number = entry.number;
        if entry.hash(&previous) != hash {
            return Ok(ChainReport::Broken { number, reason: "the entry was changed after it was written" });
        }
        previous = hash;
        progress(number);
    }
    Ok(ChainReport::Whole(number, previous))
}
