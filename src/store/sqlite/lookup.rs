//! The database access of a verification: a lookup by key ID on a read-only connection.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use rusqlite::{Connection, OptionalExtension};

use super::continuity::FileWatch;
use super::open;
use super::wal_index::{self, WalIndex};
use crate::domain::Instant;
use crate::domain::key::{Accepted, KeyId};
use crate::domain::secret::KeyHash;
use crate::store::continuity::Continuity;
use crate::store::id_row::{IdRow, Match};
use crate::store::known_key::{Claim, KeyCounts, KnownKey, LookupResult, MOST_KEPT};
use crate::store::row::Row;
use crate::store::second_chance::{ByKeyId, SecondChance};
use crate::store::{Reader, StoreError, convert, key_counts, state};

/// Maximum number of cached IDs of rejected texts, at 120 bytes each: what a hash table of 16,384 places holds.
const MOST_REJECTED_KEPT: usize = 14_336;

/// A read-only connection with a cache.
///
/// Each verification asks whether anything was committed ([`wal_index`]). If so, it reads SQLite's change counter (`PRAGMA
/// data_version`). After a committed change, the number that advances with all that a verification depends on (`generation`) tells whether the cache is dropped: recorded use does
/// not advance it. Keys that end when they are no longer used depend on that too, and are dropped after any change. The
/// file itself is checked too: see [`Continuity`].
///
/// Keys that may be accepted are cached, and found only with their own text. What the database has for the ID of any other
/// text, whatever that is, is cached separately, once such a text was presented. So the first text with an ID that is
/// rejected costs a read and the next ones cost none, whether the ID exists, existed, is in use, is that of a canary key, or
/// never was: the duration of a rejection reveals nothing about an ID. Rejected texts push no key out of the cache.
#[derive(Debug)]
pub(in crate::store) struct Lookup {
    connection: Connection,
    path: PathBuf,
    /// None where it cannot be read.
    index: Option<WalIndex>,
    /// What it was before the last look at the database.
    header: Option<wal_index::Header>,
    version: Option<i64>,
    generation: Option<i64>,
    file: FileWatch,
    continuity: Arc<Continuity>,
    kept: SecondChance<KeyId, KnownKey, ByKeyId>,
    /// Those of them that end when they are no longer used.
    kept_until_unused: Vec<KeyId>,
    /// For the IDs of rejected texts.
    rejected: SecondChance<KeyId, IdRow>,
}

impl Lookup {
    /// Opens the database read-only. Waits up to `patience` for a lock that blocks readers.
    ///
    /// # Errors
    /// When the database does not exist, cannot be read, or is not the one that `continuity` knows.
    pub(in crate::store) fn open(
        path: &Path,
        patience: Duration,
        continuity: Arc<Continuity>,
    ) -> Result<Self, StoreError> {
        open::check_file(path)?;
        let file = FileWatch::begin(path)?;
        continuity.check_file(&file, path);
        let connection = open::readable(path)?;
        connection
            .busy_timeout(patience)
            .map_err(|error| StoreError::from_sqlite(&error, "opening it", path))?;
        let mut lookup = Self {
            connection,
            path: path.to_owned(),
            index: None,
            header: None,
            version: None,
            generation: None,
            file,
            continuity,
            kept: SecondChance::new(MOST_KEPT),
            kept_until_unused: Vec::new(),
            rejected: SecondChance::new(MOST_REJECTED_KEPT),
        };
        lookup.renew()?;
        Ok(lookup)
    }

