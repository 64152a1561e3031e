//! The audit log compared with what there is: an unlogged deletion, creation or change is found and named.

use std::collections::BTreeMap;
use std::fmt;

use rusqlite::Row;

use super::audit::{ENTRY, entry};
use super::{Reader, StoreError, convert, schema};
use crate::domain::Instant;
use crate::domain::expiry::rfc3339;
use crate::domain::key::KeyId;
use crate::domain::ledger::{Facts, KEY_FIELDS, Ledger};
use crate::domain::text::inert;
use crate::domain::user::UserStatus;

/// Something that the log does not tell as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A word for programs: `key`, `application`, `user`, `schema`, or `entry` for one that cannot be true.
    pub kind: &'static str,
    /// Its ID or number, or what it is called.
    pub id: String,
    /// What is wrong: a sentence without its subject, inert.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            "schema" => write!(f, "{} {}", self.id, self.what),
            "application" => write!(f, "Application {} {}", self.id, self.what),
            kind => write!(f, "{kind} {} {}", self.id, self.what),
        }
    }
}

/// How many findings are listed at the most.
pub const MOST_FINDINGS: usize = 100;
/// Of how many changed keys the fields are looked up: each takes a walk over the whole log.
const MOST_EXPLAINED: usize = 10;

/// Everything that does not fit; empty where the log tells all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The first [`MOST_FINDINGS`].
    pub listed: Vec<Finding>,
    /// How many there are in all.
    pub all: usize,
}

impl Findings {
    fn add(&mut self, kind: &'static str, id: impl fmt::Display, what: impl Into<String>) {
        self.all += 1;
        if self.listed.len() < MOST_FINDINGS {
            self.listed.push(Finding { kind, id: id.to_string(), what: what.into() });
        }
    }
}

/// Compares what the log tells with the tables. The reader must be the one that the log was read with.
pub fn compare(r: &Reader<'_>, ledger: &Ledger) -> Result<Findings, StoreError> {
    let mut findings = Findings::default();
    for contradiction in &ledger.contradictions {
        findings.add("entry", contradiction.number, &contradiction.what);
    }
    for difference in schema::differences(r.connection).map_err(r.fault("reading the schema"))? {
        let object = format!("{} {}", inert(&difference.kind), inert(&difference.name));
        findings.add("schema", object, difference.predicate());
    }
    keys(r, ledger, &mut findings)?;
    tombstones(r, ledger, &mut findings)?;
    applications(r, ledger, &mut findings)?;
    users(r, ledger, &mut findings)?;
    Ok(findings)
}

/// Walks along a table and along what the log tells, both in the same order. Rows that keydesk has not written so
/// cannot be read; their IDs are the answer.
fn side_by_side<K: Ord + Copy, L, T>(
    r: &Reader<'_>,
    sql: &str,
    logged: &BTreeMap<K, L>,
    row: impl Fn(&Row<'_>) -> rusqlite::Result<(K, T)>,
    mut differ: impl FnMut(K, Option<&L>, Option<T>),
) -> Result<Vec<String>, StoreError> {
    let fault = r.fault("comparing the audit log");
    let mut unreadable = Vec::new();
    let mut statement = r.connection.prepare(sql).map_err(&fault)?;
    let mut rows = statement.query([]).map_err(&fault)?;
    let mut logged = logged.iter().peekable();
    while let Some(found) = rows.next().map_err(&fault)? {
        let Ok((key, there)) = row(found) else {
            let id: rusqlite::types::Value = found.get(0).map_err(&fault)?;
            unreadable.push(match id {
                rusqlite::types::Value::Text(text) => inert(&text),
                other => format!("{other:?}"),
            });
            continue;
        };
        while let Some((missing, told)) = logged.next_if(|(other, _)| **other < key) {
            differ(*missing, Some(told), None);
        }
        let told = logged.next_if(|(other, _)| **other == key).map(|(_, told)| told);
        differ(key, told, Some(there));
    }
    for (missing, told) in logged {
        differ(*missing, Some(told), None);
    }
    Ok(unreadable)
}

/// Names the rows that cannot be read.
fn unreadable(kind: &'static str, ids: Vec<String>, findings: &mut Findings) {
    for id in ids {
        findings.add(kind, id, "cannot be read: keydesk has not written it so");
    }
}

fn key_values(row: &Row<'_>) -> rusqlite::Result<[Option<String>; 5]> {
    let platform: String = row.get(2)?;
    Ok([
        Some(row.get(1)?),
        Some(if platform.is_empty() { "generic".into() } else { platform }),
        Some(row.get(3)?),
        Some(rfc3339(convert::instant(row, 4)?)),
        convert::maybe_instant(row, 5)?.map(rfc3339),
    ])
}

const KEY_VALUES: &str =
    "SELECT key_id, name, platform, type, expires, disabled, creator_id, application_id, created FROM keys";

fn keys(r: &Reader<'_>, ledger: &Ledger, findings: &mut Findings) -> Result<(), StoreError> {
    let mut changed: Vec<KeyId> = Vec::new();
    let row = |row: &Row<'_>| {
        let begun = Facts::default().by(row.get(6)?, Some(row.get(7)?), convert::instant(row, 8)?);
        let values = key_values(row)?;
        let facts = KEY_FIELDS.iter().zip(&values).fold(begun, |facts, (field, value)| {
            value.as_ref().map_or(facts, |value| facts.and(field, value))
        });
        Ok((convert::key_id(row, 0)?, facts))
    };
    let odd = side_by_side(
        r,
        &format!("{KEY_VALUES} ORDER BY key_id"),
        &ledger.keys,
        row,
        |id, told, there| match (told, there) {
            (Some(told), Some(there)) if *told == there => {}
            (Some(_), Some(_)) => changed.push(id),
            (Some(_), None) => findings.add("key", id, "is gone, and no entry tells of its deletion"),
            (None, _) if ledger.deleted.contains_key(&id) => {
                findings.add("key", id, "exists, and an entry tells that it was deleted");
            }
            (None, _) => findings.add("key", id, "exists, and no entry tells of its creation"),
        },
    )?;
    unreadable("key", odd, findings);
    for (number, id) in changed.into_iter().enumerate() {
        let fields = if number < MOST_EXPLAINED { explain(r, id)? } else { String::new() };
        findings.add("key", id, format!("was changed, and no entry tells of it{fields}"));
    }
    Ok(())
}

