//! How expiration dates and durations are written.

use chrono::{DateTime, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};

use super::rfc3339;
use crate::domain::Instant;

/// The longest lifetime of a key: about 100 years. A later date is a typing error.
pub const MOST_DAYS: i64 = 36_525;

/// Why a text is not a `WHEN` or a `DURATION`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpiryError {
    #[error("{0:?} is not a date: write 90d, 12w, 6mo, 1y, tomorrow, 2027-01-31 or 2027-01-31T12:00:00Z")]
    NotADate(String),
    /// With the two readings.
    #[error("{0:?} is ambiguous: write {1} or {2}")]
    Ambiguous(String, NaiveDate, NaiveDate),
    #[error("{0:?} is not a duration: write 45s, 15m, 24h, 7d or 2w")]
    NotADuration(String),
    #[error("{0} is in the past: choose a later date")]
    Past(String),
    #[error("{0:?} is not longer than zero")]
    NoDuration(String),
    #[error("that is more than 100 years ahead: choose an earlier date")]
    TooFar,
    #[error(transparent)]
    BeyondMaxLifetime(#[from] BeyondMaxLifetime),
}

/// A lifetime that the configuration does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("that is more than {days} days ahead, the maximum lifetime (max_lifetime): choose an earlier date")]
pub struct BeyondMaxLifetime {
    /// The maximum.
    pub days: i64,
}

/// Checks the expiration date of a key that is created now.
///
/// # Errors
/// When its lifetime is longer than the maximum.
pub fn check_lifetime(
    expires: Instant,
    now: Instant,
    max: Option<TimeDelta>,
) -> Result<(), BeyondMaxLifetime> {
    match max {
        Some(max) if expires - now > max => Err(BeyondMaxLifetime { days: max.num_days() }),
        _ => Ok(()),
    }
}

/// Parses a `DURATION`: `45s`, `15m`, `24h`, `7d`, `2w`.
pub fn parse_duration(text: &str) -> Result<TimeDelta, ExpiryError> {
    let wrong = || ExpiryError::NotADuration(text.to_owned());
    let (count, unit) = counted(text.trim()).ok_or_else(wrong)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return Err(wrong()),
    };
    let total = count.checked_mul(seconds).ok_or(ExpiryError::TooFar)?;
    if total > MOST_DAYS * 86_400 { Err(ExpiryError::TooFar) } else { Ok(TimeDelta::seconds(total)) }
}

/// Parses a `DURATION` that is not zero.
pub fn parse_positive_duration(text: &str) -> Result<TimeDelta, ExpiryError> {
    parse_duration(text).and_then(|length| {
        if length.is_zero() { Err(ExpiryError::NoDuration(text.trim().to_owned())) } else { Ok(length) }
    })
}

/// Splits `90d` into 90 and `d`. A number that is too large is the largest.
fn counted(text: &str) -> Option<(i64, &str)> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    (!digits.is_empty()).then(|| (digits.parse().unwrap_or(i64::MAX), unit))
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

/// Parses a `WHEN`: a duration from now (`90d`, `12w`), calendar months or years from now (`6mo`, `1y`), `tomorrow`, a date
/// (the end of that day in the zone) or RFC 3339. A date is written `2027-01-31`, `31.1.2027`, or `31/1/2027` where only
/// one of the first two numbers can be a month.
pub fn parse_when<Z: TimeZone>(text: &str, now: Instant, zone: &Z) -> Result<Instant, ExpiryError> {
    let text = text.trim();
    let today = now.with_timezone(zone).date_naive();
    let date = if text.eq_ignore_ascii_case("tomorrow") {
        Some(today.checked_add_days(Days::new(1)).ok_or(ExpiryError::TooFar)?)
    } else {
        parse_date(text)?
    };
    if let Some(date) = date {
        return checked(end_of(date, zone), now).map_err(|error| {
            if matches!(error, ExpiryError::Past(_)) { ExpiryError::Past(text.into()) } else { error }
        });
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        let whole = at.with_timezone(&Utc).timestamp();
        return checked(DateTime::from_timestamp(whole, 0), now);
    }
    let at = match counted(text) {
        Some((count, "mo")) => months_after(now, count, zone),
        Some((count, "y")) => months_after(now, count.saturating_mul(12), zone),
        _ => match parse_duration(text) {
            Ok(length) => now.checked_add_signed(length),
            Err(ExpiryError::TooFar) => None,
            Err(_) => return Err(ExpiryError::NotADate(text.to_owned())),
        },
    };
    checked(at, now)
}