    /// Looks up a presented text.
    pub(in crate::store) fn find<T>(
        &mut self,
        claim: Claim<'_>,
        judge: impl FnOnce(LookupResult<'_>) -> T,
    ) -> Result<T, StoreError> {
        self.renew()?;
        if let Some(cached) = self.cached(claim) {
            return Ok(judge(cached));
        }
        self.kept.evict_for(1);
        let found = self.read(claim)?;
        self.confirm_file()?;
        Ok(judge(self.result(claim, found)))
    }

    /// Looks up several texts in one read. `judge` gets the results in order, or none where this fails.
    pub(in crate::store) fn find_all<'a>(
        &mut self,
        claims: impl Iterator<Item = Claim<'a>> + Clone,
        mut judge: impl FnMut(LookupResult<'_>),
    ) -> Result<(), StoreError> {
        self.renew()?;
        let asked = claims.clone().count();
        let mut cached = Vec::with_capacity(asked);
        cached.extend(claims.clone().map_while(|claim| self.cached(claim)));
        if cached.len() == asked {
            cached.into_iter().for_each(judge);
            return Ok(());
        }
        drop(cached);
        // Now, so that what is found from here on stays until it is judged.
        self.kept.evict_for(asked);
        let found = if asked == 1 {
            claims.clone().map(|claim| self.read(claim)).collect()
        } else {
            // Reads everything that is not cached.
            self.execute("BEGIN")?;
            let found: Result<Vec<Match>, _> = claims
                .clone()
                .map(|claim| self.cached(claim).map(Match::from).map_or_else(|| self.read(claim), Ok))
                .collect();
            self.execute("COMMIT")?;
            found
        }?;
        self.confirm_file()?;
        for (claim, found) in claims.zip(found) {
            judge(self.result(claim, found));
        }
        Ok(())
    }

    /// Checks whether the database has changed, and drops the cache if so.
    ///
    /// # Errors
    /// When the database cannot be read, or another copy was written over it.
    pub(in crate::store) fn renew(&mut self) -> Result<(), StoreError> {
        self.continuity.confirm(&self.path)?;
        self.confirm_file()?;
        let header = self.index.as_ref().and_then(WalIndex::header);
        if header.is_none() || header != self.header {
            self.renew_by_counters()?;
            self.header = header;
            if self.index.is_none() {
                self.index = WalIndex::open(&self.path);
            }
        }
        // The list has those that were evicted and read again more than once.
        if self.kept_until_unused.len() > MOST_KEPT {
            self.drop_until_unused();
        }
        Ok(())
    }

    fn renew_by_counters(&mut self) -> Result<(), StoreError> {
        let version = self
            .connection
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut statement| statement.query_row([], |row| row.get::<_, i64>(0)))
            .map_err(|error| self.fault(&error))?;
        if self.version != Some(version) {
            let generation = self
                .connection
                .prepare_cached("SELECT number FROM generation")
                .and_then(|mut statement| statement.query_row([], |row| row.get::<_, i64>(0)).optional())
                .map_err(|error| self.fault(&error))?;
            if generation.is_none() || generation != self.generation {
                state::confirm_active(&Reader::sqlite(&self.connection, &self.path))?;
                self.kept.clear();
                self.kept_until_unused.clear();
                self.rejected.clear();
            }
            self.drop_until_unused();
            self.generation = generation;
            self.continuity.check(&self.connection, &self.path)?;
            self.version = Some(version);
        }
        Ok(())
    }

    fn drop_until_unused(&mut self) {
        for id in self.kept_until_unused.drain(..) {
            self.kept.remove(&id);
        }
    }

    /// Checks that the data comes from the known file.
    fn confirm_file(&mut self) -> Result<(), StoreError> {
        if self.file.has_changed(&self.path)? {
            self.continuity.check_file(&self.file, &self.path);
            // Pages cached by SQLite would hide the present content of the file.
            self.connection.execute_batch("PRAGMA shrink_memory").map_err(|error| self.fault(&error))?;
            self.continuity.check(&self.connection, &self.path)?;
        }
        Ok(())
    }

