//! What the database has for a key ID, and what a text with this ID is by that.

use rusqlite::Connection;

use super::lookup::LookupResult;
use crate::domain::key::KeyId;
use crate::domain::secret::KeyHash;

#[derive(Debug)]
pub(super) struct IdRow {
    /// Of the key, and of its tombstone. Where there is none, one that no text has: the comparison always takes place.
    key: KeyHash,
    tombstone: KeyHash,
    is_canary: bool,
}

/// A [`LookupResult`] whose key is in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    Key,
    Deleted,
    Canary,
    Nothing,
}

impl IdRow {
    /// One statement, and always one row with two hashes: what is not there takes as long to read as what is.
    pub(super) fn read(connection: &Connection, id: KeyId) -> rusqlite::Result<Self> {
        connection
            .prepare_cached(
                "SELECT coalesce(k.hash, zeroblob(32)), coalesce(t.hash, zeroblob(32)), k.canary IS TRUE \
                 FROM (SELECT ?1 AS id) q LEFT JOIN keys k ON k.key_id = q.id LEFT JOIN tombstones t ON t.key_id = q.id",
            )?
            .query_row([id.as_str()], |row| {
                let hash = |column| row.get(column).map(KeyHash::from_bytes);
                Ok(Self { key: hash(0)?, tombstone: hash(1)?, is_canary: row.get(2)? })
            })
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
