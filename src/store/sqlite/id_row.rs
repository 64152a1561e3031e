//! Reads what a file has for a key ID.

use rusqlite::Connection;

use crate::domain::key::KeyId;
use crate::domain::secret::KeyHash;
use crate::store::id_row::IdRow;

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
}
