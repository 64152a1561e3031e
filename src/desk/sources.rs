//! The sources of requests with a key, and which of them have moved to its successor.

use std::collections::{HashMap, HashSet};

use crate::domain::Instant;
use crate::domain::key::{Key, KeyId};
use crate::store::usage::{self, Source, SourceAddress};
use crate::store::{Reader, StoreError, keys};

/// A source of requests with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedSource {
    pub source: Source,
    /// Whether it has moved to the successor; none when there is no successor, and when that is not known.
    pub moved: Option<Moved>,
}

/// Whether a source has moved to the successor of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// It has used the successor, and not the key since then.
    Yes,
    /// It has used the successor, and the key after that.
    UsesBoth,
    /// It has not used the successor.
    No,
}

impl Moved {
    /// The word in a table.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::UsesBoth => "both",
            Self::No => "no",
        }
    }
}

impl UsedSource {
    /// The text in a table: the address, or why there is none.
    #[must_use]
    pub fn label(&self) -> String {
        self.source.address.label()
    }
}

/// How far a line of rotations is followed.
const MOST_SUCCESSORS: usize = 32;

/// Reads the sources of accepted requests with a key, the latest first; the older ones, counted together, last.
pub(super) fn used_sources(r: &Reader<'_>, key: &Key) -> Result<Vec<UsedSource>, StoreError> {
    let sources = usage::sources(r, key.id, None)?;
    let successors = Successors::of(r, key)?;
    let used = |source: Source| {
        let moved = successors.as_ref().and_then(|successors| successors.moved(&source));
        UsedSource { source, moved }
    };
    Ok(sources.into_iter().map(used).collect())
}

/// Reads the sources of rejected requests with a key, for a reason as in logs and metrics, in the same order.
pub(super) fn rejected_sources(
    r: &Reader<'_>,
    id: KeyId,
    reason: &str,
) -> Result<Vec<UsedSource>, StoreError> {
    let sources = usage::sources(r, id, Some(reason))?;
    Ok(sources.into_iter().map(|source| UsedSource { source, moved: None }).collect())
}

/// Reads the sources of the uses of a canary key, or of the requests that were rejected during the last outage of another
/// key.
pub(super) fn rejected_meanwhile(r: &Reader<'_>, key: &Key) -> Result<Vec<UsedSource>, StoreError> {
    if key.is_canary {
        return rejected_sources(r, key.id, usage::CANARY);
    }
    let Some(since) = key.disabled else { return Ok(Vec::new()) };
    let mut sources = rejected_sources(r, key.id, usage::DISABLED)?;
    let is_before = |at| key.disabled_until.is_none_or(|until| at <= until);
    sources.retain(|used| used.source.last >= since && is_before(used.source.first));
    Ok(sources)
}

/// The use of the keys that took a key's place.
struct Successors {
    /// When each address first used one of them.
    first: HashMap<String, Instant>,
    /// Whether some addresses are no longer listed.
    has_older: bool,
}

impl Successors {
    /// None when the key has no successor.
    fn of(r: &Reader<'_>, key: &Key) -> Result<Option<Self>, StoreError> {
        let Some(mut id) = key.replaced_by else { return Ok(None) };
        let mut successors = Self { first: HashMap::new(), has_older: false };
        // Each key once, so that a circle in a damaged database ends too.
        let mut seen = HashSet::from([key.id]);
        while seen.insert(id) && seen.len() <= MOST_SUCCESSORS {
            for Source { address, first, .. } in usage::sources(r, id, None)? {
                match address {
                    SourceAddress::Known(address) => {
                        let earliest = successors.first.entry(address).or_insert(first);
                        *earliest = first.min(*earliest);
                    }
                    SourceAddress::Older => successors.has_older = true,
                    SourceAddress::Unknown => {}
                }
            }
            match keys::get(r, id)?.and_then(|successor| successor.replaced_by) {
                Some(next) => id = next,
                None => break,
            }
        }
        Ok(Some(successors))
    }

    /// Requests without an address may be those of several programs: what became of them is not known.
    fn moved(&self, source: &Source) -> Option<Moved> {
        let SourceAddress::Known(address) = &source.address else { return None };
        match self.first.get(address) {
            Some(first) if source.last <= *first => Some(Moved::Yes),
            Some(_) => Some(Moved::UsesBoth),
            None => (!self.has_older).then_some(Moved::No),
        }
    }
}
