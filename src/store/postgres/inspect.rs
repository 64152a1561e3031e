//! Facts about a server, the connection to it and the role of the session, for `keydesk doctor`. Nothing is changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;

use super::database::{COMMIT_TO_DISK, commits_to_disk, connect};
pub use super::synchronous::{Choice, SynchronousRule};
use super::{migrate, schema};
use crate::domain::Instant;
use crate::domain::postgres_url::{Encryption, PostgresUrl};
use crate::host::clock;
use crate::store::reader::Reader;
use crate::store::server::{Connection, Fault, LatestTimeline, version};
use crate::store::{SchemaDifference, StoreError};

pub(crate) use super::migrate::NEWEST;
pub(crate) use crate::store::server::version::TESTED as TESTED_VERSIONS;

/// How often two connections are asked which process of the server serves them.
const ROUNDS: usize = 5;

const WHAT: &str = "reading about the server";

/// A connection to a server, whatever its database contains.
#[derive(Debug)]
pub struct ServerInspection {
    connection: Connection,
    url: PostgresUrl,
    latest: Arc<LatestTimeline>,
}

/// What was read in one transaction.
#[derive(Clone, Debug)]
pub struct ServerFacts {
    /// The server that was reached, such as `db.internal:5432`.
    pub server: String,
    /// Such as `15.14`.
    pub version: String,
    pub major_version: i64,
    pub protection: Protection,
    pub clock: ClockDifference,
    pub commits: Commits,
    pub standbys: Standbys,
    pub role: Role,
}

/// How the connection is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Not at all, and it does not leave this machine.
    Local,
    /// With TLS from here to the server, of this version.
    Verified { version: String },
    /// With TLS to something that connects to the server.
    VerifiedToProxy { beyond: Beyond },
}

/// A connection from a proxy or pooler to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beyond {
    Local,
    NoTls,
}

/// How far the clock of the server is ahead of the one of this machine, at the least. Negative: behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockDifference(pub TimeDelta);

/// What a commit is worth on the server itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commits {
    /// The settings that make the database survive a crash of the machine, and are off.
    pub off: Vec<&'static str>,
    /// The setting `synchronous_commit` of the session.
    pub usual: String,
    /// The same in a change of keydesk.
    pub in_changes: String,
    /// Whether a change waits until it is on the disk and on synchronous standbys.
    pub changes_wait: bool,
    /// The setting `default_transaction_read_only` of the session.
    pub read_only: bool,
}

/// The standbys of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standbys {
    /// None where commits wait for none.
    pub rule: Option<SynchronousRule>,
    /// The names of those that are connected.
    pub connected: Vec<String>,
    /// The names of those that the server takes as synchronous; none where the role may not see it.
    pub synchronous: Option<Vec<String>>,
}

impl Standbys {
    /// The standbys for which a commit waits.
    #[must_use]
    pub fn waited_for(&self) -> Vec<&str> {
        match (&self.rule, &self.synchronous) {
            (None, _) => Vec::new(),
            (Some(_), Some(names)) => names.iter().map(String::as_str).collect(),
            (Some(rule), None) => rule.chosen(&self.connected),
        }
    }
}

/// What the role of the session may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    pub name: String,
    pub kind: RoleKind,
    /// What it can do and keydesk does not need.
    pub excess: Vec<Excess>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleKind {
    /// Reads everything and makes changes.
    Administrator,
    /// Reads everything and changes nothing.
    Reader,
    /// Reads what a verification needs and writes use.
    Gateway,
    /// Lacks rights for either.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    Superuser,
    CreatesRoles,
    OwnsTables,
    CreatesTables,
}

/// This connection as the server sees it.
const PROTECTION: &str = "\
SELECT s.version, \
    inet_client_addr() IS NULL OR inet_client_addr() <<= inet '127.0.0.0/8' OR inet_client_addr() = inet '::1' \
FROM (SELECT pg_backend_pid() AS pid) p LEFT JOIN pg_catalog.pg_stat_ssl s ON s.pid = p.pid AND s.ssl";

const COMMITS: &str = "\
SELECT current_setting('fsync')::boolean, current_setting('full_page_writes')::boolean, \
    current_setting('synchronous_commit'), current_setting('default_transaction_read_only')::boolean";

/// `sync_state` is null where the role may not see it.
const STANDBYS: &str = "\
SELECT coalesce(application_name, ''), sync_state FROM pg_catalog.pg_stat_replication ORDER BY 1";

