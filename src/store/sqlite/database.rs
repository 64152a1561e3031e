//! An open database file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, InterruptHandle, TransactionBehavior};

use super::reserve::Reserve;
use super::schema::SchemaCheck;
use super::{migrate, open};
use crate::domain::token::Entropy;
use crate::host::files::{self, DatabaseFiles};
use crate::store::reader::Reader;
use crate::store::{StoreError, state};

/// A connection to the database. Each write first checks that the file at the path is still the opened one.
#[derive(Debug)]
pub(in crate::store) struct Database {
    connection: Connection,
    path: PathBuf,
    files: DatabaseFiles,
    schema: SchemaCheck,
    warnings: Vec<String>,
    // Must be dropped after the connection.
    reserve: Reserve,
}

impl Database {
    /// Opens the database. Creates it if it does not exist.
    pub(in crate::store) fn open(path: &Path, entropy: &mut dyn Entropy) -> Result<Self, StoreError> {
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
    pub(in crate::store) fn open_to_revoke(
        path: &Path,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, StoreError> {
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
    pub(in crate::store) fn open_existing(
        path: &Path,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, StoreError> {
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
    pub(in crate::store) fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        open::check_file(path)?;
        let connection = open::readable(path)?;
        let files = DatabaseFiles::of(path).ok_or_else(|| StoreError::Moved { path: path.to_owned() })?;
        let warnings = files::too_open(path).iter().map(ToString::to_string).collect();
        let schema = SchemaCheck::default();
        Ok(Self { connection, path: path.to_owned(), files, schema, warnings, reserve: Reserve::of(path) })
    }

    /// Whether the disk is full, and only what revokes access is to be written.
    pub(in crate::store) fn is_on_reserve(&self) -> bool {
        self.reserve.is_released()
    }

    pub(in crate::store) fn path(&self) -> &Path {
        &self.path
    }

    pub(in crate::store) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(in crate::store) fn read<T>(
        &self,
        f: impl FnOnce(&Reader<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let fault = |error| StoreError::from_sqlite(&error, "reading", &self.path);
        let transaction = self.connection.unchecked_transaction().map_err(fault)?;
        f(&Reader::sqlite(&transaction, &self.path))
    }

    /// Makes a change in one transaction.
    pub(in crate::store) fn transact<T, E: From<StoreError>>(
        &mut self,
        change: impl FnOnce(Reader<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.same_file()?;
        let path = &self.path;
        // IMMEDIATE: a transaction that becomes a writer later fails immediately, regardless of the timeout.
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| StoreError::from_sqlite(&error, "beginning a change", path))?;
        // A trigger may have been added since.
        self.schema.confirm(&transaction, path)?;
        state::confirm_not_moved(&Reader::sqlite(&transaction, path))?;
        let result = change(Reader::sqlite(&transaction, path))?;
        transaction.commit().map_err(|error| match StoreError::from_sqlite(&error, "committing", path) {
            known @ (StoreError::Full { .. } | StoreError::Busy) => known,
            // The frames may still be on the disk and be recovered later.
            _ => StoreError::OutcomeUnknown { what: "committing the change" },
        })?;
        Ok(result)
    }

    /// Frees the disk space that is reserved for changes that revoke access. Returns whether there was any.
    pub(in crate::store) fn release_reserve(&mut self) -> bool {
        self.reserve.release()
    }

    /// Reserves the space again, as far as available.
    pub(in crate::store) fn take_reserve(&mut self) {
        self.reserve.take();
    }

    #[cfg(test)]
    pub(in crate::store) fn sabotage(&self, sql: &str) {
        self.connection.execute_batch(sql).unwrap_or_default();
    }

    /// Rejects a write to a file that is no longer the one at its path.
    pub(in crate::store) fn same_file(&self) -> Result<(), StoreError> {
        if self.files.are_in_place() { Ok(()) } else { Err(StoreError::Moved { path: self.path.clone() }) }
    }

    /// A number that changes when another connection has committed something.
    pub(in crate::store) fn data_version(&self) -> Result<i64, StoreError> {
        self.connection
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .map_err(|error| StoreError::from_sqlite(&error, "checking for changes", &self.path))
    }

    pub(in crate::store) fn interrupt_handle(&self) -> InterruptHandle {
        self.connection.get_interrupt_handle()
    }

    /// Sets how long changes wait for other sessions.
    pub(in crate::store) fn set_patience(&self, patience: Duration) -> Result<(), StoreError> {
        self.connection
            .busy_timeout(patience)
            .map_err(|error| StoreError::from_sqlite(&error, "waiting for other sessions", &self.path))
    }

    /// Erases deleted data from the write-ahead log, which contains old pages until a checkpoint. Returns `false` while
    /// another session is reading.
    pub(in crate::store) fn scrub(&self) -> Result<bool, StoreError> {
        // A reader must not delay this.
        let fault = |error| StoreError::from_sqlite(&error, "emptying its log", &self.path);
        self.connection.busy_timeout(Duration::from_millis(50)).map_err(fault)?;
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
