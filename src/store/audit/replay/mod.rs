//! Compares the audit log with the database: reports deletions, creations and changes without an entry.

mod explain;

use std::collections::BTreeMap;
use std::fmt;

use crate::domain::Instant;
use crate::domain::audit::AuditAction;
use crate::domain::audit_replay::{AuditReplay, Facts, Fingerprints, KEY_FIELDS, UserRecord};
use crate::domain::commitment::{Commitment, KeyFacts, Salt, UserFacts};
use crate::domain::expiry::rfc3339;
use crate::domain::key::KeyId;
use crate::domain::text::{fold, inert};
use crate::domain::user::UserStatus;
use crate::store::row::{Row, RowResult};
use crate::store::value::Value;
use crate::store::{Reader, StoreError, convert, database, schema};

/// A difference between the log and the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Stable, for programs: `key`, `application`, `user`, `database`, `schema`, or `entry` for a contradictory one.
    pub kind: &'static str,
    /// Its ID, number or name.
    pub id: String,
    /// The difference: a predicate, inert.
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

/// Maximum number of listed findings.
pub(crate) const MOST_FINDINGS: usize = 100;
const COMPARING: &str = "comparing the audit log";

/// Maximum number of changed keys whose fields are explained: each needs a scan of the log.
const MOST_EXPLAINED: usize = 10;

/// All differences; empty when the database matches the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The first `MOST_FINDINGS`.
    pub listed: Vec<Finding>,
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

/// Compares the replayed log with the tables. The reader must be the one that the log was read with.
pub fn compare(r: &Reader<'_>, replayed: &AuditReplay) -> Result<Findings, StoreError> {
    let mut findings = Findings::default();
    for contradiction in &replayed.contradictions {
        findings.add("entry", contradiction.number, &contradiction.what);
    }
    for difference in schema::differences(r)? {
        let object = format!("{} {}", inert(&difference.kind), inert(&difference.name));
        findings.add("schema", object, difference.predicate());
    }
    keys(r, replayed, &mut findings)?;
    applications(r, replayed, &mut findings)?;
    users(r, replayed, &mut findings)?;
    prefix(r, replayed, &mut findings)?;
    Ok(findings)
}

/// Merges a table and the replayed log, both in the same order. Reports rows that cannot be read.
fn side_by_side<K: Ord + Copy, L, T>(
    r: &Reader<'_>,
    kind: &'static str,
    sql: &str,
    logged: &BTreeMap<K, L>,
    findings: &mut Findings,
    row: impl Fn(&Row<'_>) -> RowResult<(K, T)>,
    mut differ: impl FnMut(&mut Findings, K, Option<&L>, Option<T>),
) -> Result<(), StoreError> {
    let mut unreadable = Vec::new();
    let mut logged = logged.iter().peekable();
    let read = |found: &Row<'_>| match row(found) {
        Ok(read) => Ok(Ok(read)),
        Err(_) => Ok(Err(match found.get(0)? {
            Value::Text(Some(text)) => inert(&text),
            other => format!("{other:?}"),
        })),
    };
    r.each(COMPARING, sql, &[], read, |found| {
        match found {
            Err(id) => unreadable.push(id),
            Ok((key, there)) => {
                while let Some((missing, told)) = logged.next_if(|(other, _)| **other < key) {
                    differ(findings, *missing, Some(told), None);
                }
                let told = logged.next_if(|(other, _)| **other == key).map(|(_, told)| told);
                differ(findings, key, told, Some(there));
            }
        }
        Ok::<_, StoreError>(())
    })?;
    for (missing, told) in logged {
        differ(findings, *missing, Some(told), None);
    }
    for id in unreadable {
        findings.add(kind, id, "cannot be read: it was not written by keydesk");
    }
    Ok(())
}

/// A table that is compared with the log: keys or tombstones.
struct Table {
    /// Selects the columns of a [`KeyRow`].
    sql: &'static str,
    /// Predicates for a row that differs, for a missing one, and for another actor or time.
    differs: &'static str,
    missing: &'static str,
    by: &'static str,
    /// The action of the entry with the actor and time.
    action: AuditAction,
}

