//! What belongs to the database and not to a user of it.

use super::{Reader, StoreError};
use crate::domain::token::Prefix;

/// How keys of this database begin.
pub fn prefix(r: &Reader<'_>) -> Result<Prefix, StoreError> {
    let text: String = r
        .connection
        .query_row("SELECT prefix FROM database", [], |row| row.get(0))
        .map_err(r.fault("reading the prefix of keys"))?;
    text.parse().map_err(|error: crate::domain::token::NotAPrefix| StoreError::Damaged {
        path: r.path.to_owned(),
        reason: error.to_string(),
    })
}
