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
//! | another database is at this path or URL | it was replaced, or recreated with another identity |
//! | the files are missing or damaged | what happened before now cannot be told; the present head becomes the known one |
//!
//! After a mismatch the known head stays the same until the log is accepted as it is.
//!
//! Two files describe a database: its known head, named by the identity of the database, and which identity is at its
//! path. Removal of the first is detected by the second, removal of both by entries that the caller wrote.

mod report;

use std::io;

use sha2::{Digest, Sha256};

use crate::domain::application::ApplicationId;
use crate::domain::audit::ChainHead;
use crate::domain::key::KeyId;
use crate::domain::known_head::KnownHead;
use crate::domain::location::Location;
use crate::domain::text::Name;
use crate::domain::user::Caller;
use crate::host::known_head_files::KnownHeadFiles;
use crate::store::{Reader, Store, StoreError, applications, audit, chain, keys, users};

pub use report::{KnownHeadCheck, KnownHeadProblem, LogMismatch, ReplacedAt, RestoredKey};

/// The known heads of one administrator, of all databases.
#[derive(Clone, Debug)]
pub struct KnownHeads {
    files: KnownHeadFiles,
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
        let check = match self.try_check(moment, store, caller) {
            Ok(check) => check,
            // A gateway may not read which keys were deleted: it has no known head.
            Err(error) if error.lacks_rights() => KnownHeadCheck::default(),
            Err(error) => KnownHeadCheck {
                problems: vec![KnownHeadProblem::Database { reason: error.to_string() }],
                ..KnownHeadCheck::default()
            },
        };
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
    Other(KnownHead),
}

/// Returns the name of the file that says which database is at its path.
fn path_name(store: &Store) -> Option<String> {
    let digest = match store.location() {
        Location::File(path) => Sha256::digest(path.canonicalize().ok()?.as_os_str().as_encoded_bytes()),
        Location::Postgres(url) => Sha256::digest(url.to_string()),
    };
    let short: &[u8; 16] = digest.first_chunk()?;
    Some(format!("at-{}", file_name(short)))
}

fn file_name(identity: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*identity))
}

fn present(r: &Reader<'_>) -> Result<ChainHead, StoreError> {
    audit::head(r).map(|(number, hash)| ChainHead { number, hash })
}

/// Whether the caller wrote entries on this host, so that there was a known head. A role also works on other hosts.
fn has_written(r: &Reader<'_>, caller: &Caller) -> Result<bool, StoreError> {
    if r.is_on_server() {
        return Ok(false);
    }
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
    let at = if r.is_on_server() { ReplacedAt::Url } else { ReplacedAt::Path };
    Ok(Some(LogMismatch { known: other.head, present, replaced: Some(at), restored }))
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
        check.mismatch = Some(LogMismatch { known: head, present, replaced: None, restored });
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
