//! Migrations of the schema. All steps of a migration are one transaction.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::domain::token::Entropy;
use crate::store::StoreError;

/// The application ID in the header of the file: "kdk1".
pub(crate) const APPLICATION_ID: i64 = 0x6b64_6b31;

/// The steps: one for each format.
pub(super) const STEPS: [&str; 1] = [include_str!("../../../assets/migrations/0001_base.sql")];

/// The newest format: that of the last step.
pub const NEWEST: i64 = newest(&STEPS);

const fn newest(steps: &[&str]) -> i64 {
    // As many steps as files in a folder.
    #[expect(clippy::cast_possible_wrap, reason = "i64::try_from is no const fn")]
    let newest = steps.len() as i64;
    newest
}

/// The format of a file.
pub(super) fn version(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|error| StoreError::from_sqlite(&error, "reading its format", path))
}

fn application_id(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "application_id", |row| row.get(0))
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))
}

/// Whether the file is a keydesk database or empty, so that it may be switched to WAL.
pub(super) fn is_keydesk_or_empty(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(application_id(connection)? == APPLICATION_ID
        || (is_empty(connection)? && application_id(connection)? == 0))
}

/// Rejects a foreign file and one of a newer format, before anything is written.
pub(super) fn reject_foreign(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    refuse_newer_than(NEWEST, connection, path)
}

fn refuse_newer_than(known: i64, connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let fault = |error| StoreError::from_sqlite(&error, "checking the file type", path);
    if application_id(connection).map_err(fault)? != APPLICATION_ID {
        return Err(StoreError::Foreign { database: path.into() });
    }
    let found = version(connection, path)?;
    if found > known {
        return Err(StoreError::Newer { database: path.into(), found, known });
    }
    Ok(())
}

/// Rejects a file that is not a keydesk database of the newest format.
pub(super) fn reject_other(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    reject_foreign(connection, path)?;
    if version(connection, path)? == NEWEST {
        return Ok(());
    }
    Err(StoreError::Sqlite {
        what: "opening it",
        reason: "it has an older format: start keydesk once to migrate it".into(),
    })
}

/// Migrates a file to the last of `steps`. An empty one gets the whole schema and a random identity.
pub(super) fn upgrade(
    connection: &mut Connection,
    path: &Path,
    steps: &[&str],
    entropy: &mut dyn Entropy,
) -> Result<(), StoreError> {
    let newest = newest(steps);
    let fault = |error| StoreError::from_sqlite(&error, "migrating the database", path);
    let fresh = is_empty(connection).map_err(fault)? && application_id(connection).map_err(fault)? == 0;
    if !fresh {
        refuse_newer_than(newest, connection, path)?;
        if version(connection, path)? == newest {
            return Ok(());
        }
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
    // Another session may have migrated it.
    let from = version(&transaction, path)?;
    for (number, step) in (1_i64..).zip(steps) {
        if number > from {
            transaction.execute_batch(step).map_err(fault)?;
        }
    }
    if from == 0 {
        let mut identity = [0_u8; 16];
        entropy.fill(&mut identity)?;
        transaction
            .execute("INSERT INTO database (id, identity, prefix) VALUES (1, ?1, 'ik')", [identity])
            .map_err(fault)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(fault)?;
    }
    transaction.pragma_update(None, "user_version", newest).map_err(fault)?;
    transaction.commit().map_err(fault)
}
