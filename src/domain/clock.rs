//! A clock that is set wrong. By it keys expire, so whoever sees it says so.

use chrono::TimeDelta;

use super::Instant;
use super::expiry::relative;

/// How far the clocks of two machines may be apart without a word.
pub const LEEWAY: TimeDelta = TimeDelta::seconds(60);

/// What mends it.
pub const MEND: &str = "Set the clock, best by NTP (timedatectl set-ntp true): by it keys expire";

/// Whether the clock stands before an instant that has been.
#[must_use]
pub fn is_behind(been: Instant, now: Instant) -> bool {
    now + LEEWAY < been
}

/// What is said when the clock stands before the last entry of the audit log.
#[must_use]
pub fn behind_the_log(last_entry: Option<Instant>, now: Instant) -> Option<String> {
    let last = last_entry.filter(|last| is_behind(*last, now))?;
    Some(format!("the clock is behind the last entry of the audit log, which is {}", relative(last, now)))
}

#[cfg(test)]
mod tests {
    use super::*;

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
