//! Persistence: the only modules that contain SQL or use rusqlite.
//!
//! Readers take a [`Reader`], writers a [`WriteTx`]. The only way to a `WriteTx` is [`Store::write`], which requires an
//! audit record: no change is possible without its entry in the log.

pub mod applications;
#[cfg(feature = "app")]
pub mod attention;
pub mod audit;
pub mod backup;
mod claims;
pub mod continuity;
mod convert;
pub mod database;
mod error;
mod id_row;
pub mod inspect;
#[cfg(feature = "app")]
pub mod keys;
pub mod lookup;
pub mod migrate;
pub mod open;
mod page;
mod reader;
pub mod recording;
mod reserve;
mod row;
mod schema;
mod schema_difference;
pub(crate) mod second_chance;
mod sqlite;
pub mod usage;
mod usage_backlog;
mod usage_rows;
pub mod usage_writer;
pub mod users;
mod value;

use std::cell::RefCell;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, InterruptHandle, TransactionBehavior};

pub use audit::{chain, replay};
pub use claims::{Claimed, RotationClaim};
pub use error::{NotAllowed, StoreError};
pub use page::{Anchor, Page, Window};
pub use reader::Reader;
use schema::SchemaCheck;
pub use schema_difference::SchemaDifference;

use crate::domain::Instant;
use crate::domain::audit::AuditRecord;
use crate::domain::clock;
use crate::domain::token::Entropy;
use crate::domain::user::{Caller, UserId, UserStatus};
use crate::host::files::{self, DatabaseFiles};
use reserve::Reserve;
use value::Value;

/// A connection to the database. Each write first checks that the file at the path is still the opened one.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
    files: DatabaseFiles,
    schema: SchemaCheck,
    warnings: Vec<String>,
    // Must be dropped after the connection.
    reserve: Reserve,
}

/// The transaction of an operation.
#[derive(Debug)]
pub struct WriteTx<'a> {
    reader: Reader<'a>,
    actor: UserId,
    expected: RefCell<Vec<Expectation>>,
}

/// A condition on the database at the end of a transaction.
#[derive(Debug)]
struct Expectation {
    what: &'static str,
    /// A query for a boolean.
    sql: &'static str,
    values: Vec<Value>,
}

impl<'a> Deref for WriteTx<'a> {
    type Target = Reader<'a>;

    fn deref(&self) -> &Reader<'a> {
        &self.reader
    }
}

impl WriteTx<'_> {
    #[must_use]
    pub fn actor(&self) -> UserId {
        self.actor
    }

    /// Runs a statement that must change one row.
    fn change_one(&self, what: &'static str, sql: &str, values: &[Value]) -> Result<(), StoreError> {
        match self.execute(what, sql, values)? {
            1 => Ok(()),
            _ => Err(StoreError::NotMade { what }),
        }
    }

    /// Adds a check that runs before the commit: the query must return true.
    fn expect<const N: usize>(&self, what: &'static str, sql: &'static str, values: [Value; N]) {
        self.expected.borrow_mut().push(Expectation { what, sql, values: values.into() });
    }

    fn confirm(&self) -> Result<(), StoreError> {
        for Expectation { what, sql, values } in self.expected.take() {
            if !self.value::<bool>(what, sql, &values)? {
                return Err(StoreError::NotMade { what });
            }
        }
        Ok(())
    }
}

/// Stops a read from any thread.
#[derive(Clone)]
pub struct Interrupter(Arc<InterruptHandle>);

impl Interrupter {
    /// Stops the current read, if any.
    pub(crate) fn interrupt(&self) {
        self.0.interrupt();
    }
}

impl std::fmt::Debug for Interrupter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Interrupter")
    }
}

/// A change within its transaction: its result and its audit records.
type Change<'a, T, E> = dyn FnMut(&WriteTx<'_>) -> Result<(T, Vec<AuditRecord>), E> + 'a;

/// The urgency of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    Normal,
    /// Revokes access: on a full disk it may use the reserve.
    Revoking,
}

