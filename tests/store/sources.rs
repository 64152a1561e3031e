//! The sources of requests, as verification records them, and which of them have moved to the successor of a key.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use keydesk::Verifier;
use keydesk::desk::{self, Ending, KeyDetails, Moved, UsedSource};
use keydesk::domain::Instant;
use keydesk::domain::key::{Key, KeyId};
use keydesk::store::usage::{Source, SourceAddress};

use crate::engines::on_both_engines;
use crate::fixtures::picked;
use crate::support::postgres::timed;
use crate::support::{self, Engine, TestDesk};

on_both_engines!(
    a_deleted_key_lists_the_sources_of_requests_since_then,
    a_sentence_about_the_use_claims_no_more_than_is_recorded,
    a_source_has_moved_once_it_uses_the_successor_and_no_longer_the_key,
    the_latest_64_sources_are_listed_and_older_ones_are_counted_together,
    sources_that_were_not_seen_for_90_days_are_forgotten,
);

/// Seconds since noon; each test adds to it where it needs to, so that tests may run at once.
static PASSED: AtomicI64 = AtomicI64::new(0);

/// The threads of a verifier see it too.
fn clock() -> Instant {
    support::noon() + TimeDelta::seconds(PASSED.load(Ordering::SeqCst))
}

/// A second passes.
fn tick() {
    PASSED.fetch_add(1, Ordering::SeqCst);
    timed::set_clock(clock().timestamp());
}

/// Verifies a secret from each of these sources, one second after the other. All of it is recorded when this returns.
fn present(desk: &TestDesk, secret: &str, sources: &[&str]) {
    let verifier = Verifier::with_clock(desk.address(), clock).unwrap();
    for source in sources {
        tick();
        verifier.verify_from(secret, None, source.parse().ok()).unwrap();
    }
}

fn details(desk: &TestDesk, id: KeyId) -> KeyDetails {
    desk.store.read(|r| desk::key_details(r, id, clock())).unwrap().unwrap()
}

/// The addresses with their requests and whether they have moved.
fn listed(desk: &TestDesk, id: KeyId) -> Vec<(String, u64, Option<Moved>)> {
    let listed = details(desk, id).sources.into_iter();
    listed.map(|used| (used.label(), used.source.requests, used.moved)).collect()
}

fn expected(sources: &[(&str, u64, Option<Moved>)]) -> Vec<(String, u64, Option<Moved>)> {
    sources.iter().map(|(label, requests, moved)| ((*label).to_owned(), *requests, *moved)).collect()
}

fn a_source_has_moved_once_it_uses_the_successor_and_no_longer_the_key(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    let new = desk.new_key("Checkout", 90);
    let old = desk.deliver(&new);
    let first = old.secret.expose();
    present(&desk, first, &["10.0.0.1", "10.0.0.2", "2001:db8::1", "10.0.0.2", "::ffff:10.0.0.1", "nobody"]);
    assert_eq!(
        listed(&desk, old.key.id),
        expected(&[
            ("unknown address", 1, None),
            ("10.0.0.1", 2, None),
            ("10.0.0.2", 2, None),
            ("2001:db8::1", 1, None)
        ]),
        "the latest first, nothing to move to"
    );

    let version = details(&desk, old.key.id).key;
    let ending = Ending::After(TimeDelta::days(1));
    let rotated = desk::rotate_keys(&mut desk.session(), &picked(&version), ending).unwrap();
    let second = &rotated[0].created;
    desk::mark_delivered(&mut desk.session(), second.key.id).unwrap();
    let no = Some(Moved::No);
    assert_eq!(
        listed(&desk, old.key.id),
        expected(&[
            ("unknown address", 1, None),
            ("10.0.0.1", 2, no),
            ("10.0.0.2", 2, no),
            ("2001:db8::1", 1, no)
        ]),
    );

    present(&desk, second.secret.expose(), &["10.0.0.2", "2001:db8::1", "nobody", "10.0.0.3"]);
    present(&desk, first, &["10.0.0.2"]);
    assert_eq!(
        listed(&desk, old.key.id),
        expected(&[
            ("10.0.0.2", 3, Some(Moved::UsesBoth)),
            ("unknown address", 1, None),
            ("10.0.0.1", 2, no),
            ("2001:db8::1", 1, Some(Moved::Yes))
        ]),
    );

    // The line of rotations goes on: a source may move to any later key.
    let version = details(&desk, second.key.id).key;
    let rotated = desk::rotate_keys(&mut desk.session(), &picked(&version), ending).unwrap();
    let third = &rotated[0].created;
    present(&desk, third.secret.expose(), &["10.0.0.1"]);
    let of = |id: KeyId, label: &str| {
        listed(&desk, id).into_iter().find(|(found, _, _)| found == label).map(|(_, _, moved)| moved)
    };
    assert_eq!(of(old.key.id, "10.0.0.1"), Some(Some(Moved::Yes)));
    assert_eq!(of(second.key.id, "10.0.0.1"), None, "it never used this one");
    assert_eq!(of(second.key.id, "2001:db8::1"), Some(no));
    assert_eq!(of(third.key.id, "10.0.0.1"), Some(None), "the newest has no successor");
}

