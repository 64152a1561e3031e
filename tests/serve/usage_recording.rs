//! Accepted and rejected requests are recorded soon, without delaying requests.

use std::time::{Duration, Instant};

use keydesk::desk;
use keydesk::domain::key::{Key, KeyId};
use keydesk::store::usage::{self, Refused};
use keydesk::store::{Store, keys};
use keydesk::{Decision, Verifier};

use crate::support::endpoint::Endpoint;
use crate::support::{Seeded, TestDesk};
use crate::{delete, key};

/// What the screen may take at most.
const SOON: Duration = Duration::from_secs(2);

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(since.elapsed() < SOON, "no {what} within two seconds");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn get(desk: &TestDesk, id: KeyId) -> Key {
    desk.store.read(|r| keys::get(r, id)).unwrap().unwrap()
}

fn uses_today(desk: &TestDesk, id: KeyId) -> u64 {
    let now = keydesk::host::clock::now();
    desk.store.read(|r| usage::last_30_days(r, id, now)).unwrap()[29]
}

fn refusals(desk: &TestDesk, id: KeyId) -> Vec<Refused> {
    let now = keydesk::host::clock::now();
    desk.store.read(|r| usage::refused(r, id, now)).unwrap()
}

#[test]
fn usage_is_recorded_within_two_seconds_and_changes_nothing_else() {
    let mut desk = TestDesk::of_today();
    let (created, secret) = key(&mut desk, "Checkout");
    let endpoint = Endpoint::start(&desk.path(), &[]);
    let mut client = endpoint.connect();
    for _ in 0..100 {
        assert_eq!(client.get("/auth", &[("X-API-Key", &secret)]).status, 204);
    }
    let used = wait_for("use", || Some(get(&desk, created.key.id)).filter(|key| key.last_used.is_some()));
    assert_eq!(used.last_used_from.as_deref(), Some("127.0.0.1"));
    assert_eq!(used.version, created.key.version, "a decision about the key stays good");
    wait_for("count", || (uses_today(&desk, created.key.id) == 100).then_some(()));
    // What was decided on the older state is done all the same.
    delete(&mut desk, &created);
}

#[test]
fn the_first_use_after_a_quiet_time_is_recorded_sooner_than_the_next() {
    let mut desk = TestDesk::of_today();
    let (created, secret) = key(&mut desk, "Quiet");
    let endpoint = Endpoint::start(&desk.path(), &[]);
    let recorded = |uses: u64| {
        std::thread::sleep(Duration::from_millis(700));
        assert_eq!(endpoint.get("/auth", &[("X-API-Key", &secret)]).status, 204);
        let since = Instant::now();
        wait_for("use", || (uses_today(&desk, created.key.id) == uses).then_some(()));
        since.elapsed()
    };
    let fastest = (1..=5).map(recorded).min().unwrap();
    assert!(fastest < Duration::from_millis(350), "{fastest:?}");
}

#[test]
fn rejections_are_recorded_for_the_key() {
    let mut desk = TestDesk::of_today();
    let (paused, paused_secret) = key(&mut desk, "Paused");
    let (gone, gone_secret) = key(&mut desk, "Gone");
    let endpoint = Endpoint::start(&desk.path(), &["--trusted-proxy", "127.0.0.1"]);
    let from = |address: &str, secret: &str| {
        endpoint.get("/auth", &[("X-API-Key", secret), ("X-Forwarded-For", address)]).status
    };
    assert_eq!(from("10.0.0.9", &gone_secret), 204);
    wait_for("use", || get(&desk, gone.key.id).last_used);
    let picked = [desk::Picked { id: paused.key.id, version: paused.key.version }];
    desk::set_access(&mut desk.session(), &picked, desk::KeyAccess::Disabled).unwrap();
    delete(&mut desk, &gone);
    let tombstone = desk.store.read(|r| keys::tombstone(r, gone.key.id)).unwrap().unwrap();
    assert_eq!(tombstone.last_used_from.as_deref(), Some("10.0.0.9"), "the receipt names the last use");
    assert_eq!(tombstone.first_refused, None);
    for address in ["10.0.0.4", "10.0.0.5", "10.0.0.5"] {
        assert_eq!(from(address, &gone_secret), 401);
        assert_eq!(from(address, &paused_secret), 401);
    }
    for (id, reason) in [(gone.key.id, "deleted"), (paused.key.id, "disabled")] {
        let refused =
            wait_for("refusals", || refusals(&desk, id).into_iter().find(|refused| refused.today == 3));
        assert_eq!((refused.reason.as_str(), refused.count), (reason, 3));
        assert_eq!(refused.last_from.as_deref(), Some("10.0.0.5"));
    }
    let tombstone = desk.store.read(|r| keys::tombstone(r, gone.key.id)).unwrap().unwrap();
    assert!(tombstone.first_refused.is_some());
    assert_eq!(tombstone.first_refused_from.as_deref(), Some("10.0.0.4"));
}

#[test]
fn usage_in_memory_is_written_at_shutdown() {
    let mut desk = TestDesk::of_today();
    let (created, secret) = key(&mut desk, "Checkout");
    let endpoint = Endpoint::start(&desk.path(), &[]);
    assert!(endpoint.accepts(&secret));
    assert_eq!(endpoint.stop(), Some(0));
    assert_eq!(uses_today(&desk, created.key.id), 1);
}

