//! A database of PostgreSQL, over one connection that is opened again when it was lost.

use std::cell::{Cell, Ref, RefCell};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::recording::NOW;
use super::{migrate, schema};
use crate::domain;
use crate::domain::audit::ChainHash;
use crate::domain::location::Location;
use crate::domain::postgres_url::PostgresUrl;
use crate::domain::token::Entropy;
use crate::domain::user::Caller;
use crate::store::StoreError;
use crate::store::clock::{DatabaseClock, ServerClock};
use crate::store::convert;
use crate::store::error::Settled;
use crate::store::reader::Reader;
use crate::store::server::{
    CommitFault, ConnectOptions, Connection, Fault, Interrupter, LatestTimeline, Timeline, open_latest,
    timeline_number,
};
use crate::store::value::{Value, values};

/// How long a change waits for the lock of another one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A weaker setting of the server or the role would report a change as done that is not on the disk.
pub(super) const COMMIT_TO_DISK: &str = "SELECT set_config('synchronous_commit', \
    CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true)";

/// Whether a commit waits for the disk, and for synchronous standbys, with this `synchronous_commit`.
pub(super) fn commits_to_disk(setting: &str) -> bool {
    matches!(setting, "on" | "remote_apply")
}

/// The state of the database and of its server.
macro_rules! state {
    ($timeline:expr) => {
        concat!(
            "SELECT identity, status, moved_to, current_setting('synchronous_commit'), pg_is_in_recovery(), ",
            $timeline,
            ", floor(extract(epoch FROM clock_timestamp()))::bigint FROM database"
        )
    };
}

/// Every statement reads few rows along an index, or walks over one index. Compiling it takes a hundred times as long as
/// running it, and a page that is not the next one is rarely read from a disk that has to move its head.
const PLANS: &str = "SET LOCAL jit = off; SET LOCAL random_page_cost = 1.1";

/// How long to look for a change whose commit was not confirmed.
const SETTLING: Duration = Duration::from_secs(5);

/// How long tables may be analyzed.
const VACUUMING: Duration = Duration::from_mins(30);

/// A connection to a database. A commit has no limit but that of the connection, and is never canceled.
#[derive(Debug)]
pub(in crate::store) struct Database {
    url: PostgresUrl,
    latest: Arc<LatestTimeline>,
    connection: RefCell<Connection>,
    identity: [u8; 16],
    /// What the clock of the server shows.
    clock: Arc<ServerClock>,
    patience: Cell<Duration>,
    /// Of the present connection.
    interrupter: Arc<Mutex<Interrupter>>,
    warnings: Vec<String>,
}

impl Database {
    /// Opens a database. Creates the tables in an empty one.
    pub(in crate::store) fn open(url: &PostgresUrl, entropy: &mut dyn Entropy) -> Result<Self, StoreError> {
        match Self::open_existing(url) {
            Err(StoreError::NoDatabase { .. }) => {
                let (connection, latest) = first_connection(url)?;
                migrate::create(&connection, url, entropy)?;
                Self::on(connection, latest, url)
            }
            opened => opened,
        }
    }

    /// Opens a database with the tables of keydesk.
    pub(in crate::store) fn open_existing(url: &PostgresUrl) -> Result<Self, StoreError> {
        let (connection, latest) = first_connection(url)?;
        migrate::check(&connection, url)?;
        schema::confirm(&connection, url)?;
        Self::on(connection, latest, url)
    }

    /// The same, also when its schema was changed outside keydesk.
    pub(in crate::store) fn open_altered(url: &PostgresUrl) -> Result<Self, StoreError> {
        let (connection, latest) = first_connection(url)?;
        Self::on(connection, latest, url)
    }

