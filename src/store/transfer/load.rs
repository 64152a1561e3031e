//! Tables of an empty database that are being filled, in either engine.

use super::tables::{Kind, TABLES, Table};
#[cfg(feature = "postgres")]
use crate::store::postgres;
use crate::store::reader::Engine as At;
use crate::store::value::Value;
use crate::store::{Reader, StoreError, sqlite};

/// All tables. The rows must come in the order of [`Table::order`].
pub(super) enum Load<'a> {
    Sqlite(sqlite::load::Load<'a>),
    #[cfg(feature = "postgres")]
    Postgres(postgres::load::Load<'a>),
}

impl<'a> Load<'a> {
    pub(super) fn begin(into: &Reader<'a>) -> Result<Self, StoreError> {
        let tables = TABLES.map(|table| table.name);
        Ok(match into.engine() {
            At::Sqlite { connection, path } => {
                Self::Sqlite(sqlite::load::Load::begin(connection, path, &tables)?)
            }
            #[cfg(feature = "postgres")]
            At::Postgres { connection, url } => {
                Self::Postgres(postgres::load::Load::begin(connection, url, &tables)?)
            }
        })
    }

    /// Begins to add rows to a table.
    pub(super) fn rows(&self, table: &Table) -> Result<Rows<'a>, StoreError> {
        Ok(match self {
            Self::Sqlite(load) => Rows::Sqlite(load.rows(table.name, &table.names(), table.columns.len())?),
            #[cfg(feature = "postgres")]
            Self::Postgres(load) => {
                use tokio_postgres::types::Type;
                let kind = |(_, kind): &(&str, Kind)| match kind {
                    Kind::Integer => Type::INT8,
                    Kind::Text => Type::TEXT,
                    Kind::Blob => Type::BYTEA,
                };
                let types: Vec<Type> = table.columns.iter().map(kind).collect();
                Rows::Postgres(Box::new(load.rows(table.name, &table.names(), &types)?))
            }
        })
    }

    /// Completes the tables. `tell` gets the number of steps that are done, and of all.
    pub(super) fn finish(
        self,
        tell: &mut dyn FnMut(u64, u64) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(load) => load.finish(tell),
            #[cfg(feature = "postgres")]
            Self::Postgres(load) => load.finish(tell),
        }
    }
}

/// Rows that are being added to a table.
pub(super) enum Rows<'a> {
    Sqlite(sqlite::load::Rows<'a>),
    #[cfg(feature = "postgres")]
    Postgres(Box<postgres::load::Rows<'a>>),
}

impl Rows<'_> {
    pub(super) fn add(&mut self, row: &[Value]) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(rows) => rows.add(row),
            #[cfg(feature = "postgres")]
            Self::Postgres(rows) => rows.add(row),
        }
    }

    /// Returns how many rows were added.
    pub(super) fn finish(self) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(rows) => Ok(rows.finish()),
            #[cfg(feature = "postgres")]
            Self::Postgres(rows) => rows.finish(),
        }
    }
}
