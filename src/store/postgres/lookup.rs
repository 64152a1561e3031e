//! The database access of a verification: the keys of all waiting requests in one statement.
//!
//! Nothing is cached. The statement is sent after the requests have arrived, and is one snapshot of the primary: what it
//! does not see was not committed then. It also returns what shows that this is the database that was opened, on a primary,
//! with all that was read before: see [`Continuity`].

use std::sync::Arc;
use std::time::{Duration, Instant as Stopwatch};

use chrono::TimeDelta;

use super::answer::{Answer, Facts, Scope};
use super::migrate;
use crate::domain::Instant;
use crate::domain::audit::ChainHash;
use crate::domain::key::KeyId;
use crate::domain::postgres_url::PostgresUrl;
use crate::store::continuity::{Continuity, Head};
use crate::store::known_key::{Claim, KeyCounts, LookupResult};
use crate::store::row::{Row, RowFault};
use crate::store::server::{
    self, ConnectOptions, Fault, FaultKind, LatestTimeline, Link, Timeline, Watch, open_latest,
};
use crate::store::value::{Value, values};
use crate::store::{Reader, StoreError, key_counts};

const WHAT: &str = "looking up a key";

/// How long a verification waits for the server, to connect included.
pub(in crate::store) const LIMIT: Duration = Duration::from_secs(1);

/// How long opening waits for each server, and for all of them.
const OPENING: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(10));

/// How long counting the keys may take. It reads an index of all keys.
const COUNTING: Duration = Duration::from_millis(1_500);

/// A connection without a cache, opened again when it was lost.
#[derive(Debug)]
pub(in crate::store) struct Lookup {
    url: PostgresUrl,
    link: Link,
    continuity: Arc<Continuity>,
    /// What to ask for next. Where requests have a key that ends when it is no longer used, the next ones have it too.
    scope: Scope,
}

impl Lookup {
    /// Connects to a database.
    ///
    /// # Errors
    /// When no primary answers, or its database is not one of keydesk in use.
    pub(in crate::store) fn open(url: &PostgresUrl, continuity: Arc<Continuity>) -> Result<Self, StoreError> {
        let (attempt, connect) = OPENING;
        let options = ConnectOptions { attempt, connect, ..ConnectOptions::default() };
        let connection = open_latest(url, options, &continuity.timeline)
            .map_err(|fault| fault.during("connecting", url))?;
        migrate::check(&connection, url)?;
        let link = Link::on(connection, url.clone(), Arc::clone(&continuity.timeline));
        let mut lookup = Self { link, ..Self::new(url, continuity) };
        lookup.renew()?;
        let timeline = &lookup.continuity.timeline;
        let watch = Watch::begin(url, timeline).map_err(|fault| fault.during("connecting", url))?;
        // Another connection of the same verifier may have begun to watch.
        let _ = lookup.continuity.watch.set(watch);
        Ok(lookup)
    }

    /// Another connection to a database that was opened before, which is made when it is needed.
    pub(in crate::store) fn new(url: &PostgresUrl, continuity: Arc<Continuity>) -> Self {
        let link = Link::new(url.clone(), Arc::clone(&continuity.timeline));
        Self { url: url.clone(), link, continuity, scope: Scope::Ordinary }
    }

