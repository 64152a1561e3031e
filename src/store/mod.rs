//! Persistence: the only modules that contain SQL or use rusqlite.
//!
//! Readers take a [`Reader`], writers a [`WriteTx`]. The only way to a `WriteTx` is [`Store::write`], which requires an
//! audit record: no change is possible without its entry in the log.

pub mod applications;
#[cfg(feature = "app")]
pub mod attention;
pub mod audit;
pub mod backup;
pub(crate) mod claims;
pub(crate) mod clock;
pub mod continuity;
mod convert;
pub mod database;
mod error;
mod file_stamp;
mod id_row;
mod key_counts;
#[cfg(feature = "app")]
pub mod keys;
mod known_key;
pub mod lookup;
mod page;
#[cfg(feature = "postgres")]
mod postgres;
mod reader;
pub mod recording;
#[cfg(feature = "app")]
pub mod roles;
mod row;
mod schema;
mod schema_difference;
pub(crate) mod second_chance;
#[cfg(feature = "postgres")]
mod server;
pub mod sqlite;
pub mod state;
#[cfg(feature = "app")]
pub mod transfer;
pub mod usage;
mod usage_counts;
pub mod usage_writer;
pub mod users;
mod value;

use std::cell::RefCell;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

pub use audit::{chain, replay};
pub use claims::{Claimed, RotationClaim};
pub use clock::DatabaseClock;
pub use error::{NotAllowed, StoreError};
pub use page::{Anchor, Page, Window};
#[cfg(feature = "app")]
pub use postgres::inspect as server_facts;
pub use reader::Reader;
pub use schema_difference::SchemaDifference;
#[cfg(feature = "postgres")]
pub use server::ServerError;
pub use sqlite::{inspect, migrate, open};

use crate::domain::Instant;
use crate::domain::audit::AuditRecord;
use crate::domain::clock::{Whose, check};
use crate::domain::location::Location;
use crate::domain::token::Entropy;
use crate::domain::user::{Caller, UserId, UserStatus};
use value::Value;

/// A connection to the database.
#[derive(Debug)]
pub struct Store {
    location: Location,
    engine: Engine,
}

#[derive(Debug)]
enum Engine {
    Sqlite(Box<sqlite::database::Database>),
    #[cfg(feature = "postgres")]
    Postgres(Box<postgres::database::Database>),
}

/// The transaction of an operation.
#[derive(Debug)]
pub struct WriteTx<'a> {
    reader: Reader<'a>,
    actor: UserId,
    now: Instant,
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

    /// The instant of the change: what the clock of the server shows, and for a file the one that the caller gave.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
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
pub struct Interrupter(Handle);

#[derive(Clone)]
enum Handle {
    Sqlite(Arc<rusqlite::InterruptHandle>),
    #[cfg(feature = "postgres")]
    Postgres(Arc<std::sync::Mutex<server::Interrupter>>),
}

