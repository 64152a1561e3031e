//! Reads within one transaction.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::error::StoreError;
use super::row::{Column, Row, RowFault, RowResult};
#[cfg(feature = "postgres")]
use super::server;
use super::value::Value;
#[cfg(feature = "postgres")]
use crate::domain::postgres_url::PostgresUrl;

/// A read transaction: all results are from the same state of the database.
#[derive(Debug)]
pub struct Reader<'a> {
    engine: Engine<'a>,
}

/// The connection of a transaction.
#[derive(Clone, Copy, Debug)]
pub(super) enum Engine<'a> {
    Sqlite {
        connection: &'a Connection,
        path: &'a Path,
    },
    #[cfg(feature = "postgres")]
    Postgres {
        connection: &'a server::Connection,
        url: &'a PostgresUrl,
    },
}

impl<'a> Reader<'a> {
    /// Reads in a transaction of SQLite.
    pub(super) fn sqlite(connection: &'a Connection, path: &'a Path) -> Self {
        Self { engine: Engine::Sqlite { connection, path } }
    }

    /// Reads in a transaction of PostgreSQL.
    #[cfg(feature = "postgres")]
    pub(super) fn postgres(connection: &'a server::Connection, url: &'a PostgresUrl) -> Self {
        Self { engine: Engine::Postgres { connection, url } }
    }

    pub(super) fn engine(&self) -> Engine<'a> {
        self.engine
    }

    /// The one of two statements, or parts of one, that the engine understands.
    #[cfg_attr(not(feature = "postgres"), allow(unused_variables))]
    pub(super) fn pick<T>(&self, sqlite: T, postgres: T) -> T {
        match self.engine {
            Engine::Sqlite { .. } => sqlite,
            #[cfg(feature = "postgres")]
            Engine::Postgres { .. } => postgres,
        }
    }

    /// Whether the database is on a server, where several hosts share it.
    pub(crate) fn is_on_server(&self) -> bool {
        match self.engine {
            Engine::Sqlite { .. } => false,
            #[cfg(feature = "postgres")]
            Engine::Postgres { .. } => true,
        }
    }

    fn fault(&self, what: &'static str) -> impl Fn(RowFault) -> StoreError + '_ {
        move |fault| match (fault, self.engine) {
            (RowFault::Sqlite(error), Engine::Sqlite { path, .. }) => {
                StoreError::from_sqlite(&error, what, path)
            }
            (fault, _) => StoreError::Sqlite { what, reason: fault.to_string() },
        }
    }

    /// The content of the database is not valid.
    pub(super) fn damaged(&self, reason: String) -> StoreError {
        match self.engine {
            Engine::Sqlite { path, .. } => StoreError::Damaged { database: path.into(), reason },
            #[cfg(feature = "postgres")]
            Engine::Postgres { url, .. } => StoreError::Damaged { database: url.clone().into(), reason },
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
            #[cfg(feature = "postgres")]
            Engine::Postgres { connection, url } => {
                let rows = connection.query(sql, values).map_err(|fault| fault.during(what, url))?;
                rows.first().map(|row| read(&Row::Postgres(row))).transpose().map_err(self.fault(what))
            }
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
            #[cfg(feature = "postgres")]
            Engine::Postgres { connection, url } => {
                let rows = connection.query(sql, values).map_err(|fault| fault.during(what, url))?;
                let rows = rows.iter().map(|row| read(&Row::Postgres(row)));
                rows.collect::<Result<_, _>>().map_err(self.fault(what))
            }
        }
    }

    /// Calls `f` with each row of a query until it fails. `f` must not read: a connection to a server has one answer at a time.
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
            #[cfg(feature = "postgres")]
            Engine::Postgres { connection, url } => {
                let each = |row: &tokio_postgres::Row| {
                    let row = read(&Row::Postgres(row)).map_err(|wrong| Stop::Caller(fault(wrong).into()))?;
                    f(row).map_err(Stop::Caller)
                };
                connection.query_each(sql, values, each).map_err(|stop| match stop {
                    Stop::Caller(error) => error,
                    Stop::Server(fault) => fault.during(what, url).into(),
                })
            }
        }
    }

    /// Runs a statement that must change one row, for the writers of this module.
    pub(super) fn change_one(
        &self,
        what: &'static str,
        sql: &str,
        values: &[Value],
    ) -> Result<(), StoreError> {
        self.change_exactly(1, what, sql, values)
    }

    /// Runs a statement that must change this number of rows, for the writers of this module.
    pub(super) fn change_exactly(
        &self,
        number: usize,
        what: &'static str,
        sql: &str,
        values: &[Value],
    ) -> Result<(), StoreError> {
        if self.execute(what, sql, values)? == number { Ok(()) } else { Err(StoreError::NotMade { what }) }
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
            #[cfg(feature = "postgres")]
            Engine::Postgres { connection, url } => {
                let changed = connection.execute(sql, values).map_err(|fault| fault.during(what, url))?;
                Ok(usize::try_from(changed).unwrap_or(usize::MAX))
            }
        }
    }
}

/// What ended the rows of a statement early.
#[cfg(feature = "postgres")]
enum Stop<E> {
    Caller(E),
    Server(server::Fault),
}

#[cfg(feature = "postgres")]
impl<E> From<server::Fault> for Stop<E> {
    fn from(fault: server::Fault) -> Self {
        Self::Server(fault)
    }
}
