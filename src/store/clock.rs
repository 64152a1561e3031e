//! The clock of a database: that of the system for a file, and that of the server for a database on one.
//!
//! What is written into a database on a server is written by several hosts, and judged by the clock of the server. A host
//! knows that clock from the answers: what it has shown last, and the time that has passed since.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant as Stopwatch};

use chrono::TimeDelta;

use crate::domain::Instant;
use crate::domain::clock::Whose;

/// What the clock of a server has shown last, and when.
#[derive(Debug)]
pub(crate) struct ServerClock(Mutex<(Instant, Stopwatch)>);

impl ServerClock {
    pub(crate) fn new(shown: Instant) -> Self {
        Self(Mutex::new((shown, Stopwatch::now())))
    }

    fn last(&self) -> (Instant, Stopwatch) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The present instant, in whole seconds: what it has shown last, and the time that has passed since.
    pub(crate) fn now(&self) -> Instant {
        let (shown, since) = self.last();
        let passed = TimeDelta::from_std(since.elapsed()).unwrap_or_default();
        shown.checked_add_signed(TimeDelta::seconds(passed.num_seconds())).unwrap_or(shown)
    }

    /// How long it has not been shown.
    pub(crate) fn silence(&self) -> Duration {
        self.last().1.elapsed()
    }

    /// Takes what it has shown.
    pub(crate) fn learn(&self, shown: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (shown, Stopwatch::now());
    }
}

/// The clock of an open database. Copies of it show the same.
#[derive(Clone, Debug)]
pub struct DatabaseClock(Option<Arc<ServerClock>>);

impl DatabaseClock {
    /// That of the system.
    pub(super) fn system() -> Self {
        Self(None)
    }

    #[cfg(feature = "postgres")]
    pub(super) fn server(clock: Arc<ServerClock>) -> Self {
        Self(Some(clock))
    }

    /// The present instant by this clock, where that of the system shows `system`.
    #[must_use]
    pub fn now(&self, system: Instant) -> Instant {
        self.0.as_ref().map_or(system, |server| server.now())
    }

    /// Whose clock it is.
    #[must_use]
    pub fn whose(&self) -> Whose {
        if self.0.is_some() { Whose::Server } else { Whose::System }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Instant {
        Instant::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn that_of_a_file_is_the_one_of_the_system() {
        let clock = DatabaseClock::system();
        assert_eq!((clock.now(at(7)), clock.whose()), (at(7), Whose::System));
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn that_of_a_server_is_what_it_has_shown_last() {
        let server = Arc::new(ServerClock::new(at(1_000)));
        let clock = DatabaseClock::server(Arc::clone(&server));
        assert!((at(1_000)..at(1_030)).contains(&clock.now(at(7))));
        server.learn(at(500));
        assert!((at(500)..at(530)).contains(&clock.clone().now(at(9_000))), "it was set back");
        assert_eq!(clock.whose(), Whose::Server);
    }
}
