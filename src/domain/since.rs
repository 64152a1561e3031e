//! Instants in the past, as people write them.

use chrono::{DateTime, NaiveDate, TimeZone};

use super::Instant;
use super::expiry::{ExpiryError, parse_duration, start_of};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time in the past: use 7d, 12h, 2026-11-01 or 2026-11-01T12:00:00Z")]
pub struct NotSince(pub String);

/// Parses a duration before now, a date (the start of that day in the zone) or RFC 3339.
///
/// In [`parse_when`](super::expiry::parse_when) a date is the end of its day.
/// An instant in the future is not an error.
pub fn parse_since<Z: TimeZone>(text: &str, now: Instant, zone: &Z) -> Result<Instant, NotSince> {
    let text = text.trim();
    let wrong = || NotSince(text.to_owned());
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return start_of(date, zone).ok_or_else(wrong);
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return DateTime::from_timestamp(at.timestamp(), 0).ok_or_else(wrong);
    }
    match parse_duration(text) {
        Ok(length) => now.checked_sub_signed(length).ok_or_else(wrong),
        // Before all entries.
        Err(ExpiryError::TooFar) => Ok(DateTime::UNIX_EPOCH),
        Err(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{FixedOffset, Utc};

    use super::*;

    const NOW: &str = "2026-11-23T09:00:00Z";

    fn at(text: &str) -> Instant {
        DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&Utc)
    }

    #[test]
    fn durations_go_back_and_days_begin_at_their_start() {
        let east = FixedOffset::east_opt(3_600).unwrap();
        let since = |text: &str| parse_since(text, at(NOW), &east);
        assert_eq!(since("7d"), Ok(at("2026-11-16T09:00:00Z")));
        assert_eq!(since(" 90m "), Ok(at("2026-11-23T07:30:00Z")));
        assert_eq!(since("2026-11-01"), Ok(at("2026-10-31T23:00:00Z")));
        assert_eq!(since("2026-11-01T12:00:00.9+02:00"), Ok(at("2026-11-01T10:00:00Z")));
        assert_eq!(since("2030-01-01"), Ok(at("2029-12-31T23:00:00Z")), "nothing since then");
        assert_eq!(since("99999999d"), Ok(DateTime::UNIX_EPOCH), "all of it");
        for text in ["", "d", "yesterday", "2026-13-01", "-7d"] {
            assert_eq!(since(text), Err(NotSince(text.into())), "{text}");
        }
    }
}