fn the_latest_64_sources_are_listed_and_older_ones_are_counted_together(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    let new = desk.new_key("Checkout", 90);
    let created = desk.deliver(&new);
    let addresses: Vec<String> = (0..100).map(|number| format!("10.0.0.{number}")).collect();
    for address in &addresses {
        present(&desk, created.secret.expose(), &[address, address]);
    }
    let found = details(&desk, created.key.id).sources;
    let (older, known): (Vec<_>, Vec<_>) =
        found.iter().partition(|used| used.source.address == SourceAddress::Older);
    let newest: Vec<String> = addresses[36..].iter().rev().cloned().collect();
    assert_eq!(known.iter().map(|used| used.label()).collect::<Vec<_>>(), newest);
    assert!(known.iter().all(|used| used.source.requests == 2));
    let [older] = older.as_slice() else { panic!("{older:?}") };
    assert_eq!(older.source.requests, 36 * 2, "none is lost");
    assert_eq!(found.last().map(|used| &used.source.address), Some(&SourceAddress::Older));
    assert!(older.source.last < known.last().unwrap().source.last);

    // What an old source of the successor did is not known alone.
    let rotated =
        desk::rotate_keys(&mut desk.session(), &picked(&created.key), Ending::After(TimeDelta::days(1)))
            .unwrap();
    let successor = rotated[0].created.secret.expose().to_owned();
    for address in addresses[50..].iter().chain(&addresses[..50]) {
        present(&desk, &successor, &[address]);
    }
    let of = |label: &str| {
        let found = details(&desk, created.key.id).sources.into_iter().find(|used| used.label() == label);
        found.and_then(|used| used.moved)
    };
    assert_eq!(of("10.0.0.60"), None);
    assert_eq!(of("10.0.0.99"), Some(Moved::Yes));
}

fn a_deleted_key_lists_the_sources_of_requests_since_then(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    let new = desk.new_key("Checkout", 90);
    let created = desk.deliver(&new);
    let secret = created.secret.expose();
    present(&desk, secret, &["10.0.0.1"]);
    tick();
    desk.now = clock();
    let key = details(&desk, created.key.id).key;
    desk::delete_keys(&mut desk.session(), &picked(&key)).unwrap();
    present(&desk, secret, &["10.0.0.2", "10.0.0.3", "10.0.0.2"]);
    let remains = desk.store.read(|r| desk::remains(r, created.key.id, clock())).unwrap().unwrap();
    let found: Vec<_> =
        remains.sources.iter().map(|used| (used.label(), used.source.requests, used.moved)).collect();
    assert_eq!(found, expected(&[("10.0.0.2", 2, None), ("10.0.0.3", 1, None)]));
}