#[test]
fn forwarded_addresses_are_accepted_from_trusted_proxies_only() {
    let mut desk = TestDesk::of_today();
    let (created, secret) = key(&mut desk, "Checkout");
    let endpoint = Endpoint::start(&desk.path(), &[]);
    endpoint
        .get("/auth", &[("X-API-Key", &secret), ("X-Forwarded-For", "6.6.6.6"), ("X-Real-IP", "6.6.6.6")]);
    let used = wait_for("use", || Some(get(&desk, created.key.id)).filter(|key| key.last_used.is_some()));
    assert_eq!(used.last_used_from.as_deref(), Some("127.0.0.1"));
}

/// A client's own word is never recorded, whatever bytes it adds to what its proxy says.
#[test]
fn a_client_cannot_choose_its_recorded_address() {
    let mut desk = TestDesk::of_today();
    let endpoint = Endpoint::start(&desk.path(), &["--trusted-proxy", "127.0.0.1"]);
    for (lines, wanted) in [
        (&[&b"X-Forwarded-For: \xff, 203.0.113.9"[..], b"X-Real-IP: 6.6.6.6"][..], "203.0.113.9"),
        (&[b"X-Forwarded-For: \xff", b"X-Forwarded-For: 203.0.113.9", b"X-Real-IP: 6.6.6.6"], "203.0.113.9"),
        (&[b"X-Forwarded-For: 6.6.6.6", b"X-Forwarded-For: \xff", b"X-Real-IP: 6.6.6.6"], "127.0.0.1"),
        (&[b"X-Real-IP: 6.6.6.6", b"X-Forwarded-For: 6.6.6.6, \xff"], "127.0.0.1"),
    ] {
        let (created, secret) = key(&mut desk, wanted);
        let first = format!("GET /auth HTTP/1.1\r\nX-API-Key: {secret}");
        let request = [&[first.as_bytes()], lines, &[b"\r\n"]].concat().join(&b"\r\n"[..]);
        assert_eq!(endpoint.connect().say(&request).unwrap().status, 204);
        let used = wait_for("use", || Some(get(&desk, created.key.id)).filter(|key| key.last_used.is_some()));
        assert_eq!(used.last_used_from.as_deref(), Some(wanted));
    }
}

#[test]
fn a_locked_database_delays_no_verification_and_loses_no_usage() {
    let mut desk = TestDesk::of_today();
    let (created, secret) = key(&mut desk, "Checkout");
    let endpoint = Endpoint::start(&desk.path(), &[]);
    let raw = rusqlite::Connection::open(desk.path()).unwrap();
    raw.execute_batch("BEGIN IMMEDIATE").unwrap();
    let since = Instant::now();
    let mut client = endpoint.connect();
    while since.elapsed() < Duration::from_secs(3) {
        let asked = Instant::now();
        assert_eq!(client.get("/auth", &[("X-API-Key", &secret)]).status, 204);
        assert!(asked.elapsed() < Duration::from_millis(250), "{:?}", asked.elapsed());
        std::thread::sleep(Duration::from_millis(30));
    }
    assert_eq!(uses_today(&desk, created.key.id), 0);
    raw.execute_batch("ROLLBACK").unwrap();
    wait_for("use", || (uses_today(&desk, created.key.id) > 50).then_some(()));
    assert!(endpoint.stop_and_read_log().1.iter().any(|line| line.contains("use cannot be recorded")));
}

#[test]
fn the_library_records_usage_unless_disabled() {
    let mut desk = TestDesk::of_today();
    let (created, secret) = key(&mut desk, "Checkout");
    let reading = Verifier::open(desk.path()).unwrap().without_recording();
    assert!(reading.verify(&secret, None).unwrap().is_accepted());
    drop(reading);
    assert_eq!(uses_today(&desk, created.key.id), 0);
    let verifier = Verifier::open(desk.path()).unwrap();
    let address = "10.0.0.4".parse().ok();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..250 {
                    let decision = verifier.verify_from(&secret, Some("storefront"), address).unwrap();
                    assert!(matches!(decision, Decision::Accepted(key) if key.id == created.key.id));
                }
            });
        }
    });
    drop(verifier);
    assert_eq!(uses_today(&desk, created.key.id), 1_000);
    assert_eq!(get(&desk, created.key.id).last_used_from.as_deref(), Some("10.0.0.4"));
}

#[test]
fn old_days_are_removed_and_an_idle_recorder_writes_nothing() {
    let mut desk = TestDesk::of_today();
    let (created, secret) = key(&mut desk, "Checkout");
    let raw = rusqlite::Connection::open(desk.path()).unwrap();
    let today = usage::day_of(keydesk::host::clock::now());
    for day in [today - 91, today - 90, today - 1] {
        raw.execute("INSERT INTO key_uses VALUES (?, ?, 5)", (created.key.id.as_str(), day)).unwrap();
        raw.execute("INSERT INTO refusals VALUES (?, 'unknown', '', 5, 0, NULL)", [day]).unwrap();
    }
    let endpoint = Endpoint::start(&desk.path(), &[]);
    assert!(endpoint.accepts(&secret));
    let days = |table: &str| -> Vec<i64> {
        let sql = format!("SELECT day FROM {table} ORDER BY day");
        let mut statement = raw.prepare(&sql).unwrap();
        let days = statement.query_map([], |row| row.get(0)).unwrap();
        days.collect::<Result<_, _>>().unwrap()
    };
    wait_for("sweep", || (days("key_uses") == [today - 90, today - 1, today]).then_some(()));
    assert_eq!(days("refusals"), [today - 90, today - 1]);
    let other = Store::open_existing(desk.path(), &mut Seeded(1)).unwrap();
    let before = other.data_version().unwrap();
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(other.data_version().unwrap(), before, "nobody came, nothing was written");
}
