//! Routes requests to responses.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONNECTION, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use hyper::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;

use super::batch::{Batch, Unavailable};
use super::http_responses::{self, Body, HeaderCache};
use super::metrics::{self, Census, Metrics};
use super::rejection_log::{Line, RejectionLog};
use super::restriction::Restriction;
use super::source_address::TrustedProxies;
use super::trace_id::TraceId;
use crate::domain::key::KeyId;
use crate::verify::credential::{self, CredentialFault};
use crate::verify::{Accepted, Decision, Question, Reason, Refusal};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Stands for the name of an Application in the path. An Application of this name is `%2D`.
const ANY_APPLICATION: &str = "-";

pub(super) struct Shared {
    pub batch: Arc<Batch>,
    pub metrics: Metrics,
    pub trusted: TrustedProxies,
    /// The Application whose keys are accepted where the path names none; those of all where there is none.
    pub application: Option<String>,
    pub restriction: Restriction,
    pub headers: HeaderCache,
    pub rejections: Arc<RejectionLog>,
    pub census: Mutex<Census>,
}

enum Route {
    Auth(Presented),
    Health,
    Metrics,
    NotFound,
}

/// A path at which keys are verified.
#[derive(Debug, PartialEq, Eq)]
struct AuthPath<'a> {
    /// The status of the response to a valid key.
    accepted: StatusCode,
    /// The only Application whose keys are accepted, percent-encoded.
    application: Option<&'a str>,
}

impl<'a> AuthPath<'a> {
    fn parse(path: &'a str) -> Option<Self> {
        if path == "/auth" {
            return Some(Self { accepted: StatusCode::NO_CONTENT, application: None });
        }
        if let Some(name) = path.strip_prefix("/auth/") {
            let is_name = !name.is_empty() && !name.contains('/');
            return is_name.then_some(Self { accepted: StatusCode::NO_CONTENT, application: Some(name) });
        }
        // Envoy appends the path of the client, of which nothing is interpreted. It accepts no other status than 200.
        let (name, _) = path.strip_prefix("/envoy/")?.split_once('/')?;
        let application = (name != ANY_APPLICATION).then_some(name);
        (!name.is_empty()).then_some(Self { accepted: StatusCode::OK, application })
    }
}

/// The parts of a request for a verification.
struct Presented {
    began: Instant,
    /// The status of the response to a valid key.
    accepted: StatusCode,
    from: Option<IpAddr>,
    /// The requested Application for the response and the log. Bytes that are not UTF-8 are replaced.
    application: Option<Box<str>>,
    trace_id: Option<TraceId>,
    question: Result<Question, Rejection>,
}

struct Rejection {
    reason: &'static str,
    /// Whether the key must never be used.
    is_alarm: bool,
    /// The key that it is attributed to.
    key: Option<KeyId>,
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        Self { reason: refusal.reason.as_str(), is_alarm: refusal.reason == Reason::Canary, key: refusal.key }
    }
}

impl From<CredentialFault> for Rejection {
    fn from(fault: CredentialFault) -> Self {
        Self { reason: fault.into(), is_alarm: false, key: None }
    }
}

