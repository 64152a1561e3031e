//! Reads what a file has for a key ID.

use rusqlite::Connection;

use crate::domain::key::KeyId;
use crate::domain::secret::KeyHash;
use crate::store::id_row::IdRow;

impl IdRow {
    /// Reads the row, and what else `then` reads in the same transaction.
    ///
    /// One statement, and always one row with two hashes: what is not there takes as long to read as what is.
    pub(super) fn read<T>(
        connection: &Connection,
        id: KeyId,
        then: impl FnOnce(Self) -> T,
    ) -> rusqlite::Result<T> {
        let mut statement = connection.prepare_cached(
            "SELECT coalesce(k.hash, zeroblob(32)), coalesce(t.hash, zeroblob(32)), k.canary IS TRUE \
             FROM (SELECT ?1 AS id) q LEFT JOIN keys k ON k.key_id = q.id LEFT JOIN tombstones t ON t.key_id = q.id",
        )?;
        // Until its end, the statement is a transaction.
        let mut rows = statement.query([id.as_str()])?;
        let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        let hash = |column| row.get(column).map(KeyHash::from_bytes);
        Ok(then(Self { key: hash(0)?, tombstone: hash(1)?, is_canary: row.get(2)? }))
    }
}
