//! Reads within one transaction.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::error::StoreError;
use super::row::{Column, Row, RowFault, RowResult};
use super::value::Value;

/// A read transaction: all results are from the same state of the database.
#[derive(Debug)]
pub struct Reader<'a> {
    engine: Engine<'a>,
}

/// The connection of a transaction.
#[derive(Clone, Copy, Debug)]
pub(super) enum Engine<'a> {
    Sqlite { connection: &'a Connection, path: &'a Path },
}

impl<'a> Reader<'a> {
    /// Reads in a transaction of SQLite.
    pub(super) fn sqlite(connection: &'a Connection, path: &'a Path) -> Self {
        Self { engine: Engine::Sqlite { connection, path } }
    }

    pub(super) fn engine(&self) -> Engine<'a> {
        self.engine
    }

    fn fault(&self, what: &'static str) -> impl Fn(RowFault) -> StoreError + '_ {
        move |fault| match (fault, self.engine) {
            (RowFault::Sqlite(error), Engine::Sqlite { path, .. }) => {
                StoreError::from_sqlite(&error, what, path)
            }
            (wrong @ RowFault::Wrong { .. }, _) => StoreError::Sqlite { what, reason: wrong.to_string() },
        }
    }

    /// The content of the database is not valid.
    pub(super) fn damaged(&self, reason: String) -> StoreError {
        match self.engine {
            Engine::Sqlite { path, .. } => StoreError::Damaged { path: path.to_owned(), reason },
        }
    }

    /// Returns the first row of a query.
    pub(super) fn first<T>(
        &self,
        what: &'static str,
        sql: &str,
        values: &[Value],
        read: impl FnOnce(&Row<'_>) -> RowResult<T>,
    ) -> Result<Option<T>, StoreError> {
        match self.engine {
            Engine::Sqlite { connection, .. } => connection
                .prepare_cached(sql)
                .and_then(|mut statement| {
                    statement.query_row(params_from_iter(values), |row| Ok(read(&row.into()))).optional()
                })
                .map_err(RowFault::from)
                .and_then(Option::transpose)
                .map_err(self.fault(what)),
        }
    }

    /// Returns the value of a query that always has a row.
    pub(super) fn value<T: Column>(
        &self,
        what: &'static str,
        sql: &str,
        values: &[Value],
    ) -> Result<T, StoreError> {
        let found = self.first(what, sql, values, |row| row.get(0))?;
        found.ok_or_else(|| StoreError::Sqlite { what, reason: "a query without a result".into() })
    }

    /// Returns all rows of a query.
    pub(super) fn all<T, C: FromIterator<T>>(
        &self,
        what: &'static str,
        sql: &str,
        values: &[Value],
        mut read: impl FnMut(&Row<'_>) -> RowResult<T>,
    ) -> Result<C, StoreError> {
        match self.engine {
            Engine::Sqlite { connection, .. } => connection
                .prepare_cached(sql)
                .map_err(RowFault::from)
                .and_then(|mut statement| {
                    let rows = statement.query_map(params_from_iter(values), |row| Ok(read(&row.into())))?;
                    rows.map(|row| row.map_err(RowFault::from).flatten()).collect()
                })
                .map_err(self.fault(what)),
        }
    }

    /// Calls `f` with each row of a query until it fails.
    pub(super) fn each<T, E: From<StoreError>>(
        &self,
        what: &'static str,
        sql: &str,
        values: &[Value],
        mut read: impl FnMut(&Row<'_>) -> RowResult<T>,
        mut f: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let fault = self.fault(what);
        match self.engine {
            Engine::Sqlite { connection, .. } => {
                let sqlite = |error: rusqlite::Error| fault(error.into());
                let mut statement = connection.prepare_cached(sql).map_err(sqlite)?;
                let rows = statement.query_map(params_from_iter(values), |row| Ok(read(&row.into())));
                for row in rows.map_err(sqlite)? {
                    f(row.map_err(sqlite)?.map_err(&fault)?)?;
                }
                Ok(())
            }
        }
    }

    /// Runs a statement that changes rows, for the writers of this module. Returns how many.
    pub(super) fn execute(
        &self,
        what: &'static str,
        sql: &str,
        values: &[Value],
    ) -> Result<usize, StoreError> {
        match self.engine {
            Engine::Sqlite { connection, .. } => connection
                .prepare_cached(sql)
                .and_then(|mut statement| statement.execute(params_from_iter(values)))
                .map_err(|error| self.fault(what)(error.into())),
        }
    }
}
