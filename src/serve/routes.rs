//! What the endpoint answers to which request.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONNECTION, TRANSFER_ENCODING};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use axum::routing::get;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use tokio::time::Instant;
use tower_service::Service;

use super::answers::{self, Welcome};
use super::batch::{Batch, Unanswered};
use super::metrics::{self, Metrics};
use super::origin::TrustedProxies;
use crate::domain::key::KeyType;
use crate::domain::token;
use crate::store::lookup::{KeyCounts, Lookup};
use crate::verify::credential::{self, CredentialFault};
use crate::verify::{Accepted, Decision, Question, Reason, Refusal};

/// The last place where a key may stand.
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// How long the numbers of keys stay good: counting a million takes a while.
const COUNTS_FOR: Duration = Duration::from_secs(10);

/// What all requests share.
pub(super) struct Shared {
    /// Who decides.
    pub batch: Arc<Batch>,
    /// What is counted.
    pub metrics: Metrics,
    /// Whose word on a client's address counts.
    pub trusted: TrustedProxies,
    /// The Application whose keys pass at `/auth`; any where none is named.
    pub application: Option<String>,
    /// The only type of key that passes.
    pub required: Option<KeyType>,
    /// The answers to those who are let in.
    pub welcome: Welcome,
    /// Counts keys, on a connection of its own.
    pub census: Arc<Mutex<Census>>,
}

/// The routes, for one connection.
#[derive(Clone)]
pub(super) struct Routes {
    shared: Arc<Shared>,
    /// All but `/auth`.
    others: Router,
}

impl Routes {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let others = Router::new()
            .route("/healthz", get(healthz))
            .route("/metrics", get(metrics_text))
            .fallback(not_found)
            .method_not_allowed_fallback(not_found)
            .with_state(Arc::clone(&shared));
        Self { shared, others }
    }

    /// Answers a request of this peer. `/auth` is most of what is asked and is answered here: a router's own boxes and
    /// clones would cost as much as the decision. Nothing of the request is kept while the answer is waited for.
    pub(super) fn answer(
        &self,
        peer: Option<IpAddr>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Body>> + Send + use<> {
        // Such a request may have told its length in another way too, which hyper drops without a word: a proxy before
        // us could see another request in what follows, so the connection ends with it (RFC 9112, section 6.1).
        let chunked = request.headers().contains_key(TRANSFER_ENCODING);
        let shared = Arc::clone(&self.shared);
        let asked = match asked_for(request.uri().path()) {
            Asked::Decision => {
                let application = shared.application.as_deref().map(str::as_bytes);
                Ok(shared.read(peer, request.headers(), application))
            }
            Asked::DecisionFor(named) => {
                let application: Cow<'_, [u8]> = percent_decode_str(named).into();
                Ok(shared.read(peer, request.headers(), Some(&application)))
            }
            Asked::Other => Err(Box::new((self.others.clone(), request))),
        };
        async move {
            let mut response = match asked {
                Ok(presented) => shared.answer(presented).await,
                Err(other) => {
                    let (mut others, request) = *other;
                    match others.call(request.map(Body::new)).await {
                        Ok(response) => response,
                        Err(never) => match never {},
                    }
                }
            };
            if chunked {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            response
        }
    }
}

/// What a path asks for.
enum Asked<'a> {
    /// Whether the key passes.
    Decision,
    /// Whether it passes as a key of this Application; percent-encoded.
    DecisionFor(&'a str),
    /// Something else.
    Other,
}

fn asked_for(path: &str) -> Asked<'_> {
    match path.strip_prefix("/auth") {
        Some("") => Asked::Decision,
        Some(named) => match named.strip_prefix('/') {
            Some(named) if !named.is_empty() && !named.contains('/') => Asked::DecisionFor(named),
            _ => Asked::Other,
        },
        None => Asked::Other,
    }
}

async fn not_found() -> Response<Body> {
    answers::not_found()
}

async fn healthz(State(shared): State<Arc<Shared>>) -> Response<Body> {
    match shared.batch.decide(Question::probe()).await {
        Ok(_) => answers::text("text/plain; charset=utf-8", "ok"),
        Err(Unanswered) => answers::unanswered(),
    }
}

async fn metrics_text(State(shared): State<Arc<Shared>>) -> Response<Body> {
    let census = Arc::clone(&shared.census);
    let counts = tokio::task::spawn_blocking(move || {
        census.lock().unwrap_or_else(PoisonError::into_inner).counts(Instant::now())
    });
    let counts = counts.await.unwrap_or_default();
    let lost = shared.batch.verifier().lost_records();
    answers::text(metrics::CONTENT_TYPE, shared.metrics.text(counts, lost))
}

