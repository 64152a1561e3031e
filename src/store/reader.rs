//! Reads within one transaction.

use std::path::Path;

use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension, Params, Row};

use super::error::StoreError;

/// A read transaction: all results are from the same state of the database.
#[derive(Debug)]
pub struct Reader<'a> {
    pub(super) connection: &'a Connection,
    pub(super) path: &'a Path,
}

impl Reader<'_> {
    pub(super) fn fault(&self, what: &'static str) -> impl Fn(rusqlite::Error) -> StoreError + '_ {
        move |error| StoreError::from_sqlite(&error, what, self.path)
    }

    /// Returns the first row of a query.
    pub(super) fn first<T>(
        &self,
        what: &'static str,
        sql: &str,
        values: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(values, read).optional())
            .map_err(self.fault(what))
    }

    /// Returns the value of a query that always has a row.
    pub(super) fn value<T: FromSql>(
        &self,
        what: &'static str,
        sql: &str,
        values: impl Params,
    ) -> Result<T, StoreError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(values, |row| row.get(0)))
            .map_err(self.fault(what))
    }

    /// Returns all rows of a query.
    pub(super) fn all<T, C: FromIterator<T>>(
        &self,
        what: &'static str,
        sql: &str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<C, StoreError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_map(values, read)?.collect())
            .map_err(self.fault(what))
    }

    /// Calls `f` with each row of a query until it fails.
    pub(super) fn each<T, E: From<StoreError>>(
        &self,
        what: &'static str,
        sql: &str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
        mut f: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let fault = self.fault(what);
        let mut statement = self.connection.prepare_cached(sql).map_err(&fault)?;
        for row in statement.query_map(values, read).map_err(&fault)? {
            f(row.map_err(&fault)?)?;
        }
        Ok(())
    }
}
