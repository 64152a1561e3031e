//! Copies a database into an empty one, of either engine.
//!
//! The copy is one transaction of the target, while all changes of the source wait, and the use that is recorded with
//! them: what was written before is in the copy. It is `arriving` until the source is marked as moved, so that at most one of
//! them is in use at any time. Processes that record use are copied as processes that were killed: what they have not written
//! is a gap.

mod load;
mod tables;

use std::sync::atomic::{AtomicBool, Ordering};

use load::Load;
use tables::{Kind, TABLES, Table};

use super::reader::Engine as At;
use super::row::{Row, RowFault, RowResult};
use super::state::{self, DatabaseState};
use super::value::{Value, values};
use super::{Engine, Reader, Store, StoreError, audit};
use crate::domain::Instant;
use crate::domain::audit::ChainHead;
use crate::domain::location::Location;
use crate::domain::token::Entropy;

/// Number of rows from one look at whether to stop to the next.
const PORTION: u64 = 500;

const COPYING: &str = "copying the database";

/// The progress of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Rows copied, and their total number.
    Copying(u64, u64),
    /// Everything is copied. Steps of making its indexes that are done, and their number.
    Indexing(u64, u64),
    /// The copy is complete, and is verified: audit entries, and their number.
    Verifying(u64, u64),
    /// The copy is becoming the database to use. It can no longer be stopped.
    Switching,
}

/// What is in a database that another one is to be moved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Empty,
    /// The copy of an unfinished move of the same database.
    Copy,
    /// The same database, in use, or a restored backup of it.
    Same,
    Other,
}

/// What two equal databases have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    pub identity: [u8; 16],
    pub head: ChainHead,
    /// The number of rows of each table, and a sum over them.
    tables: Vec<(u64, i64)>,
}

impl Summary {
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|(rows, _)| rows).sum()
    }
}