/// Of the tables, only those of keydesk are looked at. Rights that were granted to columns count.
const ROLE: &str = "\
WITH ours AS (SELECT c.relname, c.oid, c.relowner FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind = 'r' \
    AND c.relname IN ('users', 'keys', 'audit', 'key_use', 'recorders') AND has_schema_privilege(session_user, n.oid, 'USAGE')) \
SELECT session_user::text, r.rolsuper, r.rolcreaterole, \
    EXISTS (SELECT 1 FROM ours WHERE pg_has_role(session_user, relowner, 'MEMBER')), \
    has_schema_privilege(session_user, 'public', 'CREATE'), \
    EXISTS (SELECT 1 FROM ours WHERE relname = 'users' AND has_table_privilege(session_user, oid, 'SELECT')), \
    EXISTS (SELECT 1 FROM ours WHERE relname = 'audit' AND has_table_privilege(session_user, oid, 'INSERT')), \
    EXISTS (SELECT 1 FROM ours WHERE relname = 'keys' AND has_any_column_privilege(session_user, oid, 'SELECT')) \
    AND EXISTS (SELECT 1 FROM ours WHERE relname = 'key_use' AND has_table_privilege(session_user, oid, 'INSERT')) \
FROM pg_catalog.pg_roles r WHERE r.rolname = session_user";

impl ServerInspection {
    /// Connects to the primary of a URL.
    ///
    /// # Errors
    /// When it cannot be reached, or all servers are standbys.
    pub fn open(url: &PostgresUrl) -> Result<Self, StoreError> {
        let latest = Arc::default();
        Ok(Self { connection: connect(url, &latest)?, url: url.clone(), latest })
    }

    /// Sentences about files with passwords that were ignored or that others can read.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        self.connection.warnings()
    }

    /// Reads everything in one transaction.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn facts(&self) -> Result<ServerFacts, StoreError> {
        let known = self.connection.facts();
        self.read(|r| {
            Ok(ServerFacts {
                server: known.server.clone(),
                version: r.value(WHAT, "SELECT current_setting('server_version')", &[])?,
                major_version: version::major(known.version),
                clock: clock_difference(r)?,
                protection: protection(r, known.encryption)?,
                commits: self.commits(r)?,
                standbys: standbys(r)?,
                role: role(r)?,
            })
        })
    }

    /// The format of the tables.
    ///
    /// # Errors
    /// When there are none, or those of another program or of a newer keydesk.
    pub fn format(&self) -> Result<i64, StoreError> {
        self.read(|_| migrate::check(&self.connection, &self.url))
    }

    /// The differences from the schema that keydesk creates.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn schema_differences(&self) -> Result<Vec<SchemaDifference>, StoreError> {
        self.read(|_| schema::differences(&self.connection, &self.url))
    }

    /// Whether something between here and the server gives one of its processes to several connections in turn, as
    /// pgbouncer does in transaction mode.
    ///
    /// # Errors
    /// When the server accepts no second connection.
    pub fn is_pooled(&self) -> Result<bool, StoreError> {
        let other = connect(&self.url, &self.latest)?;
        let mut seen = [BTreeSet::new(), BTreeSet::new()];
        for _ in 0..ROUNDS {
            for (seen, connection) in seen.iter_mut().zip([&self.connection, &other]) {
                seen.insert(process(connection, &self.url)?);
            }
        }
        let [first, second] = seen;
        Ok(first.len() > 1 || second.len() > 1 || !first.is_disjoint(&second))
    }

    fn read<T>(&self, f: impl FnOnce(&Reader<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let fault = |fault: Fault| fault.during(WHAT, &self.url);
        self.connection.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").map_err(fault)?;
        let result = f(&Reader::postgres(&self.connection, &self.url));
        let ended = self.connection.roll_back().map_err(fault);
        result.and_then(|result| ended.map(|()| result))
    }

    /// Sets `synchronous_commit` as a change does, for this transaction.
    fn commits(&self, r: &Reader<'_>) -> Result<Commits, StoreError> {
        let found = r.first(WHAT, COMMITS, &[], |row| {
            let safe = [("fsync", row.get(0)?), ("full_page_writes", row.get(1)?)];
            let off: Vec<&str> =
                safe.into_iter().filter(|(_, is_on): &(_, bool)| !is_on).map(|(name, _)| name).collect();
            Ok((off, row.get(2)?, row.get(3)?))
        })?;
        let (off, usual, read_only) = found.ok_or_else(|| no_answer(r))?;
        self.connection.batch(COMMIT_TO_DISK).map_err(|fault| fault.during(WHAT, &self.url))?;
        let in_changes: String = r.value(WHAT, "SELECT current_setting('synchronous_commit')", &[])?;
        let changes_wait = commits_to_disk(&in_changes);
        Ok(Commits { off, usual, in_changes, changes_wait, read_only })
    }
}

