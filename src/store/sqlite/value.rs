//! Binds values to statements of SQLite.

use rusqlite::ToSql;
use rusqlite::types::{Null, ToSqlOutput, ValueRef};

use crate::store::value::Value;

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Integer(Some(number)) => (*number).into(),
            Self::Text(Some(text)) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Blob(Some(bytes)) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Self::Integer(None) | Self::Text(None) | Self::Blob(None) => Null.into(),
            #[cfg(feature = "postgres")]
            Self::Texts(_) | Self::Integers(_) | Self::Blobs(_) => {
                return Err(rusqlite::Error::ToSqlConversionFailure("SQLite has no arrays".into()));
            }
        })
    }
}
