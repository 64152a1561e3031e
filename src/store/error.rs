//! Errors of the database, with a stable code and a hint.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

#[cfg(feature = "postgres")]
use super::postgres::ServerError;
use super::schema_difference::SchemaDifference;
use crate::domain::clock::{self, ClockError};
use crate::domain::token::EntropyError;
use crate::domain::user::User;
use crate::host::{files, size_limit};

/// The database could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("no database found at {}", path.display())]
    NoDatabase { path: PathBuf },
    #[error("{} is not a keydesk database; the file was not changed", path.display())]
    Foreign { path: PathBuf },
    /// The file was created by a newer keydesk.
    #[error(
        "{} was created by a newer version of keydesk (format {found}, supported up to {known}); the file was not changed",
        path.display()
    )]
    Newer {
        path: PathBuf,
        found: i64,
        /// The newest supported format.
        known: i64,
    },
    /// Tables, indexes, triggers or views are not those that keydesk created.
    #[error("the schema of the database {} was changed outside keydesk: {}", path.display(), list(differences))]
    AlteredSchema {
        path: PathBuf,
        /// At least one.
        differences: Vec<SchemaDifference>,
    },
    /// The database reported success, but does not contain the change.
    #[error("the database did not apply the change ({what}); nothing was changed")]
    NotMade { what: &'static str },
    /// The content of the file is not valid.
    #[error("the database {} is damaged: {reason}", path.display())]
    Damaged { path: PathBuf, reason: String },
    /// The file or its directory cannot be written.
    #[error("cannot write to the database {}: {reason}", path.display())]
    ReadOnly { path: PathBuf, reason: String },
    /// Another session held the lock for longer than the timeout.
    #[error("the database is locked by another session; nothing was changed")]
    Busy,
    /// A newer request has replaced this one.
    #[error("the request was replaced by a newer one")]
    Interrupted,
    /// The file that was opened is no longer the one at its path.
    #[error("the database at {} was moved, removed or replaced while it was in use; nothing was changed", path.display())]
    Moved { path: PathBuf },
    /// Another copy was written over the file, without SQLite.
    #[error("the database at {} was overwritten with another copy while it was in use", path.display())]
    Overwritten { path: PathBuf },
    /// SQLite's write-ahead log needs memory that machines do not share.
    #[error("{} is on a network file system ({kind}), where SQLite's write-ahead log does not work", path.display())]
    NetworkFileSystem { path: PathBuf, kind: &'static str },
    /// The SQLite in this program has the WAL-reset bug.
    #[error("SQLite {found} can lose data (sqlite.org/wal.html#walresetbug); 3.51.3 is required")]
    OldSqlite { found: String },
    #[error("the disk of {} is full; nothing was changed", path.display())]
    Full { path: PathBuf },
    /// The commit failed, and it is unknown what is on the disk.
    #[error("the disk failed while {what}; it is unknown whether the change was saved")]
    OutcomeUnknown { what: &'static str },
    /// The path is not a regular file.
    #[error("{} cannot be a database: it is {kind}, not a regular file", path.display())]
    NotAFile { path: PathBuf, kind: &'static str },
    /// The path is a symbolic link: SQLite would create its other files beside the link, unseen by other sessions.
    #[error(
        "{} is a symbolic link to {}{}; keydesk does not follow links to a database",
        path.display(),
        target.display(),
        if *is_dangling { ", which does not exist" } else { "" }
    )]
    Link { path: PathBuf, target: PathBuf, is_dangling: bool },
    #[error("could not {what} {}: {reason}", path.display())]
    File { what: &'static str, path: PathBuf, reason: String },
    /// The library was built for files alone.
    #[error("this build of keydesk does not support PostgreSQL")]
    NoPostgres,
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// A server could not do it.
    #[cfg(feature = "postgres")]
    #[error(transparent)]
    Server(Box<ServerError>),
    /// Any other error of SQLite.
    #[error("the database failed while {what}: {reason}")]
    Sqlite { what: &'static str, reason: String },
}

impl StoreError {
    /// The stable code for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoDatabase { .. } => "no_database",
            Self::Foreign { .. } => "foreign_database",
            Self::Newer { .. } => "newer_database",
            Self::Damaged { .. } => "damaged_database",
            Self::AlteredSchema { .. } => "altered_schema",
            Self::NotMade { .. } => "not_made",
            Self::ReadOnly { .. } => "read_only",
            Self::Busy => "busy",
            Self::Interrupted => "interrupted",
            Self::Moved { .. } => "moved",
            Self::Overwritten { .. } => "overwritten",
            Self::NetworkFileSystem { .. } => "network_file_system",
            Self::OldSqlite { .. } => "old_sqlite",
            Self::Full { .. } => "disk_full",
            Self::OutcomeUnknown { .. } => "outcome_unknown",
            Self::NotAFile { .. } => "not_a_file",
            Self::Link { .. } => "symbolic_link",
            Self::File { .. } => "file",
            Self::NoPostgres => "no_postgres",
            Self::Entropy(_) => "no_randomness",
            Self::Clock(_) => "clock",
            #[cfg(feature = "postgres")]
            Self::Server(error) => error.code(),
            Self::Sqlite { .. } => "database",
        }
    }

    /// How to fix it, if known: sentences.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoDatabase { .. } => {
                "Set it up with: keydesk init --email EMAIL --app NAME (or start keydesk)".into()
            }
            Self::Link { is_dangling: true, .. } => "Remove the link, or choose another file with --db or KEYDESK_DB.".into(),
            Self::Link { .. } => "Use the path of the file itself with --db or KEYDESK_DB.".into(),
            Self::NotAFile { .. } => "Choose a regular file with --db or KEYDESK_DB.".into(),
            Self::Foreign { .. } => "Choose another file with --db or KEYDESK_DB.".into(),
            Self::Newer { .. } => "Upgrade keydesk.".into(),
            Self::Damaged { .. } => {
                "Stop keydesk everywhere, move the database and its -wal and -shm files away, then copy the latest backup into place."
                    .into()
            },
            Self::AlteredSchema { .. } => "Find out who changed it, then restore a backup or undo the changes with sqlite3. \
                                           keydesk doctor and keydesk audit verify can still read the file."
                .into(),
            Self::NotMade { .. } => "Run \"keydesk doctor\" to diagnose the database.".into(),
            Self::ReadOnly { .. } => "Check the owner and mode of the file and its directory.".into(),
            Self::Busy => "Try again in a moment.".into(),
            Self::Moved { .. } => "Restart keydesk with the right file.".into(),
            Self::Overwritten { .. } => "Check that the file is the right copy, then restart keydesk.".into(),
            Self::NetworkFileSystem { .. } => "Move the database to a local disk.".into(),
            Self::Full { .. } => {
                "Free some disk space and try again. The commands that delete and disable keys still work.".into()
            }
            Self::OutcomeUnknown { .. } => {
                let limit = size_limit::hint().map(|hint| format!("{hint}. ")).unwrap_or_default();
                format!("{limit}Check the list before you try again.")
            }
            #[cfg(feature = "postgres")]
            Self::Server(error) => return error.hint().map(Into::into),
            Self::Sqlite { .. } => return size_limit::hint(),
            Self::NoPostgres => "Build it with the feature \"postgres\", or choose a file with --db or KEYDESK_DB.".into(),
            Self::Clock(_) => clock::HINT.into(),
            Self::Interrupted
            | Self::OldSqlite { .. }
            | Self::File { .. }
            | Self::Entropy(_) => {
                return None;
            }
        })
    }

    /// Whether a newer request has replaced this one. Such an error is not reported.
    #[must_use]
    pub(crate) fn is_interrupted(&self) -> bool {
        matches!(self, Self::Interrupted)
    }

    /// The report of a check of the file at `path`, on one line, without SQLite's heading for the file.
    pub(super) fn damaged(path: &Path, found: &str) -> Self {
        let lines: Vec<&str> = found.lines().filter(|line| !line.starts_with("***")).collect();
        Self::Damaged { path: path.to_owned(), reason: lines.join("; ") }
    }

    /// Converts an error of SQLite that occurred while doing `what` with the database at `path`.
    pub(super) fn from_sqlite(error: &rusqlite::Error, what: &'static str, path: &Path) -> Self {
        let path = path.to_owned();
        let reason = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::OperationInterrupted) => Self::Interrupted,
            Some(ErrorCode::DiskFull) => Self::Full { path },
            // SQLite reports an I/O error where -shm cannot grow.
            Some(ErrorCode::SystemIoFailure) if files::is_disk_full(&path) => Self::Full { path },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                Self::ReadOnly { path, reason }
            }
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path, reason },
            Some(ErrorCode::NotADatabase) => Self::Foreign { path },
            _ => Self::Sqlite { what, reason },
        }
    }
}

/// Lists the first differences of a schema, and the number of the others.
fn list(differences: &[SchemaDifference]) -> String {
    const MOST: usize = 5;
    let mut named: Vec<String> = differences.iter().take(MOST).map(ToString::to_string).collect();
    if differences.len() > MOST {
        named.push(format!("and {} more", differences.len() - MOST));
    }
    named.join(", ")
}

/// Why the caller is read-only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAllowed {
    /// No user is bound to this login.
    Unknown {
        login: String,
    },
    Disabled {
        email: String,
    },
}

impl NotAllowed {
    pub(crate) fn of(user: &User) -> Self {
        Self::Disabled { email: user.email.as_ref().map(ToString::to_string).unwrap_or_default() }
    }
}
