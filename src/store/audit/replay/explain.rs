//! What exactly differs between a row and the log: for a few rows, since each takes a walk over the whole log.

use std::collections::BTreeMap;

use super::{AccessFacts, KEY, KeyRow, TOMBSTONE, TombstoneRow};
use crate::domain::Instant;
use crate::domain::audit::AuditAction;
use crate::domain::audit_replay::{AuditReplay, KEY_FIELDS, LASTING_FIELDS};
use crate::domain::commitment::Commitment;
use crate::domain::expiry::rfc3339;
use crate::domain::key::{KeyId, KeyType};
use crate::domain::text::inert;
use crate::domain::token::Prefix;
use crate::store::audit::entries::{ENTRY, entry};
use crate::store::{Reader, StoreError, database};

/// What the entries of one key say.
#[derive(Default)]
struct Told {
    fields: BTreeMap<String, String>,
    commitment: Option<Commitment>,
    application: Option<i64>,
    deleted: Option<(i64, Instant)>,
}

impl Told {
    fn of(r: &Reader<'_>, id: KeyId) -> Result<Self, StoreError> {
        let fault = r.fault("comparing the audit log");
        let mut told = Self::default();
        let sql = format!("SELECT {ENTRY} FROM audit l WHERE l.key_id = ?1 ORDER BY l.number");
        let mut statement = r.connection.prepare(&sql).map_err(&fault)?;
        for row in statement.query_map([id.as_str()], entry).map_err(&fault)? {
            let (entry, _) = row.map_err(&fault)?;
            let is = |action: AuditAction| entry.action == action.as_str();
            if is(AuditAction::KeyDeleted) {
                // What it says of the fields is what they were.
                told.deleted = Some((entry.actor.0, entry.at));
                continue;
            }
            if is(AuditAction::KeyCreated) {
                told.commitment = entry.commitment;
                told.application = entry.application.map(|application| application.0);
            }
            if is(AuditAction::KeyDelivered) {
                told.fields.insert("delivered".into(), rfc3339(entry.at));
            }
            for change in entry.changes() {
                match change.after {
                    Some(after) => drop(told.fields.insert(change.field, after)),
                    None => drop(told.fields.remove(&change.field)),
                }
            }
        }
        Ok(told)
    }

    /// The fields that differ from those of a row.
    fn differing(&self, fields: &[&str], values: &[Option<String>]) -> Vec<String> {
        let pairs = fields.iter().zip(values);
        let differing = pairs.filter(|(field, value)| self.fields.get(**field) != value.as_ref());
        differing.map(|(field, value)| difference(field, value.as_ref(), self.fields.get(*field))).collect()
    }

    /// What differs of that to which the entry of the creation commits.
    fn access(&self, id: KeyId, access: &AccessFacts, prefix: &Prefix) -> Vec<String> {
        if self.commitment == Some(access.commitment(id)) {
            return Vec::new();
        }
        let Some(commitment) = self.commitment else {
            return vec!["the entry of its creation commits to nothing".into()];
        };
        // The prefix and the rest follow from the log; what is left is the hash.
        let key_type = self.fields.get("type").map_or(access.key_type.as_str(), String::as_str);
        let prefix =
            key_type.parse::<KeyType>().map_or_else(|_| String::new(), |kind| prefix.displayed(kind, id));
        let application = self.application.unwrap_or(access.application);
        let created = AccessFacts {
            hash: access.hash,
            prefix: prefix.clone(),
            application,
            key_type: key_type.to_owned(),
        };
        let mut differing = Vec::new();
        if access.application != application {
            let (there, logged) = (access.application.to_string(), application.to_string());
            differing.push(difference("Application", Some(&there), Some(&logged)));
        }
        if access.prefix != prefix {
            differing.push(difference("prefix", Some(&access.prefix), Some(&prefix)));
        }
        if created.commitment(id) != commitment {
            differing.push("the hash of its secret was exchanged".into());
        }
        differing
    }
}

fn difference(field: &str, there: Option<&String>, logged: Option<&String>) -> String {
    let shown = |value: Option<&String>| value.map_or_else(|| "nothing".to_owned(), |value| inert(value));
    format!("{field} is {}, and was {}", shown(there), shown(logged))
}

/// What differs between a key and its entries.
pub(super) fn key(r: &Reader<'_>, replayed: &AuditReplay, id: KeyId) -> Result<String, StoreError> {
    let told = Told::of(r, id)?;
    let row = r
        .connection
        .query_row(&format!("{KEY} WHERE key_id = ?1"), [id.as_str()], KeyRow::of)
        .map_err(r.fault("comparing the audit log"))?;
    let mut differing = told.differing(&KEY_FIELDS, &row.fields);
    differing.extend(told.access(id, &row.access, &prefix(r, replayed)?));
    Ok(if differing.is_empty() {
        ": its creator or its date of creation".into()
    } else {
        format!(": {}", differing.join("; "))
    })
}

/// What differs between a tombstone and the entries of its key.
pub(super) fn tombstone(r: &Reader<'_>, replayed: &AuditReplay, id: KeyId) -> Result<String, StoreError> {
    let told = Told::of(r, id)?;
    let row = r
        .connection
        .query_row(&format!("{TOMBSTONE} WHERE key_id = ?1"), [id.as_str()], TombstoneRow::of)
        .map_err(r.fault("comparing the audit log"))?;
    let mut differing = told.differing(&LASTING_FIELDS, &row.fields);
    differing.extend(told.access(id, &row.access, &prefix(r, replayed)?));
    if told.deleted != Some((row.deleted_by, row.deleted)) {
        differing.push("it was deleted by another or at another time than logged".into());
    }
    Ok(format!(": {}", differing.join("; ")))
}

/// The prefix with which the keys were created: the logged one.
fn prefix(r: &Reader<'_>, replayed: &AuditReplay) -> Result<Prefix, StoreError> {
    match replayed.prefix.as_deref().map(str::parse) {
        Some(Ok(prefix)) => Ok(prefix),
        _ => database::prefix(r),
    }
}
