//! What a comparison with the known head has found, and the sentences about it.

use std::fmt;
use std::path::PathBuf;

use crate::domain::audit::ChainHead;
use crate::domain::key::Key;
use crate::domain::location::{Location, as_argument};
use crate::domain::text::{Name, capitalized};

/// The result of a comparison.
#[derive(Clone, Debug, Default)]
pub struct KnownHeadCheck {
    /// The known head before the comparison; none when the database is opened for the first time.
    pub known: Option<ChainHead>,
    pub mismatch: Option<LogMismatch>,
    /// Problems with the files, losses first.
    pub problems: Vec<KnownHeadProblem>,
}

/// What is wrong with the files of the known head.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KnownHeadProblem {
    /// A known head was saved before, and its file is gone.
    #[error("the known head of this database is missing from {}", directory.display())]
    Missing { directory: PathBuf },
    /// A file is truncated or was changed.
    #[error("the known head of this database is damaged ({})", path.display())]
    Damaged { path: PathBuf },
    /// A file cannot be read.
    #[error("could not read the known head of this database from {}: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: String },
    /// A file cannot be written.
    #[error("could not save the known head of this database to {}: {reason}", path.display())]
    Unwritable { path: PathBuf, reason: String },
    /// The database cannot be read.
    #[error("could not compare the audit log with the known head: {reason}")]
    Database { reason: String },
}

impl KnownHeadProblem {
    /// Returns whether a known head was lost.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        match self {
            Self::Missing { .. } | Self::Damaged { .. } | Self::Unreadable { .. } => true,
            Self::Unwritable { .. } | Self::Database { .. } => false,
        }
    }
}

impl KnownHeadCheck {
    /// Returns what the loss of a known head means; none when none was lost.
    #[must_use]
    pub fn loss(&self) -> Option<String> {
        let problem = self.problems.iter().find(|problem| problem.is_loss())?;
        let next = match self.problems.iter().find(|problem| !problem.is_loss()) {
            None => "The present head is the known head from now on".to_owned(),
            Some(other) => capitalized(&other.to_string()),
        };
        Some(format!(
            "{problem}. keydesk can no longer tell whether audit log entries before now were removed or changed. {next}"
        ))
    }

    /// Returns the problems as one text; none when there are none.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.loss().or_else(|| self.problems.first().map(ToString::to_string))
    }
}

/// The audit log is not a continuation of the known head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogMismatch {
    pub known: ChainHead,
    pub present: ChainHead,
    /// Where another database is in the place of the one that was known; none where it is the same.
    pub replaced: Option<ReplacedAt>,
    pub restored: Vec<RestoredKey>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplacedAt {
    /// The path of a file.
    Path,
    /// The URL of a database on a server.
    Url,
}

/// A key that is in the database although it was deleted before the known head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoredKey {
    pub key: Key,
    pub application: Option<Name>,
}

/// Maximum number of keys that a line names.
const MOST_NAMED: usize = 20;

impl LogMismatch {
    /// Returns which deleted keys exist again; none when there are none.
    #[must_use]
    pub fn restored_keys(&self) -> Option<String> {
        let one = |restored: &RestoredKey| format!("{} ({})", restored.key.name, restored.key.id);
        let named: Vec<String> = self.restored.iter().take(MOST_NAMED).map(one).collect();
        let more = self.restored.len() - named.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        match self.restored.len() {
            0 => None,
            1 => Some(format!("a deleted key exists again and may be accepted: {}", named.join(""))),
            all => Some(format!(
                "{all} deleted keys exist again and may be accepted: {}{more}",
                named.join(", ")
            )),
        }
    }

    /// Returns the command that deletes the restored keys; `database` is given where it is not the default one.
    #[must_use]
    pub fn delete_command(&self, database: Option<&Location>) -> Option<String> {
        if self.restored.is_empty() {
            return None;
        }
        let ids: Vec<&str> =
            self.restored.iter().take(MOST_NAMED).map(|restored| restored.key.id.as_str()).collect();
        Some(format!("keydesk keys delete {}{}", ids.join(" "), option(database)))
    }

    /// Returns the command that accepts the current log as the known one.
    #[must_use]
    pub fn accept_command(database: Option<&Location>) -> String {
        format!("keydesk audit accept{}", option(database))
    }
}

/// Returns the option that names a database, quoted for a shell.
fn option(database: Option<&Location>) -> String {
    database.map(|database| format!(" --db {}", as_argument(&database.text()))).unwrap_or_default()
}

impl fmt::Display for LogMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (known, present) = (self.known.number, self.present.number);
        if let Some(at) = self.replaced {
            let (place, what) = match at {
                ReplacedAt::Path => ("path", "file"),
                ReplacedAt::Url => ("URL", "database"),
            };
            write!(
                f,
                "this database is not the one last seen at this {place}, which had {known} audit log entries. The {what} \
                 was replaced or recreated"
            )
        } else if present < known {
            write!(
                f,
                "the audit log does not match the known head: you have seen {known} entries, and the log has {present}. \
                 The log was shortened, or a backup was restored"
            )
        } else {
            write!(
                f,
                "the audit log does not match the known head: entry {known} is a different one. The log was rewritten, \
                 or a backup was restored"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_name_the_database_as_a_shell_takes_it() {
        for (database, expected) in [
            ("/var/lib/keydesk.db", "keydesk audit accept --db /var/lib/keydesk.db"),
            ("/var/my keys.db", "keydesk audit accept --db '/var/my keys.db'"),
            (
                "postgres://ana@db.internal/keydesk",
                "keydesk audit accept --db postgres://ana@db.internal/keydesk",
            ),
            (
                "postgres://db/keydesk?sslmode=verify-full&connect_timeout=5",
                "keydesk audit accept --db 'postgres://db/keydesk?sslmode=verify-full&connect_timeout=5'",
            ),
        ] {
            let database = Location::parse(std::ffi::OsStr::new(database)).unwrap();
            assert_eq!(LogMismatch::accept_command(Some(&database)), expected);
        }
        assert_eq!(LogMismatch::accept_command(None), "keydesk audit accept");
    }
}