/// The same time of day a number of months later; on the last day of the month where that is shorter.
fn months_after<Z: TimeZone>(now: Instant, count: i64, zone: &Z) -> Option<Instant> {
    let months = Months::new(u32::try_from(count).ok()?);
    first_at(now.with_timezone(zone).naive_local().checked_add_months(months)?, zone)
}

/// None when the text is not three numbers of a date.
fn parse_date(text: &str) -> Result<Option<NaiveDate>, ExpiryError> {
    let Some(sign) = text.chars().find(|c| "-./".contains(*c)) else { return Ok(None) };
    let parts: Vec<&str> = text.split(sign).collect();
    let &[first, second, third] = parts.as_slice() else { return Ok(None) };
    let number = |part: &str, longest: usize| -> Option<u32> {
        let is_number = (1..=longest).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        part.parse().ok().filter(|_| is_number)
    };
    let year =
        |part: &str| number(part, 4).filter(|_| part.len() == 4).and_then(|year| i32::try_from(year).ok());
    let date = |year, month, day| NaiveDate::from_ymd_opt(year, month, day);
    if let (Some(year), Some(month), Some(day)) = (year(first), number(second, 2), number(third, 2)) {
        return Ok(date(year, month, day));
    }
    let (Some(first), Some(second), Some(year)) = (number(first, 2), number(second, 2), year(third)) else {
        return Ok(None);
    };
    match (date(year, second, first), date(year, first, second)) {
        // With dots the day always comes first.
        (day_first, _) if sign == '.' => Ok(day_first),
        (Some(one), Some(other)) if one != other => Err(ExpiryError::Ambiguous(text.to_owned(), one, other)),
        (one, other) => Ok(one.or(other)),
    }
}

/// The first instant of a date in a zone. Where the clock is put forward over midnight it is the first that exists;
/// where midnight comes twice it is the first of the two.
#[must_use]
pub fn start_of<Z: TimeZone>(date: NaiveDate, zone: &Z) -> Option<Instant> {
    let mut start = first_at(date.and_time(NaiveTime::MIN), zone)?;
    // Of a clock put back to midnight exactly, `chrono::Local` knows the second midnight only (Havana, the Azores).
    for _ in 0..4 {
        match start.checked_sub_signed(CLOCK_STEP) {
            Some(before) if before.with_timezone(zone).date_naive() == date => start = before,
            _ => break,
        }
    }
    Some(start)
}

/// The least by which clocks are put forward or back.
const CLOCK_STEP: TimeDelta = TimeDelta::minutes(30);

/// The first instant of a local time, or of the next one that exists.
fn first_at<Z: TimeZone>(local: NaiveDateTime, zone: &Z) -> Option<Instant> {
    let at = (0..=8)
        .filter_map(|steps| local.checked_add_signed(CLOCK_STEP * steps))
        .find_map(|at| zone.from_local_datetime(&at).earliest())?;
    Some(at.with_timezone(&Utc))
}

