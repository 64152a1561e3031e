//! Predecessors that end when they are no longer used: when exactly, by a fake clock, and what stands in the audit log.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use keydesk::desk::{self, DeskError, Ending, KeyAccess, Picked};
use keydesk::domain::Instant;
use keydesk::domain::audit::AuditAction;
use keydesk::domain::audit_replay::AuditReplay;
use keydesk::domain::key::{Key, KeyId, KeyState};
use keydesk::store::continuity::Continuity;
use keydesk::store::lookup::Lookup;
use keydesk::store::sqlite::recording::{Registration, end_abandoned};
use keydesk::store::{audit, keys, replay};
use keydesk::{Decision, Reason, Verifier};

use crate::clock::{self, clock};
use crate::engines::on_both_engines;
use crate::support::{Engine, TestDesk, noon};

on_both_engines!(
    what_has_ended_is_marked_with_the_evidence_by_the_next_operation,
    what_has_ended_stays_ended_when_its_successor_is_deleted,
    an_overlap_is_never_extended_past_the_own_expiration,
    several_keys_are_rotated_at_once_and_end_each_for_itself,
    what_has_ended_is_not_counted_as_valid,
    it_ends_at_its_own_expiration_while_its_successor_is_not_used,
    it_ends_when_it_was_unused_for_the_time,
    time_in_which_use_was_not_recorded_does_not_count,
    time_in_which_it_was_disabled_does_not_count,
    without_its_successor_it_does_not_end_on_evidence_and_can_be_rotated_again,
    the_use_of_any_later_key_of_its_line_counts,
    it_can_be_deleted_or_ended_while_it_waits,
);

const DAY: TimeDelta = TimeDelta::hours(24);

fn hours(hours: i64) -> Instant {
    noon() + TimeDelta::hours(hours)
}

/// A key that was rotated at noon and ends when it is unused for 24 hours, with its successor.
struct Line {
    desk: TestDesk,
    old: KeyId,
    old_secret: String,
    new: KeyId,
}

fn line(engine: Engine) -> Line {
    let mut desk = TestDesk::on(engine);
    let wanted = desk.new_key("Checkout", 90);
    let old = desk.deliver(&wanted);
    let new = rotate(&mut desk, old.key.id, Ending::WhenUnused(DAY));
    Line { old: old.key.id, old_secret: old.secret.expose().to_owned(), new, desk }
}

fn rotate(desk: &mut TestDesk, id: KeyId, ending: Ending) -> KeyId {
    let picked = picked(desk, id);
    let rotated = desk::rotate_keys(&mut desk.session(), &[picked], ending).unwrap();
    let new = rotated[0].created.key.id;
    desk::mark_delivered(&mut desk.session(), new).unwrap();
    new
}

fn key(desk: &TestDesk, id: KeyId) -> Key {
    desk.store.read(|r| keys::get(r, id)).unwrap().unwrap()
}

fn picked(desk: &TestDesk, id: KeyId) -> Picked {
    Picked { id, version: key(desk, id).version }
}

fn raw(desk: &TestDesk) -> rusqlite::Connection {
    rusqlite::Connection::open(desk.path()).unwrap()
}

impl Line {
    /// What a recorder writes about a use.
    fn is_used(&self, id: KeyId, at: Instant) {
        let at = at.timestamp();
        self.desk.sql(&format!(
            "INSERT INTO key_use (key_id, application_id, first, last) VALUES ('{id}', 1, {at}, {at}) \
             ON CONFLICT (key_id) DO UPDATE SET last = excluded.last WHERE excluded.last > key_use.last"
        ));
    }

    /// Why the old key is rejected at an instant.
    fn reason(&self, at: Instant) -> Option<Reason> {
        clock::set(at);
        let verifier = Verifier::with_clock(self.desk.address(), clock).unwrap().without_recording();
        decided(&verifier, &self.old_secret)
    }

    /// The list and the verification say the same: accepted until an instant, and rejected from then on.
    fn ends_exactly(&self, at: Instant) {
        let before = at - TimeDelta::seconds(1);
        assert_eq!(self.reason(before), None, "accepted until {at}");
        assert_eq!(self.reason(at), Some(Reason::Expired), "rejected from {at}");
        let state = |now| key(&self.desk, self.old).state(now, TimeDelta::zero());
        assert_eq!((state(before), state(at)), (KeyState::Valid, KeyState::Replaced));
    }

    /// Another operation marks what has ended.
    fn settle(&mut self, at: Instant) {
        self.desk.now = at;
        let wanted = self.desk.new_key("Another", 9);
        self.desk.create(&wanted);
    }
}

fn decided(verifier: &Verifier, secret: &str) -> Option<Reason> {
    match verifier.verify(secret, None).unwrap() {
        Decision::Accepted(_) => None,
        Decision::Refused(refusal) => Some(refusal.reason),
    }
}