impl Shared {
    /// The response to a request of this peer, which began at this time. The request is dropped before waiting for the decision.
    pub(super) fn respond(
        self: &Arc<Self>,
        peer: Option<IpAddr>,
        request: &Request<Incoming>,
        began: Instant,
    ) -> impl Future<Output = Response<Body>> + Send + use<> {
        // Such a request may also have a Content-Length, which hyper ignores: a proxy in front could see another request
        // in the body, so that the connection must be closed (RFC 9112, section 6.1).
        let chunked = request.headers().contains_key(TRANSFER_ENCODING);
        let route = self.route(peer, request, began);
        let shared = Arc::clone(self);
        async move {
            let mut response = match route {
                Route::Auth(presented) => shared.auth(presented).await,
                Route::Health => shared.health().await,
                Route::Metrics => shared.metrics().await,
                Route::NotFound => http_responses::not_found(),
            };
            if chunked {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            response
        }
    }

    fn route(&self, peer: Option<IpAddr>, request: &Request<Incoming>, began: Instant) -> Route {
        let path = request.uri().path();
        let headers = request.headers();
        if let Some(asked) = AuthPath::parse(path) {
            return Route::Auth(self.present(peer, headers, &asked, began));
        }
        match path {
            _ if !matches!(*request.method(), Method::GET | Method::HEAD) => Route::NotFound,
            "/healthz" => Route::Health,
            "/metrics" => Route::Metrics,
            _ => Route::NotFound,
        }
    }

    fn present(
        &self,
        peer: Option<IpAddr>,
        headers: &HeaderMap,
        asked: &AuthPath<'_>,
        began: Instant,
    ) -> Presented {
        let from = self.trusted.source_address(peer, headers);
        let in_path = asked.application.map(|name| Cow::from(percent_decode_str(name)));
        let application = in_path.as_deref().or(self.application.as_deref().map(str::as_bytes));
        Presented {
            began,
            accepted: asked.accepted,
            from,
            application: application.map(|name| String::from_utf8_lossy(name).into()),
            trace_id: TraceId::of(headers),
            question: question(headers, application, from),
        }
    }

    async fn auth(&self, presented: Presented) -> Response<Body> {
        let Presented { began, accepted, from, application, trace_id, question } = presented;
        let decided = match question {
            Ok(question) => {
                self.batch.decide(question).await.map(|(decision, at)| (self.restrict(decision), at))
            }
            Err(rejection) => Ok((Err(rejection), Instant::now())),
        };
        let verifier = self.batch.verifier();
        match decided {
            Ok((Ok(key), at)) => {
                tracing::debug!(key = %key.id, from = from.map(tracing::field::display), "accepted");
                self.metrics.accepted(at.saturating_duration_since(began));
                verifier.record_use(key.id, from);
                self.headers.accepted(accepted, &key)
            }
            Ok((Err(rejection), at)) => {
                let Rejection { reason, is_alarm, key } = rejection;
                self.metrics.not_accepted("refused", reason, at.saturating_duration_since(began));
                verifier.record_rejection(reason, key, from);
                let response = http_responses::rejected(application.as_deref());
                self.rejections.add(Line { reason, is_alarm, key, from, application, trace_id }, at);
                response
            }
            Err(Unavailable) => {
                self.metrics.not_accepted("error", "database", began.elapsed());
                http_responses::unavailable()
            }
        }
    }

    /// Rejects valid keys of another type or kind than the required ones.
    fn restrict(&self, decision: Decision) -> Result<Arc<Accepted>, Rejection> {
        match decision {
            Decision::Accepted(key) => match self.restriction.reason_against(&key) {
                None => Ok(key),
                Some(reason) => Err(Refusal { reason, key: Some(key.id) }.into()),
            },
            Decision::Refused(refusal) => Err(refusal.into()),
        }
    }

    async fn health(&self) -> Response<Body> {
        match self.batch.decide(Question::probe()).await {
            Ok(_) => http_responses::text("text/plain; charset=utf-8", "ok"),
            Err(Unavailable) => http_responses::unavailable(),
        }
    }

    async fn metrics(self: Arc<Self>) -> Response<Body> {
        let shared = Arc::clone(&self);
        let counts = tokio::task::spawn_blocking(move || {
            Census::counts(&shared.census, shared.batch.verifier().now())
        })
        .await;
        let lost = self.batch.verifier().lost_records();
        http_responses::text(metrics::CONTENT_TYPE, self.metrics.text(counts.unwrap_or_default(), lost))
    }
}

fn question(
    headers: &HeaderMap,
    application: Option<&[u8]>,
    from: Option<IpAddr>,
) -> Result<Question, Rejection> {
    let values = |name: &HeaderName| headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let credential = credential::read(values(&AUTHORIZATION), values(&X_API_KEY))?;
    Ok(Question::new(credential.expose(), application, from)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_is_taken_from_the_path_as_it_is() {
        let parsed = |path| AuthPath::parse(path).map(|asked| (asked.accepted.as_u16(), asked.application));
        for (path, wanted) in [
            ("/auth", Some((204, None))),
            ("/auth/-", Some((204, Some("-")))),
            ("/auth/My%20Shop", Some((204, Some("My%20Shop")))),
            ("/auth/", None),
            ("/auth/a/b", None),
            ("/envoy/-/", Some((200, None))),
            ("/envoy/-/orders/7", Some((200, None))),
            ("/envoy/%2D/orders", Some((200, Some("%2D")))),
            ("/envoy/Shop/", Some((200, Some("Shop")))),
            ("/envoy/Shop//orders", Some((200, Some("Shop")))),
            ("/envoy/Shop/../Other/orders", Some((200, Some("Shop")))),
            ("/envoy/Shop%2f../Other", Some((200, Some("Shop%2f..")))),
            ("/envoy/../auth", Some((200, Some("..")))),
            ("/envoy/%2e%2e/healthz", Some((200, Some("%2e%2e")))),
            ("/envoy/", None),
            ("/envoy//orders", None),
            ("/envoy/-", None),
            ("/envoy/Shop", None),
            ("/envoy", None),
            ("/Envoy/-/", None),
        ] {
            assert_eq!(parsed(path), wanted, "{path}");
        }
    }
}
