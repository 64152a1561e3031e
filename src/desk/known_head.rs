//! Compares the audit log with the known head, at each opening of a database and after each change.
//!
//! A comparison reads one or two small files and two entries, however long the log is. No problem with the files stops
//! an operation.
//!
//! | found | meaning |
//! |---|---|
//! | the log contains the known head | it continues from there; the present head becomes the known one |
//! | the log ends before it | the log was shortened, or a backup was restored |
//! | another entry has its number | the log was rewritten, or a backup was restored and used |
//! | another database is at this path | the file was replaced, or recreated with another identity |
//! | the files are missing or damaged | what happened before now cannot be told; the present head becomes the known one |
//!
//! After a mismatch the known head stays the same until the log is accepted as it is.
//!
//! Two files describe a database: its known head, named by the identity of the database, and which identity is at its
//! path. Removal of the first is detected by the second, removal of both by entries that the caller wrote.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::domain::application::ApplicationId;
use crate::domain::audit::ChainHead;
use crate::domain::key::{Key, KeyId};
use crate::domain::known_head::KnownHead;
use crate::domain::text::{Name, capitalized};
use crate::domain::user::Caller;
use crate::host::known_head_files::KnownHeadFiles;
use crate::store::{Reader, Store, StoreError, applications, audit, chain, keys, users};

use super::Picked;

/// The known heads of one administrator, of all databases.
#[derive(Clone, Debug)]
pub struct KnownHeads {
    files: KnownHeadFiles,
}

/// The result of a comparison.
#[derive(Clone, Debug, Default)]
pub struct KnownHeadCheck {
    /// The known head before the comparison; none when the database is opened for the first time.
    pub known: Option<ChainHead>,
    /// How the log differs from the known head.
    pub mismatch: Option<LogMismatch>,
    /// Problems with the files, losses first.
    pub problems: Vec<KnownHeadProblem>,
}

/// What is wrong with the files of the known head.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KnownHeadProblem {
    /// A known head was saved before, and its file is gone.
    #[error("the known head of this database is missing from {}", directory.display())]
    Missing {
        /// The directory of the known heads.
        directory: PathBuf,
    },
    /// A file is truncated or was changed.
    #[error("the known head of this database is damaged ({})", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("could not read the known head of this database from {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason that the system gives.
        reason: String,
    },
    /// A file cannot be written.
    #[error("could not save the known head of this database to {}: {reason}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The reason that the system gives.
        reason: String,
    },
    /// The database cannot be read.
    #[error("could not compare the audit log with the known head: {reason}")]
    Database {
        /// The reason that the store gives.
        reason: String,
    },
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
    /// The known head.
    pub known: ChainHead,
    /// The head of the log as it is.
    pub present: ChainHead,
    /// Whether another database is at the path of the one that was known.
    pub replaced: bool,
    /// Deleted keys that exist again.
    pub restored: Vec<RestoredKey>,
}

/// A key that is in the database although it was deleted before the known head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoredKey {
    /// The key as it is now.
    pub key: Key,
    /// The name of its Application.
    pub application: Option<Name>,
}

impl RestoredKey {
    /// Returns the key as the subject of an operation.
    #[must_use]
    pub fn picked(&self) -> Picked {
        Picked { id: self.key.id, version: self.key.version }
    }
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

    /// Returns the command that deletes the restored keys; `database` is the file where it is not the default one.
    #[must_use]
    pub fn delete_command(&self, database: Option<&Path>) -> Option<String> {
        if self.restored.is_empty() {
            return None;
        }
        let ids: Vec<&str> =
            self.restored.iter().take(MOST_NAMED).map(|restored| restored.key.id.as_str()).collect();
        Some(format!("keydesk keys delete {}{}", ids.join(" "), option(database)))
    }

    /// Returns the command that accepts the current log as the known one.
    #[must_use]
    pub fn accept_command(database: Option<&Path>) -> String {
        format!("keydesk audit accept{}", option(database))
    }
}

/// Returns the option that names a database, quoted for a shell.
fn option(database: Option<&Path>) -> String {
    let Some(path) = database else { return String::new() };
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%".contains(c);
    if text.chars().all(plain) {
        format!(" --db {text}")
    } else {
        format!(" --db '{}'", text.replace('\'', "'\\''"))
    }
}