/// The last second of a date in a zone: 23:59:59 there.
fn end_of<Z: TimeZone>(date: NaiveDate, zone: &Z) -> Option<Instant> {
    let next = date.checked_add_days(Days::new(1))?;
    start_of(next, zone)?.checked_sub_signed(TimeDelta::seconds(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::expiry::tests::{NOW, at, east};
    use chrono::{FixedOffset, MappedLocalTime, Offset};
    use proptest::prelude::*;

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

    #[test]
    fn when_in_all_its_forms() {
        let when = |text| parse_when(text, at(NOW), &east());
        assert_eq!(when("90d"), Ok(at("2027-02-21T09:00:00Z")));
        assert_eq!(when("12w"), Ok(at("2027-02-15T09:00:00Z")));
        assert_eq!(when("2027-01-31"), Ok(at("2027-01-31T22:59:59Z")), "the end of that day, there");
        assert_eq!(when("2027-01-31T12:00:00+02:00"), Ok(at("2027-01-31T10:00:00Z")));
        assert_eq!(when("2026-11-23"), Ok(at("2026-11-23T22:59:59Z")), "today still has an end");
        assert_eq!(when("tomorrow"), Ok(at("2026-11-24T22:59:59Z")));
        assert_eq!(when("6mo"), Ok(at("2027-05-23T09:00:00Z")));
        assert_eq!(when("1y"), Ok(at("2027-11-23T09:00:00Z")));
        assert_eq!(when("3mo"), Ok(at("2027-02-23T09:00:00Z")));
        let last = at("2026-08-31T22:30:00Z");
        assert_eq!(
            parse_when("1mo", last, &east()),
            Ok(at("2026-09-30T22:30:00Z")),
            "September 1 + 1 month there"
        );
        assert_eq!(parse_when("6mo", last, &Utc), Ok(at("2027-02-28T22:30:00Z")), "February has no 31st");
    }

    #[test]
    fn dates_as_people_write_them() {
        let when = |text| parse_when(text, at(NOW), &Utc);
        let end = Ok(at("2027-12-24T23:59:59Z"));
        for text in
            ["2027-12-24", "24.12.2027", "24/12/2027", "12/24/2027", "24-12-2027", "2027/12/24", "2027.12.24"]
        {
            assert_eq!(when(text), end, "{text}");
        }
        assert_eq!(when("4.5.2027"), Ok(at("2027-05-04T23:59:59Z")));
        assert_eq!(when("5/5/2027"), Ok(at("2027-05-05T23:59:59Z")), "both readings are the same");
        let error = when("4/5/2027").unwrap_err().to_string();
        assert_eq!(error, "\"4/5/2027\" is ambiguous: write 2027-05-04 or 2027-04-05");
    }

    #[test]
    fn errors_recommend_what_works() {
        let error = ExpiryError::NotADate("soon".into()).to_string();
        let (_, forms) = error.split_once("write ").unwrap();
        for form in forms.split([',', ' ']).filter(|word| !word.is_empty() && *word != "or") {
            assert!(parse_when(form, at(NOW), &Utc).is_ok(), "{form}");
        }
        let error = ExpiryError::NotADuration("soon".into()).to_string();
        let (_, forms) = error.split_once("write ").unwrap();
        for form in forms.split([',', ' ']).filter(|word| !word.is_empty() && *word != "or") {
            assert!(parse_duration(form).is_ok(), "{form}");
        }
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
        for text in ["99999999999999999999d", "101y", "99999999999999999999mo", "99999999999y"] {
            assert_eq!(when(text), Err(ExpiryError::TooFar), "{text}");
        }
        for text in [
            "",
            "d",
            "-5d",
            "5",
            "1.5d",
            "6 mo",
            "mo",
            "2027-02-30",
            "2027-13-01",
            "24.13.2027",
            "24.12.27",
            "24.12/2027",
        ] {
            assert_eq!(when(text), Err(ExpiryError::NotADate(text.into())), "{text}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("45s"), Ok(TimeDelta::seconds(45)));
        assert_eq!(parse_duration("15m"), Ok(TimeDelta::minutes(15)));
        assert_eq!(parse_duration("24h"), Ok(TimeDelta::hours(24)));
        assert_eq!(parse_duration("7d"), Ok(TimeDelta::days(7)));
        assert_eq!(parse_duration("2w"), Ok(TimeDelta::weeks(2)));
        assert!(parse_duration("7y").is_err() && parse_duration("6mo").is_err());
        assert!(parse_duration("é").is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = (parse_when(&text, at(NOW), &Utc), parse_duration(&text));
        }
    }
}
