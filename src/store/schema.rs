//! Compares the schema of a database with the one that keydesk creates.

use super::reader::Engine;
use super::schema_difference::SchemaDifference;
use super::{Reader, StoreError, sqlite};

/// All differences, by kind and name.
pub(super) fn differences(r: &Reader<'_>) -> Result<Vec<SchemaDifference>, StoreError> {
    match r.engine() {
        Engine::Sqlite { connection, path } => sqlite::schema::differences(connection)
            .map_err(|error| StoreError::from_sqlite(&error, "reading the schema", path)),
        #[cfg(feature = "postgres")]
        Engine::Postgres { connection, url } => super::postgres::schema::differences(connection, url),
    }
}