fn sources_that_were_not_seen_for_90_days_are_forgotten(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    let new = desk.new_key("Checkout", 90);
    let created = desk.deliver(&new);
    for (source, days) in [("10.0.0.1", 89), ("10.0.0.2", 92), ("*", 200)] {
        let last = (support::noon() - TimeDelta::days(days)).timestamp();
        desk.sql(&format!(
            "INSERT INTO key_sources VALUES ('{}', '', '{source}', 1, 5, {last})",
            created.key.id
        ));
    }
    desk.sql("INSERT INTO key_sources VALUES ('0000000000', 'deleted', '10.0.0.3', 1, 5, 5)");
    tick();
    let verifier = Verifier::with_clock(desk.address(), clock).unwrap();
    verifier.verify_from(created.secret.expose(), None, "10.0.0.4".parse().ok()).unwrap();
    let count = || desk.text("SELECT CAST(count(*) AS TEXT) FROM key_sources");
    assert!(support::until(Duration::from_secs(20), || count() == "2"), "that of the deleted key goes too");
    let left: Vec<String> = listed(&desk, created.key.id).into_iter().map(|(label, _, _)| label).collect();
    assert_eq!(left, ["10.0.0.4", "10.0.0.1"]);
}

fn a_sentence_about_the_use_claims_no_more_than_is_recorded(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    let new = desk.new_key("Checkout", 90);
    let mut key = desk.create(&new).key;
    let now = support::noon();
    let said = |key: &Key, days: &[u64], sources: &[UsedSource]| desk::text::use_of(key, days, sources, now);
    let mut days = vec![0; 30];
    assert_eq!(said(&key, &days, &[]), "No recorded use as of 1 s ago");
    let source = |address: SourceAddress, hours: i64| UsedSource {
        source: Source {
            address,
            requests: 1,
            first: now - TimeDelta::days(80),
            last: now - TimeDelta::hours(hours),
        },
        moved: None,
    };
    let known = |address: &str, hours| source(SourceAddress::Known(address.into()), hours);
    let sources = vec![known("10.0.0.1", 1), known("10.0.0.2", 20), known("10.0.0.3", 34)];
    key.last_used = Some(now - TimeDelta::hours(1));
    key.last_used_from = Some("10.0.0.1".into());
    assert_eq!(said(&key, &[], &[]), "Last used 1 hour ago from 10.0.0.1", "not read yet");
    // Noon is 9:00 UTC: all of today is within 24 hours, and all of yesterday is not.
    days[29] = 7;
    assert_eq!(
        said(&key, &days, &sources[..1]),
        "7 requests in the last 24 hours, from 1 source, the last 1 hour ago from 10.0.0.1"
    );
    days[28] = 5;
    assert_eq!(
        said(&key, &days, &sources),
        "7 requests today and 5 yesterday (UTC), from 2 sources, the last 1 hour ago from 10.0.0.1"
    );
    days[29] = 0;
    key.last_used = Some(now - TimeDelta::hours(20));
    key.last_used_from = None;
    let unknown = [source(SourceAddress::Unknown, 20), sources[1].clone()];
    assert_eq!(
        said(&key, &days, &unknown),
        "5 requests yesterday and none today (UTC), from 1 source and unknown addresses, the last 20 hours ago"
    );
    days[28] = 0;
    days[3] = 1;
    key.last_used = Some(now - TimeDelta::days(26));
    let older = [known("10.0.0.1", 26 * 24), source(SourceAddress::Older, 26 * 24)];
    assert_eq!(
        said(&key, &days, &older),
        "1 request in 30 days, none today or yesterday (UTC), from more than 1 source, the last 26 days ago"
    );
    days[3] = 0;
    key.last_used = Some(now - TimeDelta::days(70));
    assert_eq!(said(&key, &days, &older), "Last used 70 days ago");
}
