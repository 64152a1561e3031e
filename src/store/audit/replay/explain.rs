//! Explains the difference between a row and the log, for a few rows, since each needs a scan of the log.

use std::collections::BTreeMap;

use super::{COMPARING, KeyRow, Table};
use crate::domain::Instant;
use crate::domain::audit::AuditAction;
use crate::domain::audit_replay::{AuditReplay, KEY_FIELDS};
use crate::domain::commitment::Commitment;
use crate::domain::expiry::rfc3339;
use crate::domain::key::{KeyId, KeyType};
use crate::domain::text::inert;
use crate::domain::token::Prefix;
use crate::store::audit::entries::{ENTRY, entry};
use crate::store::value::values;
use crate::store::{Reader, StoreError, database};

/// The entries of one key.
#[derive(Default)]
struct Logged {
    fields: BTreeMap<String, String>,
    commitment: Option<Commitment>,
    application: Option<i64>,
    /// The actor and time of its creation or deletion.
    by: Option<(i64, Instant)>,
}

impl Logged {
    fn of(r: &Reader<'_>, id: KeyId, by: AuditAction) -> Result<Self, StoreError> {
        let mut logged = Self::default();
        let sql = format!("SELECT {ENTRY} FROM audit l WHERE l.key_id = ?1 ORDER BY l.number");
        r.each(COMPARING, &sql, values![id.as_str()], entry, |(entry, _)| {
            let is = |action: AuditAction| entry.action == action.as_str();
            if is(by) {
                logged.by = Some((entry.actor.0, entry.at));
            }
            if is(AuditAction::KeyDeleted) {
                // Its fields are the values before the deletion.
                return Ok(());
            }
            if is(AuditAction::KeyCreated) {
                logged.commitment = entry.commitment;
                logged.application = entry.application.map(|application| application.0);
            }
            if is(AuditAction::KeyDelivered) {
                logged.fields.insert("delivered".into(), rfc3339(entry.at));
            }
            for change in entry.changes() {
                match change.after {
                    Some(after) => drop(logged.fields.insert(change.field, after)),
                    None => drop(logged.fields.remove(&change.field)),
                }
            }
            Ok::<_, StoreError>(())
        })?;
        Ok(logged)
    }

    /// Lists the differences from the commitment of its creation. `prefix` is that of all keys.
    fn access(&self, row: &KeyRow, prefix: &Prefix) -> Vec<String> {
        let Some(commitment) = self.commitment else {
            return vec!["the entry of its creation has no commitment".into()];
        };
        if commitment == row.commitment() {
            return Vec::new();
        }
        // Everything but the hash follows from the log.
        let key_type = self.fields.get("type").cloned();
        let kind = key_type.as_deref().and_then(|word| word.parse::<KeyType>().ok());
        let mut created = KeyRow { fields: row.fields.clone(), prefix: String::new(), ..*row };
        created.fields[2] = key_type;
        created.application = self.application.unwrap_or_default();
        created.prefix = kind.map(|kind| prefix.displayed(kind, row.id)).unwrap_or_default();
        let mut differing = Vec::new();
        if row.application != created.application {
            let (there, logged) = (row.application.to_string(), created.application.to_string());
            differing.push(difference("Application", Some(&there), Some(&logged)));
        }
        if row.prefix != created.prefix {
            differing.push(difference("prefix", Some(&row.prefix), Some(&created.prefix)));
        }
        if created.commitment() != commitment {
            differing.push("the hash of its secret was replaced".into());
        }
        differing
    }
}

fn difference(field: &str, there: Option<&String>, logged: Option<&String>) -> String {
    let shown = |value: Option<&String>| value.map_or_else(|| "none".to_owned(), |value| inert(value));
    format!("{field} is {} instead of {}", shown(there), shown(logged))
}

/// Lists the differences between a row and the entries of its key.
pub(super) fn row(
    r: &Reader<'_>,
    replayed: &AuditReplay,
    table: &Table,
    id: KeyId,
) -> Result<String, StoreError> {
    let logged = Logged::of(r, id, table.action)?;
    let sql = format!("{} WHERE key_id = ?1", table.sql);
    let Some(row) = r.first(COMPARING, &sql, values![id.as_str()], KeyRow::of)? else {
        return Ok(String::new());
    };
    // The prefix from the log, with which the keys were created.
    let prefix = match replayed.prefix.as_deref().map(str::parse) {
        Some(Ok(prefix)) => prefix,
        _ => database::prefix(r)?,
    };
    let fields = KEY_FIELDS
        .iter()
        .zip(&row.fields)
        .map(|(field, there)| (field, there.as_ref(), logged.fields.get(*field)));
    let differing = fields.filter(|(_, there, logged)| there != logged);
    let mut differing: Vec<String> =
        differing.map(|(field, there, logged)| difference(field, there, logged)).collect();
    differing.extend(logged.access(&row, &prefix));
    if logged.by != Some(row.by) {
        differing.push(table.by.into());
    }
    Ok(format!(": {}", differing.join("; ")))
}