impl fmt::Display for LogMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (known, present) = (self.known.number, self.present.number);
        if self.replaced {
            write!(
                f,
                "this database is not the one last seen at this path, which had {known} audit log entries. The file \
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

/// When a comparison takes place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// The database was opened. Entries of the caller prove that there was a known head.
    Opened,
    /// The caller has made a change, perhaps their first one.
    Changed,
}

impl KnownHeads {
    /// Uses these files.
    #[must_use]
    pub fn new(files: KnownHeadFiles) -> Self {
        Self { files }
    }

    /// Compares the log with the known head. Where it continues from there, the present head becomes the known one.
    #[must_use]
    pub fn check(&self, store: &Store, caller: &Caller) -> KnownHeadCheck {
        self.check_at(Moment::Opened, store, caller)
    }

    /// The same after a change by the caller.
    #[must_use]
    pub fn record(&self, store: &Store, caller: &Caller) -> KnownHeadCheck {
        self.check_at(Moment::Changed, store, caller)
    }

    fn check_at(&self, moment: Moment, store: &Store, caller: &Caller) -> KnownHeadCheck {
        let check = self.try_check(moment, store, caller).unwrap_or_else(|error| KnownHeadCheck {
            problems: vec![KnownHeadProblem::Database { reason: error.to_string() }],
            ..KnownHeadCheck::default()
        });
        for problem in &check.problems {
            tracing::warn!(%problem, "the known head");
        }
        check
    }

    fn try_check(
        &self,
        moment: Moment,
        store: &Store,
        caller: &Caller,
    ) -> Result<KnownHeadCheck, StoreError> {
        let name = file_name(&store.read(audit::identity)?);
        let mut problems = Vec::new();
        let known = self.recall(&name).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        if known.is_none() {
            match self.at_path(store, &name) {
                Ok(AtPath::Other(other)) => {
                    if let Some(mismatch) = store.read(|r| replaced(r, &other))? {
                        let known = Some(mismatch.known);
                        return Ok(KnownHeadCheck { known, mismatch: Some(mismatch), problems });
                    }
                }
                Ok(AtPath::Lost) if problems.is_empty() => problems.push(self.missing()),
                Ok(AtPath::Nothing)
                    if problems.is_empty()
                        && moment == Moment::Opened
                        && store.read(|r| has_written(r, caller))? =>
                {
                    problems.push(self.missing());
                }
                Ok(AtPath::Lost | AtPath::Nothing) => {}
                Err(problem) => problems.push(problem),
            }
        }
        let (mut check, next) = store.read(|r| compare(r, known.as_ref()))?;
        let mut saved = Ok(());
        if let Some(next) = next {
            saved = self.save(&name, &next);
        }
        // The head comes first: a path that names a database without a known head means that the head was lost.
        if let Err(problem) = saved.and_then(|()| self.set_at_path(store, &name)) {
            problems.push(problem);
        }
        check.problems = problems;
        Ok(check)
    }

    fn missing(&self) -> KnownHeadProblem {
        KnownHeadProblem::Missing { directory: self.files.directory().to_owned() }
    }

    /// Accepts the log as it is: its head becomes the known one, and the restored keys are no longer known as deleted.
    ///
    /// # Errors
    /// When the database cannot be read or the known head cannot be saved.
    pub fn accept(&self, store: &Store) -> Result<ChainHead, StoreError> {
        let name = file_name(&store.read(audit::identity)?);
        let mut deleted = self.recall(&name).ok().flatten().map(|known| known.deleted).unwrap_or_default();
        let (head, more) = store.read(|r| {
            let head = present(r)?;
            Ok((head, chain::deletions(r, 0, head.number)?))
        })?;
        deleted.retain(|id| !more.contains(id));
        let mut known = KnownHead { head, deleted: Vec::new() };
        known.advance(head, deleted.into_iter().chain(more));
        let restored = store.read(|r| restored(r, &known.deleted))?;
        known.deleted.retain(|id| restored.iter().all(|restored| restored.key.id != *id));
        self.save(&name, &known).and_then(|()| self.set_at_path(store, &name)).map_err(|problem| {
            StoreError::File {
                what: "write",
                path: self.files.path(&name),
                reason: match problem {
                    KnownHeadProblem::Unwritable { reason, .. } => reason,
                    other => other.to_string(),
                },
            }
        })?;
        Ok(head)
    }

    /// Reads the known head of a database, if there is one.
    fn recall(&self, name: &str) -> Result<Option<KnownHead>, KnownHeadProblem> {
        let Some(text) = self.read(name)? else { return Ok(None) };
        let path = || self.files.path(name);
        KnownHead::parse(&text).map(Some).ok_or_else(|| KnownHeadProblem::Damaged { path: path() })
    }

    fn read(&self, name: &str) -> Result<Option<String>, KnownHeadProblem> {
        let path = || self.files.path(name);
        self.files.read(name).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => KnownHeadProblem::Damaged { path: path() },
            _ => KnownHeadProblem::Unreadable { path: path(), reason: error.to_string() },
        })
    }

    fn write(&self, name: &str, text: &str) -> Result<(), KnownHeadProblem> {
        self.files.write(name, text).map_err(|error| KnownHeadProblem::Unwritable {
            path: self.files.path(name),
            reason: error.to_string(),
        })
    }

    fn save(&self, name: &str, known: &KnownHead) -> Result<(), KnownHeadProblem> {
        self.write(name, &known.to_text())
    }

    /// Returns what is known about the path of a database whose own known head is not there.
    fn at_path(&self, store: &Store, own: &str) -> Result<AtPath, KnownHeadProblem> {
        let Some(place) = path_name(store) else { return Ok(AtPath::Nothing) };
        let Some(text) = self.read(&place)? else { return Ok(AtPath::Nothing) };
        let name = text.trim_end();
        if name.len() != own.len() || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(KnownHeadProblem::Damaged { path: self.files.path(&place) });
        }
        if name == own {
            return Ok(AtPath::Lost);
        }
        Ok(self.recall(name)?.map_or(AtPath::Lost, AtPath::Other))
    }

    /// Saves which database is at its path.
    fn set_at_path(&self, store: &Store, name: &str) -> Result<(), KnownHeadProblem> {
        let Some(place) = path_name(store) else { return Ok(()) };
        let text = format!("{name}\n");
        if self.files.read(&place).is_ok_and(|known| known.as_ref() == Some(&text)) {
            return Ok(());
        }
        self.write(&place, &text)
    }
}

