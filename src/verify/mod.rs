//! Verification of keys.
//!
//! Each verification asks the database whether it has changed, so that nothing cached outlives a change. It fails closed:
//! if the database cannot be read, the result is an error, never an accepted key.

mod counts;
#[cfg(feature = "app")]
pub(crate) mod credential;
mod decision;
mod idle;
mod recorder;
mod recording_book;
mod time;

use std::ffi::OsStr;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant as Stopwatch};

use crate::domain::Instant;
use crate::domain::key::KeyId;
use crate::domain::location::Location;
use crate::host::clock;
use crate::host::files::DatabaseFiles;
use crate::store::continuity::Continuity;
use crate::store::lookup::{Lookup, Shown};
use crate::store::{StoreError, open};

pub use crate::domain::key::Accepted;
use counts::Request;
use decision::Moment;
pub(crate) use decision::Question;
pub use decision::{Decision, Reason, Refusal};
use idle::Idle;
use recorder::{Recorder, Watch};
use time::Time;

/// The database cannot be read, or was moved, replaced or overwritten. Reject the request and raise an alarm.
#[derive(Debug, thiserror::Error)]
#[error("could not verify: {0}")]
pub struct VerifyError(#[from] StoreError);

impl VerifyError {
    pub(crate) fn store(&self) -> &StoreError {
        &self.0
    }
}

/// Verifies keys against a database and records their use. All threads can share one; call it for each request.
///
/// A background thread records use twice a second, and when the verifier is dropped. If the database cannot be written,
/// verification continues without recording.
///
/// ```no_run
/// use keydesk::{Decision, Verifier};
///
/// # fn main() -> Result<(), keydesk::VerifyError> {
/// let verifier = Verifier::open("/var/lib/keydesk/keydesk.db")?;
/// match verifier.verify("what the client sent", Some("Storefront"))? {
///     Decision::Accepted(key) => println!("accepted: {}", key.id),
///     Decision::Refused(refusal) => println!("rejected: {}", refusal.reason.as_str()),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Verifier {
    location: Location,
    /// None on a server.
    files: Option<DatabaseFiles>,
    /// What is known of the database, shared by all connections.
    continuity: Arc<Continuity>,
    idle: Idle,
    time: Arc<Time>,
    /// How long a read waits for a lock.
    patience: Duration,
    recorder: Option<Recorder>,
}

impl Verifier {
    /// Opens a database for verification: a file by its path, or a database on a PostgreSQL server by its URL, such as
    /// `postgres://keydesk_gateway@db.internal/keydesk?sslmode=verify-full`. The URL contains no password: that is read
    /// from `PGPASSWORD`, the password file (`~/.pgpass`) or the service file.
    ///
    /// # Errors
    /// The database does not exist, is foreign, damaged, in another format or not readable, the URL is not valid, or the
    /// system clock is so wrong that expired keys would be valid.
    pub fn open(database: impl AsRef<OsStr>) -> Result<Self, VerifyError> {
        Self::open_with(&located(database.as_ref())?, clock::now, open::BUSY_TIMEOUT)
    }

    /// Opens a database for one verification. A file is not watched afterwards.
    #[cfg(feature = "app")]
    pub(crate) fn open_once(location: &Location) -> Result<Self, VerifyError> {
        let watch = if location.file().is_some() { Watch::Off } else { Watch::On };
        Self::start(location, clock::now, open::BUSY_TIMEOUT, watch)
    }

    /// The same with another clock, for integration tests.
    #[doc(hidden)]
    pub fn with_clock(database: impl AsRef<OsStr>, clock: fn() -> Instant) -> Result<Self, VerifyError> {
        Self::open_with(&located(database.as_ref())?, clock, open::BUSY_TIMEOUT)
    }

    /// The same with the time to wait for a lock that blocks readers, which is rare.
    pub(crate) fn open_with(
        location: &Location,
        clock: fn() -> Instant,
        patience: Duration,
    ) -> Result<Self, VerifyError> {
        Self::start(location, clock, patience, Watch::On)
    }

    fn start(
        location: &Location,
        clock: fn() -> Instant,
        patience: Duration,
        watch: Watch,
    ) -> Result<Self, VerifyError> {
        let continuity = Arc::new(Continuity::default());
        let mut first = Lookup::open(location, patience, Arc::clone(&continuity))?;
        let time = Arc::new(Time::new(clock, first.renew()?));
        time.check().map_err(StoreError::from)?;
        let no_database = |path: &Path| StoreError::NoDatabase { database: path.into() };
        let files = location
            .file()
            .map(|path| DatabaseFiles::of(path).ok_or_else(|| no_database(path)))
            .transpose()?;
        Ok(Self {
            location: location.clone(),
            files,
            recorder: Some(Recorder::start(location, Arc::clone(&time), Arc::clone(&continuity), watch)),
            continuity,
            idle: Idle::from(first),
            time,
            patience,
        })
    }

    /// Disables the recording of use. The database is only read. Keys that end when they are no longer used do not see what
    /// this verifier accepts: use it only where that is not a use of the key.
    #[must_use]
    pub fn without_recording(self) -> Self {
        Self { recorder: None, ..self }
    }

