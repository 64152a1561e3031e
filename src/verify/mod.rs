//! The one predicate: is this text a key that opens this Application, now?
//!
//! Each verification asks the database afresh whether it has changed: nothing that was read outlives a change. It fails closed: what cannot
//! be read is an error, never a yes.

#[cfg(feature = "app")]
pub(crate) mod credential;
pub(crate) mod recorder;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::domain::Instant;
use crate::domain::clock::{check, is_behind};
use crate::domain::key::KeyId;
use crate::domain::secret::KeyHash;
use crate::domain::text::{Name, fold};
use crate::domain::token;
use crate::host::clock;
use crate::host::files::DatabaseFiles;
use crate::store::continuity::Continuity;
use crate::store::lookup::{Claim, Found, Lookup};
use crate::store::{StoreError, open};

pub use crate::domain::key::Accepted;

#[cfg(feature = "app")]
use credential::CredentialFault;
use recorder::Recorder;

/// What the predicate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The key is valid, for this Application where one was named.
    Accepted(Arc<Accepted>),
    /// It is not. Clients are never told why.
    Refused(Refusal),
}

impl Decision {
    /// Whether the request may pass.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted(_))
    }
}

/// Why a key was refused, and whose refusal it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For the admin: in the log and on the screen.
    pub reason: Reason,
    /// The key it can be put down to, deleted ones included.
    pub key: Option<KeyId>,
}

/// Why a key was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Not the text of a key: mistyped, cut off, or something else.
    Malformed,
    /// Well-formed, and none of ours.
    Unknown,
    /// Its time has come.
    Expired,
    /// An admin paused it.
    Disabled,
    /// It was deleted.
    Deleted,
    /// It opens another Application.
    WrongApplication,
    /// A test key where only production keys are let in (`keydesk serve --require-type production`).
    WrongType,
}

impl Reason {
    /// The word in JSON, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Disabled => "disabled",
            Self::Deleted => "deleted",
            Self::WrongApplication => "wrong_application",
            Self::WrongType => "wrong_type",
        }
    }
}

/// A well-formed text, to be judged: its secret is a hash already.
#[derive(Debug)]
pub(crate) struct Question {
    id: KeyId,
    hash: KeyHash,
    scope: Scope,
}

/// Whose keys are accepted.
#[derive(Debug)]
enum Scope {
    Any,
    /// The Application of this name, folded.
    Application(String),
    /// The name is not text: no Application has it.
    NoApplication,
}

impl Scope {
    fn of(application: Option<&[u8]>) -> Self {
        match application.map(std::str::from_utf8) {
            None => Self::Any,
            Some(Ok(name)) => Self::Application(fold(name)),
            Some(Err(_)) => Self::NoApplication,
        }
    }

    fn includes(&self, application: &Name) -> bool {
        match self {
            Self::Any => true,
            Self::Application(name) => *name == fold(application.as_str()),
            Self::NoApplication => false,
        }
    }
}

impl Question {
    /// Reads a presented text; with an Application's name (exact but for case) only its keys pass. Bytes that are not
    /// UTF-8 name no Application.
    ///
    /// # Errors
    /// A malformed text and a wrong checksum are refused here, without a read of the database.
    pub(crate) fn new(presented: &str, application: Option<&[u8]>) -> Result<Self, Refusal> {
        let claim = token::parse(presented).map_err(|_| Refusal { reason: Reason::Malformed, key: None })?;
        Ok(Self { id: claim.id, hash: KeyHash::of(presented), scope: Scope::of(application) })
    }

    fn claim(&self) -> Claim<'_> {
        (self.id, &self.hash)
    }

    /// A question that is never answered with yes: it asks whether the database can be read.
    #[must_use]
    pub(crate) fn probe() -> Self {
        Self { id: KeyId::PROBE, hash: KeyHash::of(""), scope: Scope::Any }
    }
}

