//! The audit log compared with what there is: an unlogged deletion, creation or change is found and named.

mod explain;

use std::collections::BTreeMap;
use std::fmt;

use rusqlite::Row;

use crate::domain::Instant;
use crate::domain::audit_replay::{
    AuditReplay, Facts, Fingerprints, KEY_FIELDS, KeyRecord, LASTING_FIELDS, UserRecord,
};
use crate::domain::commitment::{Commitment, KeyFacts, Salt, UserFacts};
use crate::domain::expiry::rfc3339;
use crate::domain::key::KeyId;
use crate::domain::text::inert;
use crate::domain::user::UserStatus;
use crate::store::{Reader, StoreError, convert, database, schema};

/// Something that the log does not tell as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A word for programs: `key`, `application`, `user`, `database`, `schema`, or `entry` for one that cannot be true.
    pub kind: &'static str,
    /// Its ID or number, or what it is called.
    pub id: String,
    /// What is wrong: a sentence without its subject, inert.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            "schema" | "database" => write!(f, "{} {}", self.id, self.what),
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
pub fn compare(r: &Reader<'_>, replayed: &AuditReplay) -> Result<Findings, StoreError> {
    let mut findings = Findings::default();
    for contradiction in &replayed.contradictions {
        findings.add("entry", contradiction.number, &contradiction.what);
    }
    for difference in schema::differences(r.connection).map_err(r.fault("reading the schema"))? {
        let object = format!("{} {}", inert(&difference.kind), inert(&difference.name));
        findings.add("schema", object, difference.predicate());
    }
    keys(r, replayed, &mut findings)?;
    tombstones(r, replayed, &mut findings)?;
    applications(r, replayed, &mut findings)?;
    users(r, replayed, &mut findings)?;
    prefix(r, replayed, &mut findings)?;
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

const KEY: &str = "SELECT key_id, hash, prefix, application_id, type, name, platform, expires, disabled, delivered, \
    replaces, replaced_by, throwaway, creator_id, created FROM keys";

/// A row of `keys`, as far as the log says something about it.
struct KeyRow {
    id: KeyId,
    access: AccessFacts,
    /// In the order of [`KEY_FIELDS`].
    fields: [Option<String>; KEY_FIELDS.len()],
    creator: i64,
    created: Instant,
}

impl KeyRow {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let instant = |column| convert::maybe_instant(row, column).map(|at| at.map(rfc3339));
        let throwaway: bool = row.get(12)?;
        let access = AccessFacts::of(row)?;
        let fields = [
            Some(row.get(5)?),
            Some(platform(row, 6)?),
            Some(access.key_type.clone()),
            Some(rfc3339(convert::instant(row, 7)?)),
            instant(8)?,
            instant(9)?,
            row.get(10)?,
            row.get(11)?,
            throwaway.then(|| "yes".to_owned()),
        ];
        Ok(Self {
            id: convert::key_id(row, 0)?,
            access,
            fields,
            creator: row.get(13)?,
            created: convert::instant(row, 14)?,
        })
    }

    fn record(&self, of: &Fingerprints) -> KeyRecord {
        let mut record = KeyRecord { all: of.by(self.creator, self.created), lasting: Facts::default() };
        let mut add = |facts: Facts, lasting: bool| {
            record.all ^= facts;
            if lasting {
                record.lasting ^= facts;
            }
        };
        for (field, value) in KEY_FIELDS.iter().zip(&self.fields) {
            if let Some(value) = value {
                add(of.field(field, value), LASTING_FIELDS.contains(field));
            }
        }
        add(self.access.fingerprint(of, self.id), true);
        record
    }
}

fn platform(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    let platform: String = row.get(column)?;
    Ok(if platform.is_empty() { "generic".into() } else { platform })
}

/// What the commitment of a key's creation covers: the columns `hash, prefix, application_id, type`, from 1 on.
struct AccessFacts {
    hash: [u8; 32],
    prefix: String,
    application: i64,
    key_type: String,
}

impl AccessFacts {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { hash: row.get(1)?, prefix: row.get(2)?, application: row.get(3)?, key_type: row.get(4)? })
    }

    fn commitment(&self, id: KeyId) -> Commitment {
        Commitment::to_key(&KeyFacts {
            id,
            hash: &self.hash,
            prefix: &self.prefix,
            application: self.application,
            key_type: &self.key_type,
        })
    }

    fn fingerprint(&self, of: &Fingerprints, id: KeyId) -> Facts {
        of.within(Some(self.application)) ^ of.commitment(Some(self.commitment(id)))
    }
}

fn keys(r: &Reader<'_>, replayed: &AuditReplay, findings: &mut Findings) -> Result<(), StoreError> {
    let mut changed: Vec<KeyId> = Vec::new();
    let row = |row: &Row<'_>| KeyRow::of(row).map(|key| (key.id, key.record(&replayed.fingerprints)));
    let odd =
        side_by_side(r, &format!("{KEY} ORDER BY key_id"), &replayed.keys, row, |id, told, there| {
            match (told, there) {
                (Some(told), Some(there)) if *told == there => {}
                (Some(_), Some(_)) => changed.push(id),
                (Some(_), None) => findings.add("key", id, "is gone, and no entry tells of its deletion"),
                (None, _) if replayed.deleted.contains_key(&id) => {
                    findings.add("key", id, "exists, and an entry tells that it was deleted");
                }
                (None, _) => findings.add("key", id, "exists, and no entry tells of its creation"),
            }
        })?;
    unreadable("key", odd, findings);
    for (number, id) in changed.into_iter().enumerate() {
        let fields = if number < MOST_EXPLAINED { explain::key(r, replayed, id)? } else { String::new() };
        findings.add("key", id, format!("was changed, and no entry tells of it{fields}"));
    }
    Ok(())
}

