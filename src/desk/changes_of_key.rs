//! The fields of a key that an operation has changed, as they are logged.

use crate::domain::audit::{AuditAction, AuditRecord, Change};
use crate::domain::expiry::rfc3339;
use crate::domain::key::Key;

/// Returns the audit record of a change of a key: how it ends, whether it is disabled, and what it is linked with.
pub(super) fn record(action: AuditAction, before: &Key, after: &Key) -> AuditRecord {
    let mut record = AuditRecord::new(action).application(after.application).key(after.id);
    for ((field, before), (_, after)) in fields(before).into_iter().zip(fields(after)) {
        if before != after {
            record.changes.push(Change { field: field.into(), before, after });
        }
    }
    record
}

/// By the names of the audit replay.
fn fields(key: &Key) -> [(&'static str, Option<String>); 8] {
    let rule = key.until_unused.as_ref();
    let id = |id: crate::domain::key::KeyId| id.to_string();
    [
        ("replaces", key.replaces.map(id)),
        ("replaced by", key.replaced_by.map(id)),
        ("expires", Some(rfc3339(key.expires))),
        ("latest expiration", key.latest_expires.map(rfc3339)),
        ("ends when unused for", rule.map(|rule| rule.length.num_seconds().to_string())),
        ("unused since", rule.map(|rule| rfc3339(rule.since))),
        ("disabled", key.disabled.map(rfc3339)),
        ("disabled until", key.disabled_until.map(rfc3339)),
    ]
}
