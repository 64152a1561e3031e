//! The reasons that an operation was not carried out.

use std::fmt;

use super::text;
use crate::domain::Instant;
use crate::domain::application::ApplicationId;
use crate::domain::deletion_receipt::Contradiction;
use crate::domain::expiry::{BeyondMaxLifetime, rfc3339};
use crate::domain::key::KeyId;
use crate::domain::location::Location;
use crate::domain::text::{Name, inert};
use crate::domain::token::{EntropyError, Prefix};
use crate::domain::user::{Account, UserId};
use crate::store::{IsFull, NotAllowed, StoreError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Key(KeyId),
    Application(ApplicationId),
    User(UserId),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "key {id}"),
            Self::Application(id) => write!(f, "Application {}", id.0),
            Self::User(id) => write!(f, "user {}", id.0),
        }
    }
}

/// What another session has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    Key { prefix: String },
    Application(Name),
    KeysOf(Name),
    User(UserId),
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { prefix } => write!(f, "key {prefix}"),
            Self::Application(name) => write!(f, "Application {name}"),
            Self::KeysOf(name) => write!(f, "the keys of Application {name}"),
            Self::User(id) => Subject::User(*id).fmt(f),
        }
    }
}

/// What a name belongs to already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
pub enum Taken {
    Application,
    #[strum(serialize = "user")]
    Email,
    #[strum(serialize = "user with the login")]
    Login,
}

