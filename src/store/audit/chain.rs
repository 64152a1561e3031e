//! Verifies the hash chain of the audit log.

use super::entries::{ENTRY, entry, genesis};
use crate::domain::Instant;
use crate::domain::audit::{AuditAction, AuditEntry, ChainHash};
use crate::domain::key::KeyId;
use crate::store::value::values;
use crate::store::{Reader, StoreError, convert};

/// The result of verifying the hash chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainReport {
    /// Every entry continues the chain. The number and hash of the last one.
    Intact(u64, ChainHash),
    /// The first entry that does not continue the chain, and why.
    Broken { number: u64, reason: &'static str },
}

/// Verifies at most `most` entries, from the start or after a verified one, and calls `f` with each valid one.
pub fn walk(
    r: &Reader<'_>,
    from: Option<(u64, ChainHash)>,
    most: Option<u32>,
    f: &mut dyn FnMut(&AuditEntry, &ChainHash),
) -> Result<ChainReport, StoreError> {
    let (mut number, mut previous) = match from {
        Some(link) => link,
        None => (0, genesis(r)?),
    };
    let sql = format!("SELECT {ENTRY} FROM audit l WHERE l.number > ?1 ORDER BY l.number LIMIT ?2");
    let most = most.map_or(i64::MAX, i64::from);
    let walked = r.each(
        "checking the audit log",
        &sql,
        values![number, most],
        |row| Ok(entry(row).ok()),
        |found| {
            let broken = |number, reason| Err(Stop::Broken { number, reason });
            let Some((entry, hash)) = found else {
                return broken(number + 1, "the entry cannot be read");
            };
            if entry.number != number + 1 {
                return broken(number + 1, "the entry is missing");
            }
            number = entry.number;
            if entry.hash(&previous) != hash {
                return broken(number, "the entry was changed after it was written");
            }
            previous = hash;
            f(&entry, &hash);
            Ok(())
        },
    );
    match walked {
        Ok(()) => Ok(ChainReport::Intact(number, previous)),
        Err(Stop::Broken { number, reason }) => Ok(ChainReport::Broken { number, reason }),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// What ends a walk early.
enum Stop {
    Broken { number: u64, reason: &'static str },
    Failed(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// Returns the hash of the entry with a number, the start of the chain for 0.
pub fn link(r: &Reader<'_>, number: u64) -> Result<Option<ChainHash>, StoreError> {
    if number == 0 {
        return genesis(r).map(Some);
    }
    let sql = "SELECT hash FROM audit WHERE number = ?1";
    r.first("reading the audit log", sql, values![number], |row| row.get(0).map(ChainHash))
}

/// Returns the number of the entry that has a hash, 0 for the start of the chain.
pub(crate) fn number_of(r: &Reader<'_>, hash: &ChainHash) -> Result<Option<u64>, StoreError> {
    if genesis(r)? == *hash {
        return Ok(Some(0));
    }
    r.first("reading the audit log", "SELECT number FROM audit WHERE hash = ?1", values![hash.0], |row| {
        row.get(0)
    })
}

/// The time of the first entry.
pub fn begun(r: &Reader<'_>) -> Result<Option<Instant>, StoreError> {
    let sql = "SELECT at FROM audit ORDER BY number LIMIT 1";
    r.first("reading the audit log", sql, &[], |row| convert::instant(row, 0))
}

/// Maximum number of entries to search for deletions when a long log is read for the first time.
const LOOKED_BACK: u64 = 20_000;

/// Keys that were deleted after one entry and up to another, the latest last.
pub fn deletions(r: &Reader<'_>, after: u64, until: u64) -> Result<Vec<KeyId>, StoreError> {
    r.all(
        "reading the audit log",
        "SELECT key_id FROM audit WHERE number > ?1 AND number <= ?2 AND action = ?3 AND key_id IS NOT NULL \
         ORDER BY number",
        values![after.max(until.saturating_sub(LOOKED_BACK)), until, AuditAction::KeyDeleted.as_str()],
        |row| convert::key_id(row, 0),
    )
}
