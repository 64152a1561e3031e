//! Expiration dates: parsing, presets, warnings and display.

mod parse;

use chrono::{Datelike, Offset, SecondsFormat, TimeDelta, TimeZone, Weekday};

use super::Instant;
pub use parse::{
    BeyondMaxLifetime, ExpiryError, MOST_DAYS, check_lifetime, expires_after, parse_duration,
    parse_positive_duration, parse_when, start_of,
};

/// A lifetime that the wizard offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    pub days: u32,
}

pub const PRESETS: [Preset; 5] = [
    Preset { days: 7 },
    Preset { days: 30 },
    Preset { days: 90 },
    Preset { days: 180 },
    Preset { days: 365 },
];

/// A reason to choose another date. It does not prevent anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    Weekend(Weekday),
    /// From December 20 to January 2.
    EndOfYear,
    /// The number of other keys that expire in the same month.
    CrowdedMonth(u64),
}

/// The number of expirations from which a month is crowded.
pub const CROWDED: u64 = 10;

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Weekend(Weekday::Sat) => f.write_str("Expires on a Saturday."),
            Self::Weekend(_) => f.write_str("Expires on a Sunday."),
            Self::EndOfYear => f.write_str("Expires during the year-end holidays."),
            Self::CrowdedMonth(keys) => write!(f, "{keys} other keys expire in the same month."),
        }
    }
}

/// `in_month` is the number of other keys that expire in the same month.
#[must_use]
pub fn warnings<Z: TimeZone>(expires: Instant, zone: &Z, in_month: u64) -> Vec<Warning> {
    let date = expires.with_timezone(zone).date_naive();
    let mut warnings = Vec::new();
    if matches!(date.weekday(), Weekday::Sat | Weekday::Sun) {
        warnings.push(Warning::Weekend(date.weekday()));
    }
    if (date.month() == 12 && date.day() >= 20) || (date.month() == 1 && date.day() <= 2) {
        warnings.push(Warning::EndOfYear);
    }
    if in_month >= CROWDED {
        warnings.push(Warning::CrowdedMonth(in_month));
    }
    warnings
}

/// The name that the wizard suggests, such as `Braze November 2026`.
#[must_use]
pub fn suggested_name<Z: TimeZone>(what: &str, now: Instant, zone: &Z) -> String {
    let date = now.with_timezone(zone).date_naive();
    format!("{what} {}", date.format("%B %Y"))
}

/// RFC 3339 in UTC, whole seconds.
#[must_use]
pub fn rfc3339(at: Instant) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// `2027-02-21 10:00:00 +01:00`, or `UTC` in place of the offset.
#[must_use]
pub fn local<Z: TimeZone>(at: Instant, zone: &Z) -> String {
    let there = at.with_timezone(zone);
    let offset = there.offset().fix();
    let clock = there.naive_local().format("%Y-%m-%d %H:%M:%S");
    if offset.local_minus_utc() == 0 { format!("{clock} UTC") } else { format!("{clock} {offset}") }
}

/// An instant to come in at most six cells: `14:05`, from a day on `Nov 29`, from a year on `2027`.
#[must_use]
pub fn until_short<Z: TimeZone>(at: Instant, now: Instant, zone: &Z) -> String {
    let there = at.with_timezone(zone).naive_local();
    let format = match (at - now).num_hours() {
        ..24 => "%H:%M",
        24..8_760 => "%b %-d",
        8_760.. => "%Y",
    };
    there.format(format).to_string()
}

/// `in 89 days`, `3 s ago`, `now`.
#[must_use]
pub fn relative(at: Instant, now: Instant) -> String {
    let (count, word) = distance(at, now);
    let unit = match (word, count) {
        ("s", _) => "s".to_owned(),
        (word, 1) => word.to_owned(),
        (word, _) => format!("{word}s"),
    };
    turned(at, now, &format!("{count} {unit}"))
}

/// The same for a narrow column: `in 89 d`.
#[must_use]
pub fn relative_short(at: Instant, now: Instant) -> String {
    let (count, word) = distance(at, now);
    let unit = match word {
        "minute" => "m",
        "hour" => "h",
        "day" => "d",
        "month" => "mo",
        "year" => "y",
        other => other,
    };
    turned(at, now, &format!("{count} {unit}"))
}

