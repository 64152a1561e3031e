//! The clock that decisions are made by.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use crate::domain::Instant;
use crate::domain::clock::{ClockError, Whose, check, is_behind};
use crate::store::clock::ServerClock;
use crate::store::lookup::Shown;

/// The clock of this system, or that of the server of the database, and the latest instant that it has shown.
#[derive(Debug)]
pub(super) struct Time {
    source: Source,
    /// In seconds since 1970: when the clock is set back, expired keys stay expired.
    latest: AtomicI64,
    /// Whether it was logged that the clock was set back.
    behind: AtomicBool,
}

#[derive(Debug)]
enum Source {
    System(fn() -> Instant),
    Server(ServerClock),
}

impl Time {
    /// By the clock of a server, if it has shown something, and otherwise by the one of this system.
    pub(super) fn new(system: fn() -> Instant, shown: Shown) -> Self {
        let source = match shown {
            Some(shown) => Source::Server(ServerClock::new(shown)),
            None => Source::System(system),
        };
        let time = Self { source, latest: AtomicI64::new(i64::MIN), behind: AtomicBool::new(false) };
        time.latest.store(time.now().timestamp(), Ordering::Relaxed);
        time
    }

    /// The present instant. That of a server is the one that it has shown last, and the time that has passed since.
    pub(super) fn now(&self) -> Instant {
        match &self.source {
            Source::System(clock) => clock(),
            Source::Server(clock) => clock.now(),
        }
    }

    /// Rejects a clock by which nothing can be decided.
    pub(super) fn check(&self) -> Result<(), ClockError> {
        let whose = match &self.source {
            Source::System(_) => Whose::System,
            Source::Server(_) => Whose::Server,
        };
        check(whose, self.now())
    }

    /// How long a server has not shown its clock, which each answer does.
    pub(super) fn silence(&self) -> Option<Duration> {
        match &self.source {
            Source::System(_) => None,
            Source::Server(clock) => Some(clock.silence()),
        }
    }

    /// Takes what the clock of the server has shown.
    pub(super) fn learn(&self, shown: Instant) {
        if let Source::Server(clock) = &self.source {
            clock.learn(shown);
        }
    }

    /// The present instant, or the one that the server has shown with its answer, and the latest one.
    pub(super) fn look(&self, shown: Shown) -> (Instant, Instant) {
        let now = match shown {
            Some(shown) => {
                self.learn(shown);
                shown
            }
            None => self.now(),
        };
        let latest = self.latest.fetch_max(now.timestamp(), Ordering::Relaxed).max(now.timestamp());
        let latest =
            if latest == now.timestamp() { now } else { Instant::from_timestamp(latest, 0).unwrap_or(now) };
        let behind = is_behind(latest, now);
        if self.behind.load(Ordering::Relaxed) != behind
            && self.behind.swap(behind, Ordering::Relaxed) != behind
            && behind
        {
            tracing::warn!(
                seconds = (latest - now).num_seconds(),
                "the clock was set back: until it has caught up, expired keys stay expired"
            );
        }
        (now, latest)
    }

    /// The time of the last decision, without reading the clock.
    pub(super) fn just_now(&self) -> Instant {
        Instant::from_timestamp(self.latest.load(Ordering::Relaxed), 0).unwrap_or_else(|| self.look(None).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Instant {
        Instant::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn the_clock_of_a_server_is_not_that_of_this_system() {
        let time = Time::new(|| panic!("it was read"), Some(at(1_000)));
        assert!((at(1_000)..at(1_030)).contains(&time.now()));
        assert_eq!(time.look(Some(at(5_000))), (at(5_000), at(5_000)));
        assert!((at(5_000)..at(5_030)).contains(&time.now()));
        assert_eq!(time.just_now(), at(5_000));
    }

    #[test]
    fn it_is_never_earlier_than_it_was() {
        let time = Time::new(|| panic!("it was read"), Some(at(1_000)));
        time.look(Some(at(5_000)));
        assert_eq!(time.look(Some(at(2_000))), (at(2_000), at(5_000)));
        assert_eq!(time.just_now(), at(5_000));
        assert_eq!(time.look(Some(at(6_000))), (at(6_000), at(6_000)));
        let system = Time::new(|| at(700), None);
        assert_eq!(system.look(None), (at(700), at(700)));
    }
}