/// Which fields of a key differ from what the log tells.
fn explain(r: &Reader<'_>, id: KeyId) -> Result<String, StoreError> {
    let fault = r.fault("comparing the audit log");
    let mut told: BTreeMap<String, String> = BTreeMap::new();
    let sql = format!("SELECT {ENTRY} FROM audit l WHERE l.key_id = ?1 ORDER BY l.number");
    let mut statement = r.connection.prepare(&sql).map_err(&fault)?;
    for row in statement.query_map([id.as_str()], entry).map_err(&fault)? {
        for change in row.map_err(&fault)?.0.changes() {
            match change.after {
                Some(after) => drop(told.insert(change.field, after)),
                None => drop(told.remove(&change.field)),
            }
        }
    }
    let values = r
        .connection
        .query_row(&format!("{KEY_VALUES} WHERE key_id = ?1"), [id.as_str()], key_values)
        .map_err(&fault)?;
    let differing: Vec<String> = KEY_FIELDS
        .iter()
        .zip(&values)
        .filter(|(field, value)| told.get(**field) != value.as_ref())
        .map(|(field, value)| {
            let shown = |value: Option<&String>| value.map_or_else(|| "nothing".to_owned(), |v| inert(v));
            format!("{field} is {}, and was {}", shown(value.as_ref()), shown(told.get(*field)))
        })
        .collect();
    Ok(if differing.is_empty() {
        ": its creator, its Application or its date of creation".into()
    } else {
        format!(": {}", differing.join("; "))
    })
}

fn tombstones(r: &Reader<'_>, ledger: &Ledger, findings: &mut Findings) -> Result<(), StoreError> {
    let sql = "SELECT key_id, deleted, deleted_by FROM tombstones ORDER BY key_id";
    let row = |row: &Row<'_>| {
        let at: Instant = convert::instant(row, 1)?;
        Ok((convert::key_id(row, 0)?, Facts::default().by(row.get(2)?, None, at)))
    };
    let odd = side_by_side(r, sql, &ledger.deleted, row, |id, told, there| match (told, there) {
        (Some(told), Some(there)) if *told == there => {}
        (Some(_), Some(_)) => {
            findings.add("key", id, "was deleted by another or at another time than logged");
        }
        (Some(_), None) => findings.add("key", id, "was deleted, and its tombstone is gone"),
        // A deletion that no entry tells of; it has been named, if the key was ever created.
        (None, _) if ledger.keys.contains_key(&id) => {}
        (None, _) => findings.add("key", id, "has a tombstone, and no entry tells of it"),
    })?;
    unreadable("key", odd, findings);
    Ok(())
}

fn applications(r: &Reader<'_>, ledger: &Ledger, findings: &mut Findings) -> Result<(), StoreError> {
    let sql = "SELECT id, name FROM applications ORDER BY id";
    let row = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, String>(1)?));
    let odd = side_by_side(r, sql, &ledger.applications, row, |id, told, there| match (told, there) {
        (Some(told), Some(there)) if *told == there => {}
        (Some(told), Some(there)) => {
            let what = format!(
                "is called {:?}, and no entry tells that it is not {:?} any more",
                inert(&there),
                inert(told)
            );
            findings.add("application", id, what);
        }
        (Some(told), None) => {
            let what = format!("({}) is gone, and no entry tells of its deletion", inert(told));
            findings.add("application", id, what);
        }
        (None, there) => {
            let name = there.as_deref().map(inert).unwrap_or_default();
            findings.add("application", id, format!("({name}) exists, and no entry tells of its creation"));
        }
    })?;
    unreadable("application", odd, findings);
    Ok(())
}

fn users(r: &Reader<'_>, ledger: &Ledger, findings: &mut Findings) -> Result<(), StoreError> {
    let row = |row: &Row<'_>| Ok((row.get(0)?, convert::status(row, 1)?));
    let odd = side_by_side(
        r,
        "SELECT id, status FROM users ORDER BY id",
        &ledger.users,
        row,
        |id, told, there: Option<UserStatus>| match (told, there) {
            (Some(told), Some(there)) if *told == there => {}
            (Some(told), Some(there)) => {
                let what = format!("is {}, and was {} by the log", there.as_str(), told.as_str());
                findings.add("user", id, what);
            }
            (Some(_), None) => findings.add("user", id, "is gone; even deleted users keep their number"),
            (None, _) => findings.add("user", id, "exists, and no entry tells that they were added"),
        },
    )?;
    unreadable("user", odd, findings);
    Ok(())
}