/// The reason that an operation was not carried out. Nothing was changed, unless it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    #[error("{}", text::read_only(.0))]
    NotAllowed(NotAllowed),
    /// There is no such key, Application or user.
    #[error("{0} not found")]
    NotFound(Subject),
    #[error("user {} is deleted", .0.0)]
    UserDeleted(UserId),
    #[error("the database has no Application")]
    NoApplication,
    /// The caller has no directory for the known head.
    #[error("cannot save a known head: this user has no home directory")]
    NoStateDirectory,
    #[error("key {prefix} was deleted already, at {}", rfc3339(*at))]
    Deleted { prefix: String, at: Instant },
    #[error("key {prefix} was rotated already: {by} replaces it")]
    Replaced {
        prefix: String,
        /// The key prefix of its successor.
        by: String,
    },
    /// It has no successor.
    #[error("key {prefix} is not being replaced: it has no successor")]
    NotReplaced { prefix: String },
    /// It has expired, was ended, or was no longer used.
    #[error("key {prefix} has ended already, at {}", rfc3339(*at))]
    Ended { prefix: String, at: Instant },
    /// There is nothing to rotate, disable or enable.
    #[error("key {prefix} is a canary key: it is always rejected")]
    Canary { prefix: String },
    #[error("key {prefix} is not a canary key: its use is no alarm")]
    NotCanary { prefix: String },
    /// Another session rotates the key at this moment.
    #[error(
        "key {prefix} is being rotated by another session{}",
        by.as_ref().map(|by| format!(", which delivers {by}")).unwrap_or_default()
    )]
    BeingRotated {
        prefix: String,
        /// The key prefix of the successor that is being delivered.
        by: Option<String>,
    },
    /// Not in the version that the caller has seen.
    #[error("{0} was changed by another session in the meantime")]
    Changed(Changed),
    #[error("{what} {name:?} already exists")]
    Taken { what: Taken, name: String },
    /// The prefix of keys cannot change.
    #[error("the keys of this database begin with \"{prefix}\", not with \"{wanted}\"")]
    PrefixFixed {
        /// The prefix of this database.
        prefix: Prefix,
        /// The prefix that was asked for.
        wanted: Prefix,
    },
    /// No user would be left who can sign in and make changes.
    #[error("the last active user who can sign in here can be neither disabled nor deleted")]
    LastActiveUser { account: Account },
    /// It would be in the audit log.
    #[error("the {field} contains the secret of a key")]
    HoldsSecret {
        /// The name, the owner or the note.
        field: &'static str,
    },
    /// It could not be erased with the user.
    #[error("the {field} contains the email of a user")]
    HoldsEmail {
        /// The name, the owner or the note.
        field: &'static str,
    },
    #[error(transparent)]
    BeyondMaxLifetime(#[from] BeyondMaxLifetime),
    #[error("{} is not in the future", rfc3339(*at))]
    Past { at: Instant },
    /// The receipt of a deletion would contradict itself.
    #[error("no receipt of the deletion of key {prefix} can be made: {reason}")]
    NoReceipt { prefix: String, reason: Contradiction },
    /// A database can only be moved to an empty one.
    #[error("{database} is not empty")]
    NotEmpty { database: Location },
    #[error("{database} is the same database, or a copy of it that is in use")]
    SameDatabase { database: Location },
    /// A move into it was begun, and the database has changed since.
    #[error("{database} has the copy of an unfinished move, and the database was changed since")]
    OldCopy { database: Location },
    /// No active user is bound to a login of the place that a database is to be moved to.
    #[error("no active user is bound to a {account} of {}: no one could make changes there", account.place())]
    NoOneThere { account: Account },
    /// It would be moved with what is wrong.
    #[error("the audit log does not match the database")]
    NotIntact { database: Location },
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DeskError {
    pub(super) fn taken(what: Taken, name: &(impl ToString + ?Sized)) -> Self {
        Self::Taken { what, name: name.to_string() }
    }

    /// Returns whether it is the state of this key that prevents the operation.
    pub(super) fn is_about(&self, id: KeyId) -> bool {
        match self {
            Self::Deleted { prefix, .. }
            | Self::Replaced { prefix, .. }
            | Self::BeingRotated { prefix, .. }
            | Self::NotReplaced { prefix }
            | Self::Ended { prefix, .. }
            | Self::Canary { prefix }
            | Self::NotCanary { prefix }
            | Self::Changed(Changed::Key { prefix }) => prefix.ends_with(id.as_str()),
            Self::NotFound(subject) => *subject == Subject::Key(id),
            _ => false,
        }
    }

    /// The stable code for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAllowed(NotAllowed::Unknown { .. }) => "unknown_user",
            Self::NotAllowed(NotAllowed::Disabled { .. }) => "disabled_user",
            Self::NotFound(_) | Self::UserDeleted(_) | Self::NoApplication => "not_found",
            Self::NoStateDirectory => "no_home",
            Self::Deleted { .. } => "deleted",
            Self::Changed(_) => "changed",
            Self::Replaced { .. } => "replaced",
            Self::BeingRotated { .. } => "being_rotated",
            Self::NotReplaced { .. } => "not_replaced",
            Self::Ended { .. } => "ended",
            Self::Canary { .. } => "canary",
            Self::NotCanary { .. } => "not_canary",
            Self::Taken { .. } => "taken",
            Self::PrefixFixed { .. } => "prefix_fixed",
            Self::LastActiveUser { .. } => "last_active_user",
            Self::HoldsSecret { .. } => "holds_secret",
            Self::HoldsEmail { .. } => "holds_email",
            Self::BeyondMaxLifetime(_) => "max_lifetime",
            Self::Past { .. } => "past",
            Self::NoReceipt { .. } => "no_receipt",
            Self::NotEmpty { .. } => "not_empty",
            Self::SameDatabase { .. } => "same_database",
            Self::OldCopy { .. } => "old_copy",
            Self::NoOneThere { .. } => "no_one_there",
            Self::NotIntact { .. } => "not_intact",
            Self::Entropy(_) => "no_randomness",
            Self::Store(error) => error.code(),
        }
    }

    /// What to do next, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotAllowed(reason) => text::how_to_get_access(reason),
            Self::Changed(_) => "Review it and try again.".into(),
            Self::Replaced { .. } => "Rotate its successor instead.".into(),
            Self::NotReplaced { .. } => "Rotate it first.".into(),
            Self::Ended { .. } => "Rotate or create another key: a key that has ended stays ended.".into(),
            Self::BeingRotated { by: Some(new), .. } => {
                format!("Wait until that rotation has ended, then check the key. If its session was killed, delete {new}.")
            }
            Self::BeingRotated { .. } => "Wait until that rotation has ended, then check the key.".into(),
            Self::Canary { .. } => "Delete it, or create another canary key.".into(),
            Self::NotCanary { .. } => "Name a canary key.".into(),
            Self::Taken { what, .. } => match what {
                Taken::Application => "Choose another name.".into(),
                Taken::Email => "Choose another email.".into(),
                Taken::Login => "Choose another login.".into(),
            },
            Self::PrefixFixed { .. } => {
                "Omit --prefix, which is fixed for the life of a database, or choose another database with --db."
                    .into()
            }
            Self::LastActiveUser { account } => {
                format!("Add or enable another user whose {account} exists on {} first.", account.place())
            }
            Self::HoldsSecret { .. } => {
                "Use the key prefix, such as ik_live_7Qm2x9KdPa. If others may have seen the secret, rotate that key as leaked."
                    .into()
            }
            Self::HoldsEmail { .. } => {
                "Name a team or a role instead: the text stays in the audit log, also after the user is deleted.".into()
            }
            Self::BeyondMaxLifetime(_) => "Run \"keydesk config\" to see where max_lifetime is set.".into(),
            Self::Past { .. } => "Choose a later date.".into(),
            Self::NoReceipt { .. } => "Check the clock, and run \"keydesk audit verify\".".into(),
            Self::NotEmpty { database: Location::File(_) } | Self::SameDatabase { database: Location::File(_) } => {
                "Choose a file that does not exist with --to.".into()
            }
            Self::NotEmpty { .. } | Self::SameDatabase { .. } => {
                "Create an empty database with createdb, and name it with --to.".into()
            }
            Self::OldCopy { database: Location::File(path) } => {
                format!("Remove {} and its -wal and -shm files, then run the command again.", inert(&path.to_string_lossy()))
            }
            Self::OldCopy { .. } => "Create it again with dropdb and createdb, then run the command again.".into(),
            Self::NoOneThere { account: Account::Role } => {
                "Add one first with: keydesk users add EMAIL --login ROLE".into()
            }
            Self::NoOneThere { account: Account::Login } => {
                "Add yourself first with: keydesk users add EMAIL --login LOGIN".into()
            }
            Self::NotIntact { .. } => "Run \"keydesk audit verify\" to see what differs.".into(),
            Self::Store(error) => return error.hint(),
            Self::NoApplication => "Create one with: keydesk apps create NAME".into(),
            Self::NoStateDirectory => "Set HOME.".into(),
            Self::NotFound(_) | Self::UserDeleted(_) | Self::Deleted { .. } | Self::Entropy(_) => return None,
        })
    }
}

impl From<NotAllowed> for DeskError {
    fn from(reason: NotAllowed) -> Self {
        Self::NotAllowed(reason)
    }
}

impl IsFull for DeskError {
    fn is_full(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_full())
    }
}