impl Interrupter {
    /// Stops the current read, if any.
    pub(crate) fn interrupt(&self) {
        match &self.0 {
            Handle::Sqlite(handle) => handle.interrupt(),
            #[cfg(feature = "postgres")]
            Handle::Postgres(handle) => {
                handle.lock().unwrap_or_else(std::sync::PoisonError::into_inner).interrupt();
            }
        }
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
    /// Opens the database. Creates a file that does not exist, and the tables in an empty database of a server.
    pub fn open(location: impl Into<Location>, entropy: &mut dyn Entropy) -> Result<Self, StoreError> {
        Self::open_in_any_state(location.into(), entropy)?.confirm_active()
    }

    /// The same for a copy that is not complete, and for a database that was moved away.
    fn open_in_any_state(location: Location, entropy: &mut dyn Entropy) -> Result<Self, StoreError> {
        let engine = match &location {
            Location::File(path) => {
                Engine::Sqlite(Box::new(sqlite::database::Database::open(path, entropy)?))
            }
            #[cfg(feature = "postgres")]
            Location::Postgres(url) => {
                Engine::Postgres(Box::new(postgres::database::Database::open(url, entropy)?))
            }
            #[cfg(not(feature = "postgres"))]
            Location::Postgres(_) => return Err(StoreError::NoPostgres),
        };
        Ok(Self { location, engine })
    }

    /// Opens the database for a change that revokes access: on a full disk this may use the reserve.
    ///
    /// # Errors
    /// As [`Self::open_existing`].
    pub fn open_to_revoke(
        location: impl Into<Location>,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, StoreError> {
        Self::on(location.into(), |path| sqlite::database::Database::open_to_revoke(path, entropy))?
            .confirm_active()
    }

    /// Opens the database.
    ///
    /// # Errors
    /// When it does not exist, is not a keydesk database, is damaged, of a newer format, or cannot be written.
    pub fn open_existing(
        location: impl Into<Location>,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, StoreError> {
        Self::on(location.into(), |path| sqlite::database::Database::open_existing(path, entropy))?
            .confirm_active()
    }

    /// Opens the database read-only, also when its schema was changed outside keydesk. Every change of a file fails.
    ///
    /// # Errors
    /// As [`Self::open_existing`], and when the file is of an older format.
    pub(crate) fn open_read_only(location: impl Into<Location>) -> Result<Self, StoreError> {
        match location.into() {
            #[cfg(feature = "postgres")]
            Location::Postgres(url) => {
                let database = postgres::database::Database::open_altered(&url)?;
                Self { location: Location::Postgres(url), engine: Engine::Postgres(Box::new(database)) }
                    .confirm_active()
            }
            location => Self::on(location, sqlite::database::Database::open_read_only)?.confirm_active(),
        }
    }

    fn confirm_active(self) -> Result<Self, StoreError> {
        self.glance(state::confirm_active)?;
        Ok(self)
    }

    /// Reads with one statement, which needs no transaction.
    fn glance<T>(&self, f: impl FnOnce(&Reader<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        match &self.engine {
            Engine::Sqlite(database) => database.read(f),
            #[cfg(feature = "postgres")]
            Engine::Postgres(database) => database.glance(f),
        }
    }

    fn on(
        location: Location,
        open_file: impl FnOnce(&std::path::Path) -> Result<sqlite::database::Database, StoreError>,
    ) -> Result<Self, StoreError> {
        let engine = match &location {
            Location::File(path) => Engine::Sqlite(Box::new(open_file(path)?)),
            #[cfg(feature = "postgres")]
            Location::Postgres(url) => {
                Engine::Postgres(Box::new(postgres::database::Database::open_existing(url)?))
            }
            #[cfg(not(feature = "postgres"))]
            Location::Postgres(_) => return Err(StoreError::NoPostgres),
        };
        Ok(Self { location, engine })
    }

    /// The user that the database itself names, in place of the one of the operating system; none for a file.
    pub fn database_caller(&self) -> Result<Option<Caller>, StoreError> {
        match &self.engine {
            Engine::Sqlite(_) => Ok(None),
            #[cfg(feature = "postgres")]
            Engine::Postgres(database) => database.caller().map(Some),
        }
    }

    /// Whether the disk is full, and only what revokes access is to be written.
    pub(crate) fn is_on_reserve(&self) -> bool {
        match &self.engine {
            Engine::Sqlite(database) => database.is_on_reserve(),
            #[cfg(feature = "postgres")]
            Engine::Postgres(_) => false,
        }
    }

    #[must_use]
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The clock that what is written is judged by.
    #[must_use]
    pub fn clock(&self) -> DatabaseClock {
        match &self.engine {
            Engine::Sqlite(_) => DatabaseClock::system(),
            #[cfg(feature = "postgres")]
            Engine::Postgres(database) => database.clock(),
        }
    }

    /// Problems with the permissions of the files.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        match &self.engine {
            Engine::Sqlite(database) => database.warnings(),
            #[cfg(feature = "postgres")]
            Engine::Postgres(database) => database.warnings(),
        }
    }

    pub fn read<T>(&self, f: impl FnOnce(&Reader<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        match &self.engine {
            Engine::Sqlite(database) => database.read(f),
            #[cfg(feature = "postgres")]
            Engine::Postgres(database) => database.read(f),
        }
    }

    /// Makes a change in one transaction with its audit entries. Its time is [`WriteTx::now`]: on a server, where several
    /// hosts write, `now` does not count.
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
        let account = self.location.account();
        let actor = |reader: &Reader<'_>| -> Result<UserId, E> {
            match users::of_caller(reader, caller)? {
                Some(user) if user.status == UserStatus::Active => Ok(user.id),
                Some(user) => Err(NotAllowed::of(&user).into()),
                None => Err(NotAllowed::Unknown { login: caller.login.clone(), account }.into()),
            }
        };
        let result = self.transact(caller, now, &actor, &mut f);
        if urgency == Urgency::Revoking
            && result.as_ref().err().is_some_and(IsFull::is_full)
            && self.release_reserve()
        {
            let result = self.transact(caller, now, &actor, &mut f);
            self.take_reserve();
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
        let mut change = |whose: Whose, now: Instant, reader: Reader<'_>| {
            check(whose, now).map_err(StoreError::from)?;
            let actor = actor(&reader)?;
            let tx = WriteTx { reader, actor, now, expected: RefCell::default() };
            let (result, records) = f(&tx)?;
            let last = audit::append(&tx, caller, &records)?;
            tx.confirm()?;
            Ok((result, last))
        };
        match &mut self.engine {
            Engine::Sqlite(database) => {
                database.transact(|reader| change(Whose::System, now, reader)).map(|(result, _)| result)
            }
            #[cfg(feature = "postgres")]
            Engine::Postgres(database) => {
                database.transact(|reader, shown| change(Whose::Server, shown, reader))
            }
        }
    }

    fn release_reserve(&mut self) -> bool {
        match &mut self.engine {
            Engine::Sqlite(database) => database.release_reserve(),
            #[cfg(feature = "postgres")]
            Engine::Postgres(_) => false,
        }
    }

    fn take_reserve(&mut self) {
        match &mut self.engine {
            Engine::Sqlite(database) => database.take_reserve(),
            #[cfg(feature = "postgres")]
            Engine::Postgres(_) => {}
        }
    }

    /// Runs SQL without the checks of a change, to test that it is detected.
    #[cfg(test)]
    pub(crate) fn sabotage(&self, sql: &str) {
        match &self.engine {
            Engine::Sqlite(database) => database.sabotage(sql),
            #[cfg(feature = "postgres")]
            Engine::Postgres(database) => database.sabotage(sql),
        }
    }

    /// Rejects a write to a file that is no longer the one at its path.
    pub(crate) fn same_file(&self) -> Result<(), StoreError> {
        match &self.engine {
            Engine::Sqlite(database) => database.same_file(),
            #[cfg(feature = "postgres")]
            Engine::Postgres(_) => Ok(()),
        }
    }

    /// A number that changes when another connection has committed something.
    pub fn data_version(&self) -> Result<i64, StoreError> {
        match &self.engine {
            Engine::Sqlite(database) => database.data_version(),
            #[cfg(feature = "postgres")]
            Engine::Postgres(database) => database.data_version(),
        }
    }

    /// Returns a handle that stops reads from another thread.
    #[must_use]
    pub(crate) fn interrupter(&self) -> Interrupter {
        match &self.engine {
            Engine::Sqlite(database) => Interrupter(Handle::Sqlite(Arc::new(database.interrupt_handle()))),
            #[cfg(feature = "postgres")]
            Engine::Postgres(database) => Interrupter(Handle::Postgres(database.interrupter())),
        }
    }

    /// Sets how long changes wait for other sessions; usually [`open::BUSY_TIMEOUT`].
    pub(crate) fn set_patience(&self, patience: Duration) -> Result<(), StoreError> {
        match &self.engine {
            Engine::Sqlite(database) => database.set_patience(patience),
            #[cfg(feature = "postgres")]
            Engine::Postgres(database) => {
                database.set_patience(patience);
                Ok(())
            }
        }
    }

    /// Erases deleted data from the disk, where the engine leaves it there for a while. Returns `false` while another
    /// session is reading.
    pub fn scrub(&self) -> Result<bool, StoreError> {
        match &self.engine {
            Engine::Sqlite(database) => database.scrub(),
            #[cfg(feature = "postgres")]
            Engine::Postgres(_) => Ok(true),
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
