//! Checks of the clock that decides when keys expire: that of the system, or that of the server of the database.

use chrono::TimeDelta;

use super::Instant;
use super::expiry::{relative, rfc3339};

/// 2001-01-01 UTC, in seconds since 1970: clocks without a battery start before it.
const EARLIEST: i64 = 978_307_200;

/// 3000-01-01 UTC, in seconds since 1970: the dates that are computed from earlier ones have years of four digits.
const LATEST: i64 = 32_503_680_000;

/// Whose clock it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    System,
    /// That of the database.
    Server,
}

impl Whose {
    fn clock(self) -> &'static str {
        match self {
            Self::System => "the system clock",
            Self::Server => "the clock of the server",
        }
    }

    /// How to set it.
    #[must_use]
    pub fn hint(self) -> &'static str {
        match self {
            Self::System => "Set the system clock, for example by NTP: timedatectl set-ntp true",
            Self::Server => "Set the clock of the server, for example by NTP: timedatectl set-ntp true",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is wrong: it shows {}", whose.clock(), rfc3339(*shown))]
pub struct ClockError {
    pub whose: Whose,
    pub shown: Instant,
}

/// Rejects a clock before 2001 or after 2999, with which expired keys, or none, would be valid.
///
/// # Errors
/// When it is.
pub fn check(whose: Whose, now: Instant) -> Result<(), ClockError> {
    if (EARLIEST..LATEST).contains(&now.timestamp()) { Ok(()) } else { Err(ClockError { whose, shown: now }) }
}

/// How far the clocks of two machines may differ without a warning.
pub const LEEWAY: TimeDelta = TimeDelta::seconds(60);

/// Whether the clock is before an instant that is in the past.
#[must_use]
pub fn is_behind(been: Instant, now: Instant) -> bool {
    now + LEEWAY < been
}

/// The warning when the clock is before the last entry of the audit log.
#[must_use]
pub fn behind_the_log(whose: Whose, last_entry: Option<Instant>, now: Instant) -> Option<String> {
    let last = last_entry.filter(|last| is_behind(*last, now))?;
    let (clock, last) = (whose.clock(), relative(last, now));
    Some(format!("{clock} is behind the last entry of the audit log, which is {last}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_clocks_that_can_be_right_are_believed() {
        let at = |seconds| Instant::from_timestamp(seconds, 0).unwrap();
        for seconds in [EARLIEST, 1_795_424_400, LATEST - 1] {
            assert_eq!(check(Whose::System, at(seconds)), Ok(()));
        }
        for seconds in [-315_619_200, -1, 0, EARLIEST - 1, LATEST, 253_402_300_799] {
            let expected = ClockError { whose: Whose::Server, shown: at(seconds) };
            assert_eq!(check(Whose::Server, at(seconds)), Err(expected));
        }
        let said = |whose| check(whose, at(-315_619_200)).unwrap_err().to_string();
        assert_eq!(said(Whose::System), "the system clock is wrong: it shows 1960-01-01T00:00:00Z");
        assert_eq!(said(Whose::Server), "the clock of the server is wrong: it shows 1960-01-01T00:00:00Z");
    }

    #[test]
    fn a_minute_is_nothing_and_more_is_said() {
        let now = Instant::from_timestamp(1_795_424_400, 0).unwrap();
        let warning = |last| behind_the_log(Whose::System, last, now);
        assert_eq!(warning(None), None);
        assert_eq!(warning(Some(now - TimeDelta::days(400))), None);
        assert_eq!(warning(Some(now + LEEWAY)), None);
        let said = warning(Some(now + TimeDelta::days(3))).unwrap();
        assert!(said.ends_with("which is in 3 days"), "{said}");
    }
}
