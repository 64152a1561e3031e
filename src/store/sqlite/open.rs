//! Opens the database: checks the file, migrates it, applies the settings of SQLite.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::migrate;
use crate::domain::token::Entropy;
use crate::host::{files, regular_file};
use crate::store::StoreError;

/// The first SQLite without the WAL-reset bug (sqlite.org/wal.html#walresetbug).
pub const OLDEST_SQLITE: i32 = 3_051_003;

/// How long a write waits for a lock.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Delay before opening a locked database is tried again.
pub(super) const NEXT_TRY: Duration = Duration::from_millis(25);

/// Rejects a version of SQLite that can lose data.
pub fn check_sqlite() -> Result<(), StoreError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(StoreError::OldSqlite { found: rusqlite::version().to_owned() });
    }
    Ok(())
}

/// Rejects a missing file and anything but a regular file: SQLite would block on a FIFO, and does not follow links.
pub(super) fn check_file(path: &Path) -> Result<(), StoreError> {
    for end in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        let file = PathBuf::from(name);
        match std::fs::symlink_metadata(&file) {
            Ok(metadata) => match regular_file::other_kind(metadata.file_type()) {
                Some(_) if metadata.is_symlink() => {
                    let target = std::fs::read_link(&file).unwrap_or_default();
                    return Err(StoreError::Link { is_dangling: !file.exists(), path: file, target });
                }
                Some(kind) => return Err(StoreError::NotAFile { path: file, kind }),
                None => {}
            },
            Err(_) if !end.is_empty() => {}
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err(StoreError::NoDatabase { database: file.as_path().into() });
            }
            Err(error) => {
                return Err(StoreError::File { what: "access", path: file, reason: error.to_string() });
            }
        }
    }
    Ok(())
}

/// Opens an existing file for reading and writing, with its settings applied and checked.
pub(super) fn writable(path: &Path) -> Result<Connection, StoreError> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
}

/// Opens an existing file read-only.
pub(crate) fn readable(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    migrate::reject_other(&connection, path)?;
    Ok(connection)
}

/// Opens an existing file of any known format read-only.
pub(super) fn readable_in_any_format(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    migrate::reject_foreign(&connection, path)?;
    Ok(connection)
}

/// Migrates a file with the given steps, for tests.
#[doc(hidden)]
pub fn upgrade_with(path: &Path, steps: &[&str], entropy: &mut dyn Entropy) -> Result<(), StoreError> {
    migrate::upgrade(&mut writable(path)?, path, steps, entropy)
}

/// The version of the SQLite that is used.
#[must_use]
pub(crate) fn sqlite_version() -> &'static str {
    rusqlite::version()
}

fn connect(path: &Path, mode: OpenFlags) -> Result<Connection, StoreError> {
    check_sqlite()?;
    if let Some(kind) = files::network_file_system(path) {
        return Err(StoreError::NetworkFileSystem { path: path.to_owned(), kind });
    }
    let flags = mode | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    // With NOFOLLOW, SQLite rejects links anywhere in a path. Only the last part matters.
    let real = real_path(path)?;
    let fault = |error| StoreError::from_sqlite(&error, "opening it", path);
    let connection = Connection::open_with_flags(&real, flags).map_err(fault)?;
    configure(&connection).map_err(fault)?;
    if mode.contains(OpenFlags::SQLITE_OPEN_READ_WRITE) {
        enable_wal(&connection).map_err(fault)?;
    }
    Ok(connection)
}

/// The path with links in its directories resolved. SQLite rejects a link instead of the file itself.
fn real_path(path: &Path) -> Result<PathBuf, StoreError> {
    let fault = |error: std::io::Error| StoreError::File {
        what: "find the directory of",
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.canonicalize().map_err(fault)?,
        _ => std::env::current_dir().map_err(fault)?,
    };
    Ok(folder.join(path.file_name().unwrap_or_default()))
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // Otherwise, after ANALYZE, SQLite would replan statements for each value.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    limit_cache(connection)
}

/// Sets the size of the page cache to 4 MiB: enough for the inner pages of all indexes of a million keys.
pub(in crate::store) fn limit_cache(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "cache_size", -4_096)
}

/// Turns the write-ahead log on where it is off, since that takes an exclusive lock.
fn enable_wal(connection: &Connection) -> rusqlite::Result<()> {
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    if mode != "wal" && migrate::is_keydesk_or_empty(connection)? {
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))?;
    }
    Ok(())
}

/// Checks the settings that durability depends on.
pub(super) fn confirm(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let read = |name: &str| -> Result<String, StoreError> {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
            .map(|value| match value {
                rusqlite::types::Value::Integer(number) => number.to_string(),
                rusqlite::types::Value::Text(text) => text,
                _ => String::new(),
            })
            .map_err(|error| StoreError::from_sqlite(&error, "reading its settings", path))
    };
    for (name, wanted) in
        [("journal_mode", "wal"), ("synchronous", "2"), ("foreign_keys", "1"), ("secure_delete", "1")]
    {
        let found = read(name)?;
        if found != wanted {
            return Err(StoreError::Sqlite {
                what: "opening it",
                reason: format!("{name} is {found} and must be {wanted}"),
            });
        }
    }
    Ok(())
}
