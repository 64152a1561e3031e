//! While keys end when they are no longer used, it is known until when use is recorded, and when it may be missing.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::key;
use crate::support::TestDesk;
use crate::support::endpoint::Endpoint;

const SOON: Duration = Duration::from_secs(15);

fn number(desk: &TestDesk, sql: &str) -> i64 {
    let raw = rusqlite::Connection::open(desk.path()).unwrap();
    raw.busy_timeout(SOON).unwrap();
    raw.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn recorders(desk: &TestDesk) -> i64 {
    number(desk, "SELECT count(*) FROM recorders")
}

fn gaps(desk: &TestDesk) -> i64 {
    number(desk, "SELECT count(*) FROM recording_gaps")
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < SOON, "not within 15 seconds: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The key ends when it was unused for a day.
fn await_end(desk: &TestDesk) {
    let raw = rusqlite::Connection::open(desk.path()).unwrap();
    raw.busy_timeout(SOON).unwrap();
    let now = keydesk::host::clock::now().timestamp();
    raw.execute("UPDATE keys SET unused_for = 86400, unused_since = ?1", [now - 100]).unwrap();
}

#[test]
fn a_recorder_is_registered_while_keys_wait_and_leaves_no_gap_when_it_is_stopped() {
    let mut desk = TestDesk::of_today();
    let (_, secret) = key(&mut desk, "Checkout");
    let endpoint = Endpoint::start(&desk.path(), &[]);
    assert!(endpoint.accepts(&secret));
    assert_eq!(recorders(&desk), 0, "no key depends on it");
    await_end(&desk);
    wait_until("registered", || recorders(&desk) == 1);
    let began = number(&desk, "SELECT complete_until FROM recorders");
    // Without requests too.
    wait_until("advanced", || number(&desk, "SELECT complete_until FROM recorders") > began);
    assert!(endpoint.accepts(&secret));
    assert_eq!(endpoint.stop(), Some(0));
    assert_eq!((recorders(&desk), gaps(&desk)), (0, 0));
    assert_eq!(number(&desk, "SELECT sum(count) FROM key_uses"), 2);
}

#[test]
fn a_recorder_that_is_killed_leaves_a_gap_which_the_next_one_writes() {
    let mut desk = TestDesk::of_today();
    let (_, secret) = key(&mut desk, "Checkout");
    await_end(&desk);
    let mut endpoint = Endpoint::start(&desk.path(), &[]);
    assert_eq!(recorders(&desk), 1, "before the first request");
    assert!(endpoint.accepts(&secret));
    let complete_until = number(&desk, "SELECT complete_until FROM recorders");
    endpoint.signal(Signal::SIGKILL);
    endpoint.child.wait().unwrap();
    assert_eq!((recorders(&desk), gaps(&desk)), (1, 0));
    let next = Endpoint::start(&desk.path(), &[]);
    assert_eq!((recorders(&desk), gaps(&desk)), (1, 1));
    assert!(number(&desk, "SELECT since FROM recording_gaps") >= complete_until);
    assert!(number(&desk, "SELECT until - since FROM recording_gaps") < 30);
    assert_eq!(next.stop(), Some(0));
    assert_eq!((recorders(&desk), gaps(&desk)), (0, 1));
}
