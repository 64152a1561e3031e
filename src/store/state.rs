//! Whether a database is the one to use: it may be a copy that is not complete, or have been moved away.

use super::reader::Engine;
use super::{Reader, StoreError};
use crate::domain::location::Location;

/// The state of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseState {
    Active,
    /// A copy of a database that is still in use.
    Arriving,
    /// It was copied to another place, which is the one to use.
    Moved {
        to: String,
    },
}

/// Reads the state of a database.
pub(crate) fn read(r: &Reader<'_>) -> Result<DatabaseState, StoreError> {
    let sql = "SELECT status, moved_to FROM database";
    let found = r.first("reading the state of the database", sql, &[], |row| {
        Ok((row.get::<String>(0)?, row.get::<Option<String>>(1)?))
    })?;
    match found.as_ref().map(|(status, to)| (status.as_str(), to)) {
        Some(("active", _)) => Ok(DatabaseState::Active),
        Some(("arriving", _)) => Ok(DatabaseState::Arriving),
        Some(("moved", Some(to))) => Ok(DatabaseState::Moved { to: to.clone() }),
        _ => Err(r.damaged("it has no state".into())),
    }
}

/// Rejects a database that is not the one to use.
pub(super) fn confirm_active(r: &Reader<'_>) -> Result<(), StoreError> {
    match read(r)? {
        DatabaseState::Active => Ok(()),
        DatabaseState::Arriving => Err(StoreError::Arriving { database: location(r) }),
        DatabaseState::Moved { to } => Err(StoreError::MovedTo { database: location(r), to }),
    }
}

/// Rejects a database that was moved away.
pub(crate) fn confirm_not_moved(r: &Reader<'_>) -> Result<(), StoreError> {
    match read(r)? {
        DatabaseState::Active | DatabaseState::Arriving => Ok(()),
        DatabaseState::Moved { to } => Err(StoreError::MovedTo { database: location(r), to }),
    }
}

fn location(r: &Reader<'_>) -> Location {
    match r.engine() {
        Engine::Sqlite { path, .. } => path.into(),
        #[cfg(feature = "postgres")]
        Engine::Postgres { url, .. } => url.clone().into(),
    }
}
