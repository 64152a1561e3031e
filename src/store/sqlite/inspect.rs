//! Read-only access to databases of any known format for `keydesk doctor`. Nothing is migrated.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::{migrate, open, reserve, schema};
use crate::store::{Reader, SchemaDifference, StoreError, state};

/// A database that is opened read-only.
#[derive(Debug)]
pub struct Inspection {
    connection: Connection,
    path: PathBuf,
}

impl Inspection {
    /// Opens a database. Rejects other files and newer formats.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        open::check_file(path)?;
        let connection = open::readable_in_any_format(path)?;
        let inspection = Self { connection, path: path.to_owned() };
        match inspection.read(state::confirm_active) {
            Err(error @ (StoreError::MovedTo { .. } | StoreError::Arriving { .. })) => Err(error),
            // A changed schema is reported by itself.
            _ => Ok(inspection),
        }
    }

    pub fn format(&self) -> Result<i64, StoreError> {
        migrate::version(&self.connection, &self.path)
    }

    pub fn read<T>(&self, f: impl FnOnce(&Reader<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let fault = |error| StoreError::from_sqlite(&error, "reading", &self.path);
        let transaction = self.connection.unchecked_transaction().map_err(fault)?;
        f(&Reader::sqlite(&transaction, &self.path))
    }

    /// Checks all pages, indexes and references.
    pub fn integrity(&self) -> Result<(), StoreError> {
        integrity(&self.connection, &self.path)
    }

    /// The differences from the schema that keydesk creates.
    pub(crate) fn schema_differences(&self) -> Result<Vec<SchemaDifference>, StoreError> {
        schema::differences(&self.connection)
            .map_err(|error| StoreError::from_sqlite(&error, "reading the schema", &self.path))
    }
}

/// The disk space reserved for revoking keys on a full disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReserveState {
    There,
    /// It was missing or too small, and was created.
    Created,
    /// It is missing or too small, and could not be created.
    Missing,
}

/// Creates a missing reserve of a database.
#[must_use]
pub(crate) fn repair_reserve(path: &Path) -> ReserveState {
    if reserve::is_there(path) {
        ReserveState::There
    } else if reserve::take(path) {
        ReserveState::Created
    } else {
        ReserveState::Missing
    }
}

/// Whether every page and index of an open file is as SQLite wrote it, and every row points at one that is there.
pub(in crate::store) fn integrity(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let fault = |error| StoreError::from_sqlite(&error, "checking it", path);
    let found: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(fault)?;
    if found != "ok" {
        return Err(StoreError::damaged(path, &found));
    }
    let mut statement = connection.prepare("PRAGMA foreign_key_check").map_err(fault)?;
    if statement.exists([]).map_err(fault)? {
        return Err(StoreError::damaged(path, "a row refers to a missing one"));
    }
    Ok(())
}
