//! What can go wrong with the database: what was tried, on what, why it failed, what to do next.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use super::schema_difference::SchemaDifference;
use crate::domain::clock::{self, ClockError};
use crate::domain::token::EntropyError;
use crate::domain::user::User;
use crate::host::{files, size_limit};

/// The database could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("there is no database at {}", path.display())]
    NoDatabase {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{} is not a keydesk database; it was left as it is", path.display())]
    Foreign { path: PathBuf },
    /// The file was made by a newer keydesk.
    #[error("{} was made by a newer keydesk (format {found}, this one knows {known}); it was left as it is", path.display())]
    Newer {
        path: PathBuf,
        found: i64,
        /// The newest format that is known here.
        known: i64,
    },
    /// Tables, indexes, triggers or views are not those that keydesk created.
    #[error("the schema of the database {} was altered: {}", path.display(), list(differences))]
    AlteredSchema {
        path: PathBuf,
        /// What differs, at least one.
        differences: Vec<SchemaDifference>,
    },
    /// The database reported success, and the change is not in it.
    #[error("the database did not make the change ({what}); nothing was changed")]
    NotMade { what: &'static str },
    /// The file's content is not as SQLite wrote it.
    #[error("the database {} is damaged: {reason}", path.display())]
    Damaged { path: PathBuf, reason: String },
    /// The file or its folder cannot be written.
    #[error("the database {} cannot be written: {reason}", path.display())]
    ReadOnly { path: PathBuf, reason: String },
    /// Another session held the lock for longer than one waits.
    #[error("another session keeps the database busy; nothing was changed")]
    Busy,
    /// A newer request has made this one void.
    #[error("the request was overtaken by a newer one")]
    Interrupted,
    /// The file that was opened is no longer the one at its path.
    #[error("the database at {} was moved, removed or replaced while it was in use; nothing was changed", path.display())]
    Moved {
        /// Where it was.
        path: PathBuf,
    },
    /// Another copy was written over the file, below SQLite.
    #[error("the database at {} was overwritten with another copy while it was in use", path.display())]
    Overwritten { path: PathBuf },
    /// Several machines cannot share a database in this mode.
    #[error("{} is on a network file system ({kind}), on which SQLite's write-ahead log does not work", path.display())]
    NetworkFileSystem { path: PathBuf, kind: &'static str },
    /// The SQLite in this program has the WAL-reset bug.
    #[error(
        "the SQLite {found} in this program can lose data (sqlite.org/wal.html#walresetbug); 3.51.3 is needed"
    )]
    OldSqlite { found: String },
    /// The disk is full.
    #[error("the disk of {} is full; nothing was changed", path.display())]
    Full { path: PathBuf },
    /// The commit failed in a way that leaves open what is on the disk.
    #[error("the disk failed while {what}; whether it was done is not known")]
    OutcomeUnknown { what: &'static str },
    /// The path is not a regular file.
    #[error("{} cannot be a database: it is {kind}, not a regular file", path.display())]
    NotAFile { path: PathBuf, kind: &'static str },
    /// The path is a symbolic link: SQLite would keep its other files beside the link, where no other session looks.
    #[error(
        "{} is a symbolic link to {}{}; keydesk does not follow links to a database",
        path.display(),
        target.display(),
        if *is_dangling { ", which does not exist" } else { "" }
    )]
    Link { path: PathBuf, target: PathBuf, is_dangling: bool },
    /// The system refused a file operation.
    #[error("could not {what} {}: {reason}", path.display())]
    File { what: &'static str, path: PathBuf, reason: String },
    /// No random bits for a new database's identity.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The system's clock is wrong.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// Anything else that SQLite says.
    #[error("the database failed while {what}: {reason}")]
    Sqlite { what: &'static str, reason: String },
}

impl StoreError {
    /// A word for programs.
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
            Self::Entropy(_) => "no_randomness",
            Self::Clock(_) => "clock",
            Self::Sqlite { .. } => "database",
        }
    }

    /// What to do next, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoDatabase { .. } => {
                "Set it up with: keydesk init --email EMAIL --app NAME (or start keydesk)".into()
            }
            Self::Link { is_dangling: true, .. } => "Remove the link, or name another file with --db or KEYDESK_DB.".into(),
            Self::Link { .. } => "Name the file itself with --db or KEYDESK_DB.".into(),
            Self::NotAFile { .. } => "Name a file with --db or KEYDESK_DB.".into(),
            Self::Foreign { .. } => "Choose another file with --db or KEYDESK_DB.".into(),
            Self::Newer { .. } => "Use the newer keydesk.".into(),
            Self::Damaged { .. } => {
                "Stop keydesk everywhere, put the file with its -wal and -shm aside, then copy the latest backup to its place."
                    .into()
            },
            Self::AlteredSchema { .. } => "Find out who did it. Then restore a backup, or undo the changes with sqlite3. \
                                           keydesk doctor and keydesk audit verify can still read the file."
                .into(),
            Self::NotMade { .. } => "Run keydesk doctor.".into(),
            Self::ReadOnly { .. } => "Look at the owner and mode of the file and of its folder.".into(),
            Self::Busy => "Try again in a moment.".into(),
            Self::Moved { .. } => "Start keydesk again on the file you mean.".into(),
            Self::Overwritten { .. } => "Check that it is the copy you mean, then restart keydesk.".into(),
            Self::NetworkFileSystem { .. } => "Put the database on a local disk.".into(),
            Self::Full { .. } => {
                "Free some disk space and try again. Deleting and disabling keys by command works meanwhile.".into()
            }
            Self::OutcomeUnknown { .. } => {
                let limit = size_limit::hint().map(|hint| format!("{hint} ")).unwrap_or_default();
                format!("{limit}Look at the list before you try again.")
            }
            Self::Sqlite { .. } => return size_limit::hint(),
            Self::Clock(_) => clock::HINT.into(),
            Self::Interrupted
            | Self::OldSqlite { .. }
            | Self::File { .. }
            | Self::Entropy(_) => {
                return None;
            }
        })
    }

    /// Whether a newer request has made this one void: nothing to tell anybody.
    #[must_use]
    pub(crate) fn is_interrupted(&self) -> bool {
        matches!(self, Self::Interrupted)
    }

    /// What a check of the file at `path` found, on one line: SQLite heads it with a line for its name of the file.
    pub(super) fn damaged(path: &Path, found: &str) -> Self {
        let lines: Vec<&str> = found.lines().filter(|line| !line.starts_with("***")).collect();
        Self::Damaged { path: path.to_owned(), reason: lines.join("; ") }
    }

    /// What SQLite's error means, while doing `what` on the database at `path`.
    pub(super) fn from_sqlite(error: &rusqlite::Error, what: &'static str, path: &Path) -> Self {
        let path = path.to_owned();
        let reason = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::OperationInterrupted) => Self::Interrupted,
            Some(ErrorCode::DiskFull) => Self::Full { path },
            // Where the index of the log cannot grow, SQLite speaks of input and output.
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

/// The first differences of a schema, and how many more there are.
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
    /// Returns that this user is disabled.
    pub(crate) fn of(user: &User) -> Self {
        Self::Disabled { email: user.email.as_ref().map(ToString::to_string).unwrap_or_default() }
    }
}