    fn on(
        connection: Connection,
        latest: Arc<LatestTimeline>,
        url: &PostgresUrl,
    ) -> Result<Self, StoreError> {
        migrate::check(&connection, url)?;
        let database = Self {
            url: url.clone(),
            latest,
            identity: identity(&connection, url)?,
            clock: Arc::new(ServerClock::new(shown(&connection, url)?)),
            interrupter: Arc::new(Mutex::new(connection.interrupter())),
            warnings: connection.warnings().to_vec(),
            connection: RefCell::new(connection),
            patience: Cell::new(BUSY_TIMEOUT),
        };
        Ok(database)
    }

    /// The clock of the server.
    pub(in crate::store) fn clock(&self) -> DatabaseClock {
        DatabaseClock::server(Arc::clone(&self.clock))
    }

    /// Sentences about password files.
    pub(in crate::store) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The role of this session, and its OID.
    pub(in crate::store) fn caller(&self) -> Result<Caller, StoreError> {
        self.read(|r| {
            let sql = "SELECT session_user::text, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user)";
            let found = r.first("reading the role of the session", sql, &[], |row| {
                Ok(Caller { login: row.get(0)?, uid: row.get(1)? })
            })?;
            found.ok_or_else(|| r.damaged("the session has no role".into()))
        })
    }

