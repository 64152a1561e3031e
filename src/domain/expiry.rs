//! Expiration dates: how they are written, offered, warned of and shown.

use chrono::{
    DateTime, Datelike, Days, NaiveDate, NaiveTime, Offset, SecondsFormat, TimeDelta, TimeZone, Utc, Weekday,
};

use super::Instant;

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

/// The longest lifetime of a key: about 100 years. A later date is a typing error.
pub const MOST_DAYS: i64 = 36_525;

/// Why a text is not a `WHEN` or a `DURATION`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpiryError {
    #[error("{0:?} is no date: write 90d, 12w, 2027-01-31 or 2027-01-31T12:00:00Z")]
    NotADate(String),
    #[error("{0:?} is no duration: write 45s, 15m, 24h, 7d or 12w")]
    NotADuration(String),
    #[error("{0} is in the past: choose a later date")]
    Past(String),
    #[error("that is more than 100 years ahead: choose an earlier date")]
    TooFar,
}

/// Parses a `DURATION`: `45s`, `15m`, `24h`, `7d`, `12w`.
pub fn parse_duration(text: &str) -> Result<TimeDelta, ExpiryError> {
    let wrong = || ExpiryError::NotADuration(text.to_owned());
    let trimmed = text.trim();
    let unit = trimmed.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(wrong()),
    };
    let digits = trimmed.get(..trimmed.len() - 1).ok_or_else(wrong)?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let count: i64 = digits.parse().map_err(|_| ExpiryError::TooFar)?;
    let total = count.checked_mul(seconds).ok_or(ExpiryError::TooFar)?;
    if total > MOST_DAYS * 86_400 { Err(ExpiryError::TooFar) } else { Ok(TimeDelta::seconds(total)) }
}

/// The instant a number of days from now.
pub fn expires_after(now: Instant, days: i64) -> Result<Instant, ExpiryError> {
    checked(now.checked_add_signed(TimeDelta::days(days.min(MOST_DAYS + 1))), now)
}

fn checked(at: Option<Instant>, now: Instant) -> Result<Instant, ExpiryError> {
    let at = at.ok_or(ExpiryError::TooFar)?;
    if at <= now {
        Err(ExpiryError::Past(rfc3339(at)))
    } else if at - now > TimeDelta::days(MOST_DAYS) {
        Err(ExpiryError::TooFar)
    } else {
        Ok(at)
    }
}

/// Parses a `WHEN`: a duration from now, a date (the end of that day in the zone) or RFC 3339.
pub fn parse_when<Z: TimeZone>(text: &str, now: Instant, zone: &Z) -> Result<Instant, ExpiryError> {
    let text = text.trim();
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return checked(end_of(date, zone), now).map_err(|error| {
            if matches!(error, ExpiryError::Past(_)) { ExpiryError::Past(text.into()) } else { error }
        });
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        let whole = at.with_timezone(&Utc).timestamp();
        return checked(DateTime::from_timestamp(whole, 0), now);
    }
    match parse_duration(text) {
        Ok(length) => checked(now.checked_add_signed(length), now),
        Err(ExpiryError::TooFar) => Err(ExpiryError::TooFar),
        Err(_) => Err(ExpiryError::NotADate(text.to_owned())),
    }
}

/// The first instant of a date in a zone. Where the clock is put forward over midnight it is the first that exists;
/// where midnight comes twice it is the first of the two.
#[must_use]
pub fn start_of<Z: TimeZone>(date: NaiveDate, zone: &Z) -> Option<Instant> {
    let step = TimeDelta::minutes(30);
    let midnight = date.and_time(NaiveTime::MIN);
    let mut start = (0..=8)
        .filter_map(|steps| midnight.checked_add_signed(step * steps))
        .find_map(|at| zone.from_local_datetime(&at).earliest())?
        .with_timezone(&Utc);
    // Of a clock put back to midnight exactly, `chrono::Local` knows the second midnight only (Havana, the Azores).
    for _ in 0..4 {
        match start.checked_sub_signed(step) {
            Some(before) if before.with_timezone(zone).date_naive() == date => start = before,
            _ => break,
        }
    }
    Some(start)
}

