//! The responses of the endpoint.

use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::domain::expiry::rfc3339;
use crate::domain::key::{Accepted, KeyId, KeyType};
use crate::store::lookup;
use crate::store::second_chance::{ByKeyId, SecondChance};
use crate::verify::credential::SCHEME;

/// A complete body, sent with the head in one write.
pub(super) type Body = Full<Bytes>;

/// The same for every reason.
const REJECTED: &str = r#"{"message": "Invalid API key", "StatusCode": 401}"#;
const NOT_FOUND: &str = r#"{"message": "Not found", "StatusCode": 404}"#;
const UNAVAILABLE: &str = r#"{"message": "Service unavailable", "StatusCode": 503}"#;

/// How many headers differ from key to key.
const DIFFERENT: usize = 4;

const HEADERS: [HeaderName; DIFFERENT] = [
    HeaderName::from_static("x-keydesk-key-id"),
    HeaderName::from_static("x-keydesk-key-name"),
    HeaderName::from_static("x-keydesk-application"),
    HeaderName::from_static("x-keydesk-expires"),
];
const PLATFORM: HeaderName = HeaderName::from_static("x-keydesk-platform");
const TYPE: HeaderName = HeaderName::from_static("x-keydesk-type");

/// A proxy that cached a response would accept a deleted key.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// All but the unreserved characters of RFC 3986.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Characters that are not allowed in a header (RFC 9110, section 5.5), and the percent sign.
const LITERAL: &AsciiSet = &CONTROLS.add(b'%');

/// The same within a quoted string.
const QUOTED: &AsciiSet = &LITERAL.add(b'"').add(b'\\');

/// Caches the headers that describe accepted keys: encoding them costs more than the verification.
#[derive(Debug)]
pub(super) struct HeaderCache(Mutex<SecondChance<KeyId, (Arc<Accepted>, Encoded), ByKeyId>>);

impl Default for HeaderCache {
    /// As many keys as the lookup caches.
    fn default() -> Self {
        Self(Mutex::new(SecondChance::new(lookup::MOST_KEPT)))
    }
}

impl HeaderCache {
    /// An empty response with this status and the description of the key for the software behind the proxy.
    pub(super) fn accepted(&self, status: StatusCode, key: &Arc<Accepted>) -> Response<Body> {
        let mut response = Response::new(Body::default());
        *response.status_mut() = status;
        *response.headers_mut() = self.encoded(key).headers();
        response
    }

    fn encoded(&self, key: &Arc<Accepted>) -> Encoded {
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, encoded)) = cached.get(&key.id)
            && (Arc::ptr_eq(of, key) || of == key)
        {
            return encoded.clone();
        }
        cached.evict_for(1);
        let encoded = Encoded::of(key);
        cached.insert(key.id, (Arc::clone(key), encoded.clone()));
        encoded
    }
}

/// The values of [`HEADERS`] and, where it is not a generic key, of [`PLATFORM`], in one text of which each is a slice. A
/// header map would take ten times the memory, and some thousand keys would not fit into the processor's cache.
#[derive(Clone, Debug)]
struct Encoded {
    text: Bytes,
    lengths: [u16; DIFFERENT + 1],
    key_type: KeyType,
}

impl Encoded {
    fn of(key: &Accepted) -> Self {
        let values = [
            utf8_percent_encode(key.id.as_str(), LITERAL),
            utf8_percent_encode(key.name.as_str(), NAME),
            utf8_percent_encode(key.application.as_str(), LITERAL),
            utf8_percent_encode(&rfc3339(key.expires), LITERAL),
            utf8_percent_encode(key.platform.as_deref().unwrap_or_default(), LITERAL),
        ]
        .map(|value| value.to_string());
        // Names have at most some hundred characters (`domain::text`).
        let lengths = values.each_ref().map(|value| u16::try_from(value.len()).unwrap_or(u16::MAX));
        Self { text: values.concat().into(), lengths, key_type: key.key_type }
    }

    fn headers(self) -> HeaderMap {
        let Self { mut text, lengths, key_type } = self;
        let mut headers = HeaderMap::with_capacity(DIFFERENT + 3);
        headers.insert(CACHE_CONTROL, NO_STORE);
        for (name, length) in HEADERS.into_iter().zip(lengths) {
            let piece = text.split_to(text.len().min(length.into()));
            // Visible ASCII and spaces are not encoded.
            if let Ok(value) = HeaderValue::from_maybe_shared(piece) {
                headers.insert(name, value);
            }
        }
        let platform = if text.is_empty() { None } else { HeaderValue::from_maybe_shared(text).ok() };
        headers.insert(PLATFORM, platform.unwrap_or(HeaderValue::from_static("generic")));
        headers.insert(TYPE, HeaderValue::from_static(key_type.as_str()));
        headers
    }
}

fn respond(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// 401; the realm is the requested Application.
pub(super) fn rejected(application: Option<&str>) -> Response<Body> {
    const ANY: HeaderValue = HeaderValue::from_static("ApiKey-v1 realm=\"keydesk\"");
    let mut response = respond(StatusCode::UNAUTHORIZED, "application/json", REJECTED);
    let challenge = application.map_or(ANY, |name| {
        let realm = utf8_percent_encode(name, QUOTED);
        HeaderValue::try_from(format!("{SCHEME} realm=\"{realm}\"")).unwrap_or(ANY)
    });
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

/// 503: the database cannot be read.
pub(super) fn unavailable() -> Response<Body> {
    let mut response = respond(StatusCode::SERVICE_UNAVAILABLE, "application/json", UNAVAILABLE);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

pub(super) fn not_found() -> Response<Body> {
    respond(StatusCode::NOT_FOUND, "application/json", NOT_FOUND)
}

/// 200 with a text.
pub(super) fn text(content_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    respond(StatusCode::OK, content_type, body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::text::Name;
    use chrono::DateTime;

    fn header(response: &Response<Body>, name: &str) -> String {
        response.headers().get(name).unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn any_name_fits_into_a_header() {
        let headers = HeaderCache::default();
        let key = Accepted {
            id: "7Qm2x9KdPa".parse().unwrap(),
            name: Name::from_stored("Kassé 100% \r\nX-Evil: 1 \u{202e}".into()),
            application: Name::from_stored("Größe & 100%\r\n".into()),
            platform: None,
            key_type: KeyType::Production,
            expires: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
        };
        let response = headers.accepted(StatusCode::NO_CONTENT, &Arc::new(key.clone()));
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
            assert_eq!(header(&headers.accepted(StatusCode::OK, &key), "x-keydesk-key-name"), "Renamed");
        }
    }

    #[test]
    fn the_realm_is_escaped() {
        let realm = |application| header(&rejected(application), "www-authenticate");
        assert_eq!(realm(None), "ApiKey-v1 realm=\"keydesk\"");
        assert_eq!(realm(Some("My Shop")), "ApiKey-v1 realm=\"My Shop\"");
        assert_eq!(realm(Some("a\", evil=\"\\\u{e9}\n")), "ApiKey-v1 realm=\"a%22, evil=%22%5C%C3%A9%0A\"");
    }
}