fn no_answer(r: &Reader<'_>) -> StoreError {
    r.damaged("the server does not answer a question about itself".into())
}

fn clock_difference(r: &Reader<'_>) -> Result<ClockDifference, StoreError> {
    let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let before = clock::now();
    let server: i64 = r.value(WHAT, sql, &[])?;
    let after = clock::now();
    let server = Instant::from_timestamp_millis(server).ok_or_else(|| no_answer(r))?;
    Ok(ClockDifference::between(before, server, after))
}

impl ClockDifference {
    /// From the clock of this machine, in whole seconds, before and after the one of the server was read.
    fn between(before: Instant, server: Instant, after: Instant) -> Self {
        let latest = after + TimeDelta::seconds(1);
        Self(server - server.clamp(before, latest.max(before)))
    }
}

fn protection(r: &Reader<'_>, encryption: Encryption) -> Result<Protection, StoreError> {
    let found =
        r.first(WHAT, PROTECTION, &[], |row| Ok((row.get::<Option<String>>(0)?, row.get::<bool>(1)?)))?;
    let (tls, is_local) = found.ok_or_else(|| no_answer(r))?;
    Ok(match (encryption, tls) {
        (Encryption::None, _) => Protection::Local,
        (Encryption::Verified, Some(version)) => Protection::Verified { version },
        (Encryption::Verified, None) if is_local => Protection::VerifiedToProxy { beyond: Beyond::Local },
        (Encryption::Verified, None) => Protection::VerifiedToProxy { beyond: Beyond::NoTls },
    })
}

fn standbys(r: &Reader<'_>) -> Result<Standbys, StoreError> {
    let setting: String = r.value(WHAT, "SELECT current_setting('synchronous_standby_names')", &[])?;
    let found: Vec<(String, Option<String>)> =
        r.all(WHAT, STANDBYS, &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let is_visible = found.iter().all(|(_, state)| state.is_some());
    let is_synchronous = |state: &Option<String>| matches!(state.as_deref(), Some("sync" | "quorum"));
    let synchronous = found.iter().filter(|(_, state)| is_synchronous(state)).map(|(name, _)| name.clone());
    Ok(Standbys {
        rule: SynchronousRule::parse(&setting),
        synchronous: is_visible.then(|| synchronous.collect()),
        connected: found.iter().map(|(name, _)| name.clone()).collect(),
    })
}

fn role(r: &Reader<'_>) -> Result<Role, StoreError> {
    let found = r.first(WHAT, ROLE, &[], |row| {
        let can = |column| row.get::<bool>(column);
        let excess = [
            (Excess::Superuser, can(1)?),
            (Excess::CreatesRoles, can(2)?),
            (Excess::OwnsTables, can(3)?),
            (Excess::CreatesTables, can(4)?),
        ];
        let kind = match (can(5)?, can(6)?, can(7)?) {
            (true, true, _) => RoleKind::Administrator,
            (true, false, _) => RoleKind::Reader,
            (false, _, true) => RoleKind::Gateway,
            (false, _, false) => RoleKind::Other,
        };
        let excess = excess.into_iter().filter(|(_, can)| *can).map(|(excess, _)| excess).collect();
        Ok(Role { name: row.get(0)?, kind, excess })
    })?;
    found.ok_or_else(|| no_answer(r))
}

/// The process of the server that serves a connection now.
fn process(connection: &Connection, url: &PostgresUrl) -> Result<String, StoreError> {
    let sql = "SELECT concat(pid, ' ', extract(epoch FROM backend_start)) FROM pg_catalog.pg_stat_activity \
               WHERE pid = pg_backend_pid()";
    Reader::postgres(connection, url).value(WHAT, sql, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_of_clocks_is_what_the_time_of_the_answer_does_not_explain() {
        let at = |milliseconds| Instant::from_timestamp_millis(milliseconds).unwrap();
        for (before, server, after, expected) in [
            (10_000, 10_700, 10_000, 0),
            (10_000, 12_900, 12_000, 0),
            (10_000, 11_500, 10_000, 500),
            (10_000, 7_500, 12_000, -2_500),
            // This machine's clock was set back meanwhile.
            (10_000, 10_000, 4_000, 0),
        ] {
            let found = ClockDifference::between(at(before), at(server), at(after));
            assert_eq!(found.0.num_milliseconds(), expected, "{before} {server} {after}");
        }
    }
}
