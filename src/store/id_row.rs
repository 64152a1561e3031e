//! What the database has for a key ID, and what a text with this ID is by that.

use super::known_key::LookupResult;
use crate::domain::secret::KeyHash;

#[derive(Debug)]
pub(super) struct IdRow {
    /// Of the key, and of its tombstone. Where there is none, one that no text has: the comparison always takes place.
    pub(super) key: KeyHash,
    pub(super) tombstone: KeyHash,
    pub(super) is_canary: bool,
}

/// A [`LookupResult`] whose key is elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    Key,
    Deleted,
    Canary,
    Nothing,
}

impl IdRow {
    /// For an ID that the database does not have.
    pub(super) fn absent() -> Self {
        let none = KeyHash::from_bytes([0; 32]);
        Self { key: none, tombstone: none, is_canary: false }
    }

    /// Compares with all that is there, in constant time.
    pub(super) fn compare(&self, hash: &KeyHash) -> Match {
        match (self.key.matches(hash), self.tombstone.matches(hash)) {
            (false, false) => Match::Nothing,
            (false, true) => Match::Deleted,
            (true, _) if self.is_canary => Match::Canary,
            (true, _) => Match::Key,
        }
    }
}

impl From<LookupResult<'_>> for Match {
    fn from(found: LookupResult<'_>) -> Self {
        match found {
            LookupResult::Key(_) => Self::Key,
            LookupResult::Deleted => Self::Deleted,
            LookupResult::Canary => Self::Canary,
            LookupResult::Nothing => Self::Nothing,
        }
    }
}
