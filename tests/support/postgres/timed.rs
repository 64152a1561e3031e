//! Servers with a clock that a test sets, and that stands until it is set again. A test has one for itself, which the next
//! test gets after it. While the clock stands, limits of the server (`lock_timeout`, `statement_timeout`) do not run out.

use std::cell::Cell;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::Postgres;
use crate::support::fake_clock::FakeClock;

/// Those that no test has.
static IDLE: Mutex<Vec<&'static Postgres>> = Mutex::new(Vec::new());

/// The server of a test, with what its clock shows.
struct Lease {
    server: &'static Postgres,
    shown: Cell<Option<i64>>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        IDLE.lock().unwrap_or_else(PoisonError::into_inner).push(self.server);
    }
}

thread_local! {
    /// A test has a thread of its own.
    static LEASE: std::cell::OnceCell<Lease> = const { std::cell::OnceCell::new() };
}

fn library() -> Option<String> {
    static LIBRARY: OnceLock<Option<String>> = OnceLock::new();
    LIBRARY.get_or_init(FakeClock::library).clone()
}

/// Whether such a server can be started here; says so when a test is skipped for want of it.
pub fn available() -> bool {
    Postgres::available() && (library().is_some() || FakeClock::library().is_some())
}

fn start() -> &'static Postgres {
    let library = library().expect("libfaketime");
    Box::leak(Box::new(Postgres::options().setting("autovacuum=off").with_clock(library).start()))
}

/// The server of this test.
pub fn server() -> &'static Postgres {
    let lease = || {
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Lease { server: idle.unwrap_or_else(start), shown: Cell::new(None) }
    };
    LEASE.with(|cell| cell.get_or_init(lease).server)
}

/// Sets the clock of the server of this test, if it has one, in seconds since 1970.
pub fn set_clock(seconds: i64) {
    LEASE.with(|cell| {
        let Some(lease) = cell.get() else { return };
        if lease.shown.replace(Some(seconds)) != Some(seconds) {
            let at = chrono::DateTime::from_timestamp(seconds, 0).expect("a time");
            let clock = lease.server.clock().expect("a clock of its own");
            clock.set(&at.format("%Y-%m-%d %H:%M:%S").to_string());
        }
    });
}
