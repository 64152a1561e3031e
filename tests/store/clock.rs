//! The clock of a test: verification goes by it where the database is a file, and the server of the test shows it.

use std::cell::Cell;

use keydesk::domain::Instant;

use crate::support::postgres::timed;

thread_local! {
    /// A test has a thread of its own.
    static NOW: Cell<i64> = const { Cell::new(0) };
}

/// What it shows.
pub fn clock() -> Instant {
    Instant::from_timestamp(NOW.get(), 0).unwrap()
}

/// Sets it.
pub fn set(now: Instant) {
    NOW.set(now.timestamp());
    timed::set_clock(now.timestamp());
}