/// The audit log is intact and matches the database; its entries of an action as JSON texts.
fn entries(desk: &TestDesk, action: AuditAction) -> Vec<String> {
    let (mut replayed, mut found) = (AuditReplay::default(), Vec::new());
    let findings = desk
        .store
        .read(|r| {
            audit::walk(r, None, None, &mut |entry, _| {
                replayed.take(entry);
                found.extend((entry.action == action.as_str()).then(|| entry.changes.clone()));
            })?;
            replay::compare(r, &replayed)
        })
        .unwrap();
    assert_eq!(findings.listed, vec![]);
    found
}

fn it_ends_at_its_own_expiration_while_its_successor_is_not_used(engine: Engine) {
    let line = line(engine);
    line.is_used(line.old, hours(5));
    line.ends_exactly(noon() + TimeDelta::days(90));
}

fn it_ends_when_it_was_unused_for_the_time(engine: Engine) {
    let unused = line(engine);
    unused.is_used(unused.new, hours(1));
    unused.ends_exactly(hours(24));

    let used = line(engine);
    used.is_used(used.new, hours(1));
    used.is_used(used.old, hours(5));
    used.ends_exactly(hours(29));

    let late = line(engine);
    late.is_used(late.new, hours(30));
    late.ends_exactly(hours(30));
}

fn time_in_which_use_was_not_recorded_does_not_count(engine: Engine) {
    let line = line(engine);
    line.is_used(line.new, hours(1));
    let (since, until) = (hours(3).timestamp(), hours(10).timestamp());
    line.desk.sql(&format!("INSERT INTO recording_gaps (since, until) VALUES ({since}, {until})"));
    line.ends_exactly(hours(34));
}

fn time_in_which_it_was_disabled_does_not_count(engine: Engine) {
    let mut line = line(engine);
    line.is_used(line.new, hours(1));
    line.desk.now = hours(2);
    let disabled = picked(&line.desk, line.old);
    desk::set_access(&mut line.desk.session(), &[disabled], KeyAccess::Disabled).unwrap();
    assert_eq!(line.reason(hours(30)), Some(Reason::Disabled));
    assert!(key(&line.desk, line.old).ended(hours(30)).is_none(), "it may still be wanted");
    line.desk.now = hours(36);
    let enabled = picked(&line.desk, line.old);
    desk::set_access(&mut line.desk.session(), &[enabled], KeyAccess::Enabled).unwrap();
    line.ends_exactly(hours(60));
    entries(&line.desk, AuditAction::KeyEnabled);
}

#[test]
fn a_recorder_that_lags_or_cannot_write_delays_the_end() {
    let line = line(Engine::Sqlite);
    line.is_used(line.new, hours(1));
    let connection = raw(&line.desk);
    let fast = Registration::begin(&connection, &line.desk.path(), noon()).unwrap();
    let slow = Registration::begin(&connection, &line.desk.path(), noon()).unwrap();
    fast.advance(&connection, hours(50)).unwrap();
    slow.advance(&connection, hours(23)).unwrap();
    assert_eq!(line.reason(hours(49)), None, "the slow one may know of a use");
    line.is_used(line.old, hours(23));
    slow.advance(&connection, hours(48)).unwrap();
    line.ends_exactly(hours(47));
}

#[test]
fn a_recorder_that_was_killed_delays_the_end() {
    let mut line = line(Engine::Sqlite);
    line.is_used(line.new, hours(1));
    let connection = raw(&line.desk);
    let killed = Registration::begin(&connection, &line.desk.path(), noon()).unwrap();
    killed.advance(&connection, hours(20)).unwrap();
    drop(killed);
    assert!(key(&line.desk, line.old).ended(hours(29)).is_none());
    end_abandoned(&connection, &line.desk.path(), hours(30)).unwrap();
    line.ends_exactly(hours(54));
    line.settle(hours(60));
    assert_eq!(key(&line.desk, line.old).expires, hours(54));
}

fn what_has_ended_is_marked_with_the_evidence_by_the_next_operation(engine: Engine) {
    let mut line = line(engine);
    line.is_used(line.new, hours(1));
    line.is_used(line.old, hours(2));
    line.settle(hours(25));
    assert_eq!(entries(&line.desk, AuditAction::KeyEnded), [""; 0], "not yet");
    let version = key(&line.desk, line.old).version;
    line.settle(hours(30));
    let old = key(&line.desk, line.old);
    assert_eq!((old.expires, old.until_unused.clone()), (hours(26), None));
    assert_eq!(old.own_expiration(), noon() + TimeDelta::days(90));
    assert_eq!(old.version, version, "no one has changed it");
    assert_eq!(old.state(hours(30), TimeDelta::zero()), KeyState::Replaced);
    let ended = entries(&line.desk, AuditAction::KeyEnded);
    assert_eq!(ended.len(), 1);
    for evidence in
        ["\"last used\"", "T11:00:00Z", "\"successor first used\"", "\"ends when unused for\"", "86400"]
    {
        assert!(ended[0].contains(evidence), "{evidence}: {}", ended[0]);
    }
    // A use that is recorded later changes nothing any more.
    line.is_used(line.old, hours(28));
    assert_eq!(line.reason(hours(30)), Some(Reason::Expired));
    line.settle(hours(31));
    assert_eq!(entries(&line.desk, AuditAction::KeyEnded).len(), 1);
}