const KEYS: Table = Table {
    sql: "SELECT key_id, hash, prefix, application_id, type, name, platform, throwaway, creator_id, created, expires, \
          disabled, disabled_until, delivered, unused_since, acknowledged, latest_expires, replaces, replaced_by, unused_for, owner, \
          note, nullif(allowed_sources, ''), canary FROM keys",
    differs: "was changed without an audit entry",
    missing: "is missing without an audit entry",
    by: "its creator or its date of creation",
    action: AuditAction::KeyCreated,
};

const TOMBSTONES: Table = Table {
    sql: "SELECT key_id, hash, prefix, application_id, type, name, platform, throwaway, deleted_by, deleted \
          FROM tombstones",
    differs: "has a tombstone that differs from the log",
    missing: "was deleted, but its tombstone is missing",
    by: "it was deleted by another user or at another time than logged",
    action: AuditAction::KeyDeleted,
};

/// The columns of a key or tombstone that are in the log.
struct KeyRow {
    id: KeyId,
    hash: [u8; 32],
    prefix: String,
    application: i64,
    /// In the order of [`KEY_FIELDS`]. A tombstone has only the lasting ones.
    fields: Vec<Option<String>>,
    /// Who created or deleted it, and when.
    by: (i64, Instant),
}

impl KeyRow {
    fn of(row: &Row<'_>) -> RowResult<Self> {
        let platform: String = row.get(6)?;
        let platform = if platform.is_empty() { "generic".into() } else { platform };
        let throwaway = row.get::<bool>(7)?.then(|| "yes".to_owned());
        let mut fields = vec![Some(row.get(5)?), Some(platform), Some(row.get(4)?), throwaway];
        if row.columns() > 10 {
            for instant in 10..17 {
                fields.push(convert::maybe_instant(row, instant)?.map(rfc3339));
            }
            let unused_for: Option<i64> = row.get(19)?;
            fields.extend([row.get(17)?, row.get(18)?, unused_for.map(|seconds| seconds.to_string())]);
            fields.extend([row.get(20)?, row.get(21)?, row.get(22)?]);
            fields.push(row.get::<bool>(23)?.then(|| "yes".to_owned()));
        }
        Ok(Self {
            id: convert::key_id(row, 0)?,
            hash: row.get(1)?,
            prefix: row.get(2)?,
            application: row.get(3)?,
            fields,
            by: (row.get(8)?, convert::instant(row, 9)?),
        })
    }

    fn key_type(&self) -> &str {
        self.fields[2].as_deref().unwrap_or_default()
    }

    fn commitment(&self) -> Commitment {
        Commitment::to_key(&KeyFacts {
            id: self.id,
            hash: &self.hash,
            prefix: &self.prefix,
            application: self.application,
            key_type: self.key_type(),
        })
    }

    fn facts(&self, of: &Fingerprints) -> Facts {
        let fields = KEY_FIELDS.iter().zip(&self.fields);
        let fields = fields.filter_map(|(field, value)| Some(of.field(field, value.as_ref()?)));
        let access = of.within(Some(self.application)) ^ of.commitment(Some(self.commitment()));
        fields.fold(access ^ of.by(self.by.0, self.by.1), |all, facts| all ^ facts)
    }
}

