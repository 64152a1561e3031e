//! Creates and checks the schema.

use crate::domain::location::Location;
use crate::domain::postgres_url::PostgresUrl;
use crate::domain::token::Entropy;
use crate::store::StoreError;
use crate::store::server::{Connection, Fault};
use crate::store::value::values;

/// "kdk1", as in the header of a file.
const APPLICATION_ID: i64 = 0x6b64_6b31;

/// The number of the lock that the recording of use shares, and a move takes alone.
pub(super) const USE_LOCK: i64 = APPLICATION_ID + 1;

/// The steps: one for each format.
const STEPS: [&str; 1] = [include_str!("../../../assets/migrations/postgres/0001_base.sql")];

/// The newest format: that of the last step.
#[expect(clippy::cast_possible_wrap, reason = "as many steps as files in a folder")]
pub(crate) const NEWEST: i64 = STEPS.len() as i64;

/// What is in a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// No table.
    Empty,
    /// Tables of another program.
    Foreign,
    /// Tables of keydesk in a format.
    Keydesk(i64),
}

fn content(connection: &Connection) -> Result<Content, Fault> {
    let rows = connection.query(
        "SELECT to_regclass('public.meta') IS NOT NULL AND to_regclass('public.audit') IS NOT NULL, \
         NOT EXISTS (SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p', 'v', 'm', 'f'))",
        &[],
    )?;
    let read = |column| rows.first().and_then(|row| row.try_get::<_, bool>(column).ok()).unwrap_or(false);
    if !read(0) {
        return Ok(if read(1) { Content::Empty } else { Content::Foreign });
    }
    let rows = connection.query("SELECT application_id, format FROM meta WHERE id = 1", &[])?;
    let number = |column| rows.first().and_then(|row| row.try_get::<_, i64>(column).ok());
    Ok(match (number(0), number(1)) {
        (Some(APPLICATION_ID), Some(format)) => Content::Keydesk(format),
        _ => Content::Foreign,
    })
}

/// Returns the format. Rejects a database that is not one of keydesk, and one of a newer format.
pub(super) fn check(connection: &Connection, url: &PostgresUrl) -> Result<i64, StoreError> {
    let database = || Location::from(url.clone());
    match content(connection).map_err(|fault| fault.during("checking its tables", url))? {
        Content::Empty => Err(StoreError::NoDatabase { database: database() }),
        Content::Foreign => Err(StoreError::Foreign { database: database() }),
        Content::Keydesk(found) if found > NEWEST => {
            Err(StoreError::Newer { database: database(), found, known: NEWEST })
        }
        Content::Keydesk(found) => Ok(found),
    }
}

/// Creates the tables in an empty database, with a random identity. Two sessions that do so at once wait for each other.
pub(super) fn create(
    connection: &Connection,
    url: &PostgresUrl,
    entropy: &mut dyn Entropy,
) -> Result<(), StoreError> {
    const WHAT: &str = "creating its tables";
    let fault = |fault: Fault| fault.during(WHAT, url);
    connection.begin("BEGIN; SET LOCAL client_min_messages = 'warning'").map_err(fault)?;
    let created = (|| {
        connection.query("SELECT pg_advisory_xact_lock(?1)", values![APPLICATION_ID]).map_err(fault)?;
        if content(connection).map_err(fault)? != Content::Empty {
            // Another session was faster, or the tables are not ours: the check says so.
            return Ok(());
        }
        for step in STEPS {
            connection.batch(step).map_err(fault)?;
        }
        let mut identity = [0_u8; 16];
        entropy.fill(&mut identity)?;
        connection
            .execute("INSERT INTO database (id, identity, prefix) VALUES (1, ?1, 'ik')", values![identity])
            .map_err(fault)?;
        Ok(())
    })();
    match created {
        Ok(()) => connection.commit().map_err(|commit| fault(commit.into_fault())),
        Err(error) => {
            let _ = connection.roll_back();
            Err(error)
        }
    }
}