const TOMBSTONE: &str = "SELECT key_id, hash, prefix, application_id, type, name, platform, throwaway, deleted, deleted_by \
    FROM tombstones";

/// A row of `tombstones`, as far as the log says something about it.
struct TombstoneRow {
    id: KeyId,
    access: AccessFacts,
    /// In the order of [`LASTING_FIELDS`].
    fields: [Option<String>; LASTING_FIELDS.len()],
    deleted: Instant,
    deleted_by: i64,
}

impl TombstoneRow {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let throwaway: bool = row.get(7)?;
        let access = AccessFacts::of(row)?;
        let fields = [
            Some(row.get(5)?),
            Some(platform(row, 6)?),
            Some(access.key_type.clone()),
            throwaway.then(|| "yes".to_owned()),
        ];
        Ok(Self {
            id: convert::key_id(row, 0)?,
            access,
            fields,
            deleted: convert::instant(row, 8)?,
            deleted_by: row.get(9)?,
        })
    }

    fn facts(&self, of: &Fingerprints) -> Facts {
        let fields = LASTING_FIELDS.iter().zip(&self.fields);
        let fields = fields.filter_map(|(field, value)| value.as_ref().map(|value| of.field(field, value)));
        fields.fold(of.by(self.deleted_by, self.deleted), |all, facts| all ^ facts)
            ^ self.access.fingerprint(of, self.id)
    }
}

fn tombstones(r: &Reader<'_>, replayed: &AuditReplay, findings: &mut Findings) -> Result<(), StoreError> {
    let mut changed: Vec<KeyId> = Vec::new();
    let row = |row: &Row<'_>| TombstoneRow::of(row).map(|row| (row.id, row.facts(&replayed.fingerprints)));
    let odd = side_by_side(
        r,
        &format!("{TOMBSTONE} ORDER BY key_id"),
        &replayed.deleted,
        row,
        |id, told, there| {
            match (told, there) {
                (Some(told), Some(there)) if *told == there => {}
                (Some(_), Some(_)) => changed.push(id),
                (Some(_), None) => findings.add("key", id, "was deleted, and its tombstone is gone"),
                // A deletion that no entry tells of; it has been named, if the key was ever created.
                (None, _) if replayed.keys.contains_key(&id) => {}
                (None, _) => findings.add("key", id, "has a tombstone, and no entry tells of it"),
            }
        },
    )?;
    unreadable("key", odd, findings);
    for (number, id) in changed.into_iter().enumerate() {
        let fields =
            if number < MOST_EXPLAINED { explain::tombstone(r, replayed, id)? } else { String::new() };
        findings.add("key", id, format!("has a tombstone that differs from the log{fields}"));
    }
    Ok(())
}

fn applications(r: &Reader<'_>, replayed: &AuditReplay, findings: &mut Findings) -> Result<(), StoreError> {
    let sql = "SELECT id, name FROM applications ORDER BY id";
    let row = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, String>(1)?));
    let odd = side_by_side(r, sql, &replayed.applications, row, |id, told, there| match (told, there) {
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

fn users(r: &Reader<'_>, replayed: &AuditReplay, findings: &mut Findings) -> Result<(), StoreError> {
    let row = |row: &Row<'_>| {
        let (id, status) = (row.get(0)?, convert::status(row, 1)?);
        let email: Option<String> = row.get(2)?;
        let (login, uid, salt): (Option<String>, Option<u32>, Option<Salt>) =
            (row.get(3)?, row.get(4)?, row.get(5)?);
        let commitment = salt.zip(email).map(|(salt, email)| {
            Commitment::to_user(&UserFacts { id, salt: &salt, email: &email, login: login.as_deref(), uid })
        });
        let binding = match status {
            UserStatus::Deleted => Facts::default(),
            _ => replayed.fingerprints.commitment(commitment),
        };
        Ok((id, UserRecord { status, binding }))
    };
    let odd = side_by_side(
        r,
        "SELECT id, status, email, login, uid, salt FROM users ORDER BY id",
        &replayed.users,
        row,
        |id, told, there: Option<UserRecord>| match (told, there) {
            (Some(told), Some(there)) if *told == there => {}
            (Some(told), Some(there)) if told.status != there.status => {
                let what =
                    format!("is {}, and was {} by the log", there.status.as_str(), told.status.as_str());
                findings.add("user", id, what);
            }
            (Some(_), Some(_)) => {
                findings.add(
                    "user",
                    id,
                    "has another email, login or uid than those of the entry that added them",
                );
            }
            (Some(_), None) => findings.add("user", id, "is gone; even deleted users keep their number"),
            (None, _) => findings.add("user", id, "exists, and no entry tells that they were added"),
        },
    )?;
    unreadable("user", odd, findings);
    Ok(())
}

/// The prefix of keys, which is chosen once.
fn prefix(r: &Reader<'_>, replayed: &AuditReplay, findings: &mut Findings) -> Result<(), StoreError> {
    let (Some(logged), there) = (&replayed.prefix, database::prefix(r)?) else { return Ok(()) };
    if logged != there.as_str() {
        let what = format!("of keys is {there}, and was {} when the database was set up", inert(logged));
        findings.add("database", "prefix", what);
    }
    Ok(())
}