/// Reads what is in a database, in one transaction.
pub fn summary(r: &Reader<'_>) -> Result<Summary, StoreError> {
    let (number, hash) = audit::head(r)?;
    let tables = TABLES.iter().map(|table| {
        let sql = format!(
            "SELECT count(*), CAST(coalesce(sum({}), 0) AS bigint) FROM {} {}",
            table.sum, table.name, table.condition
        );
        let found = r.first("counting rows", &sql, &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
        found.ok_or(StoreError::NotMade { what: "counting rows" })
    });
    let tables = tables.collect::<Result<_, _>>()?;
    Ok(Summary { identity: audit::identity(r)?, head: ChainHead { number, hash }, tables })
}

/// Reads what is in the database that another one, with this identity, is to be moved to.
pub fn content(r: &Reader<'_>, moved: &[u8; 16]) -> Result<Content, StoreError> {
    let is_same = audit::identity(r)? == *moved;
    Ok(match state::read(r)? {
        DatabaseState::Arriving if is_same => Content::Copy,
        DatabaseState::Active if is_same => Content::Same,
        DatabaseState::Active if super::users::count(r)? == 0 && audit::head(r)?.0 == 0 => Content::Empty,
        _ => Content::Other,
    })
}

/// Copies everything into an empty database, within a transaction of each. Ends with [`StoreError::Interrupted`] when
/// `stop` is set.
pub fn copy(
    from: &Reader<'_>,
    into: &Reader<'_>,
    now: Instant,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(Stage),
) -> Result<(), StoreError> {
    let all = summary(from)?.rows();
    let prefix: String = from.value(COPYING, "SELECT prefix FROM database", &[])?;
    let sql = "UPDATE database SET identity = ?1, prefix = ?2, status = 'arriving'";
    into.execute(COPYING, sql, values![audit::identity(from)?, prefix])?;
    let confirm = || if stop.load(Ordering::Relaxed) { Err(StoreError::Interrupted) } else { Ok(()) };
    let load = Load::begin(into)?;
    let mut done = 0;
    for table in &TABLES {
        let mut rows = load.rows(table)?;
        let before = done;
        from.each(
            COPYING,
            &table.query(),
            &[],
            |row| table.read(row),
            |row| {
                rows.add(&row)?;
                done += 1;
                if done % PORTION == 0 {
                    tell(Stage::Copying(done, all));
                    confirm()?;
                }
                Ok::<_, StoreError>(())
            },
        )?;
        if rows.finish()? != done - before {
            return Err(StoreError::NotMade { what: COPYING });
        }
    }
    load.finish(&mut |done, of| {
        tell(Stage::Indexing(done, of));
        confirm()
    })?;
    let recorders: Vec<(i64, i64)> =
        from.all(COPYING, "SELECT started, complete_until FROM recorders ORDER BY id", &[], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    // One that begins to record meanwhile is not among them.
    let meanwhile = (now.timestamp(), now.timestamp());
    for (started, complete_until) in recorders.into_iter().chain([meanwhile]) {
        let sql = "INSERT INTO recorders (started, complete_until) VALUES (?1, ?2)";
        into.execute(COPYING, sql, values![started, complete_until])?;
    }
    continue_numbers(into)
}

/// Makes the numbers of new users and Applications continue after all that there ever were: the log has the deleted ones.
fn continue_numbers(r: &Reader<'_>) -> Result<(), StoreError> {
    let last_user = "SELECT coalesce(max(id), 0) FROM users";
    let last_application = "SELECT coalesce(max(n), 0) FROM (SELECT max(id) AS n FROM applications \
                            UNION ALL SELECT max(application_id) FROM tombstones \
                            UNION ALL SELECT max(application_id) FROM audit) a";
    for (table, last) in [("users", last_user), ("applications", last_application)] {
        let last: i64 = r.value(COPYING, last, &[])?;
        if last == 0 {
            continue;
        }
        match r.engine() {
            At::Sqlite { .. } => {
                r.execute(COPYING, "DELETE FROM sqlite_sequence WHERE name = ?1", values![table])?;
                let sql = "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)";
                r.execute(COPYING, sql, values![table, last])?;
            }
            #[cfg(feature = "postgres")]
            At::Postgres { .. } => {
                let sql = format!("SELECT setval(pg_get_serial_sequence('public.{table}', 'id'), ?1)");
                r.first(COPYING, &sql, values![last], |_| Ok(()))?;
            }
        }
    }
    Ok(())
}

/// Marks a database as moved, within its transaction.
pub fn mark_moved(r: &Reader<'_>, to: &str, now: Instant) -> Result<(), StoreError> {
    let what = "marking the database as moved";
    let sql = "UPDATE database SET status = 'moved', moved = ?1, moved_to = ?2 WHERE status = 'active'";
    r.change_one(what, sql, values![now.timestamp(), to])
}

impl Table {
    fn read(&self, row: &Row<'_>) -> RowResult<Vec<Value>> {
        let columns = self.columns.iter().enumerate();
        let value = |(column, (_, kind)): (usize, &(&str, Kind))| match (row.get(column)?, kind) {
            // An absent value has a type too.
            (Value::Integer(None), Kind::Integer) => Ok(Value::Integer(None)),
            (Value::Integer(None), Kind::Text) => Ok(Value::Text(None)),
            (Value::Integer(None), Kind::Blob) => Ok(Value::Blob(None)),
            (value @ Value::Integer(_), Kind::Integer)
            | (value @ Value::Text(_), Kind::Text)
            | (value @ Value::Blob(_), Kind::Blob) => Ok(value),
            _ => Err(RowFault::wrong(column, "a value of another type")),
        };
        columns.map(value).collect()
    }
}

impl Store {
    /// Opens the database that is to be moved, also when it was moved before.
    ///
    /// # Errors
    /// As [`Self::open_existing`].
    pub fn open_to_move(location: &Location, entropy: &mut dyn Entropy) -> Result<Self, StoreError> {
        Self::on(location.clone(), |path| super::sqlite::database::Database::open_existing(path, entropy))
    }

    /// Opens the database that another one is to be moved to. Creates it where it does not exist.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_to_fill(location: &Location, entropy: &mut dyn Entropy) -> Result<Self, StoreError> {
        Self::open_in_any_state(location.clone(), entropy)
    }

    /// Whether it is the database to use.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn state(&self) -> Result<DatabaseState, StoreError> {
        self.glance(state::read)
    }

    /// Runs `f` in a transaction that sees one state of the database, and that other changes wait for.
    pub(crate) fn hold<T, E: From<StoreError>>(
        &mut self,
        f: impl FnOnce(&Reader<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        match &mut self.engine {
            Engine::Sqlite(database) => database.transact(|reader| f(&reader)),
            #[cfg(feature = "postgres")]
            Engine::Postgres(database) => database.hold(|reader| f(&reader)),
        }
    }

    /// Runs `f`, which fills an empty database, in one transaction.
    pub(crate) fn fill<T, E: From<StoreError>>(
        &mut self,
        f: impl FnOnce(&Reader<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        match &mut self.engine {
            Engine::Sqlite(database) => database.transact(|reader| f(&reader)),
            #[cfg(feature = "postgres")]
            Engine::Postgres(database) => {
                let done = database.transact(|reader, _| {
                    let done = f(&reader)?;
                    Ok::<_, E>((done, Some(audit::head(&reader)?)))
                })?;
                database.adopt_identity()?;
                Ok(done)
            }
        }
    }

    /// Makes a complete copy the database to use.
    pub(crate) fn activate(&mut self) -> Result<(), StoreError> {
        let what = "activating the copy";
        let sql = "UPDATE database SET status = 'active' WHERE status = 'arriving'";
        self.hold(|r| r.change_one(what, sql, &[]))
    }

    /// Prepares a database that was filled for the first lists.
    pub(crate) fn tidy(&self) -> Result<(), StoreError> {
        match &self.engine {
            Engine::Sqlite(database) => database.scrub().map(drop),
            #[cfg(feature = "postgres")]
            Engine::Postgres(database) => database.vacuum(),
        }
    }
}
