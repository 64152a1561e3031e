//! Use that comes faster than it can be added to its tables is put aside and lost by nobody.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use keydesk::Verifier;
use keydesk::domain::key::KeyId;
use keydesk::host::clock;
use keydesk::store::usage::{self, SourceAddress};

use crate::support::TestDesk;
use crate::{delete, key};

/// More different requests than are kept in memory.
const REQUESTS: u32 = 150_000;

/// Each from an address of its own, so that each is counted alone.
fn source(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0000 + number).into()
}

fn uses(desk: &TestDesk, id: KeyId) -> u64 {
    desk.store.read(|r| usage::last_30_days(r, id, clock::now())).unwrap().iter().sum()
}

fn spill(desk: &TestDesk) -> u64 {
    let raw = rusqlite::Connection::open(desk.path()).unwrap();
    raw.query_row("SELECT coalesce(sum(count), 0) FROM use_backlog", [], |row| row.get(0)).unwrap()
}

#[test]
fn requests_that_come_too_fast_go_to_the_backlog_and_none_is_lost() {
    let mut desk = TestDesk::of_today();
    let (created, secret) = key(&mut desk, "Checkout");
    let verifier = Verifier::open(desk.path()).unwrap();
    for number in 0..REQUESTS {
        assert!(verifier.verify_from(&secret, None, Some(source(number))).unwrap().is_accepted());
    }
    let since = Instant::now();
    drop(verifier);
    // A build without optimization on a busy machine; the benchmark measures two seconds.
    assert!(since.elapsed() < Duration::from_secs(6), "{:?}", since.elapsed());
    assert_eq!(uses(&desk, created.key.id) + spill(&desk), u64::from(REQUESTS));
    // The next one adds what was put aside.
    let verifier = Verifier::open(desk.path()).unwrap();
    let since = Instant::now();
    while uses(&desk, created.key.id) < u64::from(REQUESTS) {
        assert!(since.elapsed() < Duration::from_mins(1), "{} put aside", spill(&desk));
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(verifier);
    assert_eq!((uses(&desk, created.key.id), spill(&desk)), (u64::from(REQUESTS), 0));
    let sources = desk.store.read(|r| usage::sources(r, created.key.id, None)).unwrap();
    assert_eq!(sources.iter().map(|source| source.requests).sum::<u64>(), u64::from(REQUESTS));
    assert_eq!(sources.len(), 65, "the latest 64, and the others together");
    assert_eq!(sources[64].address, SourceAddress::Older);
}

#[test]
fn use_in_the_backlog_counts_for_the_tombstone_of_a_key_that_was_deleted_meanwhile() {
    let mut desk = TestDesk::of_today();
    let (created, _) = key(&mut desk, "Checkout");
    delete(&mut desk, &created);
    let now = clock::now().timestamp();
    let raw = rusqlite::Connection::open(desk.path()).unwrap();
    let sql = "INSERT INTO use_backlog (key_id, reason, source, count, first, last) VALUES (?1, ?2, ?3, ?4, ?5, ?5)";
    let id = created.key.id.as_str();
    raw.execute(sql, (id, "", "10.0.0.4", 3, now)).unwrap();
    raw.execute(sql, (id, "deleted", "10.0.0.5", 2, now + 1)).unwrap();
    raw.execute(sql, ("", "unknown", "10.0.0.6", 7, now)).unwrap();
    drop(Verifier::open(desk.path()).unwrap());
    assert_eq!(spill(&desk), 0);
    assert_eq!(uses(&desk, created.key.id), 3);
    let tombstone = desk.store.read(|r| keydesk::store::keys::tombstone(r, created.key.id)).unwrap().unwrap();
    assert_eq!(tombstone.last_used.map(|at| at.timestamp()), Some(now));
    assert_eq!(tombstone.first_refused_from.as_deref(), Some("10.0.0.5"));
    let unknown: i64 =
        raw.query_row("SELECT count FROM refusals WHERE reason = 'unknown'", [], |row| row.get(0)).unwrap();
    assert_eq!(unknown, 7);
}