/// A length of time as it is written on the command line, in words: `24 hours`, `90 minutes`, `7 days`.
#[must_use]
pub fn in_words(length: TimeDelta) -> String {
    let seconds = length.num_seconds();
    let (count, unit) = whole_units(seconds);
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

/// The same for a narrow place: `24 h`.
#[must_use]
pub fn in_short(length: TimeDelta) -> String {
    let (count, unit) = whole_units(length.num_seconds());
    let unit = match unit {
        "second" => "s",
        "minute" => "min",
        "hour" => "h",
        _ => "d",
    };
    format!("{count} {unit}")
}

/// The largest unit that has no remainder. A day is 24 hours.
fn whole_units(seconds: i64) -> (i64, &'static str) {
    match seconds {
        172_800.. if seconds % 86_400 == 0 => (seconds / 86_400, "day"),
        3_600.. if seconds % 3_600 == 0 => (seconds / 3_600, "hour"),
        60.. if seconds % 60 == 0 => (seconds / 60, "minute"),
        _ => (seconds, "second"),
    }
}

fn turned(at: Instant, now: Instant, distance: &str) -> String {
    match at.cmp(&now) {
        std::cmp::Ordering::Equal => "now".into(),
        std::cmp::Ordering::Greater => format!("in {distance}"),
        std::cmp::Ordering::Less => format!("{distance} ago"),
    }
}

/// The distance in the largest unit that says enough. What is to come is rounded to the nearest, so that a lifetime of
/// 90 days begins as 90 days; what has passed is rounded down.
fn distance(at: Instant, now: Instant) -> (i64, &'static str) {
    let seconds = (at - now).num_seconds();
    let count = |unit: i64| (seconds.abs() + if seconds > 0 { unit / 2 } else { 0 }) / unit;
    // Seconds of a unit, and from how many seconds on the next one is used.
    [
        (1, 60, "s"),
        (60, 3_600, "minute"),
        (3_600, 172_800, "hour"),
        (86_400, 10_368_000, "day"),
        (2_629_746, 63_072_000, "month"),
    ]
    .into_iter()
    .find(|(unit, until, _)| seconds.abs() < *until && count(*unit) * unit < *until)
    .map_or_else(|| (count(31_556_952), "year"), |(unit, _, word)| (count(unit), word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, FixedOffset, Utc};

    pub(super) fn at(text: &str) -> Instant {
        DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&Utc)
    }

    #[test]
    fn lengths_are_said_in_the_largest_whole_unit() {
        let said = |seconds| (in_words(TimeDelta::seconds(seconds)), in_short(TimeDelta::seconds(seconds)));
        for (seconds, words, short) in [
            (1, "1 second", "1 s"),
            (90, "90 seconds", "90 s"),
            (5_400, "90 minutes", "90 min"),
            (3_600, "1 hour", "1 h"),
            (86_400, "24 hours", "24 h"),
            (604_800, "7 days", "7 d"),
        ] {
            assert_eq!(said(seconds), (words.to_owned(), short.to_owned()));
        }
    }

    pub(super) fn east() -> FixedOffset {
        FixedOffset::east_opt(3_600).unwrap()
    }

    pub(super) const NOW: &str = "2026-11-23T09:00:00Z";

    #[test]
    fn gentle_warnings() {
        let zone = east();
        assert_eq!(warnings(at("2027-02-20T09:00:00Z"), &zone, 0), [Warning::Weekend(Weekday::Sat)]);
        assert_eq!(
            warnings(at("2026-12-31T09:00:00Z"), &zone, 12),
            [Warning::EndOfYear, Warning::CrowdedMonth(12)]
        );
        assert_eq!(warnings(at("2027-02-23T09:00:00Z"), &zone, 9), []);
        // In the zone, not in UTC: there it is Saturday.
        assert_eq!(warnings(at("2027-02-19T23:30:00Z"), &zone, 0), [Warning::Weekend(Weekday::Sat)]);
    }

    #[test]
    fn instants_for_people() {
        let now = at(NOW);
        assert_eq!(local(now, &east()), "2026-11-23 10:00:00 +01:00");
        assert_eq!(local(now, &Utc), "2026-11-23 09:00:00 UTC");
        assert_eq!(rfc3339(now), NOW);
        assert_eq!(relative(at("2027-02-21T09:00:00Z"), now), "in 90 days");
        assert_eq!(relative(at("2026-11-23T08:59:57Z"), now), "3 s ago");
        assert_eq!(relative(at("2026-11-23T10:00:00Z"), now), "in 1 hour");
        assert_eq!(relative(now, now), "now");
        for (seconds, text) in [
            (90 * 86_400 - 2, "in 90 d"),
            (90 * 86_400 - 43_201, "in 89 d"),
            (59, "in 59 s"),
            (3_599, "in 1 h"),
            (172_799, "in 2 d"),
            (365 * 86_400 - 1, "in 12 mo"),
            (63_071_999, "in 2 y"),
            (-180, "3 m ago"),
            (-3_599, "59 m ago"),
            (-7_199, "1 h ago"),
            (-172_799, "47 h ago"),
        ] {
            assert_eq!(relative_short(now + TimeDelta::seconds(seconds), now), text, "{seconds}");
        }
        let until = |hours| until_short(now + TimeDelta::hours(hours), now, &east());
        assert_eq!(
            [1, 23, 24, 24 * 364, 24 * 365].map(until),
            ["11:00", "09:00", "Nov 24", "Nov 22", "2027"]
        );
        assert_eq!(suggested_name("Braze", now, &Utc), "Braze November 2026");
    }
}