#[test]
fn a_clock_that_is_set_back_does_not_make_it_valid_again() {
    let mut line = line(Engine::Sqlite);
    line.is_used(line.new, hours(1));
    clock::set(hours(23));
    let verifier = Verifier::with_clock(line.desk.path(), clock).unwrap().without_recording();
    assert_eq!(decided(&verifier, &line.old_secret), None);
    clock::set(hours(24));
    assert_eq!(decided(&verifier, &line.old_secret), Some(Reason::Expired));
    clock::set(hours(2));
    assert_eq!(decided(&verifier, &line.old_secret), Some(Reason::Expired));
    // The clock jumps ahead while use is recorded: known is only what came before.
    let connection = raw(&line.desk);
    let recorder = Registration::begin(&connection, &line.desk.path(), hours(3)).unwrap();
    line.settle(noon() + TimeDelta::days(400));
    assert!(key(&line.desk, line.old).until_unused.is_some());
    recorder.end(&connection).unwrap();
}

fn without_its_successor_it_does_not_end_on_evidence_and_can_be_rotated_again(engine: Engine) {
    let mut line = line(engine);
    line.is_used(line.new, hours(1));
    line.desk.now = hours(2);
    let successor = picked(&line.desk, line.new);
    desk::delete_keys(&mut line.desk.session(), &[successor]).unwrap();
    let old = key(&line.desk, line.old);
    assert_eq!((old.replaced_by, old.until_unused), (None, None));
    assert_eq!(line.reason(hours(80)), None);
    assert_eq!(entries(&line.desk, AuditAction::SuccessorDeleted).len(), 1);
    let again = rotate(&mut line.desk, line.old, Ending::WhenUnused(DAY));
    line.is_used(again, hours(3));
    line.ends_exactly(hours(26));
}

fn what_has_ended_stays_ended_when_its_successor_is_deleted(engine: Engine) {
    let mut line = line(engine);
    line.is_used(line.new, hours(1));
    line.desk.now = hours(30);
    let successor = picked(&line.desk, line.new);
    desk::delete_keys(&mut line.desk.session(), &[successor]).unwrap();
    assert_eq!(line.reason(hours(30)), Some(Reason::Expired));
    assert_eq!(entries(&line.desk, AuditAction::KeyEnded).len(), 1);
    let new = rotate(&mut line.desk, line.old, Ending::Unchanged);
    let lifetime = key(&line.desk, new).expires - hours(30);
    assert_eq!(lifetime, TimeDelta::days(90), "its own lifetime");
}

fn the_use_of_any_later_key_of_its_line_counts(engine: Engine) {
    let mut line = line(engine);
    line.desk.now = hours(1);
    let third = rotate(&mut line.desk, line.new, Ending::AtOnce);
    line.is_used(third, hours(2));
    line.ends_exactly(hours(24));
    let middle = picked(&line.desk, line.new);
    desk::delete_keys(&mut line.desk.session(), &[middle]).unwrap();
    assert_eq!(key(&line.desk, line.old).replaced_by, Some(third));
    assert_eq!(key(&line.desk, third).replaces, Some(line.old));
    line.ends_exactly(hours(24));
    entries(&line.desk, AuditAction::PredecessorDeleted);
}

fn it_can_be_deleted_or_ended_while_it_waits(engine: Engine) {
    let mut ended = line(engine);
    ended.desk.now = hours(1);
    let old = picked(&ended.desk, ended.old);
    desk::change_overlap(&mut ended.desk.session(), old, Ending::AtOnce).unwrap();
    ended.ends_exactly(hours(1));
    let old = picked(&ended.desk, ended.old);
    let again = desk::change_overlap(&mut ended.desk.session(), old, Ending::After(DAY));
    assert!(matches!(again, Err(DeskError::Ended { .. })), "{again:?}");
    let new = picked(&ended.desk, ended.new);
    let wrong = desk::change_overlap(&mut ended.desk.session(), new, Ending::After(DAY));
    assert!(matches!(wrong, Err(DeskError::NotReplaced { .. })), "{wrong:?}");

    let mut deleted = line(engine);
    deleted.is_used(deleted.new, hours(1));
    deleted.desk.now = hours(2);
    let old = picked(&deleted.desk, deleted.old);
    desk::delete_keys(&mut deleted.desk.session(), &[old]).unwrap();
    assert_eq!(deleted.reason(hours(30)), Some(Reason::Deleted));
    deleted.settle(hours(31));
    assert_eq!(entries(&deleted.desk, AuditAction::KeyEnded), [""; 0]);
}