/// Why a request is refused: there is no credential, or its key does not pass.
enum No {
    Fault(CredentialFault),
    Refusal(Refusal),
    Unanswered,
}

impl From<Unanswered> for No {
    fn from(_: Unanswered) -> Self {
        Self::Unanswered
    }
}

/// What a request presents, read from its head.
struct Presented {
    began: Instant,
    from: Option<IpAddr>,
    /// The Application that was asked for, for the answer and the log: bytes that are not text are replaced.
    application: Option<Box<str>>,
    question: Result<Question, No>,
}

impl Shared {
    fn read(&self, peer: Option<IpAddr>, headers: &HeaderMap, application: Option<&[u8]>) -> Presented {
        Presented {
            began: Instant::now(),
            from: self.trusted.origin(peer, headers),
            application: application.map(|name| String::from_utf8_lossy(name).into()),
            question: question(headers, application),
        }
    }

    async fn answer(&self, presented: Presented) -> Response<Body> {
        let Presented { began, from, application, question } = presented;
        let decided = match question {
            Ok(question) => self.decide(question).await,
            Err(no) => Err(no),
        };
        let took = began.elapsed();
        // Whoever mistakes the path for the place of the key shall not find it in the log.
        let named = application.as_deref().filter(|name| !token::holds_secret(name));
        let verifier = self.batch.verifier();
        match decided {
            Ok(key) => {
                tracing::debug!(key = %key.id, from = from.map(tracing::field::display), "let in");
                self.metrics.accepted(took);
                let response = self.welcome.let_in(&key);
                verifier.record(&Decision::Accepted(key), from);
                response
            }
            Err(No::Refusal(refusal)) => {
                let reason = refusal.reason.as_str();
                let key = refusal.key.map(tracing::field::display);
                tracing::info!(
                    key,
                    reason,
                    from = from.map(tracing::field::display),
                    application = named,
                    "refused"
                );
                self.metrics.refused(reason, took);
                verifier.record(&Decision::Refused(refusal), from);
                answers::refused(application.as_deref())
            }
            Err(No::Fault(fault)) => {
                tracing::info!(
                    reason = fault.as_str(),
                    from = from.map(tracing::field::display),
                    application = named,
                    "refused"
                );
                self.metrics.refused(fault.as_str(), took);
                verifier.record_fault(fault, from);
                answers::refused(application.as_deref())
            }
            Err(No::Unanswered) => {
                self.metrics.unanswered(took);
                answers::unanswered()
            }
        }
    }

    async fn decide(&self, question: Question) -> Result<Arc<Accepted>, No> {
        match self.batch.decide(question).await? {
            Decision::Accepted(key) if self.required.is_some_and(|required| required != key.key_type) => {
                Err(No::Refusal(Refusal { reason: Reason::WrongType, key: Some(key.id) }))
            }
            Decision::Accepted(key) => Ok(key),
            Decision::Refused(refusal) => Err(No::Refusal(refusal)),
        }
    }
}

fn question(headers: &HeaderMap, application: Option<&[u8]>) -> Result<Question, No> {
    let values = |name: &HeaderName| headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let credential = credential::read(values(&AUTHORIZATION), values(&X_API_KEY)).map_err(No::Fault)?;
    Question::new(credential.expose(), application).map_err(No::Refusal)
}

/// The numbers of keys, counted again when they are asked for and old.
pub(super) struct Census {
    lookup: Lookup,
    clock: fn() -> crate::domain::Instant,
    soon: chrono::TimeDelta,
    counted: Option<(Instant, KeyCounts)>,
}

impl Census {
    /// Counts on a connection of its own; `soon` is how long before its end a key counts as expiring soon.
    pub(super) fn new(
        lookup: Lookup,
        clock: fn() -> crate::domain::Instant,
        soon: chrono::TimeDelta,
    ) -> Self {
        Self { lookup, clock, soon, counted: None }
    }

    fn counts(&mut self, now: Instant) -> Option<KeyCounts> {
        if let Some((at, counts)) = self.counted
            && now < at + COUNTS_FOR
        {
            return Some(counts);
        }
        let counts = self.lookup.counts((self.clock)(), self.soon).ok()?;
        self.counted = Some((now, counts));
        Some(counts)
    }
}
