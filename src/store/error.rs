//! Errors of the database, with a stable code and a hint.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use super::schema_difference::SchemaDifference;
#[cfg(feature = "postgres")]
use super::server::{Fault, FaultKind, ServerError};
use crate::domain::clock::ClockError;
use crate::domain::location::{Location, as_argument};
#[cfg(feature = "postgres")]
use crate::domain::postgres_url::PostgresUrl;
use crate::domain::postgres_url::UrlError;
use crate::domain::text::inert;
use crate::domain::token::EntropyError;
use crate::domain::user::{Account, User};
use crate::host::{files, size_limit};

/// The database could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("no database found at {database}")]
    NoDatabase { database: Location },
    #[error("{database} is not a keydesk database; {} was not changed", content(database))]
    Foreign { database: Location },
    /// It was created by a newer keydesk.
    #[error(
        "{database} was created by a newer version of keydesk (format {found}, supported up to {known}); {} was not changed",
        content(database)
    )]
    Newer {
        database: Location,
        found: i64,
        /// The newest supported format.
        known: i64,
    },
    /// Tables, indexes, triggers or views are not those that keydesk created.
    #[error("the schema of the database {database} was changed outside keydesk: {}", list(differences))]
    AlteredSchema {
        database: Location,
        /// At least one.
        differences: Vec<SchemaDifference>,
    },
    /// The database reported success, but does not contain the change.
    #[error("the database did not apply the change ({what}); nothing was changed")]
    NotMade { what: &'static str },
    /// The content is not valid.
    #[error("the database {database} is damaged: {reason}")]
    Damaged { database: Location, reason: String },
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
    /// The server did not confirm a commit.
    #[error("the server did not confirm the change ({reason}); {found}")]
    Unconfirmed { reason: String, found: Settled },
    /// The database was copied to another place, which is the one to use.
    #[error("the database {database} was moved to {}", inert(to))]
    MovedTo { database: Location, to: String },
    /// A move into it was begun and not ended.
    #[error("the database {database} is the copy of an unfinished move, and not in use yet")]
    Arriving { database: Location },
    /// A server has its own programs for this.
    #[error("{what} works with database files only")]
    NeedsFile { what: &'static str, instead: &'static str },
    /// Another database answers at the URL.
    #[error("the database {database} was replaced with another one while it was in use; nothing was changed")]
    Replaced { database: Location },
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
    /// The text is not the URL of a database.
    #[error(transparent)]
    Url(#[from] UrlError),
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
            Self::OutcomeUnknown { .. } | Self::Unconfirmed { .. } => "outcome_unknown",
            Self::MovedTo { .. } => "moved_to",
            Self::Arriving { .. } => "arriving",
            Self::Replaced { .. } => "replaced",
            Self::NeedsFile { .. } => "needs_file",
            Self::NotAFile { .. } => "not_a_file",
            Self::Link { .. } => "symbolic_link",
            Self::File { .. } => "file",
            Self::NoPostgres => "no_postgres",
            Self::Url(error) => error.code(),
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
            Self::Foreign { database: Location::File(_) } => "Choose another file with --db or KEYDESK_DB.".into(),
            Self::Foreign { .. } => "Create a database of its own for keydesk with createdb.".into(),
            Self::Newer { .. } => "Upgrade keydesk.".into(),
            Self::Damaged { database: Location::Postgres(_), .. } => {
                "Stop keydesk everywhere, then restore the latest backup of the database.".into()
            }
            Self::Damaged { .. } => {
                "Stop keydesk everywhere, move the database and its -wal and -shm files away, then copy the latest backup into place."
                    .into()
            },
            Self::AlteredSchema { database: Location::Postgres(_), .. } => {
                "Find out who changed it, then undo the changes as the owner of the tables, or restore a backup. \
                 keydesk doctor and keydesk audit verify can still read the database."
                    .into()
            }
            Self::AlteredSchema { .. } => "Find out who changed it, then restore a backup or undo the changes with sqlite3. \
                                           keydesk doctor and keydesk audit verify can still read the file."
                .into(),
            Self::NotMade { .. } => "Run \"keydesk doctor\" to diagnose the database.".into(),
            Self::ReadOnly { .. } => "Check the owner and mode of the file and its directory.".into(),
            Self::Busy => "Try again in a moment.".into(),
            Self::Moved { .. } => "Restart keydesk with the right file.".into(),
            Self::NeedsFile { instead, .. } => (*instead).into(),
            Self::Replaced { .. } => "Check the URL and the server, then restart keydesk.".into(),
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
            Self::Unconfirmed { found, .. } => found.hint().into(),
            Self::MovedTo { to, .. } => {
                format!("Use --db {} or set KEYDESK_DB to it.", as_argument(&inert(to)))
            }
            Self::Arriving { database } => {
                let to = as_argument(&database.to_string());
                format!("Move the other database again with --to {to}, or use that one.")
            }
            Self::Sqlite { .. } => return size_limit::hint(),
            Self::NoPostgres => "Build it with the feature \"postgres\", or choose a file with --db or KEYDESK_DB.".into(),
            Self::Url(error) => error.hint(),
            Self::Clock(error) => error.whose.hint().into(),
            Self::Interrupted
            | Self::OldSqlite { .. }
            | Self::File { .. }
            | Self::Entropy(_) => {
                return None;
            }
        })
    }

    /// Whether the role of the session may not do it.
    #[cfg(feature = "postgres")]
    #[must_use]
    pub(crate) fn lacks_rights(&self) -> bool {
        matches!(self, Self::Server(error) if error.lacks_rights())
    }

    /// Whether a newer request has replaced this one. Such an error is not reported.
    #[must_use]
    pub(crate) fn is_interrupted(&self) -> bool {
        matches!(self, Self::Interrupted)
    }

    /// The report of a check of the file at `path`, on one line, without SQLite's heading for the file.
    pub(super) fn damaged(path: &Path, found: &str) -> Self {
        let lines: Vec<&str> = found.lines().filter(|line| !line.starts_with("***")).collect();
        Self::Damaged { database: path.into(), reason: lines.join("; ") }
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
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { database: Location::File(path), reason },
            Some(ErrorCode::NotADatabase) => Self::Foreign { database: Location::File(path) },
            _ => Self::Sqlite { what, reason },
        }
    }
}

