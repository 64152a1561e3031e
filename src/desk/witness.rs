//! The witness: each admin's own memory of the last head seen, beside no database and in no other's reach.
//!
//! Whoever opens a database looks whether that head is still in its audit log. It costs a small file and two look-ups,
//! however long the log is, and nothing that goes wrong with the file stops anybody from working.
//!
//! | what is found | what it means |
//! |---|---|
//! | the log holds that head | all is well; the present head is remembered |
//! | the log ends before it | it was shortened, or a backup was restored |
//! | another entry stands there | it was written anew, or a backup was restored and worked with |
//! | another database stands in its place | the file was replaced, or written anew with another identity |
//!
//! In doubt the old head stays remembered until somebody accepts the log as it is, and the keys that were seen to be
//! deleted and are alive again are named.

use std::fmt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::domain::application::ApplicationId;
use crate::domain::audit::{ChainHash, ChainHead};
use crate::domain::key::{Key, KeyId};
use crate::domain::text::Name;
use crate::domain::witness::Memory;
use crate::host::new_file::{Access, replace};
use crate::host::{files, places};
use crate::store::{Reader, Store, StoreError, applications, audit, chain, keys};

use super::Picked;

/// The memory of one admin, for all databases.
#[derive(Clone, Debug)]
pub struct Witness {
    folder: PathBuf,
}

/// What a look at a database has found.
#[derive(Clone, Debug, Default)]
pub struct Sight {
    /// The head that was remembered before; none for a database that is seen for the first time.
    pub seen: Option<ChainHead>,
    /// The log is not the one that was seen.
    pub doubt: Option<Doubt>,
    /// The memory could not be read or written: a sentence. Nobody is stopped by it.
    pub trouble: Option<String>,
}

/// The log is not the one that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The head that was seen, and is not in the log any more.
    pub seen: ChainHead,
    /// The head that there is.
    pub now: ChainHead,
    /// Whether another database stands in the place of the one that was seen.
    pub replaced: bool,
    /// Keys that were seen to be deleted, and are alive.
    pub revived: Vec<Revived>,
}

/// A key that was deleted once and is alive again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revived {
    /// The key as it is now.
    pub key: Key,
    /// What its Application is called.
    pub application: Option<Name>,
}

impl Revived {
    /// The key as it is now, for deleting it.
    #[must_use]
    pub fn picked(&self) -> Picked {
        Picked { id: self.key.id, version: self.key.version }
    }
}

/// How many keys a line names at the most.
const MOST_NAMED: usize = 20;

impl Doubt {
    /// Which keys are alive again: a sentence for the screen; none when there are none.
    #[must_use]
    pub fn alive_again(&self) -> Option<String> {
        let one = |revived: &Revived| format!("{} ({})", revived.key.name, revived.key.id);
        let named: Vec<String> = self.revived.iter().take(MOST_NAMED).map(one).collect();
        let more = self.revived.len() - named.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        match self.revived.len() {
            0 => None,
            1 => Some(format!("a deleted key is alive again, and let in: {}", named.join(""))),
            all => {
                Some(format!("{all} deleted keys are alive again, and let in: {}{more}", named.join(", ")))
            }
        }
    }

    /// The command that deletes the keys that are alive again, on this database where it is not the usual one.
    #[must_use]
    pub fn deletion(&self, database: Option<&Path>) -> Option<String> {
        if self.revived.is_empty() {
            return None;
        }
        let ids: Vec<&str> =
            self.revived.iter().take(MOST_NAMED).map(|revived| revived.key.id.as_str()).collect();
        Some(format!("keydesk keys delete {}{}", ids.join(" "), on(database)))
    }

    /// The command that takes the log as it is.
    #[must_use]
    pub fn acceptance(database: Option<&Path>) -> String {
        format!("keydesk audit accept{}", on(database))
    }
}

