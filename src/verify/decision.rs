//! The input and the result of a verification.

use std::net::IpAddr;
use std::sync::Arc;

use strum::IntoStaticStr;

use crate::domain::Instant;
use crate::domain::key::{Accepted, KeyId, Outage};
use crate::domain::secret::KeyHash;
use crate::domain::text::fold;
use crate::domain::token;
use crate::domain::until_unused::UntilUnused;
use crate::store::lookup::{Claim, LookupResult};

/// The result of a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The key is valid (for the Application, if one was given).
    Accepted(Arc<Accepted>),
    /// The key is rejected. The reason is for the administrator, never for the client.
    Refused(Refusal),
}

impl Decision {
    /// Returns whether the key is valid.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted(_))
    }
}

/// Why a key is rejected, and which key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason.
    pub reason: Reason,
    /// The key whose secret was presented, if it is known. It may be deleted.
    pub key: Option<KeyId>,
}

/// Why a key is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Reason {
    /// Not an API key, or a mistyped or truncated one.
    Malformed,
    /// Well-formed, but not a key of this database.
    Unknown,
    /// Expired, or replaced by another key.
    Expired,
    /// Disabled until it is enabled again, or for a time.
    Disabled,
    /// Deleted.
    Deleted,
    /// A key of another Application.
    WrongApplication,
    /// A test key where only production keys are accepted (`keydesk serve --require-type production`).
    WrongType,
    /// A generic key where only those for third parties are accepted, or the other way round (`keydesk serve
    /// --require-kind`).
    WrongKind,
    /// The source address is not one of those that the key is accepted from, or is not known.
    SourceNotAllowed,
    /// A key that must never be used. Raise an alarm.
    Canary,
}

impl Reason {
    /// Returns the reason as in JSON, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A well-formed text with its secret hashed, and the Application that it is presented to.
#[derive(Debug)]
pub(crate) struct Question {
    id: KeyId,
    hash: KeyHash,
    /// The case-folded name of the only Application whose keys are accepted. Bytes that are not UTF-8 match no name.
    application: Option<Vec<u8>>,
    source: Option<IpAddr>,
}

/// The time of a decision.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// As the clock shows it.
    pub(super) clock: Instant,
    /// The latest that it has shown: what has expired stays expired when it is set back.
    pub(super) latest: Instant,
    /// The instant, in seconds, before which this process knows all use, read before the database; no limit where that
    /// says it.
    pub(super) known_until: i64,
}

impl Question {
    /// Parses a presented text. With the name of an Application (ignoring case) only its keys are accepted. Bytes that
    /// are not UTF-8 match no Application. Without a source address, keys with allowed sources are rejected.
    ///
    /// # Errors
    /// For a malformed text or a wrong checksum. The database is not read.
    pub(crate) fn new(
        presented: &str,
        application: Option<&[u8]>,
        source: Option<IpAddr>,
    ) -> Result<Self, Refusal> {
        let claim = token::parse(presented).map_err(|_| Refusal { reason: Reason::Malformed, key: None })?;
        let application = application.map(|name| match std::str::from_utf8(name) {
            Ok(name) => fold(name).into_bytes(),
            Err(_) => name.to_vec(),
        });
        Ok(Self { id: claim.id, hash: KeyHash::of(presented), application, source })
    }

    pub(super) fn claim(&self) -> Claim<'_> {
        (self.id, &self.hash)
    }

    /// A request that is never accepted, to check whether the database can be read.
    pub(crate) fn probe() -> Self {
        Self { id: KeyId::PROBE, hash: KeyHash::of(""), application: None, source: None }
    }

    /// Decides about what the database has for this text.
    pub(super) fn decide(&self, found: LookupResult<'_>, moment: Moment) -> Decision {
        let refused = |reason, key| Decision::Refused(Refusal { reason, key });
        let id = self.id;
        let key = match found {
            LookupResult::Key(key) => key,
            LookupResult::Deleted => return refused(Reason::Deleted, Some(id)),
            LookupResult::Canary => return refused(Reason::Canary, Some(id)),
            // The right ID with another secret is not a key.
            LookupResult::Nothing => return refused(Reason::Unknown, None),
        };
        let name = key.known.application.as_str();
        if self.application.as_ref().is_some_and(|wanted| *wanted != fold(name).as_bytes()) {
            return refused(Reason::WrongApplication, Some(id));
        }
        let ended = |(rule, last_used): &(UntilUnused, _)| {
            let known_until = Instant::from_timestamp(moment.known_until, 0);
            let known_until = known_until.map_or(moment.latest, |until| until.min(moment.latest));
            rule.ended(*last_used, known_until).is_some()
        };
        if key.known.expires <= moment.latest || key.until_unused.as_deref().is_some_and(ended) {
            return refused(Reason::Expired, Some(id));
        }
        // An outage is over once the clock has shown its end, and not longer than announced where the clock is set back.
        let is_over = |outage: &Outage| outage.until.is_some_and(|until| until <= moment.latest);
        if key.outage.is_some_and(|outage| !is_over(&outage) && outage.covers(moment.clock)) {
            return refused(Reason::Disabled, Some(id));
        }
        if !key.allowed_sources.allow(self.source) {
            return refused(Reason::SourceNotAllowed, Some(id));
        }
        Decision::Accepted(Arc::clone(&key.known))
    }
}