/// The last second of a date in a zone: 23:59:59 there.
fn end_of<Z: TimeZone>(date: NaiveDate, zone: &Z) -> Option<Instant> {
    let next = date.checked_add_days(Days::new(1))?;
    start_of(next, zone)?.checked_sub_signed(TimeDelta::seconds(1))
}

/// A reason to choose another date. It does not prevent anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    Weekend(Weekday),
    /// From December 20 to January 2.
    EndOfYear,
    /// How many keys expire in that month already.
    CrowdedMonth(u64),
}

/// The number of expirations from which a month is crowded.
pub const CROWDED: u64 = 10;

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Weekend(Weekday::Sat) => {
                f.write_str("That is a Saturday: will someone be there to replace it?")
            }
            Self::Weekend(_) => f.write_str("That is a Sunday: will someone be there to replace it?"),
            Self::EndOfYear => f.write_str("That is around the turn of the year, when few people are there."),
            Self::CrowdedMonth(keys) => write!(f, "{keys} keys expire in that month already."),
        }
    }
}

/// `in_month` is how many keys expire in the month of that date already.
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
        "minute" => "min",
        "hour" => "h",
        "day" => "d",
        "month" => "mo",
        "year" => "y",
        other => other,
    };
    turned(at, now, &format!("{count} {unit}"))
}

fn turned(at: Instant, now: Instant, distance: &str) -> String {
    match at.cmp(&now) {
        std::cmp::Ordering::Equal => "now".into(),
        std::cmp::Ordering::Greater => format!("in {distance}"),
        std::cmp::Ordering::Less => format!("{distance} ago"),
    }
}