/// What is known about the path of a database.
enum AtPath {
    Nothing,
    /// A database was there, and its known head is gone.
    Lost,
    /// Another database was there.
    Other(KnownHead),
}

/// Returns the name of the file that says which database is at its path.
fn path_name(store: &Store) -> Option<String> {
    let path = store.path().canonicalize().ok()?;
    let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
    let short: &[u8; 16] = digest.first_chunk()?;
    Some(format!("at-{}", file_name(short)))
}

fn file_name(identity: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*identity))
}

fn present(r: &Reader<'_>) -> Result<ChainHead, StoreError> {
    audit::head(r).map(|(number, hash)| ChainHead { number, hash })
}

fn has_written(r: &Reader<'_>, caller: &Caller) -> Result<bool, StoreError> {
    let Some(user) = users::of_caller(r, caller)? else { return Ok(false) };
    audit::has_entries_by(r, user.id, caller.uid)
}

/// Compares a database with the one that was at its path. An empty log hides nothing: people who recreate a database
/// start with one.
fn replaced(r: &Reader<'_>, other: &KnownHead) -> Result<Option<LogMismatch>, StoreError> {
    let present = present(r)?;
    if present.number == 0 || other.head.number == 0 {
        return Ok(None);
    }
    let restored = restored(r, &other.deleted)?;
    Ok(Some(LogMismatch { known: other.head, present, replaced: true, restored }))
}

/// Compares the log with the known head. Also returns the next known head, where it changes.
fn compare(
    r: &Reader<'_>,
    known: Option<&KnownHead>,
) -> Result<(KnownHeadCheck, Option<KnownHead>), StoreError> {
    let present = present(r)?;
    let Some(known) = known else {
        let mut next = KnownHead { head: present, deleted: Vec::new() };
        next.advance(present, chain::deletions(r, 0, present.number)?);
        return Ok((KnownHeadCheck::default(), Some(next)));
    };
    let head = known.head;
    let mut check = KnownHeadCheck { known: Some(head), ..KnownHeadCheck::default() };
    if chain::link(r, head.number)? != Some(head.hash) {
        let restored = restored(r, &known.deleted)?;
        check.mismatch = Some(LogMismatch { known: head, present, replaced: false, restored });
        return Ok((check, None));
    }
    if present == head {
        return Ok((check, None));
    }
    let mut next = known.clone();
    next.advance(present, chain::deletions(r, head.number, present.number)?);
    Ok((check, Some(next)))
}

/// Returns which of these keys are in the database.
fn restored(r: &Reader<'_>, deleted: &[KeyId]) -> Result<Vec<RestoredKey>, StoreError> {
    let mut found: Vec<RestoredKey> = Vec::new();
    for id in deleted {
        if let Some(key) = keys::get(r, *id)? {
            let application = name_of(r, key.application, &found)?;
            found.push(RestoredKey { key, application });
        }
    }
    Ok(found)
}

fn name_of(r: &Reader<'_>, id: ApplicationId, known: &[RestoredKey]) -> Result<Option<Name>, StoreError> {
    if let Some(same) = known.iter().find(|restored| restored.key.application == id) {
        return Ok(same.application.clone());
    }
    Ok(applications::get(r, id)?.map(|application| application.name))
}