/// The option that names a database, as a shell reads it.
fn on(database: Option<&Path>) -> String {
    let Some(path) = database else { return String::new() };
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%".contains(c);
    if text.chars().all(plain) {
        format!(" --db {text}")
    } else {
        format!(" --db '{}'", text.replace('\'', "'\\''"))
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seen, now) = (self.seen.number, self.now.number);
        if self.replaced {
            return write!(
                f,
                "the database is not the one that you saw last in this place, with {seen} entries in its log. It was \
                 replaced, or made anew"
            );
        }
        write!(f, "the audit log is not the one that you saw last: ")?;
        if now < seen {
            write!(f, "you saw {seen} entries, and it has {now}. It was shortened, or a backup was restored")
        } else {
            write!(f, "its entry {seen} is another. It was written anew, or a backup was restored")
        }
    }
}

impl Witness {
    /// The memory in a folder, which is made when something is to be remembered.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The memory at its usual place: in the state folder of whoever runs this. None for a user without a home.
    #[must_use]
    pub fn usual() -> Option<Self> {
        places::default().map(|places| Self::new(places.witness))
    }

    /// Looks whether the log is the one that was seen, and remembers how it is now. It never fails.
    #[must_use]
    pub fn look(&self, store: &Store) -> Sight {
        match self.try_look(store) {
            Ok(sight) => sight,
            Err(trouble) => {
                tracing::warn!(%trouble, "the last head seen could not be compared");
                Sight { trouble: Some(trouble), ..Sight::default() }
            }
        }
    }

    /// Takes the log as it is for the one that was seen. Keys that are alive are not remembered as deleted any more.
    pub fn accept(&self, store: &Store) -> Result<ChainHead, StoreError> {
        let identity = store.read(chain::identity)?;
        let path = self.file(&identity);
        let mut remembered =
            recall(&path).unwrap_or_default().map(|memory| memory.deleted).unwrap_or_default();
        let (head, more) = store.read(|r| {
            let head = present(r)?;
            Ok((head, chain::deletions(r, 0, head.number)?))
        })?;
        remembered.retain(|id| !more.contains(id));
        let mut memory = Memory { head, deleted: Vec::new() };
        memory.advance(head, remembered.into_iter().chain(more));
        let alive = store.read(|r| revived(r, &memory.deleted))?;
        memory.deleted.retain(|id| alive.iter().all(|revived| revived.key.id != *id));
        self.remember(&path, &memory).map_err(|reason| StoreError::File {
            what: "write",
            path: path.clone(),
            reason,
        })?;
        self.settle(store, &identity).map_err(|reason| StoreError::File { what: "write", path, reason })?;
        Ok(head)
    }

    fn try_look(&self, store: &Store) -> Result<Sight, String> {
        let identity = store.read(chain::identity).map_err(|error| error.to_string())?;
        let path = self.file(&identity);
        let (memory, damaged) = match recall(&path) {
            Ok(memory) => (memory, None),
            Err(reason) => (None, Some(reason)),
        };
        if memory.is_none()
            && let Some(doubt) = self.stranger(store, &identity).map_err(|error| error.to_string())?
        {
            return Ok(Sight { seen: Some(doubt.seen), doubt: Some(doubt), trouble: damaged });
        }
        let (sight, next) = store.read(|r| compare(r, memory.as_ref())).map_err(|error| error.to_string())?;
        let mut trouble = damaged;
        if let Err(reason) = self.settle(store, &identity) {
            trouble = Some(format!("could not write to {}: {reason}", self.folder.display()));
        }
        if let Some(next) = next
            && let Err(reason) = self.remember(&path, &next)
        {
            trouble = Some(format!("could not write {}: {reason}", path.display()));
        }
        Ok(Sight { trouble, ..sight })
    }

    /// Whether a database that was never seen stands where another one was seen. An empty one is no stranger: nothing
    /// can be hidden in it, and whoever makes a database anew begins with one.
    fn stranger(&self, store: &Store, identity: &[u8; 16]) -> Result<Option<Doubt>, StoreError> {
        let known = self.place(store).and_then(|place| files::read_own(&place).ok());
        let Some(known) = known.as_deref().map(str::trim).filter(|known| *known != name(identity)) else {
            return Ok(None);
        };
        // A memory that is gone, or no name of one, tells nothing.
        let is_name = known.bytes().all(|byte| byte.is_ascii_hexdigit());
        let memory = if is_name { recall(&self.folder.join(known)).ok().flatten() } else { None };
        let Some(memory) = memory else { return Ok(None) };
        store.read(|r| {
            let now = present(r)?;
            if now.number == 0 {
                return Ok(None);
            }
            let revived = revived(r, &memory.deleted)?;
            Ok(Some(Doubt { seen: memory.head, now, replaced: true, revived }))
        })
    }