/// Rounds down, so that nothing seems to last longer than it does.
fn distance(at: Instant, now: Instant) -> (i64, &'static str) {
    let seconds = (at - now).num_seconds().abs();
    match seconds {
        0..60 => (seconds, "s"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..172_800 => (seconds / 3_600, "hour"),
        172_800..10_368_000 => (seconds / 86_400, "day"),
        10_368_000..63_072_000 => (seconds / 2_629_746, "month"),
        _ => (seconds / 31_556_952, "year"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{FixedOffset, MappedLocalTime, NaiveDateTime};
    use proptest::prelude::*;

    fn at(text: &str) -> Instant {
        DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&Utc)
    }

    fn east() -> FixedOffset {
        FixedOffset::east_opt(3_600).unwrap()
    }

    /// A zone whose clock is put from one offset to another at an instant, as `chrono::Local` sees it: of times that
    /// come twice it knows the second only where they begin.
    #[derive(Clone, Copy, Debug)]
    struct Turning {
        at: Instant,
        before: FixedOffset,
        after: FixedOffset,
    }

    #[derive(Clone, Copy, Debug)]
    struct TurningOffset(Turning, FixedOffset);

    impl Offset for TurningOffset {
        fn fix(&self) -> FixedOffset {
            self.1
        }
    }

    impl TimeZone for Turning {
        type Offset = TurningOffset;

        fn from_offset(offset: &TurningOffset) -> Self {
            offset.0
        }

        fn offset_from_local_date(&self, local: &NaiveDate) -> MappedLocalTime<TurningOffset> {
            self.offset_from_local_datetime(&local.and_time(NaiveTime::MIN))
        }

        fn offset_from_local_datetime(&self, local: &NaiveDateTime) -> MappedLocalTime<TurningOffset> {
            let old = self.at.with_timezone(&self.before).naive_local();
            let new = self.at.with_timezone(&self.after).naive_local();
            match (*local < old, *local >= new) {
                (true, true) if *local > new => MappedLocalTime::Ambiguous(self.before, self.after),
                (_, true) => MappedLocalTime::Single(self.after),
                (true, false) => MappedLocalTime::Single(self.before),
                (false, false) => MappedLocalTime::None,
            }
            .map(|offset| TurningOffset(*self, offset))
        }

        fn offset_from_utc_date(&self, utc: &NaiveDate) -> TurningOffset {
            self.offset_from_utc_datetime(&utc.and_time(NaiveTime::MIN))
        }

        fn offset_from_utc_datetime(&self, utc: &NaiveDateTime) -> TurningOffset {
            TurningOffset(*self, if utc.and_utc() < self.at { self.before } else { self.after })
        }
    }

    const NOW: &str = "2026-11-23T09:00:00Z";

    #[test]
    fn when_in_all_its_forms() {
        let when = |text| parse_when(text, at(NOW), &east());
        assert_eq!(when("90d"), Ok(at("2027-02-21T09:00:00Z")));
        assert_eq!(when("12w"), Ok(at("2027-02-15T09:00:00Z")));
        assert_eq!(when("2027-01-31"), Ok(at("2027-01-31T22:59:59Z")), "the end of that day, there");
        assert_eq!(when("2027-01-31T12:00:00+02:00"), Ok(at("2027-01-31T10:00:00Z")));
        assert_eq!(when("2026-11-23"), Ok(at("2026-11-23T22:59:59Z")), "today still has an end");
    }

    #[test]
    fn a_day_ends_once_whatever_the_clock_does() {
        for (place, turn, before, after, day, end) in [
            (
                "Havana, back to midnight",
                "2027-11-07T05:00:00Z",
                -4,
                -5,
                "2027-11-06",
                "2027-11-07T03:59:59Z",
            ),
            ("Havana, the day after", "2027-11-07T05:00:00Z", -4, -5, "2027-11-07", "2027-11-08T04:59:59Z"),
            (
                "Beirut, back from midnight",
                "2027-10-30T21:00:00Z",
                3,
                2,
                "2027-10-30",
                "2027-10-30T21:59:59Z",
            ),
            (
                "Cairo, forward from midnight",
                "2027-04-29T22:00:00Z",
                2,
                3,
                "2027-04-29",
                "2027-04-29T21:59:59Z",
            ),
            (
                "Scoresbysund, forward to midnight",
                "2027-03-28T01:00:00Z",
                -2,
                -1,
                "2027-03-27",
                "2027-03-28T00:59:59Z",
            ),
        ] {
            let offset = |hours: i32| FixedOffset::east_opt(hours * 3_600).unwrap();
            let zone = Turning { at: at(turn), before: offset(before), after: offset(after) };
            assert_eq!(parse_when(day, at(NOW), &zone), Ok(at(end)), "{place}");
        }
    }

    #[test]
    fn what_is_past_or_too_far_is_refused() {
        let when = |text| parse_when(text, at(NOW), &east());
        assert_eq!(when("2026-11-22"), Err(ExpiryError::Past("2026-11-22".into())));
        assert!(matches!(when("2026-11-23T09:00:00Z"), Err(ExpiryError::Past(_))), "now is past");
        assert!(matches!(when("0d"), Err(ExpiryError::Past(_))));
        assert_eq!(when("3000-01-01"), Err(ExpiryError::TooFar));
        assert_eq!(when("99999999999999999999d"), Err(ExpiryError::TooFar));
        for text in ["", "d", "-5d", "5", "1.5d", "tomorrow", "2027-02-30", "2027-13-01"] {
            assert_eq!(when(text), Err(ExpiryError::NotADate(text.into())), "{text}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("45s"), Ok(TimeDelta::seconds(45)));
        assert_eq!(parse_duration("15m"), Ok(TimeDelta::minutes(15)));
        assert_eq!(parse_duration("24h"), Ok(TimeDelta::hours(24)));
        assert_eq!(parse_duration("7d"), Ok(TimeDelta::days(7)));
        assert!(parse_duration("7y").is_err());
        assert!(parse_duration("é").is_err());
    }

    #[test]
    fn gentle_warnings() {
        let zone = east();
        assert_eq!(warnings(at("2027-02-20T09:00:00Z"), &zone, 0), [Warning::Weekend(Weekday::Sat)]);
        assert_eq!(
            warnings(at("2026-12-31T09:00:00Z"), &zone, 12),
            [Warning::EndOfYear, Warning::CrowdedMonth(12)]
        );
        assert_eq!(warnings(at("2027-02-23T09:00:00Z"), &zone, 9), []);
        // In the zone, not in UTC: it is Saturday there already.
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
        assert_eq!(relative_short(at("2026-11-23T08:57:00Z"), now), "3 min ago");
        assert_eq!(suggested_name("Braze", now, &Utc), "Braze November 2026");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = (parse_when(&text, at(NOW), &Utc), parse_duration(&text));
        }
    }
}