    /// What is cached for a text.
    fn cached(&self, claim: Claim<'_>) -> Option<LookupResult<'_>> {
        if let Some(key) = self.kept(claim) {
            return Some(LookupResult::Key(key));
        }
        let (id, hash) = claim;
        match self.rejected.get(&id)?.compare(hash) {
            // Rejected was another text.
            Match::Key => None,
            found => Some(self.result(claim, found)),
        }
    }

    /// The cached key of a text. An ID that is not cached is compared too, with a hash that no text has.
    fn kept(&self, (id, hash): Claim<'_>) -> Option<&KnownKey> {
        let key = self.kept.get(&id);
        let none = KeyHash::from_bytes([0; 32]);
        if key.map_or(&none, |key| &key.hash).matches(hash) { key } else { None }
    }

    fn result(&self, (id, _): Claim<'_>, found: Match) -> LookupResult<'_> {
        match found {
            Match::Key => self.kept.get(&id).map_or(LookupResult::Nothing, LookupResult::Key),
            Match::Deleted => LookupResult::Deleted,
            Match::Canary => LookupResult::Canary,
            Match::Nothing => LookupResult::Nothing,
        }
    }

    fn execute(&self, sql: &str) -> Result<(), StoreError> {
        let said = self.connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
        said.map(drop).map_err(|error| self.fault(&error))
    }

    fn fault(&self, error: &rusqlite::Error) -> StoreError {
        StoreError::from_sqlite(error, "looking up a key", &self.path)
    }

    /// Counts the keys in each state, by a scan of an index.
    pub(in crate::store) fn counts(&self, now: Instant, soon: TimeDelta) -> Result<KeyCounts, StoreError> {
        key_counts::by_state(&Reader::sqlite(&self.connection, &self.path), now, soon)
    }

    /// Counts the canary keys with a use that was not acknowledged.
    pub(in crate::store) fn canaries_used(&self) -> Result<i64, StoreError> {
        key_counts::canaries_used(&Reader::sqlite(&self.connection, &self.path))
    }

    /// Reads what the database has for a text, and caches it.
    fn read(&mut self, claim: Claim<'_>) -> Result<Match, StoreError> {
        let (id, hash) = claim;
        let (row, found, key) = IdRow::read(&self.connection, id, |row| {
            let found = row.compare(hash);
            let key = if matches!(found, Match::Key) { self.read_key(id)? } else { None };
            Ok::<_, StoreError>((row, found, key))
        })
        .map_err(|error| self.fault(&error))??;
        if let Some(key) = key {
            if key.until_unused.is_some() {
                self.kept_until_unused.push(id);
            }
            self.kept.insert(id, key);
        } else if id != KeyId::PROBE {
            // Health checks read the database each time.
            self.rejected.evict_for(1);
            self.rejected.insert(id, row);
        }
        Ok(found)
    }

    fn read_key(&self, id: KeyId) -> Result<Option<KnownKey>, StoreError> {
        self.connection
            .prepare_cached(concat!(
                "SELECT k.hash, k.name, a.name, k.platform, k.type, k.expires, k.disabled, k.disabled_until, \
                 k.allowed_sources, s.last, ",
                convert::until_unused_columns!(),
                " FROM keys k JOIN applications a ON a.id = k.application_id \
                 LEFT JOIN key_use s ON s.key_id = k.key_id AND k.unused_for IS NOT NULL WHERE k.key_id = ?1"
            ))
            .and_then(|mut statement| {
                statement
                    .query_row([id.as_str()], |row| {
                        let row = &Row::from(row);
                        let known = Accepted {
                            id,
                            name: convert::name(row, 1)?,
                            application: convert::name(row, 2)?,
                            platform: convert::kind(row, 3)?.platform().map(str::to_owned),
                            key_type: convert::key_type(row, 4)?,
                            expires: convert::instant(row, 5)?,
                        };
                        let outage = convert::outage(row, 6)?;
                        Ok(KnownKey {
                            hash: KeyHash::from_bytes(row.get(0)?),
                            outage,
                            allowed_sources: convert::allowed_sources(row, 8)?,
                            until_unused: match convert::until_unused(row, 10, outage)? {
                                Some(rule) => Some(Box::new((rule, convert::maybe_instant(row, 9)?))),
                                None => None,
                            },
                            known: Arc::new(known),
                        })
                    })
                    .optional()
            })
            .map_err(|error| self.fault(&error))
    }
}