    /// Remembers which database stands in this place.
    fn settle(&self, store: &Store, identity: &[u8; 16]) -> Result<(), String> {
        let Some(place) = self.place(store) else { return Ok(()) };
        let text = format!("{}\n", name(identity));
        if files::read_own(&place).is_ok_and(|known| known == text) {
            return Ok(());
        }
        files::private_folder(&self.folder)
            .and_then(|()| replace(&place, text.as_bytes(), Access::Owner))
            .map_err(|error| error.to_string())
    }

    /// Where it is remembered which database stands at a path.
    fn place(&self, store: &Store) -> Option<PathBuf> {
        let path = store.path().canonicalize().ok()?;
        let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
        let short: &[u8; 16] = digest.first_chunk()?;
        Some(self.folder.join(format!("at-{}", name(short))))
    }

    fn file(&self, identity: &[u8; 16]) -> PathBuf {
        self.folder.join(name(identity))
    }

    fn remember(&self, path: &Path, memory: &Memory) -> Result<(), String> {
        files::private_folder(&self.folder)
            .and_then(|()| replace(path, memory.to_text().as_bytes(), Access::Owner))
            .map_err(|error| error.to_string())
    }
}

fn name(identity: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*identity))
}

/// Reads a memory, if there is one.
fn recall(path: &Path) -> Result<Option<Memory>, String> {
    match files::read_own(path) {
        Ok(text) => Memory::parse(&text).map(Some).ok_or_else(|| {
            format!("{} was damaged: the head that you saw last is not known", path.display())
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("could not read {}: {error}", path.display())),
    }
}

fn present(r: &Reader<'_>) -> Result<ChainHead, StoreError> {
    audit::head(r).map(|(number, hash)| ChainHead { number, hash })
}

/// Compares the memory with the log; and the memory as it is to be, where it is to be another.
fn compare(r: &Reader<'_>, memory: Option<&Memory>) -> Result<(Sight, Option<Memory>), StoreError> {
    let now = present(r)?;
    let Some(memory) = memory else {
        let mut next = Memory { head: now, deleted: Vec::new() };
        next.advance(now, chain::deletions(r, 0, now.number)?);
        // Nothing is worth remembering of a database that is not set up yet.
        return Ok((Sight::default(), (now.number > 0).then_some(next)));
    };
    let seen = memory.head;
    let there: Option<ChainHash> = chain::link(r, seen.number)?;
    if there == Some(seen.hash) {
        let next = if now == seen {
            None
        } else {
            let mut next = memory.clone();
            next.advance(now, chain::deletions(r, seen.number, now.number)?);
            Some(next)
        };
        return Ok((Sight { seen: Some(seen), ..Sight::default() }, next));
    }
    let revived = revived(r, &memory.deleted)?;
    Ok((
        Sight { seen: Some(seen), doubt: Some(Doubt { seen, now, replaced: false, revived }), trouble: None },
        None,
    ))
}

/// Which of these keys are alive.
fn revived(r: &Reader<'_>, deleted: &[KeyId]) -> Result<Vec<Revived>, StoreError> {
    let mut found: Vec<Revived> = Vec::new();
    for id in deleted {
        if let Some(key) = keys::get(r, *id)? {
            let application = name_of(r, key.application, &found)?;
            found.push(Revived { key, application });
        }
    }
    Ok(found)
}

fn name_of(r: &Reader<'_>, id: ApplicationId, known: &[Revived]) -> Result<Option<Name>, StoreError> {
    if let Some(same) = known.iter().find(|revived| revived.key.application == id) {
        return Ok(same.application.clone());
    }
    Ok(applications::get(r, id)?.map(|application| application.name))
}
