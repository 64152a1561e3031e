//! The system clock and the local time zone.

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{
    DateTime, FixedOffset, Local, MappedLocalTime, NaiveDate, NaiveDateTime, Offset, TimeZone, Utc,
};

use crate::domain::Instant;
use crate::domain::expiry;

/// The years 0 to 9999, in seconds since 1970.
const RANGE: (i64, i64) = (-62_167_219_200, 253_402_300_799);

/// The current instant, in whole seconds. A clock outside the years 0 to 9999 gives the nearest instant within.
/// [`crate::domain::clock::check`] rejects an implausible clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the only place that reads the clock")]
pub fn now() -> Instant {
    // `Utc::now` panics before 1970.
    let seconds = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(RANGE.1),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(RANGE.0, |seconds| -seconds),
    };
    Instant::from_timestamp(seconds.clamp(RANGE.0, RANGE.1), 0).unwrap_or_default()
}

/// The zone in which instants are displayed and dates are parsed.
#[derive(Clone, Copy, Debug)]
pub enum Zone {
    /// The zone of the system, with daylight saving time.
    Local,
    /// For tests.
    Fixed(FixedOffset),
}

impl Zone {
    #[must_use]
    pub fn utc() -> Self {
        Self::Fixed(Utc.fix())
    }

    /// The local time of an instant.
    #[must_use]
    pub fn local(&self, at: Instant) -> DateTime<FixedOffset> {
        at.with_timezone(self).fixed_offset()
    }

    /// An instant with its zone, see [`expiry::local`](crate::domain::expiry::local).
    #[must_use]
    pub fn show(&self, at: Instant) -> String {
        expiry::local(at, self)
    }

    /// The first instant of a date in this zone.
    #[must_use]
    pub fn start_of(&self, date: NaiveDate) -> Option<Instant> {
        expiry::start_of(date, self)
    }
}

impl TimeZone for Zone {
    type Offset = ZoneOffset;

    fn from_offset(offset: &ZoneOffset) -> Self {
        offset.zone
    }

    fn offset_from_local_date(&self, local: &NaiveDate) -> MappedLocalTime<ZoneOffset> {
        match self {
            Self::Local => Local.offset_from_local_date(local),
            Self::Fixed(offset) => offset.offset_from_local_date(local),
        }
        .map(|offset| ZoneOffset { zone: *self, offset })
    }

    fn offset_from_local_datetime(&self, local: &NaiveDateTime) -> MappedLocalTime<ZoneOffset> {
        match self {
            Self::Local => Local.offset_from_local_datetime(local),
            Self::Fixed(offset) => offset.offset_from_local_datetime(local),
        }
        .map(|offset| ZoneOffset { zone: *self, offset })
    }

    fn offset_from_utc_date(&self, utc: &NaiveDate) -> ZoneOffset {
        let offset = match self {
            Self::Local => Local.offset_from_utc_date(utc),
            Self::Fixed(offset) => *offset,
        };
        ZoneOffset { zone: *self, offset }
    }

    fn offset_from_utc_datetime(&self, utc: &NaiveDateTime) -> ZoneOffset {
        let offset = match self {
            Self::Local => Local.offset_from_utc_datetime(utc),
            Self::Fixed(offset) => *offset,
        };
        ZoneOffset { zone: *self, offset }
    }
}

/// The offset of a [`Zone`] from UTC at an instant.
#[derive(Clone, Copy, Debug)]
pub struct ZoneOffset {
    zone: Zone,
    offset: FixedOffset,
}

impl Offset for ZoneOffset {
    fn fix(&self) -> FixedOffset {
        self.offset
    }
}

impl std::fmt::Display for ZoneOffset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.offset.fmt(f)
    }
}
