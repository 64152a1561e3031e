//! The answers of the endpoint, to the letter of its contract.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::domain::expiry::rfc3339;
use crate::domain::key::{Accepted, KeyId};
use crate::verify::credential::SCHEME;

/// What a client is told who is refused, always the same: never why.
const REFUSED: &str = r#"{"message": "Invalid API key", "StatusCode": 401}"#;

/// What a client is told when nobody can be let in.
const UNANSWERED: &str = r#"{"message": "Service unavailable", "StatusCode": 503}"#;

const KEY_ID: HeaderName = HeaderName::from_static("x-keydesk-key-id");
const KEY_NAME: HeaderName = HeaderName::from_static("x-keydesk-key-name");
const APPLICATION: HeaderName = HeaderName::from_static("x-keydesk-application");
const PLATFORM: HeaderName = HeaderName::from_static("x-keydesk-platform");
const TYPE: HeaderName = HeaderName::from_static("x-keydesk-type");
const EXPIRES: HeaderName = HeaderName::from_static("x-keydesk-expires");

/// A proxy that kept an answer would let a deleted key in.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// All but the unreserved characters of RFC 3986.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What cannot stand in a header (RFC 9110, section 5.5), and the percent sign, so that decoding gives back the text.
const LITERAL: &AsciiSet = &CONTROLS.add(b'%');

/// The same within a quoted string.
const QUOTED: &AsciiSet = &LITERAL.add(b'"').add(b'\\');

fn answer(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}

fn json(status: StatusCode, body: &'static str) -> Response<Body> {
    let mut response = answer(status, body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// What is told of the keys that are let in, kept: writing it out for each request would cost more than the decision.
#[derive(Debug, Default)]
pub(super) struct Welcome(Mutex<HashMap<KeyId, (Arc<Accepted>, Told)>>);

/// How many are kept at most.
const MOST_KEPT: usize = 10_000;

impl Welcome {
    /// 204, with what the application behind the proxy may want to know of the key.
    pub(super) fn let_in(&self, key: &Arc<Accepted>) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        *response.headers_mut() = self.told(key).headers();
        response
    }

    fn told(&self, key: &Arc<Accepted>) -> Told {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, told)) = kept.get(&key.id)
            && (Arc::ptr_eq(of, key) || of == key)
        {
            return told.clone();
        }
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        let told = Told::of(key);
        kept.insert(key.id, (Arc::clone(key), told.clone()));
        told
    }
}

/// The values of the headers in one text, of which each value is a piece. Kept as a map of headers it would be ten times
/// as long, and with some thousand keys no processor's cache would hold it.
#[derive(Clone, Debug)]
struct Told {
    text: Bytes,
    lengths: [u16; VALUES],
}

/// How many headers tell of a key.
const VALUES: usize = 6;

/// They.
const TOLD: [HeaderName; VALUES] = [KEY_ID, KEY_NAME, APPLICATION, PLATFORM, TYPE, EXPIRES];

impl Told {
    fn of(key: &Accepted) -> Self {
        let values = [
            utf8_percent_encode(key.id.as_str(), LITERAL),
            utf8_percent_encode(key.name.as_str(), NAME),
            utf8_percent_encode(key.application.as_str(), LITERAL),
            utf8_percent_encode(key.platform.as_deref().unwrap_or("generic"), LITERAL),
            utf8_percent_encode(key.key_type.as_str(), LITERAL),
            utf8_percent_encode(&rfc3339(key.expires), LITERAL),
        ]
        .map(|value| value.to_string());
        // Names are some hundred characters at the most (`domain::text`).
        let lengths = values.each_ref().map(|value| u16::try_from(value.len()).unwrap_or(u16::MAX));
        Self { text: values.concat().into(), lengths }
    }

    fn headers(mut self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(VALUES + 2);
        headers.insert(CACHE_CONTROL, NO_STORE);
        for (name, length) in TOLD.into_iter().zip(self.lengths) {
            let piece = self.text.split_to(self.text.len().min(length.into()));
            // Visible ASCII and spaces are all that is left of any text.
            if let Ok(value) = HeaderValue::from_maybe_shared(piece) {
                headers.insert(name, value);
            }
        }
        headers
    }
}

/// 401; the realm is the Application that was asked for.
pub(super) fn refused(application: Option<&str>) -> Response<Body> {
    let mut response = json(StatusCode::UNAUTHORIZED, REFUSED);
    let realm = utf8_percent_encode(application.unwrap_or("keydesk"), QUOTED);
    let challenge = HeaderValue::try_from(format!("{SCHEME} realm=\"{realm}\""));
    let challenge = challenge.unwrap_or(HeaderValue::from_static("ApiKey-v1 realm=\"keydesk\""));
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

/// 503: the database could not be read.
pub(super) fn unanswered() -> Response<Body> {
    let mut response = json(StatusCode::SERVICE_UNAVAILABLE, UNANSWERED);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// 404: there is nothing else here.
pub(super) fn not_found() -> Response<Body> {
    json(StatusCode::NOT_FOUND, r#"{"message": "Not found", "StatusCode": 404}"#)
}

/// 200 with a text.
pub(super) fn text(content_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = answer(StatusCode::OK, body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::KeyType;
    use crate::domain::text::Name;
    use chrono::DateTime;

    fn header(response: &Response<Body>, name: &str) -> String {
        response.headers().get(name).unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn any_name_fits_into_a_header() {
        let welcome = Welcome::default();
        let key = Accepted {
            id: "7Qm2x9KdPa".parse().unwrap(),
            name: Name::from_stored("Kassé 100% \r\nX-Evil: 1 \u{202e}".into()),
            application: Name::from_stored("Größe & 100%\r\n".into()),
            platform: None,
            key_type: KeyType::Production,
            expires: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
        };
        let response = welcome.let_in(&Arc::new(key.clone()));
        assert_eq!(response.status(), 204);
        assert_eq!(
            header(&response, "x-keydesk-key-name"),
            "Kass%C3%A9%20100%25%20%0D%0AX-Evil%3A%201%20%E2%80%AE"
        );
        assert_eq!(header(&response, "x-keydesk-application"), "Gr%C3%B6%C3%9Fe & 100%25%0D%0A");
        assert_eq!(header(&response, "x-keydesk-platform"), "generic");
        assert_eq!(header(&response, "x-keydesk-type"), "production");
        assert_eq!(header(&response, "x-keydesk-expires"), "2027-01-15T08:00:00Z");
        assert_eq!(header(&response, "cache-control"), "no-store");
        let key = Arc::new(Accepted { name: Name::from_stored("Renamed".into()), ..key });
        for _ in 0..2 {
            assert_eq!(header(&welcome.let_in(&key), "x-keydesk-key-name"), "Renamed");
        }
    }

    #[test]
    fn the_realm_cannot_be_left() {
        let realm = |application| header(&refused(application), "www-authenticate");
        assert_eq!(realm(None), "ApiKey-v1 realm=\"keydesk\"");
        assert_eq!(realm(Some("My Shop")), "ApiKey-v1 realm=\"My Shop\"");
        assert_eq!(realm(Some("a\", evil=\"\\\u{e9}\n")), "ApiKey-v1 realm=\"a%22, evil=%22%5C%C3%A9%0A\"");
    }
}