/// What a look at the audit log over a new connection found after a commit that was not confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The change is there. Where the server waits for a standby, it may be there alone, and lost with it.
    Saved,
    NotSaved,
    /// The server could not be asked.
    Unknown,
}

impl Settled {
    fn hint(self) -> &'static str {
        match self {
            Self::Saved => "Check the synchronous standby: after a failover the change may be missing.",
            Self::NotSaved => "Check the server, then check the list before you try again.",
            Self::Unknown => "Check the list before you try again.",
        }
    }
}

impl std::fmt::Display for Settled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Saved => "it was saved on the server that answers now",
            Self::NotSaved => "it was not saved on the server that answers now",
            Self::Unknown => "it is unknown whether it was saved",
        })
    }
}

/// What is left unchanged at a location.
fn content(database: &Location) -> &'static str {
    match database {
        Location::File(_) => "the file",
        Location::Postgres(_) => "it",
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
        account: Account,
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

#[cfg(feature = "postgres")]
impl Fault {
    /// Converts a fault that occurred while doing `what` with the database at `url`.
    pub(crate) fn during(self, what: &'static str, url: &PostgresUrl) -> StoreError {
        match self.kind() {
            FaultKind::Busy => StoreError::Busy,
            FaultKind::Interrupted => StoreError::Interrupted,
            _ => StoreError::Server(Box::new(ServerError::new(self, what, url))),
        }
    }
}
