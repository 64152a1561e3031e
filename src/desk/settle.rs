//! Marks what has ended by itself: keys that were no longer used, with the evidence, and processes that were killed while
//! they recorded use.
//!
//! Verification decides by the same evidence, so that nothing depends on when this happens.

use super::{DeskError, Session, changes_of_key, existing_key};
use crate::domain::Instant;
use crate::domain::audit::{AuditAction, AuditRecord, Change};
use crate::domain::expiry::rfc3339;
use crate::domain::key::Key;
use crate::store::{Reader, StoreError, Urgency, WriteTx, keys, recording};

/// Returns whether something is to be marked. Cheap while no key waits for its end.
pub(super) fn is_due(r: &Reader<'_>, now: Instant) -> Result<bool, StoreError> {
    let waiting = keys::until_unused(r)?;
    Ok(!waiting.is_empty() && (waiting.iter().any(|key| is_over(key, now)) || recording::has_killed(r, now)?))
}

/// Marks what has ended by itself. Every other operation marks ended keys too, before its own change.
pub(super) fn settle(session: &mut Session<'_>) -> Result<(), DeskError> {
    session.write(Urgency::Normal, |tx, now, _| {
        recording::end_killed(tx, now)?;
        // Those whose end is known only now.
        Ok(((), mark_ended(tx, now)?))
    })
}

/// Marks the keys that have ended. An operation in the same transaction sees them as ended, so that they stay so.
pub(super) fn mark_ended(tx: &WriteTx<'_>, now: Instant) -> Result<Vec<AuditRecord>, DeskError> {
    let mut records = Vec::new();
    for key in keys::until_unused(tx)? {
        records.extend(mark_if_ended(tx, &key, now)?);
    }
    Ok(records)
}

/// Marks a key if it has ended. For an operation after which its end could no longer be told from its use.
pub(super) fn mark_if_ended(
    tx: &WriteTx<'_>,
    key: &Key,
    now: Instant,
) -> Result<Option<AuditRecord>, DeskError> {
    if key.until_unused.is_none() || !is_over(key, now) {
        return Ok(None);
    }
    let evidence = end_of(key, now).zip(key.until_unused.as_deref());
    keys::set_ended(tx, key.id, evidence.map(|(end, _)| end))?;
    let mut record = changes_of_key::record(AuditAction::KeyEnded, key, &existing_key(tx, key.id)?);
    if let Some((_, rule)) = evidence {
        let last = key.last_used.map_or_else(|| "never".to_owned(), rfc3339);
        record = record.change(Change::to("last used", last));
        record.changes.extend(rule.successor_used.map(|at| Change::to("successor first used", rfc3339(at))));
    }
    Ok(Some(record))
}

/// The instant at which a key has ended since it was no longer used; none if it has not, or expired before.
fn end_of(key: &Key, now: Instant) -> Option<Instant> {
    key.until_unused.as_ref()?.ended(key.last_used, now).filter(|end| *end < key.expires)
}

/// Whether a key has ended one way or the other, as far as its use is known: where the clock jumps ahead, it is known
/// only up to the jump.
fn is_over(key: &Key, now: Instant) -> bool {
    let known_until = key.until_unused.as_ref().and_then(|rule| rule.recorded_until);
    end_of(key, now).is_some() || key.expires <= known_until.map_or(now, |until| until.min(now))
}
