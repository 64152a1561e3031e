//! The one read of a verification: a point lookup by key ID on a read-only connection.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use rusqlite::{Connection, OptionalExtension};

use super::{StoreError, convert, open};
use crate::domain::Instant;
use crate::domain::key::{Accepted, KeyId};
use crate::domain::secret::KeyHash;

/// How many keys are kept in memory, at some hundred bytes each.
const MOST_KEPT: usize = 10_000;

/// A read-only connection, and what was read through it since the database last changed.
///
/// SQLite's own counter of changes is read each time, from the database (`PRAGMA data_version`). While it stands, so
/// does what was read before; one committed change anywhere, and everything is read anew.
#[derive(Debug)]
pub struct Lookup {
    connection: Connection,
    path: PathBuf,
    version: Option<i64>,
    kept: HashMap<KeyId, Found>,
}

/// What stands under a key ID.
#[derive(Debug)]
pub enum Found {
    /// A key.
    Key(KnownKey),
    /// A deleted key's hash.
    Tombstone(KeyHash),
    /// Nothing, now or before.
    Nothing,
}

/// How many keys there are in each state, of all Applications.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyCounts {
    /// They work, and will for longer than "soon".
    pub valid: u64,
    /// They work, and not for long.
    pub expires_soon: u64,
    /// Their time has come.
    pub expired: u64,
    /// They are paused.
    pub disabled: u64,
}

/// What a verification must know of a key.
#[derive(Debug)]
pub struct KnownKey {
    /// SHA-256 of its text.
    pub hash: KeyHash,
    /// Whether it is paused.
    pub disabled: bool,
    /// The rest, which those who let it in get too.
    pub known: Arc<Accepted>,
}

impl Lookup {
    /// Opens the database for reading; waits `patience` where a lock keeps readers out.
    pub fn open(path: &Path, patience: Duration) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::NoDatabase { path: path.to_owned() });
        }
        let connection = open::readable(path)?;
        connection
            .busy_timeout(patience)
            .map_err(|error| StoreError::from_sqlite(&error, "opening it", path))?;
        Ok(Self { connection, path: path.to_owned(), version: None, kept: HashMap::new() })
    }

    /// What stands under an ID at this moment.
    pub fn find<T>(&mut self, id: KeyId, judge: impl FnOnce(&Found) -> T) -> Result<T, StoreError> {
        self.renew()?;
        if let Some(found) = self.kept.get(&id) {
            return Ok(judge(found));
        }
        let found = self.read(id)?;
        let judged = judge(&found);
        if self.kept.len() >= MOST_KEPT {
            self.kept.clear();
        }
        self.kept.insert(id, found);
        Ok(judged)
    }

    /// What stands under several IDs, at one moment: `judge` gets each in its turn, or none where this fails.
    pub fn find_all(
        &mut self,
        ids: impl Iterator<Item = KeyId> + Clone,
        mut judge: impl FnMut(&Found),
    ) -> Result<(), StoreError> {
        self.renew()?;
        let mut found = Vec::with_capacity(ids.size_hint().0);
        found.extend(ids.clone().map_while(|id| self.kept.get(&id)));
        if found.len() == ids.clone().count() {
            found.into_iter().for_each(judge);
            return Ok(());
        }
        drop(found);
        if self.kept.len() >= MOST_KEPT {
            self.kept.clear();
        }
        // All that is missing in one read.
        self.say("BEGIN")?;
        let read = ids.clone().try_for_each(|id| -> Result<(), StoreError> {
            if !self.kept.contains_key(&id) {
                let found = self.read(id)?;
                self.kept.insert(id, found);
            }
            Ok(())
        });
        self.say("COMMIT")?;
        read?;
        ids.for_each(|id| judge(self.kept.get(&id).unwrap_or(&Found::Nothing)));
        Ok(())
    }

    /// Forgets what was read if the database has changed since.
    fn renew(&mut self) -> Result<(), StoreError> {
        let version = self
            .connection
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut statement| statement.query_row([], |row| row.get::<_, i64>(0)))
            .map_err(|error| self.fault(&error))?;
        if self.version != Some(version) {
            self.kept.clear();
            self.version = Some(version);
        }
        Ok(())
    }

    fn say(&self, sql: &str) -> Result<(), StoreError> {
        let said = self.connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
        said.map(drop).map_err(|error| self.fault(&error))
    }

    fn fault(&self, error: &rusqlite::Error) -> StoreError {
        StoreError::from_sqlite(error, "looking up a key", &self.path)
    }

    /// How many keys there are in each state; it looks at every key, in an index.
    pub fn counts(&self, now: Instant, soon: TimeDelta) -> Result<KeyCounts, StoreError> {
        self.connection
            .query_row(
                "SELECT count(*) FILTER (WHERE expires <= ?1), \
                 count(*) FILTER (WHERE expires > ?1 AND is_disabled), \
                 count(*) FILTER (WHERE expires > ?1 AND expires <= ?2 AND NOT is_disabled), \
                 count(*) FILTER (WHERE expires > ?1 AND expires > ?2 AND NOT is_disabled) \
                 FROM keys INDEXED BY keys_by_state",
                [now.timestamp(), (now + soon).timestamp()],
                |row| {
                    Ok(KeyCounts {
                        expired: row.get(0)?,
                        disabled: row.get(1)?,
                        expires_soon: row.get(2)?,
                        valid: row.get(3)?,
                    })
                },
            )
            .map_err(|error| StoreError::from_sqlite(&error, "counting keys", &self.path))
    }

    fn read(&self, id: KeyId) -> Result<Found, StoreError> {
        let key = self
            .connection
            .prepare_cached(
                "SELECT k.hash, k.name, a.name, k.platform, k.type, k.expires, k.disabled IS NOT NULL \
                 FROM keys k JOIN applications a ON a.id = k.application_id WHERE k.key_id = ?1",
            )
            .and_then(|mut statement| {
                statement
                    .query_row([id.as_str()], |row| {
                        let known = Accepted {
                            id,
                            name: convert::name(row, 1)?,
                            application: convert::name(row, 2)?,
                            platform: convert::kind(row, 3)?.platform().map(str::to_owned),
                            key_type: convert::key_type(row, 4)?,
                            expires: convert::instant(row, 5)?,
                        };
                        Ok(KnownKey {
                            hash: KeyHash::from_bytes(row.get(0)?),
                            disabled: row.get(6)?,
                            known: Arc::new(known),
                        })
                    })
                    .optional()
            })
            .map_err(|error| self.fault(&error))?;
        if let Some(key) = key {
            return Ok(Found::Key(key));
        }
        let hash = self
            .connection
            .prepare_cached("SELECT hash FROM tombstones WHERE key_id = ?1")
            .and_then(|mut statement| statement.query_row([id.as_str()], |row| row.get(0)).optional())
            .map_err(|error| self.fault(&error))?;
        Ok(hash.map_or(Found::Nothing, |hash| Found::Tombstone(KeyHash::from_bytes(hash))))
    }
}