impl Store {
    /// Opens the database. Creates it if it does not exist.
    pub fn open(path: &Path, entropy: &mut dyn Entropy) -> Result<Self, StoreError> {
        match std::fs::symlink_metadata(path) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                files::create_database(path).map_err(|error| StoreError::File {
                    what: "create the database",
                    path: path.to_owned(),
                    reason: error.to_string(),
                })?;
            }
            Err(error) => {
                return Err(StoreError::File {
                    what: "look at",
                    path: path.to_owned(),
                    reason: error.to_string(),
                });
            }
        }
        Self::open_existing(path, entropy)
    }

    /// Opens the database for a change that revokes access: on a full disk this may use the reserve.
    ///
    /// # Errors
    /// As [`Self::open_existing`].
    pub fn open_to_revoke(path: &Path, entropy: &mut dyn Entropy) -> Result<Self, StoreError> {
        match Self::open_existing(path, entropy) {
            // There was no space even for -shm.
            Err(StoreError::Full { path }) => {
                let mut reserve = Reserve::of(&path);
                if !reserve.release() {
                    return Err(StoreError::Full { path });
                }
                let mut store = Self::open_existing(&path, entropy)?;
                store.reserve = reserve;
                Ok(store)
            }
            opened => opened,
        }
    }

    /// Opens the database.
    ///
    /// # Errors
    /// When the file does not exist, is not a keydesk database, is damaged, of a newer format, or cannot be written.
    pub fn open_existing(path: &Path, entropy: &mut dyn Entropy) -> Result<Self, StoreError> {
        let since = std::time::Instant::now();
        loop {
            match Self::try_open(path, entropy) {
                // SQLite does not wait while another session changes the journal mode or is the last one to close.
                Err(StoreError::Busy) if since.elapsed() < open::BUSY_TIMEOUT => {
                    std::thread::sleep(open::NEXT_TRY);
                }
                opened => return opened,
            }
        }
    }

    fn try_open(path: &Path, entropy: &mut dyn Entropy) -> Result<Self, StoreError> {
        open::check_file(path)?;
        let mut connection = open::writable(path)?;
        migrate::upgrade(&mut connection, path, &migrate::STEPS, entropy)?;
        let mut schema = SchemaCheck::default();
        schema.confirm(&connection, path)?;
        open::confirm(&connection, path)?;
        let files = DatabaseFiles::of(path).ok_or_else(|| StoreError::Moved { path: path.to_owned() })?;
        let warnings = files::too_open(path).iter().map(ToString::to_string).collect();
        let mut reserve = Reserve::of(path);
        reserve.take();
        Ok(Self { connection, path: path.to_owned(), files, schema, warnings, reserve })
    }

    /// Opens the database read-only, also when its schema was changed outside keydesk. Every change fails.
    ///
    /// # Errors
    /// As [`Self::open_existing`], and when the file is of an older format.
    pub(crate) fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        open::check_file(path)?;
        let connection = open::readable(path)?;
        let files = DatabaseFiles::of(path).ok_or_else(|| StoreError::Moved { path: path.to_owned() })?;
        let warnings = files::too_open(path).iter().map(ToString::to_string).collect();
        let schema = SchemaCheck::default();
        Ok(Self { connection, path: path.to_owned(), files, schema, warnings, reserve: Reserve::of(path) })
    }

    /// Whether the disk is full, and only what revokes access is to be written.
    pub(crate) fn is_on_reserve(&self) -> bool {
        self.reserve.is_released()
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Problems with the permissions of the files.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub fn read<T>(&self, f: impl FnOnce(&Reader<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let fault = |error| StoreError::from_sqlite(&error, "reading", &self.path);
        let transaction = self.connection.unchecked_transaction().map_err(fault)?;
        f(&Reader::sqlite(&transaction, &self.path))
    }

    /// Makes a change in one transaction with its audit entries.
    ///
    /// The caller's user is looked up inside the transaction, so that a disabled user cannot change anything. `f` may run
    /// twice: when the disk is full and the write is urgent, it runs again with the reserve released.
    pub fn write<T, E>(
        &mut self,
        caller: &Caller,
        now: Instant,
        urgency: Urgency,
        mut f: impl FnMut(&WriteTx<'_>) -> Result<(T, Vec<AuditRecord>), E>,
    ) -> Result<T, E>
    where
        E: From<StoreError> + From<NotAllowed> + IsFull,
    {
        let actor = |reader: &Reader<'_>| -> Result<UserId, E> {
            match users::of_caller(reader, caller)? {
                Some(user) if user.status == UserStatus::Active => Ok(user.id),
                Some(user) => Err(NotAllowed::of(&user).into()),
                None => Err(NotAllowed::Unknown { login: caller.login.clone() }.into()),
            }
        };
        let result = self.transact(caller, now, &actor, &mut f);
        if urgency == Urgency::Revoking
            && result.as_ref().err().is_some_and(IsFull::is_full)
            && self.reserve.release()
        {
            let result = self.transact(caller, now, &actor, &mut f);
            self.reserve.take();
            return result;
        }
        result
    }

    /// The first change of a database: `f` adds the user who is the actor of its own entry.
    pub(crate) fn bootstrap<T, E>(
        &mut self,
        caller: &Caller,
        now: Instant,
        mut f: impl FnMut(&WriteTx<'_>) -> Result<(T, Vec<AuditRecord>), E>,
    ) -> Result<T, E>
    where
        E: From<StoreError> + From<NotAllowed> + IsFull,
    {
        self.transact(caller, now, &|_| Ok(UserId(1)), &mut f)
    }

    fn transact<T, E: From<StoreError>>(
        &mut self,
        caller: &Caller,
        now: Instant,
        actor: &dyn Fn(&Reader<'_>) -> Result<UserId, E>,
        f: &mut Change<'_, T, E>,
    ) -> Result<T, E> {
        clock::check(now).map_err(StoreError::from)?;
        self.same_file()?;
        let path = &self.path;
        // IMMEDIATE: a transaction that becomes a writer later fails immediately, regardless of the timeout.
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| StoreError::from_sqlite(&error, "beginning a change", path))?;
        // A trigger may have been added since.
        self.schema.confirm(&transaction, path)?;
        let reader = Reader::sqlite(&transaction, path);
        let actor = actor(&reader)?;
        let tx = WriteTx { reader, actor, expected: RefCell::default() };
        let (result, records) = f(&tx)?;
        for record in records {
            audit::append(&tx, caller, now, &record)?;
        }
        tx.confirm()?;
        transaction.commit().map_err(|error| match StoreError::from_sqlite(&error, "committing", path) {
            known @ (StoreError::Full { .. } | StoreError::Busy) => known,
            // The frames may still be on the disk and be recovered later.
            _ => StoreError::OutcomeUnknown { what: "committing the change" },
        })?;
        Ok(result)
    }

    /// Runs SQL without the checks of a change, to test that it is detected.
    #[cfg(test)]
    pub(crate) fn sabotage(&self, sql: &str) {
        self.connection.execute_batch(sql).unwrap_or_default();
    }

    /// Rejects a write to a file that is no longer the one at its path.
    pub(crate) fn same_file(&self) -> Result<(), StoreError> {
        if self.files.are_in_place() { Ok(()) } else { Err(StoreError::Moved { path: self.path.clone() }) }
    }

    /// A number that changes when another connection has committed something.
    pub fn data_version(&self) -> Result<i64, StoreError> {
        self.connection
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .map_err(|error| StoreError::from_sqlite(&error, "checking for changes", &self.path))
    }

    /// Returns a handle that stops reads from another thread.
    #[must_use]
    pub(crate) fn interrupter(&self) -> Interrupter {
        Interrupter(Arc::new(self.connection.get_interrupt_handle()))
    }

    /// Sets how long changes wait for other sessions; usually [`open::BUSY_TIMEOUT`].
    pub(crate) fn set_patience(&self, patience: std::time::Duration) -> Result<(), StoreError> {
        self.connection
            .busy_timeout(patience)
            .map_err(|error| StoreError::from_sqlite(&error, "waiting for other sessions", &self.path))
    }

    /// Erases deleted data from the write-ahead log, which contains old pages until a checkpoint. Returns `false` while
    /// another session is reading.
    pub fn scrub(&self) -> Result<bool, StoreError> {
        // A reader must not delay this.
        let fault = |error| StoreError::from_sqlite(&error, "emptying its log", &self.path);
        self.connection.busy_timeout(std::time::Duration::from_millis(50)).map_err(fault)?;
        let busy =
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
        self.connection.busy_timeout(open::BUSY_TIMEOUT).map_err(fault)?;
        match busy {
            Ok(busy) => Ok(busy == 0),
            Err(error) => match fault(error) {
                StoreError::Busy => Ok(false),
                error => Err(error),
            },
        }
    }
}

/// Whether an error says that the disk is full.
pub trait IsFull {
    fn is_full(&self) -> bool;
}

impl IsFull for StoreError {
    fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }
}