    /// Verifies the text that a client sent. With the name of an Application (case-insensitive), accepts only its keys.
    ///
    /// Rejects a malformed text or a wrong checksum without reading the database. Keys with allowed sources are rejected:
    /// see [`Verifier::verify_from`].
    ///
    /// # Errors
    /// The database cannot be read, or was moved, replaced or overwritten. Reject the request.
    pub fn verify(&self, presented: &str, application: Option<&str>) -> Result<Decision, VerifyError> {
        self.verify_from(presented, application, None)
    }

    /// Verifies like [`Verifier::verify`], with the source address of the request. It is recorded, and a key with allowed
    /// sources is accepted only from those; without an address it is rejected.
    ///
    /// # Errors
    /// As [`Verifier::verify`].
    pub fn verify_from(
        &self,
        presented: &str,
        application: Option<&str>,
        from: Option<IpAddr>,
    ) -> Result<Decision, VerifyError> {
        // An IPv4 address within IPv6 is the same source.
        let from = from.map(|address| address.to_canonical());
        let decision = match Question::new(presented, application.map(str::as_bytes), from) {
            Err(refusal) => Decision::Refused(refusal),
            Ok(question) => {
                let mut lookup = self.take()?;
                let known_until = self.known_until();
                let decided = lookup.find(question.claim(), |found, shown| {
                    question.decide(found, self.moment(shown, known_until))
                });
                self.give_back(lookup, &decided);
                decided?
            }
        };
        self.record(&decision, from);
        Ok(decision)
    }

    /// Verifies several requests in one read that begins after the call. `decided` gets the decisions in order, or none
    /// where this fails. Records nothing. A server has to answer before `until`.
    ///
    /// # Errors
    /// As [`Verifier::verify`], for all of them.
    pub(crate) fn decide_all(
        &self,
        questions: &[Question],
        until: Stopwatch,
        mut decided: impl FnMut(Decision),
    ) -> Result<(), VerifyError> {
        let mut lookup = self.take()?;
        let mut turn = questions.iter();
        let known_until = self.known_until();
        // One for all.
        let mut moment = None;
        let result = lookup.find_all(questions.iter().map(Question::claim), until, |found, shown| {
            if let Some(question) = turn.next() {
                let moment = *moment.get_or_insert_with(|| self.moment(shown, known_until));
                decided(question.decide(found, moment));
            }
        });
        self.give_back(lookup, &result);
        Ok(result?)
    }

    fn record(&self, decision: &Decision, from: Option<IpAddr>) {
        match decision {
            Decision::Accepted(key) => self.record_use(key.id, from),
            Decision::Refused(refusal) => self.record_rejection(refusal.reason.as_str(), refusal.key, from),
        }
    }

    /// Counts an accepted request in memory, to be written soon.
    pub(crate) fn record_use(&self, key: KeyId, from: Option<IpAddr>) {
        if let Some(recorder) = self.recorder() {
            recorder.record(&Request { reason: None, key: Some(key), at: self.time.just_now(), from });
        }
    }

    /// Counts a rejected request, with its key where it is known.
    pub(crate) fn record_rejection(&self, reason: &'static str, key: Option<KeyId>, from: Option<IpAddr>) {
        if let Some(recorder) = self.recorder() {
            recorder.record(&Request { reason: Some(reason), key, at: self.now(), from });
        }
    }

    /// Whether it asks a server, which takes a round trip over the network.
    pub(crate) fn is_on_server(&self) -> bool {
        self.files.is_none()
    }

    /// What is known of the database, for another connection to it.
    pub(crate) fn continuity(&self) -> Arc<Continuity> {
        Arc::clone(&self.continuity)
    }

    /// Number of requests that could not be recorded.
    pub(crate) fn lost_records(&self) -> u64 {
        self.recorder.as_ref().map_or(0, Recorder::lost)
    }

    /// None when the database was replaced by another copy, which is not written to.
    fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref().filter(|_| !self.continuity.is_broken())
    }

    /// The present instant, by the clock that decides.
    pub(crate) fn now(&self) -> Instant {
        self.time.look(None).1
    }

    fn moment(&self, shown: Shown, known_until: i64) -> Moment {
        let (clock, latest) = self.time.look(shown);
        Moment { clock, latest, known_until }
    }

    fn known_until(&self) -> i64 {
        self.recorder.as_ref().map_or(i64::MAX, Recorder::known_until)
    }

    /// Returns an idle connection, or a new one.
    fn take(&self) -> Result<Lookup, StoreError> {
        // A connection keeps reading the file that it opened, even when the file was replaced.
        if let (Some(files), Location::File(path)) = (&self.files, &self.location)
            && !files.are_in_place()
        {
            return Err(StoreError::Moved { path: path.clone() });
        }
        self.idle.take().map_or_else(
            || Lookup::open_another(&self.location, self.patience, Arc::clone(&self.continuity)),
            Ok,
        )
    }

    fn give_back<T>(&self, lookup: Lookup, result: &Result<T, StoreError>) {
        if result.is_err() && !lookup.is_reusable() {
            return;
        }
        self.idle.put(lookup);
    }
}

/// Parses a path or a URL.
fn located(text: &OsStr) -> Result<Location, StoreError> {
    Ok(Location::parse(text)?)
}
