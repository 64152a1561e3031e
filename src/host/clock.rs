//! The real clock and the local zone.

use chrono::{
    DateTime, FixedOffset, Local, MappedLocalTime, NaiveDate, NaiveDateTime, Offset, SubsecRound, TimeZone,
    Utc,
};

use crate::domain::Instant;
use crate::domain::expiry;

/// The present instant, in whole seconds.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub fn now() -> Instant {
    Utc::now().trunc_subsecs(0)
}

/// The zone in which instants are shown and dates are read.
#[derive(Clone, Copy, Debug)]
pub enum Zone {
    /// The machine's, with its changes of the clock.
    Local,
    /// A fixed one, for tests and pictures.
    Fixed(FixedOffset),
}

impl Zone {
    /// UTC.
    #[must_use]
    pub fn utc() -> Self {
        Self::Fixed(Utc.fix())
    }

    /// An instant as the clock on the wall shows it there.
    #[must_use]
    pub fn local(&self, at: Instant) -> DateTime<FixedOffset> {
        at.with_timezone(self).fixed_offset()
    }

    /// An instant with the zone named.
    #[must_use]
    pub fn show(&self, at: Instant) -> String {
        expiry::local(at, self)
    }

    /// The first instant of a date there.
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

/// How far a [`Zone`] is from UTC at an instant.
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