    pub(in crate::store) fn read<T>(
        &self,
        f: impl FnOnce(&Reader<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let connection = self.connection()?;
        let fault = |fault: Fault| fault.during("reading", &self.url);
        let begin = format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {PLANS}");
        connection.begin(&begin).map_err(fault)?;
        let result = f(&Reader::postgres(&connection, &self.url));
        // Ends a transaction that failed too.
        let ended = connection.roll_back().map_err(fault);
        result.and_then(|result| ended.map(|()| result))
    }

    /// Reads with one statement, which needs no transaction.
    pub(in crate::store) fn glance<T>(
        &self,
        f: impl FnOnce(&Reader<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        f(&Reader::postgres(&*self.connection()?, &self.url))
    }

    /// Makes a change in one transaction, after those of other sessions. `change` gets what the clock of the server shows
    /// then, and also returns the last entry that it added to the audit log.
    pub(in crate::store) fn transact<T, E: From<StoreError>>(
        &mut self,
        change: impl FnOnce(Reader<'_>, domain::Instant) -> Result<(T, Option<(u64, ChainHash)>), E>,
    ) -> Result<T, E> {
        let connection = self.connection()?;
        self.begin(&connection)?;
        let changed = self.lock_head(&connection).map_err(E::from).and_then(|now| {
            let reader = Reader::postgres(&connection, &self.url);
            change(reader, now)
        });
        let (result, entry) = match changed {
            Ok(changed) => changed,
            Err(error) => {
                let _ = connection.roll_back();
                return Err(error);
            }
        };
        match connection.commit() {
            Ok(()) => Ok(result),
            Err(CommitFault::Rejected(fault)) => Err(fault.during("committing", &self.url).into()),
            Err(CommitFault::Unknown(fault)) => {
                drop(connection);
                Err(self.unconfirmed(&fault, entry).into())
            }
        }
    }

    /// The same, where all that is read is from one state of the database: changes wait for it, and the recording of use does
    /// too.
    pub(in crate::store) fn hold<T, E: From<StoreError>>(
        &mut self,
        change: impl FnOnce(Reader<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.transact(|reader, _| {
            let lock = "SELECT pg_advisory_xact_lock(?1)";
            reader.first(
                "waiting for use that is being recorded",
                lock,
                values![migrate::USE_LOCK],
                |_| Ok(()),
            )?;
            Ok((change(reader)?, None))
        })
    }

    /// Another identity was given to this database over this connection.
    pub(in crate::store) fn adopt_identity(&mut self) -> Result<(), StoreError> {
        let found = identity(&*self.connection()?, &self.url)?;
        self.identity = found;
        Ok(())
    }

    /// Removes dead rows and counts what there is, so that lists use the right indexes from the start.
    pub(in crate::store) fn vacuum(&self) -> Result<(), StoreError> {
        let connection = self.connection()?;
        connection.set_patience(VACUUMING);
        let done = connection.batch("VACUUM (ANALYZE)");
        connection.set_patience(ConnectOptions::default().patience);
        done.map_err(|fault| fault.during("analyzing its tables", &self.url))
    }

    fn begin(&self, connection: &Connection) -> Result<(), StoreError> {
        let milliseconds = self.patience.get().as_millis().clamp(1, 3_600_000);
        let sql = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = {milliseconds}; \
             SET LOCAL client_min_messages = warning; {PLANS}; {COMMIT_TO_DISK}"
        );
        connection.begin(&sql).map_err(|fault| fault.during("beginning a change", &self.url))
    }

    /// Waits for the changes of other sessions, and checks that this is the database that was opened, on a primary that
    /// commits to the disk. Returns what the clock of the server shows then.
    fn lock_head(&self, connection: &Connection) -> Result<domain::Instant, StoreError> {
        const WHAT: &str = "beginning a change";
        let fault = |fault: Fault| fault.during(WHAT, &self.url);
        connection.query("SELECT 1 FROM head WHERE id = 1 FOR UPDATE", &[]).map_err(fault)?;
        let r = Reader::postgres(connection, &self.url);
        let opened = connection.facts().timeline;
        let sql = if opened.is_some() { state!(timeline_number!()) } else { state!("NULL::bigint") };
        let found = r.first(WHAT, sql, &[], |row| {
            let (identity, status): ([u8; 16], String) = (row.get(0)?, row.get(1)?);
            let (to, commit): (Option<String>, String) = (row.get(2)?, row.get(3)?);
            let about = (row.get::<bool>(4)?, row.get(5)?, convert::instant(row, 6)?);
            Ok((identity, status, to, commit, about))
        })?;
        let Some((identity, status, to, commit, (in_recovery, number, shown))) = found else {
            return Err(r.damaged("it has no identity".into()));
        };
        if let (Some(opened), Some(number)) = (opened, number) {
            self.latest.confirm(Timeline { number, ..opened }).map_err(fault)?;
        }
        if identity != self.identity {
            return Err(StoreError::Replaced { database: self.location() });
        }
        if status == "moved" {
            return Err(StoreError::MovedTo { database: self.location(), to: to.unwrap_or_default() });
        }
        if in_recovery || !commits_to_disk(&commit) {
            let reason = if in_recovery {
                "the server follows another one".to_owned()
            } else {
                format!("synchronous_commit is {commit} and must be on")
            };
            return Err(StoreError::Sqlite { what: WHAT, reason });
        }
        self.clock.learn(shown);
        Ok(shown)
    }

    /// Looks for the last entry of a change over a new connection.
    fn unconfirmed(&self, fault: &Fault, entry: Option<(u64, ChainHash)>) -> StoreError {
        let until = Instant::now() + SETTLING;
        let mut found = Settled::Unknown;
        while let Some(entry) = entry {
            found = connect(&self.url, &self.latest)
                .and_then(|connection| self.look_for(entry, &connection, until))
                .unwrap_or(Settled::Unknown);
            if found != Settled::Unknown || Instant::now() >= until {
                break;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        StoreError::Unconfirmed { reason: fault.to_string(), found }
    }

    /// An entry that is not there may still be on its way: its session holds the head until it has ended. So the answer
    /// counts only with the head locked.
    fn look_for(
        &self,
        (number, hash): (u64, ChainHash),
        connection: &Connection,
        until: Instant,
    ) -> Result<Settled, StoreError> {
        const WHAT: &str = "looking for the change";
        let r = Reader::postgres(connection, &self.url);
        let is_there = || {
            let sql = "SELECT EXISTS (SELECT 1 FROM audit WHERE number = ?1 AND hash = ?2)";
            r.value::<bool>(WHAT, sql, values![number, hash.0])
        };
        if is_there()? {
            return Ok(Settled::Saved);
        }
        let fault = |fault: Fault| fault.during(WHAT, &self.url);
        let left = until.saturating_duration_since(Instant::now()).as_millis().max(1);
        let begin = format!("BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = {left}");
        connection.begin(&begin).map_err(fault)?;
        connection.query("SELECT 1 FROM head WHERE id = 1 FOR UPDATE", &[]).map_err(fault)?;
        let found = if is_there()? { Settled::Saved } else { Settled::NotSaved };
        connection.roll_back().map_err(fault)?;
        Ok(found)
    }

    /// A number that changes when a session has committed something.
    pub(in crate::store) fn data_version(&self) -> Result<i64, StoreError> {
        let connection = self.connection()?;
        let r = Reader::postgres(&connection, &self.url);
        let sql = format!("SELECT hashtextextended(pg_current_snapshot()::text, 0), {NOW}");
        let found =
            r.first("checking for changes", &sql, &[], |row| Ok((row.get(0)?, convert::instant(row, 1)?)))?;
        let (version, shown) = found.ok_or_else(|| r.damaged("a query has no result".into()))?;
        self.clock.learn(shown);
        Ok(version)
    }

    pub(in crate::store) fn interrupter(&self) -> Arc<Mutex<Interrupter>> {
        Arc::clone(&self.interrupter)
    }

    /// Sets how long changes wait for other sessions.
    pub(in crate::store) fn set_patience(&self, patience: Duration) {
        self.patience.set(patience);
    }

    #[cfg(test)]
    pub(in crate::store) fn sabotage(&self, sql: &str) {
        if let Ok(connection) = self.connection() {
            connection.batch(sql).unwrap_or_default();
        }
    }

    /// Runs a statement outside of a transaction, for what a session keeps besides changes.
    pub(in crate::store) fn query(
        &self,
        what: &'static str,
        sql: &str,
        values: &[Value],
    ) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        self.connection()?.query(sql, values).map_err(|fault| fault.during(what, &self.url))
    }

    pub(in crate::store) fn url(&self) -> &PostgresUrl {
        &self.url
    }

    fn location(&self) -> Location {
        self.url.clone().into()
    }

    /// The connection, or a new one where it was lost or leads to an old primary.
    pub(super) fn connection(&self) -> Result<Ref<'_, Connection>, StoreError> {
        let is_usable = |connection: &Connection| !connection.is_closed() && !connection.is_old(&self.latest);
        if !is_usable(&self.connection.borrow()) {
            let new = connect(&self.url, &self.latest)?;
            if identity(&new, &self.url)? != self.identity {
                return Err(StoreError::Replaced { database: self.location() });
            }
            *self.interrupter.lock().unwrap_or_else(PoisonError::into_inner) = new.interrupter();
            self.connection.replace(new);
        }
        Ok(self.connection.borrow())
    }
}

/// A connection, with what the next ones have to follow.
fn first_connection(url: &PostgresUrl) -> Result<(Connection, Arc<LatestTimeline>), StoreError> {
    let latest = Arc::default();
    let connection = open_latest(url, ConnectOptions::default(), &latest);
    Ok((connection.map_err(|fault| fault.during("connecting", url))?, latest))
}

/// A connection to a primary on the latest timeline that was seen.
pub(super) fn connect(url: &PostgresUrl, latest: &Arc<LatestTimeline>) -> Result<Connection, StoreError> {
    Connection::open(url, ConnectOptions::default(), latest).map_err(|fault| fault.during("connecting", url))
}

/// What the clock of the server shows.
fn shown(connection: &Connection, url: &PostgresUrl) -> Result<domain::Instant, StoreError> {
    let r = Reader::postgres(connection, url);
    let found = r.first("reading the clock of the server", &format!("SELECT {NOW}"), &[], |row| {
        convert::instant(row, 0)
    })?;
    found.ok_or_else(|| r.damaged("a query has no result".into()))
}

pub(super) fn identity(connection: &Connection, url: &PostgresUrl) -> Result<[u8; 16], StoreError> {
    let r = Reader::postgres(connection, url);
    r.value("reading the identity of the database", "SELECT identity FROM database", &[])
}
