//! Predecessors that end once they are no longer used.
//!
//! Decided from what is recorded of use. Unused means that no use was recorded *while use was being recorded*: time in
//! which it was not does not count, so that lost knowledge prolongs a key and never ends it early.

use chrono::TimeDelta;

use super::Instant;

/// A time in which use may have taken place without being recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    pub since: Instant,
    pub until: Instant,
}

/// When a predecessor ends, and what is recorded about it besides its last use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UntilUnused {
    /// How long the key must be unused.
    pub length: TimeDelta,
    /// From when unused time counts.
    pub since: Instant,
    /// The first recorded use of the successor, which must be in use before the key ends.
    pub successor_used: Option<Instant>,
    /// All use before this instant is recorded; none when no process records use, and nothing is missing.
    pub recorded_until: Option<Instant>,
    /// By their beginning.
    pub gaps: Vec<Gap>,
}

impl UntilUnused {
    /// The instant at which the key ends, or has ended, if it is no longer used and use is still recorded; none while its
    /// successor has not been used.
    #[must_use]
    pub fn ends(&self, last_used: Option<Instant>) -> Option<Instant> {
        let successor_used = self.successor_used?;
        let mut counted_from = last_used.map_or(self.since, |used| used.max(self.since));
        for gap in &self.gaps {
            // A gap after the end changes nothing.
            if gap.since < counted_from.checked_add_signed(self.length)?.max(successor_used) {
                counted_from = counted_from.max(gap.until);
            }
        }
        Some(counted_from.checked_add_signed(self.length)?.max(successor_used))
    }

    /// The instant at which the key has ended; none if it has not as far as is known at `now`.
    #[must_use]
    pub fn ended(&self, last_used: Option<Instant>, now: Instant) -> Option<Instant> {
        let known_until = self.recorded_until.map_or(now, |until| until.min(now));
        self.ends(last_used).filter(|end| *end <= known_until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Instant {
        Instant::from_timestamp(seconds, 0).unwrap()
    }

    /// Unused for 100 seconds from 1,000 on.
    fn rule() -> UntilUnused {
        UntilUnused {
            length: TimeDelta::seconds(100),
            since: at(1_000),
            successor_used: Some(at(1_010)),
            recorded_until: None,
            gaps: Vec::new(),
        }
    }

    fn gap(since: i64, until: i64) -> Gap {
        Gap { since: at(since), until: at(until) }
    }

    #[test]
    fn a_key_ends_when_it_was_unused_for_the_whole_time() {
        assert_eq!(rule().ended(Some(at(900)), at(1_099)), None);
        assert_eq!(rule().ended(Some(at(900)), at(1_100)), Some(at(1_100)));
        assert_eq!(rule().ended(Some(at(1_050)), at(1_149)), None);
        assert_eq!(rule().ended(Some(at(1_050)), at(5_000)), Some(at(1_150)));
        assert_eq!(rule().ended(None, at(1_100)), Some(at(1_100)), "never used at all");
    }

    #[test]
    fn it_does_not_end_before_its_successor_is_used() {
        let unused = UntilUnused { successor_used: None, ..rule() };
        assert_eq!(unused.ended(None, at(9_000)), None);
        let late = UntilUnused { successor_used: Some(at(3_000)), ..rule() };
        assert_eq!(late.ended(None, at(2_999)), None);
        assert_eq!(late.ended(None, at(3_000)), Some(at(3_000)));
    }

    #[test]
    fn time_that_is_not_recorded_yet_does_not_count() {
        let behind = UntilUnused { recorded_until: Some(at(1_099)), ..rule() };
        assert_eq!(behind.ended(None, at(9_000)), None);
        let written = UntilUnused { recorded_until: Some(at(1_100)), ..rule() };
        assert_eq!(written.ended(None, at(9_000)), Some(at(1_100)));
        let ahead = UntilUnused { recorded_until: Some(at(9_000)), ..rule() };
        assert_eq!(ahead.ended(None, at(1_099)), None, "another clock is ahead");
    }

    #[test]
    fn time_before_the_end_of_a_gap_does_not_count() {
        let with = |gaps| UntilUnused { gaps, ..rule() };
        assert_eq!(with(vec![gap(1_020, 1_030)]).ends(None), Some(at(1_130)));
        assert_eq!(with(vec![gap(1_020, 1_030), gap(1_125, 1_200)]).ends(None), Some(at(1_300)));
        assert_eq!(with(vec![gap(500, 900)]).ends(None), Some(at(1_100)), "it was over before");
    }

    #[test]
    fn a_gap_after_the_end_does_not_make_the_key_valid_again() {
        let later = UntilUnused { gaps: vec![gap(1_100, 2_000)], ..rule() };
        assert_eq!(later.ended(None, at(1_500)), Some(at(1_100)));
    }
}
