//! Make the receipt of a deletion, and compare one with the database.

use std::time::Duration;

use super::{AuditVerification, AuditVerifier, DeskError, Subject};
use crate::domain::Instant;
use crate::domain::application::ApplicationId;
use crate::domain::audit::ChainHead;
use crate::domain::deletion_receipt::{Contradiction, DeletionFacts, DeletionReceipt, Made, RecordedUse};
use crate::domain::key::{KeyId, Tombstone};
use crate::store::open::BUSY_TIMEOUT;
use crate::store::{Reader, StoreError, audit, chain, keys, usage};

/// Within this time, endpoints record a request.
const RECORDED_WITHIN: Duration = Duration::from_secs(2);

/// Returns how long to wait before the receipt of a deletion is made: the last requests with a key that was deleted a
/// moment ago may not be recorded yet. The deletion itself may have waited for other sessions.
#[must_use]
pub fn wait_for_use(deleted: Instant, now: Instant) -> Duration {
    let recent = (now - deleted).to_std().is_ok_and(|since| since < BUSY_TIMEOUT + RECORDED_WITHIN);
    if recent { RECORDED_WITHIN } else { Duration::ZERO }
}

/// Makes the receipt of the deletion of a key with this version of keydesk. `clock` is asked after everything was read.
///
/// # Errors
/// When the key was not deleted, or the receipt would contradict itself.
pub fn make(
    r: &Reader<'_>,
    id: KeyId,
    version: &str,
    clock: impl FnOnce() -> Instant,
) -> Result<DeletionReceipt, DeskError> {
    let (tombstone, accepted_since) = with_use(r, id)?.ok_or(DeskError::NotFound(Subject::Key(id)))?;
    let prefix = tombstone.prefix.clone();
    let rejected = |reason| DeskError::NoReceipt { prefix: prefix.clone(), reason };
    let (entry, hash) = audit::deletion_of(r, id)?.ok_or_else(|| rejected(Contradiction::NoEntry))?;
    let before = entry.number.saturating_sub(1);
    let previous = chain::link(r, before)?.ok_or_else(|| rejected(Contradiction::EntryHash))?;
    let receipt = DeletionReceipt::from(DeletionFacts {
        application: application_name(r, tombstone.application, entry.number)?,
        accepted_since,
        head_before: ChainHead { number: before, hash: previous },
        head_after: ChainHead { number: entry.number, hash },
        chain_start: audit::genesis(r)?,
        made: Made { head: present(r)?, at: clock(), keydesk: version.to_owned() },
        tombstone,
        entry,
    });
    let accepted = |found: &Contradiction| matches!(found, Contradiction::Accepted { .. });
    match receipt.contradictions().into_iter().find(|found| !accepted(found)) {
        Some(reason) => Err(rejected(reason)),
        None => Ok(receipt),
    }
}

/// The result of comparing a receipt with the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Empty when the database matches the receipt.
    pub contradictions: Vec<Contradiction>,
    /// A later request before the deletion, which was recorded only after the receipt was made.
    pub recorded_later: Option<RecordedUse>,
}

