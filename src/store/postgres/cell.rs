//! Reads the values of a row.

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::store::row::Cell;

/// The value of a column (from 0); `None` where it is missing or of a type that keydesk does not use.
pub(in crate::store) fn cell(row: &Row, column: usize) -> Option<Cell<'_>> {
    let kind = row.columns().get(column)?.type_();
    if [Type::TEXT, Type::VARCHAR, Type::NAME, Type::UNKNOWN].contains(kind) {
        Some(row.try_get::<_, Option<&str>>(column).ok()?.map_or(Cell::Null, Cell::Text))
    } else if *kind == Type::BYTEA {
        Some(row.try_get::<_, Option<&[u8]>>(column).ok()?.map_or(Cell::Null, Cell::Blob))
    } else {
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
}