/// The question could not be answered: treat it as a no, and as an alarm.
#[derive(Debug, thiserror::Error)]
#[error("could not verify: {0}")]
pub struct VerifyError(#[from] StoreError);

impl VerifyError {
    /// What is behind it.
    #[must_use]
    pub(crate) fn store(&self) -> &StoreError {
        &self.0
    }
}

/// Verifies keys against a database, and records their use. Share one among threads and call it for each request.
///
/// A thread of its own records use twice a second, and what is left when the verifier is dropped. Where the database
/// cannot be written, verification goes on without.
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
    path: PathBuf,
    files: DatabaseFiles,
    /// What is known of the database by all connections.
    continuity: Arc<Continuity>,
    idle: Mutex<Vec<Lookup>>,
    clock: fn() -> Instant,
    /// The latest instant seen, in seconds: a clock that is set back brings no expired key back to life.
    latest: AtomicI64,
    /// Whether it has been said that the clock was set back.
    behind: AtomicBool,
    /// How long a read waits for a lock that keeps readers out (which is rare).
    patience: Duration,
    recorder: Option<Recorder>,
}

impl Verifier {
    /// Opens a database for verifying, with the system's clock.
    ///
    /// # Errors
    /// When there is no database, or it is foreign, damaged, of another format or not readable; and when the system's
    /// clock is so wrong that expired keys would be valid.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, VerifyError> {
        Self::with_clock(path, clock::now)
    }

    /// The same with another clock: integration tests set it.
    #[doc(hidden)]
    pub fn with_clock(path: impl AsRef<Path>, clock: fn() -> Instant) -> Result<Self, VerifyError> {
        let path = path.as_ref().to_owned();
        let now = clock();
        check(now).map_err(StoreError::from)?;
        let patience = open::BUSY_TIMEOUT;
        let continuity = Arc::new(Continuity::default());
        let first = Lookup::open(&path, patience, Arc::clone(&continuity))?;
        let files = DatabaseFiles::of(&path).ok_or_else(|| StoreError::NoDatabase { path: path.clone() })?;
        let recorder = Some(Recorder::start(&path, Arc::clone(&continuity)));
        let (idle, latest) = (Mutex::new(vec![first]), AtomicI64::new(now.timestamp()));
        Ok(Self {
            path,
            files,
            continuity,
            idle,
            clock,
            latest,
            behind: AtomicBool::new(false),
            patience,
            recorder,
        })
    }

    /// Verifies without recording use: the database is only read.
    #[must_use]
    pub fn without_recording(self) -> Self {
        Self { recorder: None, ..self }
    }

    /// Waits so long, and no longer, for a lock that keeps readers out; 5 seconds unless told otherwise.
    ///
    /// # Errors
    /// As [`Verifier::open`].
    pub(crate) fn with_patience(self, patience: Duration) -> Result<Self, VerifyError> {
        let first = Lookup::open(&self.path, patience, Arc::clone(&self.continuity))?;
        Ok(Self { idle: Mutex::new(vec![first]), patience, ..self })
    }

    /// Decides about a presented text; with an Application's name (exact but for case) only its keys pass.
    ///
    /// A malformed text or a wrong checksum is refused without a read of the database.
    ///
    /// # Errors
    /// When the database cannot be read, or was moved away or replaced: then nobody passes.
    pub fn verify(&self, presented: &str, application: Option<&str>) -> Result<Decision, VerifyError> {
        self.verify_from(presented, application, None)
    }

    /// The same, and notes the address that the request came from.
    ///
    /// # Errors
    /// As [`Verifier::verify`].
    pub fn verify_from(
        &self,
        presented: &str,
        application: Option<&str>,
        from: Option<IpAddr>,
    ) -> Result<Decision, VerifyError> {
        let decision = match Question::new(presented, application.map(str::as_bytes)) {
            Err(refusal) => Decision::Refused(refusal),
            Ok(question) => {
                let mut lookup = self.take()?;
                let decision = lookup.find(question.claim(), |found| judge(&question, found, self.now()))?;
                self.give_back(lookup);
                decision
            }
        };
        self.record(&decision, from);
        Ok(decision)
    }

    /// Decides about all of them on one state of the database, read after this was called: `judged` gets each decision
    /// in its turn, or none where this fails. Records nothing.
    ///
    /// # Errors
    /// As [`Verifier::verify`], for all of them.
    pub(crate) fn decide_all(
        &self,
        questions: &[Question],
        mut judged: impl FnMut(Decision),
    ) -> Result<(), VerifyError> {
        let mut lookup = self.take()?;
        let mut turn = questions.iter();
        let now = self.now();
        lookup.find_all(questions.iter().map(Question::claim), |found| {
            if let Some(question) = turn.next() {
                judged(judge(question, found, now));
            }
        })?;
        self.give_back(lookup);
        Ok(())
    }

    /// Takes a decision down, in memory; it is written soon.
    pub(crate) fn record(&self, decision: &Decision, from: Option<IpAddr>) {
        let Some(recorder) = self.recorder() else { return };
        match decision {
            Decision::Accepted(key) => recorder.used(key.id, self.just_now(), from),
            Decision::Refused(refusal) => {
                // Whether a text is malformed is decided without the clock.
                let at = if refusal.reason == Reason::Malformed { self.now() } else { self.just_now() };
                recorder.refused(refusal.reason.as_str(), refusal.key, at, from);
            }
        }
    }

    /// Takes down that there was nothing to decide about.
    #[cfg(feature = "app")]
    pub(crate) fn record_fault(&self, fault: CredentialFault, from: Option<IpAddr>) {
        if let Some(recorder) = self.recorder() {
            recorder.refused(fault.as_str(), None, self.now(), from);
        }
    }

    /// How many uses and refusals could not be recorded.
    #[must_use]
    pub(crate) fn lost_records(&self) -> u64 {
        self.recorder.as_ref().map_or(0, Recorder::lost)
    }

    /// Another copy in the database's place is not written to.
    fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref().filter(|_| !self.continuity.is_broken())
    }

    fn now(&self) -> Instant {
        let now = (self.clock)();
        let latest = self.latest.fetch_max(now.timestamp(), Ordering::Relaxed).max(now.timestamp());
        let latest =
            if latest == now.timestamp() { now } else { Instant::from_timestamp(latest, 0).unwrap_or(now) };
        let behind = is_behind(latest, now);
        if self.behind.load(Ordering::Relaxed) != behind
            && self.behind.swap(behind, Ordering::Relaxed) != behind
            && behind
        {
            tracing::warn!(
                seconds = (latest - now).num_seconds(),
                "the clock was set back; until it has caught up, time stands still: keys that have expired stay refused"
            );
        }
        latest
    }

    /// When it was last decided, without a look at the clock.
    fn just_now(&self) -> Instant {
        Instant::from_timestamp(self.latest.load(Ordering::Relaxed), 0).unwrap_or_else(|| self.now())
    }

    /// A connection for this thread: one that is idle, or a new one.
    fn take(&self) -> Result<Lookup, StoreError> {
        // A database that was replaced would go on answering from the file that nobody sees any more.
        if !self.files.are_in_place() {
            return Err(StoreError::Moved { path: self.path.clone() });
        }
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| Lookup::open(&self.path, self.patience, Arc::clone(&self.continuity)), Ok)
    }

    fn give_back(&self, lookup: Lookup) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(lookup);
    }
}

/// The predicate.
fn judge(question: &Question, found: Found<'_>, now: Instant) -> Decision {
    let refused = |reason, key| Decision::Refused(Refusal { reason, key });
    let id = question.id;
    let key = match found {
        Found::Key(key) => key,
        Found::Deleted => return refused(Reason::Deleted, Some(id)),
        // The right ID with another secret is nobody's key.
        Found::Nothing => return refused(Reason::Unknown, None),
    };
    if !question.scope.includes(&key.known.application) {
        return refused(Reason::WrongApplication, Some(id));
    }
    if key.known.expires <= now {
        return refused(Reason::Expired, Some(id));
    }
    if key.disabled {
        return refused(Reason::Disabled, Some(id));
    }
    Decision::Accepted(Arc::clone(&key.known))
}