fn an_overlap_is_never_extended_past_the_own_expiration(engine: Engine) {
    let mut line = line(engine);
    let mut change = |ending| {
        let old = picked(&line.desk, line.old);
        desk::change_overlap(&mut line.desk.session(), old, ending).unwrap()
    };
    let own = noon() + TimeDelta::days(90);
    let short = change(Ending::After(DAY));
    assert_eq!((short.expires, short.latest_expires), (hours(24), Some(own)));
    let long = change(Ending::After(TimeDelta::days(700)));
    assert_eq!((long.expires, long.latest_expires), (own, None));
    change(Ending::After(TimeDelta::hours(1)));
    let waiting = change(Ending::WhenUnused(DAY));
    assert_eq!((waiting.expires, waiting.until_unused.unwrap().since), (own, noon()));
    assert_eq!(entries(&line.desk, AuditAction::KeyOverlapChanged).len(), 4);
}

fn several_keys_are_rotated_at_once_and_end_each_for_itself(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    let mut old = Vec::new();
    for name in ["A", "B", "C"] {
        let wanted = desk.new_key(name, 90);
        old.push(desk.deliver(&wanted).key.id);
    }
    let all: Vec<Picked> = old.iter().map(|id| picked(&desk, *id)).collect();
    let rotated = desk::rotate_keys(&mut desk.session(), &all, Ending::WhenUnused(DAY)).unwrap();
    let line = Line { old: old[0], old_secret: String::new(), new: rotated[0].created.key.id, desk };
    line.is_used(line.new, hours(1));
    line.is_used(rotated[1].created.key.id, hours(1));
    line.is_used(old[1], hours(9));
    let ended =
        |hour| old.iter().map(|id| key(&line.desk, *id).ended(hours(hour)).is_some()).collect::<Vec<_>>();
    assert_eq!(ended(23), [false, false, false]);
    assert_eq!(ended(24), [true, false, false]);
    assert_eq!(ended(33), [true, true, false]);
}

/// A clock that the threads of a verifier see too.
static SHARED: AtomicI64 = AtomicI64::new(0);

fn shared_clock() -> Instant {
    Instant::from_timestamp(SHARED.load(Ordering::Relaxed), 0).unwrap()
}

#[test]
fn a_process_that_cannot_say_what_it_has_recorded_does_not_end_a_key_early() {
    let line = line(Engine::Sqlite);
    line.is_used(line.new, hours(1));
    let locking = raw(&line.desk);
    locking.execute_batch("BEGIN IMMEDIATE").unwrap();
    let at = |at: Instant| SHARED.store(at.timestamp(), Ordering::Relaxed);
    let open = || Verifier::with_clock(line.desk.path(), shared_clock).unwrap();
    at(hours(20));
    let verifier = open();
    assert_eq!(decided(&verifier, &line.old_secret), None);
    at(hours(25));
    assert_eq!(decided(&verifier, &line.old_secret), None, "used five hours ago, which no one else knows");
    assert_eq!(decided(&open(), &line.old_secret), Some(Reason::Expired), "it had ended before");
    locking.execute_batch("ROLLBACK").unwrap();
    let is_recorded = || key(&line.desk, line.old).last_used >= Some(hours(20));
    assert!(crate::support::until(Duration::from_secs(15), is_recorded));
    at(hours(43));
    assert_eq!(decided(&verifier, &line.old_secret), None);
}

fn what_has_ended_is_not_counted_as_valid(engine: Engine) {
    let line = line(engine);
    line.is_used(line.new, hours(1));
    let counted = |now| {
        let mut lookup =
            Lookup::open(line.desk.store.location().clone(), Duration::ZERO, Arc::new(Continuity::default()))
                .unwrap();
        let counts = lookup.counts(now, TimeDelta::days(7)).unwrap();
        counts.into_iter().filter(|(_, count)| *count != 0).collect::<Vec<_>>()
    };
    assert_eq!(counted(hours(23)), [(KeyState::Valid, 2)]);
    assert_eq!(counted(hours(24)), [(KeyState::Valid, 1), (KeyState::Replaced, 1)]);
    let since = hours(25).timestamp();
    let outage =
        format!("SET disabled = {since}, disabled_until = {since} + 60 WHERE unused_for IS NOT NULL");
    line.desk.sql(&format!("UPDATE keys {outage}"));
    assert_eq!(counted(hours(25)), [(KeyState::Valid, 1), (KeyState::Replaced, 1)]);
}