/// Compares a receipt with the database. `progress` gets the number of verified entries and the number of entries of the
/// audit log.
///
/// # Errors
/// When the database cannot be read.
pub fn compare(
    r: &Reader<'_>,
    receipt: &DeletionReceipt,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Comparison, StoreError> {
    let mut comparison = Comparison { contradictions: Vec::new(), recorded_later: None };
    if audit::genesis(r)? != receipt.chain_start {
        comparison.contradictions.push(Contradiction::OtherDatabase);
        return Ok(comparison);
    }
    if let AuditVerification::Broken { number, reason } = AuditVerifier::new(0).run(r, progress)? {
        comparison.contradictions.push(Contradiction::BrokenLog { number, reason });
    }
    comparison.contradictions.extend(missing_head(r, receipt)?);
    let key = &receipt.key;
    let tombstone = with_use(r, key.id)?;
    if keys::get(r, key.id)?.is_some() {
        comparison.contradictions.push(Contradiction::Restored);
    } else if tombstone.is_none() {
        comparison.contradictions.push(Contradiction::NoTombstone);
    }
    if let Some((tombstone, accepted_since)) = tombstone {
        let application = application_name(r, tombstone.application, receipt.entry.number)?;
        comparison.add_tombstone(receipt, &tombstone, &application, accepted_since);
    }
    Ok(comparison)
}

impl Comparison {
    fn add_tombstone(
        &mut self,
        receipt: &DeletionReceipt,
        tombstone: &Tombstone,
        application: &str,
        accepted_since: u64,
    ) {
        let key = &receipt.key;
        let used = RecordedUse::of(tombstone.last_used, tombstone.last_used_from.as_deref());
        let rejected = RecordedUse::of(tombstone.first_refused, tombstone.first_refused_from.as_deref());
        let at = |used: Option<&RecordedUse>| used.map(|used| used.at);
        // Of several sources in one second, any may be the last.
        let (now, then) = (at(used.as_ref()), at(receipt.last_accepted.as_ref()));
        let fields = [
            (key.prefix == tombstone.prefix, "key.prefix"),
            (key.name == tombstone.name.as_str(), "key.name"),
            (key.application == application, "key.application"),
            (key.deleted == tombstone.deleted, "key.deleted"),
            (key.deleted_by == tombstone.deleted_by.0, "key.deleted_by"),
            (now >= then, "last_accepted"),
            (receipt.first_rejected.is_none() || rejected == receipt.first_rejected, "first_rejected"),
        ];
        let differing = fields.into_iter().filter(|(matches, _)| !matches);
        self.contradictions.extend(differing.map(|(_, field)| Contradiction::Database { field }));
        if accepted_since > receipt.accepted_since {
            let receipt = receipt.accepted_since;
            self.contradictions.push(Contradiction::AcceptedSince { requests: accepted_since, receipt });
        } else if now > then {
            self.recorded_later = used;
        }
    }
}

/// The first head of the receipt that the log does not contain.
fn missing_head(r: &Reader<'_>, receipt: &DeletionReceipt) -> Result<Option<Contradiction>, StoreError> {
    let heads = [
        ("the head before the deletion", receipt.head_before),
        ("the entry of the deletion", receipt.head_after),
        ("the head when the receipt was made", receipt.made.head),
    ];
    let end = present(r)?.number;
    for (what, head) in heads {
        if head.number > end {
            return Ok(Some(Contradiction::LogEnds { end, what, head }));
        }
        if chain::link(r, head.number)? != Some(head.hash) {
            return Ok(Some(Contradiction::OtherEntry { what, head }));
        }
    }
    Ok(None)
}

/// The tombstone of a key, whose last use includes what is recorded but not yet counted, and the least number of accepted
/// requests after the second of the deletion. Days are counted whole: of the counted requests on the day of the deletion,
/// only the last is known.
fn with_use(r: &Reader<'_>, id: KeyId) -> Result<Option<(Tombstone, u64)>, StoreError> {
    let Some(mut tombstone) = keys::tombstone(r, id)? else { return Ok(None) };
    let later_days = usage::accepted_on_later_days(r, id, tombstone.deleted)?;
    let used_since = tombstone.last_used.is_some_and(|used| used > tombstone.deleted);
    let mut accepted_since = later_days.max(u64::from(used_since));
    if let Some(uncounted) = usage::uncounted(r, id, tombstone.deleted)? {
        accepted_since += uncounted.later;
        if tombstone.last_used.is_none_or(|used| used < uncounted.last) {
            (tombstone.last_used, tombstone.last_used_from) = (Some(uncounted.last), uncounted.last_from);
        }
    }
    Ok(Some((tombstone, accepted_since)))
}

/// The name that an Application had before an entry; empty when no entry has it.
fn application_name(r: &Reader<'_>, application: ApplicationId, before: u64) -> Result<String, StoreError> {
    Ok(audit::application_name(r, application, before)?.unwrap_or_default())
}

fn present(r: &Reader<'_>) -> Result<ChainHead, StoreError> {
    audit::head(r).map(|(number, hash)| ChainHead { number, hash })
}
