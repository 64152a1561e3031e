//! The trace ID of a request: the header `traceparent` of [W3C Trace Context](https://www.w3.org/TR/trace-context/).

use std::fmt;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A valid trace ID: 16 bytes that are not all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TraceId(u128);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl TraceId {
    /// The trace ID of these headers. None where there is no header, an invalid one, or more than one.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter().map(HeaderValue::as_bytes);
        let value = values.next()?;
        if values.next().is_some() { None } else { Self::parse(value) }
    }

    /// Parses `version-trace_id-parent_id-flags`, all in lowercase hexadecimal digits. Versions later than 00 may append
    /// further fields.
    fn parse(value: &[u8]) -> Option<Self> {
        let (known, rest) = value.split_at_checked(55)?;
        let mut fields = known.split(|byte| *byte == b'-');
        let version = number(fields.next()?, 2)?;
        let trace_id = number(fields.next()?, 32)?;
        let parent_id = number(fields.next()?, 16)?;
        number(fields.next()?, 2)?;
        let rest_is_valid = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.first().is_none_or(|byte| *byte == b'-'),
        };
        (rest_is_valid && trace_id != 0 && parent_id != 0).then_some(Self(trace_id))
    }
}

/// The number that is written in this many lowercase hexadecimal digits.
fn number(digits: &[u8], length: usize) -> Option<u128> {
    let are_valid =
        digits.len() == length && digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let text = are_valid.then(|| std::str::from_utf8(digits).ok())??;
    u128::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_valid_header_is_read() {
        for value in [
            VALID.to_owned(),
            VALID.replace("-01", "-00"),
            // A later version, with and without further fields.
            VALID.replace("00-0", "cc-0"),
            VALID.replace("00-0", "cc-0") + "-what-the-future-will-be-like",
            VALID.replace("00-0", "01-0") + "-",
        ] {
            let id = TraceId::parse(value.as_bytes()).map(|id| id.to_string());
            assert_eq!(id.as_deref(), Some("0af7651916cd43dd8448eb211c80319c"), "{value}");
        }
        let small = VALID.replace("0af7651916cd43dd8448eb211c80319c", "00000000000000000000000000000001");
        let id = TraceId::parse(small.as_bytes()).map(|id| id.to_string());
        assert_eq!(id.as_deref(), Some("00000000000000000000000000000001"), "with leading zeros");
    }

    #[test]
    fn invalid_headers_are_ignored() {
        for value in [
            String::new(),
            "00".into(),
            VALID.to_uppercase(),
            VALID[..54].to_owned(),
            format!("{VALID}-"),
            format!("{VALID}0"),
            VALID.replace("00-0", "ff-0"),
            VALID.replace("00-0", "cc-0") + "0",
            VALID.replace("0af7651916cd43dd8448eb211c80319c", "00000000000000000000000000000000"),
            VALID.replace("b7ad6b7169203331", "0000000000000000"),
            VALID.replace("0af7", "0ag7"),
            VALID.replace("0af7", "+af7"),
            VALID.replace("-b7", "_b7"),
            VALID.replace("-01", "-0\u{e9}"),
            VALID.replace("-01", "--1"),
        ] {
            assert_eq!(TraceId::parse(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn of_several_headers_none_is_read() {
        let mut headers = HeaderMap::new();
        assert_eq!(TraceId::of(&headers), None);
        headers.append(TRACEPARENT, HeaderValue::from_static(VALID));
        assert!(TraceId::of(&headers).is_some());
        headers.append(TRACEPARENT, HeaderValue::from_static(VALID));
        assert_eq!(TraceId::of(&headers), None);
    }
}
