//! Fills the tables of an empty file with many rows, in one transaction.
//!
//! Each row of a million would pass through a dozen indexes and the triggers that count. Both are removed before the rows
//! come, and what they do is done at the end for all rows at once.

use std::path::Path;

use rusqlite::{CachedStatement, Connection, params_from_iter};

use crate::store::StoreError;
use crate::store::value::Value;

const FILLING: &str = "filling its tables";

/// What the triggers would have done.
const COUNTS: [&str; 4] = [
    "UPDATE applications SET key_count = (SELECT count(*) FROM keys k WHERE k.application_id = applications.id)",
    "UPDATE users SET key_count = n.count \
     FROM (SELECT creator_id, count(*) AS count FROM keys GROUP BY creator_id) n WHERE users.id = n.creator_id",
    "INSERT INTO never_used (application_id, key_id) SELECT k.application_id, k.key_id FROM keys k INDEXED BY keys_by_id \
     WHERE NOT EXISTS (SELECT 1 FROM key_use u WHERE u.key_id = k.key_id) ORDER BY k.application_id, k.key_id",
    "UPDATE generation SET number = number + 1",
];

/// Tables that are being filled.
pub(in crate::store) struct Load<'a> {
    connection: &'a Connection,
    path: &'a Path,
    /// The statements that complete them.
    rest: Vec<String>,
}

impl<'a> Load<'a> {
    pub(in crate::store) fn begin(
        connection: &'a Connection,
        path: &'a Path,
        tables: &[&str],
    ) -> Result<Self, StoreError> {
        let fault = |error| StoreError::from_sqlite(&error, FILLING, path);
        let sql = "SELECT type, name, tbl_name, sql FROM sqlite_schema \
                   WHERE type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY type, rowid";
        let mut statement = connection.prepare(sql).map_err(fault)?;
        let found = statement.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get(3)?))
        });
        let objects: Vec<(String, String, String, String)> =
            found.and_then(Iterator::collect).map_err(fault)?;
        let (mut indexes, mut triggers) = (Vec::new(), Vec::new());
        for (kind, name, table, sql) in objects {
            if tables.contains(&table.as_str()) {
                connection.execute_batch(&format!("DROP {kind} \"{name}\"")).map_err(fault)?;
                if kind == "index" { &mut indexes } else { &mut triggers }.push(sql);
            }
        }
        let counts = COUNTS.iter().map(|sql| (*sql).to_owned());
        Ok(Self { connection, path, rest: indexes.into_iter().chain(counts).chain(triggers).collect() })
    }

    /// Begins to add rows to a table with this number of columns.
    pub(in crate::store) fn rows(
        &self,
        table: &str,
        columns: &str,
        number: usize,
    ) -> Result<Rows<'a>, StoreError> {
        let marks = vec!["?"; number].join(", ");
        let insert =
            self.connection.prepare_cached(&format!("INSERT INTO {table} ({columns}) VALUES ({marks})"));
        let insert = insert.map_err(|error| StoreError::from_sqlite(&error, FILLING, self.path))?;
        Ok(Rows { insert, path: self.path, added: 0 })
    }

    /// Completes the tables. `tell` gets the number of steps that are done, and of all.
    pub(in crate::store) fn finish(
        self,
        tell: &mut dyn FnMut(u64, u64) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let steps = self.rest.len() as u64;
        for (done, sql) in (0_u64..).zip(&self.rest) {
            tell(done, steps)?;
            let done = self.connection.execute_batch(sql);
            done.map_err(|error| StoreError::from_sqlite(&error, FILLING, self.path))?;
        }
        Ok(())
    }
}

/// Rows that are being added to a table.
pub(in crate::store) struct Rows<'a> {
    insert: CachedStatement<'a>,
    path: &'a Path,
    added: u64,
}

impl Rows<'_> {
    pub(in crate::store) fn add(&mut self, row: &[Value]) -> Result<(), StoreError> {
        let added = self.insert.execute(params_from_iter(row));
        self.added += added.map_err(|error| StoreError::from_sqlite(&error, FILLING, self.path))? as u64;
        Ok(())
    }

    /// Returns how many rows were added.
    pub(in crate::store) fn finish(self) -> u64 {
        self.added
    }
}
