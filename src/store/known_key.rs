//! What a verification looks up and finds.

use std::sync::Arc;

use crate::domain::Instant;
use crate::domain::key::{Accepted, KeyId, KeyState, Outage};
use crate::domain::secret::KeyHash;
use crate::domain::source::AllowedSources;
use crate::domain::until_unused::UntilUnused;

/// Maximum number of cached keys, at 300 bytes each: what a hash table of 65,536 places holds.
pub(crate) const MOST_KEPT: usize = 57_344;

/// A presented text: its key ID, and the hash of the whole text.
pub type Claim<'a> = (KeyId, &'a KeyHash);

/// What the database has for a presented text.
#[derive(Clone, Copy, Debug)]
pub enum LookupResult<'a> {
    /// The text of a key.
    Key(&'a KnownKey),
    /// The text of a deleted key.
    Deleted,
    /// The text of a canary key.
    Canary,
    /// Not the text of a key, whether or not its ID exists.
    Nothing,
}

/// The number of keys of all Applications in each state.
pub type KeyCounts = [(KeyState, i64); 6];

/// The properties of a key that a verification needs.
#[derive(Debug)]
pub struct KnownKey {
    /// SHA-256 of its text.
    pub hash: KeyHash,
    pub outage: Option<Outage>,
    pub allowed_sources: AllowedSources,
    /// A predecessor that ends when it is no longer used, with its last recorded use.
    pub until_unused: Option<Box<(UntilUnused, Option<Instant>)>>,
    /// The rest, which is part of the decision.
    pub known: Arc<Accepted>,
}
