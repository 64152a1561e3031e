//! Checks of the system clock, which decides when keys expire.

use chrono::TimeDelta;

use super::Instant;
use super::expiry::{relative, rfc3339};

/// 2001-01-01 UTC, in seconds since 1970: clocks without a battery start before it.
const EARLIEST: i64 = 978_307_200;

/// 3000-01-01 UTC, in seconds since 1970: the dates that are computed from earlier ones have years of four digits.
const LATEST: i64 = 32_503_680_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system clock is wrong: it shows {}", rfc3339(*shown))]
pub struct ClockError {
    pub shown: Instant,
}

/// Rejects a clock before 2001 or after 2999, with which expired keys, or none, would be valid.
///
/// # Errors
/// When it is.
pub fn check(now: Instant) -> Result<(), ClockError> {
    if (EARLIEST..LATEST).contains(&now.timestamp()) { Ok(()) } else { Err(ClockError { shown: now }) }
}

/// How far the clocks of two machines may differ without a warning.
pub const LEEWAY: TimeDelta = TimeDelta::seconds(60);

pub const HINT: &str = "Set the system clock, for example by NTP: timedatectl set-ntp true";

/// Whether the clock is before an instant that is in the past.
#[must_use]
pub fn is_behind(been: Instant, now: Instant) -> bool {
    now + LEEWAY < been
}

/// The warning when the clock is before the last entry of the audit log.
#[must_use]
pub fn behind_the_log(last_entry: Option<Instant>, now: Instant) -> Option<String> {
    let last = last_entry.filter(|last| is_behind(*last, now))?;
    Some(format!(
        "the system clock is behind the last entry of the audit log, which is {}",
        relative(last, now)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_clocks_that_can_be_right_are_believed() {
        let at = |seconds| Instant::from_timestamp(seconds, 0).unwrap();
        for seconds in [EARLIEST, 1_795_424_400, LATEST - 1] {
            assert_eq!(check(at(seconds)), Ok(()));
        }
        for seconds in [-315_619_200, -1, 0, EARLIEST - 1, LATEST, 253_402_300_799] {
            assert_eq!(check(at(seconds)), Err(ClockError { shown: at(seconds) }));
        }
        let said = check(at(-315_619_200)).unwrap_err().to_string();
        assert_eq!(said, "the system clock is wrong: it shows 1960-01-01T00:00:00Z");
    }

    #[test]
    fn a_minute_is_nothing_and_more_is_said() {
        let now = Instant::from_timestamp(1_795_424_400, 0).unwrap();
        assert_eq!(behind_the_log(None, now), None);
        assert_eq!(behind_the_log(Some(now - TimeDelta::days(400)), now), None);
        assert_eq!(behind_the_log(Some(now + LEEWAY), now), None);
        let said = behind_the_log(Some(now + TimeDelta::days(3)), now).unwrap();
        assert!(said.ends_with("which is in 3 days"), "{said}");
    }
}
