//! Facts about the database itself.

use super::{Reader, StoreError, WriteTx};
use crate::domain::token::Prefix;
use crate::store::value::values;

/// The start of all keys of this database.
pub fn prefix(r: &Reader<'_>) -> Result<Prefix, StoreError> {
    let text: String = r.value("reading the key prefix", "SELECT prefix FROM database", &[])?;
    text.parse().map_err(|error: crate::domain::token::NotAPrefix| r.damaged(error.to_string()))
}

/// Sets the start of all keys of this database. The schema rejects it once there is a user.
pub(crate) fn set_prefix(tx: &WriteTx<'_>, prefix: &Prefix) -> Result<(), StoreError> {
    let what = "setting the prefix of keys";
    tx.change_one(what, "UPDATE database SET prefix = ?1", values![prefix.as_str()])?;
    tx.expect(what, "SELECT prefix = ? FROM database", [prefix.as_str().to_owned().into()]);
    Ok(())
}
