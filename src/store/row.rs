//! The rows of results, from both engines.

use rusqlite::types::ValueRef;

/// A row of a result.
pub(super) enum Row<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    #[cfg(feature = "postgres")]
    Postgres(&'a tokio_postgres::Row),
}

impl<'a> From<&'a rusqlite::Row<'a>> for Row<'a> {
    fn from(row: &'a rusqlite::Row<'a>) -> Self {
        Self::Sqlite(row)
    }
}

/// Why a row could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum RowFault {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The value of a column (from 0) is of another type, or not one that keydesk writes.
    #[error("{what} (column {column}) is not as keydesk wrote it")]
    Wrong { column: usize, what: &'static str },
}

pub(super) type RowResult<T> = Result<T, RowFault>;

impl RowFault {
    pub(super) fn wrong(column: usize, what: &'static str) -> Self {
        Self::Wrong { column, what }
    }
}

impl From<RowFault> for rusqlite::Error {
    fn from(fault: RowFault) -> Self {
        match fault {
            RowFault::Sqlite(error) => error,
            RowFault::Wrong { column, .. } => {
                Self::FromSqlConversionFailure(column, rusqlite::types::Type::Null, Box::new(fault))
            }
        }
    }
}

/// The value of one column.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cell<'a> {
    Null,
    Integer(i64),
    Text(&'a str),
    Blob(&'a [u8]),
}

impl Row<'_> {
    /// Reads a column (from 0).
    pub(super) fn get<T: Column>(&self, column: usize) -> RowResult<T> {
        T::from_cell(self.cell(column)?).ok_or(RowFault::Wrong { column, what: T::WHAT })
    }

    /// Reads a text without a copy.
    pub(super) fn text(&self, column: usize) -> RowResult<&str> {
        match self.cell(column)? {
            Cell::Text(text) => Ok(text),
            _ => Err(RowFault::Wrong { column, what: String::WHAT }),
        }
    }

    pub(super) fn columns(&self) -> usize {
        match self {
            Self::Sqlite(row) => row.as_ref().column_count(),
            #[cfg(feature = "postgres")]
            Self::Postgres(row) => row.len(),
        }
    }

    fn cell(&self, column: usize) -> RowResult<Cell<'_>> {
        match self {
            Self::Sqlite(row) => Ok(match row.get_ref(column)? {
                ValueRef::Null => Cell::Null,
                ValueRef::Integer(number) => Cell::Integer(number),
                ValueRef::Text(bytes) => Cell::Text(
                    std::str::from_utf8(bytes).map_err(|_| RowFault::Wrong { column, what: String::WHAT })?,
                ),
                ValueRef::Blob(bytes) => Cell::Blob(bytes),
                ValueRef::Real(_) => return Err(RowFault::Wrong { column, what: i64::WHAT }),
            }),
            #[cfg(feature = "postgres")]
            Self::Postgres(row) => {
                server_cell(row, column).ok_or(RowFault::Wrong { column, what: "a value of another type" })
            }
        }
    }
}

/// The value of a column of a server (from 0); `None` where it is missing or of a type that keydesk does not use.
#[cfg(feature = "postgres")]
fn server_cell(row: &tokio_postgres::Row, column: usize) -> Option<Cell<'_>> {
    use tokio_postgres::types::Type;

    let kind = row.columns().get(column)?.type_();
    if [Type::TEXT, Type::VARCHAR, Type::NAME, Type::UNKNOWN].contains(kind) {
        return Some(row.try_get::<_, Option<&str>>(column).ok()?.map_or(Cell::Null, Cell::Text));
    }
    if *kind == Type::BYTEA {
        return Some(row.try_get::<_, Option<&[u8]>>(column).ok()?.map_or(Cell::Null, Cell::Blob));
    }
    let number = match kind {
        kind if *kind == Type::INT8 => row.try_get::<_, Option<i64>>(column).ok()?,
        kind if *kind == Type::INT4 => row.try_get::<_, Option<i32>>(column).ok()?.map(i64::from),
        kind if *kind == Type::INT2 => row.try_get::<_, Option<i16>>(column).ok()?.map(i64::from),
        kind if *kind == Type::OID => row.try_get::<_, Option<u32>>(column).ok()?.map(i64::from),
        kind if *kind == Type::BOOL => row.try_get::<_, Option<bool>>(column).ok()?.map(i64::from),
        _ => return None,
    };
    Some(number.map_or(Cell::Null, Cell::Integer))
}

/// A type that columns are read as.
pub(super) trait Column: Sized {
    /// For errors.
    const WHAT: &'static str;

    fn from_cell(cell: Cell<'_>) -> Option<Self>;
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Column for $type {
            const WHAT: &'static str = "a number";

            fn from_cell(cell: Cell<'_>) -> Option<Self> {
                match cell {
                    Cell::Integer(number) => number.try_into().ok(),
                    _ => None,
                }
            }
        }
    )*};
}
integers!(i64, u64, u32);

impl Column for bool {
    const WHAT: &'static str = "a truth value";

    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Integer(number) => Some(number != 0),
            _ => None,
        }
    }
}

impl Column for String {
    const WHAT: &'static str = "a text";

    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Text(text) => Some(text.to_owned()),
            _ => None,
        }
    }
}

impl<const N: usize> Column for [u8; N] {
    const WHAT: &'static str = "a hash";

    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Blob(bytes) => bytes.try_into().ok(),
            _ => None,
        }
    }
}

impl<T: Column> Column for Option<T> {
    const WHAT: &'static str = T::WHAT;

    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Null => Some(None),
            cell => T::from_cell(cell).map(Some),
        }
    }
}

/// Any value, for the orders of lists.
impl Column for super::value::Value {
    const WHAT: &'static str = "a value";

    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        Some(match cell {
            Cell::Null => Self::Integer(None),
            Cell::Integer(number) => number.into(),
            Cell::Text(text) => text.into(),
            Cell::Blob(bytes) => bytes.to_vec().into(),
        })
    }
}