    /// Looks up a presented text.
    pub(in crate::store) fn find<T>(
        &mut self,
        claim: Claim<'_>,
        judge: impl FnOnce(LookupResult<'_>, Instant) -> T,
    ) -> Result<T, StoreError> {
        let (mut judge, mut judged) = (Some(judge), None);
        let until = Stopwatch::now() + LIMIT;
        self.find_all(std::iter::once(claim), until, |found, shown| {
            judged = judge.take().map(|judge| judge(found, shown));
        })?;
        judged.ok_or_else(|| damaged(&self.url, &RowFault::wrong(0, "a result")))
    }

    /// Looks up several texts in one read. `judge` gets the results in order, with the instant that the server's clock
    /// showed, or none where this fails.
    pub(in crate::store) fn find_all<'a>(
        &mut self,
        claims: impl Iterator<Item = Claim<'a>> + Clone,
        until: Stopwatch,
        mut judge: impl FnMut(LookupResult<'_>, Instant),
    ) -> Result<(), StoreError> {
        let mut ids: Vec<KeyId> = claims.clone().map(|(id, _)| id).collect();
        ids.sort_unstable();
        ids.dedup();
        let (facts, mut answer) = self.ask(self.scope, ids, until)?;
        let has_until_unused =
            answer.has_until_unused(claims.clone()).map_err(|fault| damaged(&self.url, &fault))?;
        if has_until_unused && self.scope == Scope::Ordinary {
            // Asked again, so that all that decides about a key is of one snapshot.
            self.scope = Scope::UntilUnused;
            return self.find_all(claims, until, judge);
        }
        self.scope = if has_until_unused { Scope::UntilUnused } else { Scope::Ordinary };
        // Read before the first is judged: all are, or none.
        for claim in claims.clone() {
            answer.result(claim).map_err(|fault| damaged(&self.url, &fault))?;
        }
        for claim in claims {
            let result = answer.result(claim).map_err(|fault| damaged(&self.url, &fault))?;
            judge(result, facts.clock);
        }
        Ok(())
    }

    /// Looks at the database as each verification does. Returns what its clock shows.
    pub(in crate::store) fn renew(&mut self) -> Result<Instant, StoreError> {
        let (facts, _) = self.ask(Scope::Database, Vec::new(), Stopwatch::now() + LIMIT)?;
        Ok(facts.clock)
    }

    pub(in crate::store) fn counts(
        &mut self,
        now: Instant,
        soon: TimeDelta,
    ) -> Result<KeyCounts, StoreError> {
        self.count(|r| key_counts::by_state(r, now, soon))
    }

    pub(in crate::store) fn canaries_used(&mut self) -> Result<i64, StoreError> {
        self.count(key_counts::canaries_used)
    }

    fn count<T>(
        &mut self,
        count: impl FnOnce(&Reader<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let until = Stopwatch::now() + COUNTING;
        let connection =
            self.link.connection(until).map_err(|fault| fault.during("connecting", &self.url))?;
        connection.set_patience(until.saturating_duration_since(Stopwatch::now()));
        count(&Reader::postgres(connection, &self.url))
    }

    /// Asks for keys, over a new connection where the present one has ended.
    fn ask(
        &mut self,
        scope: Scope,
        ids: Vec<KeyId>,
        until: Stopwatch,
    ) -> Result<(Facts, Answer), StoreError> {
        self.confirm()?;
        // Read first: what another thread has read before, this statement sees too.
        let known = self.continuity.head();
        let values = scope.values(&ids);
        let mut is_repeated = false;
        let sent = loop {
            match self.send(scope, &values, known, until) {
                // For example since the server was restarted.
                Err(Fail::Server(fault)) if is_ended(&fault) && !is_repeated => is_repeated = true,
                sent => break sent,
            }
        };
        let sent = sent.and_then(|sent| Ok((Answer::read(scope, ids, sent.rows)?, sent.facts, sent.entry)));
        let (answer, facts, entry) = sent.map_err(|fail| match fail {
            Fail::Server(fault) => fault.during(WHAT, &self.url),
            Fail::Row(fault) => damaged(&self.url, &fault),
        })?;
        self.check(&facts, known, entry)?;
        Ok((facts, answer))
    }

    /// Sends the statement. What a server answers that is not the primary does not count.
    fn send(
        &mut self,
        scope: Scope,
        values: &[Value],
        known: Option<Head>,
        until: Stopwatch,
    ) -> Result<Sent, Fail> {
        let left = || until.saturating_duration_since(Stopwatch::now());
        let connection = self.link.connection(until)?;
        if left().is_zero() {
            // A statement without an answer would cost the connection, which is right for the next request.
            return Err(Fault::new(FaultKind::TimedOut, "it was connected too late for this request").into());
        }
        connection.set_patience(left());
        let rows = connection.query(scope.sql(connection.facts()), values)?;
        let facts = Facts::read(&rows)?;
        if let Err(fault) = confirm_primary(&self.continuity.timeline, connection.facts(), &facts) {
            // The next connection is to the primary.
            self.link.close();
            return Err(fault.into());
        }
        let mut entry = None;
        if let (Some(known), Some(found)) = (known, facts.head)
            && found.0 > known.0
        {
            connection.set_patience(left());
            let rows = connection.query("SELECT hash FROM audit WHERE number = ?1", values![known.0])?;
            entry = rows.first().map(|row| Row::Postgres(row).get(0)).transpose()?.map(ChainHash);
        }
        Ok(Sent { rows, facts, entry })
    }

    /// Rejects what is not the database that was opened, with all that was read before.
    fn check(
        &mut self,
        facts: &Facts,
        known: Option<Head>,
        entry: Option<ChainHash>,
    ) -> Result<(), StoreError> {
        let is_the_same = *self.continuity.identity.get_or_init(|| facts.identity) == facts.identity;
        let continues = known.is_none_or(|known| match facts.head {
            Some(found) if found.0 > known.0 => entry == Some(known.1),
            found => found == Some(known),
        });
        if !is_the_same || !continues {
            self.continuity.end();
        }
        self.confirm()?;
        match facts.status.as_str() {
            "active" => {}
            "moved" => {
                let (database, to) = (self.url.clone().into(), facts.moved_to.clone().unwrap_or_default());
                return Err(StoreError::MovedTo { database, to });
            }
            _ => {
                let fault =
                    Fault::new(FaultKind::Unavailable, "the database that it is copied from is still in use");
                return Err(fault.during(WHAT, &self.url));
            }
        }
        self.continuity.learn(facts.head);
        Ok(())
    }

    /// # Errors
    /// Once another copy was found.
    fn confirm(&self) -> Result<(), StoreError> {
        if self.continuity.is_broken() {
            return Err(StoreError::Replaced { database: self.url.clone().into() });
        }
        Ok(())
    }
}

/// Whether the connection ended, or was to a server that is no longer the primary, and a new one may be better.
fn is_ended(fault: &Fault) -> bool {
    matches!(
        fault.kind(),
        FaultKind::Closed | FaultKind::Unavailable | FaultKind::Standby | FaultKind::OldPrimary
    )
}

/// What the server has answered.
struct Sent {
    rows: Vec<tokio_postgres::Row>,
    facts: Facts,
    /// Where the audit log was continued: the hash of the entry that was the last one.
    entry: Option<ChainHash>,
}

/// # Errors
/// When the server follows another one, or is an old primary.
fn confirm_primary(latest: &LatestTimeline, server: &server::Facts, facts: &Facts) -> Result<(), Fault> {
    if facts.is_in_recovery {
        return Err(Fault::new(FaultKind::Standby, "it is a standby"));
    }
    match (server.timeline, facts.timeline) {
        (Some(opened), Some(number)) => latest.confirm(Timeline { number, ..opened }),
        _ => Ok(()),
    }
}

enum Fail {
    Server(Fault),
    Row(RowFault),
}

impl From<Fault> for Fail {
    fn from(fault: Fault) -> Self {
        Self::Server(fault)
    }
}

impl From<RowFault> for Fail {
    fn from(fault: RowFault) -> Self {
        Self::Row(fault)
    }
}

fn damaged(url: &PostgresUrl, fault: &RowFault) -> StoreError {
    StoreError::Damaged { database: url.clone().into(), reason: fault.to_string() }
}
