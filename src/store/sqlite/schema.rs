//! Compares the schema of an open database with the one that the migrations create.
//!
//! An added trigger, view or index can undo a change that was reported as done, and a missing one can allow changes of
//! rows that must never change.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::migrate;
use crate::domain::commitment;
use crate::store::StoreError;
use crate::store::schema_difference::{Difference, SchemaDifference};

/// The objects of a schema: the table and the definition under each kind and name.
type Schema = BTreeMap<(String, String), (String, Option<String>)>;

fn read(connection: &Connection) -> rusqlite::Result<Schema> {
    // The tables of ANALYZE do not change results.
    let mut statement = connection.prepare(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema \
         WHERE NOT (type = 'table' AND name IN ('sqlite_stat1', 'sqlite_stat4'))",
    )?;
    let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?))))?;
    rows.collect()
}

/// SHA-256 of the schema that the migrations create, so that opening a database rarely needs to create another one to
/// compare with. A test checks it.
const DIGEST: [u8; 32] = [
    237, 35, 92, 215, 197, 195, 45, 200, 5, 172, 20, 14, 96, 34, 230, 68, 47, 51, 35, 140, 166, 250, 5, 154,
    35, 198, 25, 223, 247, 152, 81, 39,
];

fn digest(schema: &Schema) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for ((kind, name), (table, sql)) in schema {
        for field in [Some(kind), Some(name), Some(table), sql.as_ref()] {
            commitment::update(&mut hasher, field.map(String::as_bytes));
        }
    }
    hasher.finalize().into()
}

/// The schema that the migrations create.
fn expected() -> rusqlite::Result<Schema> {
    let connection = Connection::open_in_memory()?;
    migrate::STEPS.iter().try_for_each(|step| connection.execute_batch(step))?;
    read(&connection)
}

/// All differences, by kind and name.
pub(in crate::store) fn differences(connection: &Connection) -> rusqlite::Result<Vec<SchemaDifference>> {
    let mut found = read(connection)?;
    if digest(&found) == DIGEST {
        return Ok(Vec::new());
    }
    let expected = expected()?;
    let mut differences = Vec::new();
    for (object, definition) in expected {
        let what = match found.remove(&object) {
            Some(there) if there == definition => continue,
            Some(_) => Difference::Changed,
            None => Difference::Missing,
        };
        differences.push(SchemaDifference { kind: object.0, name: object.1, what });
    }
    let added =
        found.into_keys().map(|(kind, name)| SchemaDifference { kind, name, what: Difference::Added });
    differences.extend(added);
    Ok(differences)
}

/// Knows that the schema of a connection is the one that the migrations create, until it changes again.
#[derive(Debug, Default)]
pub(super) struct SchemaCheck {
    /// SQLite's counter of schema changes at the last comparison.
    compared: Option<i64>,
}

impl SchemaCheck {
    /// Rejects a schema that differs. Within a transaction this holds until its end.
    pub(super) fn confirm(&mut self, connection: &Connection, path: &Path) -> Result<(), StoreError> {
        let fault = |error| StoreError::from_sqlite(&error, "reading the schema", path);
        let version = connection
            .prepare_cached("PRAGMA schema_version")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .map_err(fault)?;
        if self.compared == Some(version) {
            return Ok(());
        }
        let differences = differences(connection).map_err(fault)?;
        if !differences.is_empty() {
            return Err(StoreError::AlteredSchema { database: path.into(), differences });
        }
        self.compared = Some(version);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_the_one_of_the_migrations() {
        assert_eq!(digest(&expected().unwrap()), DIGEST, "put this digest into DIGEST");
    }
}