/// Compares keys or tombstones. `unlogged` returns the predicate for a row without entries, if it is a difference.
fn rows<L>(
    r: &Reader<'_>,
    replayed: &AuditReplay,
    findings: &mut Findings,
    table: &Table,
    logged: &BTreeMap<KeyId, L>,
    facts: fn(&L) -> Facts,
    unlogged: impl Fn(KeyId) -> Option<&'static str>,
) -> Result<(), StoreError> {
    let mut changed: Vec<KeyId> = Vec::new();
    let row = |row: &Row<'_>| KeyRow::of(row).map(|row| (row.id, row.facts(&replayed.fingerprints)));
    let sql = format!("{} ORDER BY key_id", table.sql);
    side_by_side(r, "key", &sql, logged, findings, row, |findings, id, told, there| {
        match (told.map(facts), there) {
            (Some(told), Some(there)) if told == there => {}
            (Some(_), Some(_)) => changed.push(id),
            (Some(_), None) => findings.add("key", id, table.missing),
            (None, _) => {
                if let Some(what) = unlogged(id) {
                    findings.add("key", id, what);
                }
            }
        }
    })?;
    for (number, id) in changed.into_iter().enumerate() {
        let fields =
            if number < MOST_EXPLAINED { explain::row(r, replayed, table, id)? } else { String::new() };
        findings.add("key", id, format!("{}{fields}", table.differs));
    }
    Ok(())
}

fn keys(r: &Reader<'_>, replayed: &AuditReplay, findings: &mut Findings) -> Result<(), StoreError> {
    rows(
        r,
        replayed,
        findings,
        &KEYS,
        &replayed.keys,
        |key| key.all,
        |id| {
            Some(if replayed.deleted.contains_key(&id) {
                "exists, but was deleted according to the audit log"
            } else {
                "exists without an audit entry of its creation"
            })
        },
    )?;
    // A deletion without an entry was reported already, if the key was ever created.
    rows(
        r,
        replayed,
        findings,
        &TOMBSTONES,
        &replayed.deleted,
        |facts| *facts,
        |id| (!replayed.keys.contains_key(&id)).then_some("has a tombstone without an audit entry"),
    )
}

fn applications(r: &Reader<'_>, replayed: &AuditReplay, findings: &mut Findings) -> Result<(), StoreError> {
    let sql = "SELECT id, name, folded FROM applications ORDER BY id";
    let row = |row: &Row<'_>| {
        let (name, folded): (String, String) = (row.get(1)?, row.get(2)?);
        Ok((row.get(0)?, (fold(&name) == folded, name)))
    };
    side_by_side(r, "application", sql, &replayed.applications, findings, row, |findings, id, told, there| {
        match (told, there) {
            (Some(told), Some((true, there))) if *told == there => {}
            (Some(told), Some((false, there))) if *told == there => {
                let what = format!("({}) is indexed under another name", inert(told));
                findings.add("application", id, what);
            }
            (Some(told), Some((_, there))) => {
                let what =
                    format!("renamed from {:?} to {:?} without an audit entry", inert(told), inert(&there));
                findings.add("application", id, what);
            }
            (Some(told), None) => {
                let what = format!("({}) is missing without an audit entry", inert(told));
                findings.add("application", id, what);
            }
            (None, there) => {
                let name = there.map(|(_, name)| inert(&name)).unwrap_or_default();
                findings.add(
                    "application",
                    id,
                    format!("({name}) exists without an audit entry of its creation"),
                );
            }
        }
    })
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
    side_by_side(
        r,
        "user",
        "SELECT id, status, email, login, uid, salt FROM users ORDER BY id",
        &replayed.users,
        findings,
        row,
        |findings, id, told, there: Option<UserRecord>| match (told, there) {
            (Some(told), Some(there)) if *told == there => {}
            (Some(told), Some(there)) if told.status != there.status => {
                let what = format!("is {} instead of {}", there.status.as_str(), told.status.as_str());
                findings.add("user", id, what);
            }
            (Some(_), Some(_)) => {
                findings.add("user", id, "has another email, login or uid than logged");
            }
            (Some(_), None) => findings.add("user", id, "is missing: even deleted users keep their number"),
            (None, _) => findings.add("user", id, "exists without an audit entry"),
        },
    )
}

/// Compares the prefix of keys, which never changes.
fn prefix(r: &Reader<'_>, replayed: &AuditReplay, findings: &mut Findings) -> Result<(), StoreError> {
    let (Some(logged), there) = (&replayed.prefix, database::prefix(r)?) else { return Ok(()) };
    if logged != there.as_str() {
        let what = format!("of keys is {there} instead of {}", inert(logged));
        findings.add("database", "prefix", what);
    }
    Ok(())
}
