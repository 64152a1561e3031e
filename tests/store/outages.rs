//! Outages that end by themselves inside verification, whatever the clock does.

use chrono::TimeDelta;
use keydesk::desk::{self, KeyAccess, Picked};
use keydesk::domain::Instant;
use keydesk::domain::audit_replay::AuditReplay;
use keydesk::store::{audit, keys, replay};
use keydesk::{Decision, Reason, Verifier};
use proptest::prelude::*;

use crate::clock::{self, clock};
use crate::engines::on_both_engines;
use crate::fixtures::{create, picked, wanted};
use crate::support::{Engine, TestDesk, noon};

on_both_engines!(
    an_outage_that_is_changed_keeps_its_beginning_and_one_without_an_end_begins_again,
    an_outage_ends_in_a_verifier_that_runs_and_in_one_that_starts,
    no_outage_is_longer_than_announced_and_no_expired_key_comes_back_where_the_clock_is_set,
    any_sequence_of_outages_and_alarms_keeps_the_rules,
);

/// The clock, in seconds from noon.
fn set(seconds: i64) {
    clock::set(noon() + TimeDelta::seconds(seconds));
}

fn reason(verifier: &Verifier, secret: &str) -> Option<Reason> {
    match verifier.verify(secret, None).unwrap() {
        Decision::Accepted(_) => None,
        Decision::Refused(refusal) => Some(refusal.reason),
    }
}

fn disable(desk: &mut TestDesk, key: [Picked; 1], seconds: i64) {
    let access = KeyAccess::DisabledFor(TimeDelta::seconds(seconds));
    desk::set_access(&mut desk.session(), &key, access).unwrap();
}

fn an_outage_ends_in_a_verifier_that_runs_and_in_one_that_starts(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    let created = create(&mut desk, "Checkout");
    let secret = created.secret.expose();
    set(0);
    let verifier = Verifier::with_clock(desk.address(), clock).unwrap().without_recording();
    assert_eq!(reason(&verifier, secret), None);
    disable(&mut desk, picked(&created.key), 300);
    for (seconds, expected) in
        [(0, Some(Reason::Disabled)), (299, Some(Reason::Disabled)), (300, None), (301, None)]
    {
        set(seconds);
        assert_eq!(reason(&verifier, secret), expected, "{seconds}");
        let another = Verifier::with_clock(desk.address(), clock).unwrap().without_recording();
        assert_eq!(reason(&another, secret), expected, "{seconds}");
    }
}

fn no_outage_is_longer_than_announced_and_no_expired_key_comes_back_where_the_clock_is_set(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    let created = create(&mut desk, "Checkout");
    let new = wanted(&desk, "Short", 1);
    let short = desk.create(&new);
    disable(&mut desk, picked(&created.key), 300);
    disable(&mut desk, picked(&short.key), 2 * 86_400);
    set(0);
    let verifier = Verifier::with_clock(desk.address(), clock).unwrap().without_recording();
    let secret = created.secret.expose();
    assert_eq!(reason(&verifier, secret), Some(Reason::Disabled));
    // Back: it would be announced for another time.
    set(-3_600);
    assert_eq!(reason(&verifier, secret), None);
    set(100);
    assert_eq!(reason(&verifier, secret), Some(Reason::Disabled));
    // Forward, and back again: it is over once the clock has shown its end.
    set(86_400);
    assert_eq!(reason(&verifier, secret), None);
    assert_eq!(reason(&verifier, short.secret.expose()), Some(Reason::Expired));
    set(100);
    assert_eq!(reason(&verifier, secret), None);
    for seconds in [100, -3_600, 2 * 86_400 - 1, 2 * 86_400 + 1, 0] {
        set(seconds);
        assert_eq!(reason(&verifier, short.secret.expose()), Some(Reason::Expired), "{seconds}");
    }
}

fn an_outage_that_is_changed_keeps_its_beginning_and_one_without_an_end_begins_again(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    let created = create(&mut desk, "Checkout");
    let id = created.key.id;
    let get = |desk: &TestDesk| desk.store.read(|r| keys::get(r, id)).unwrap().unwrap();
    disable(&mut desk, picked(&created.key), 300);
    desk.now += TimeDelta::seconds(60);
    let key = get(&desk);
    disable(&mut desk, picked(&key), 3_600);
    let key = get(&desk);
    assert_eq!((key.disabled, key.disabled_until), (Some(noon()), Some(noon() + TimeDelta::seconds(3_660))));
    desk::set_access(&mut desk.session(), &picked(&key), KeyAccess::Disabled).unwrap();
    let key = get(&desk);
    assert_eq!((key.disabled, key.disabled_until), (Some(noon()), None));
    disable(&mut desk, picked(&key), 60);
    let key = get(&desk);
    // Else it would last for days where the clock is set back by days.
    assert_eq!((key.disabled, key.disabled_until), (Some(desk.now), Some(desk.now + TimeDelta::seconds(60))));
    desk.now += TimeDelta::seconds(60);
    assert!(!key.is_disabled(desk.now));
    disable(&mut desk, picked(&key), 60);
    assert_eq!(get(&desk).disabled, Some(desk.now), "one that is over does not count");
}

/// A change of the only key or of the only canary key, or time.
#[derive(Clone, Debug)]
enum Step {
    Disable,
    DisableFor(i64),
    Enable,
    UseCanary,
    Acknowledge,
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Disable),
        (1..400_i64).prop_map(Step::DisableFor),
        Just(Step::Enable),
        Just(Step::UseCanary),
        Just(Step::Acknowledge),
        (1..400_i64).prop_map(Step::Wait),
    ]
}

fn any_sequence_of_outages_and_alarms_keeps_the_rules(engine: Engine) {
    proptest!(engine.cases(48), |(steps in proptest::collection::vec(step(), 1..40))| {
        let mut desk = TestDesk::in_memory_on(engine);
        let (key, new) = (create(&mut desk, "Checkout"), wanted(&desk, "Canary", 90));
        let canary = desk::create_canary_key(&mut desk.session(), &new).unwrap();
        let get = |desk: &TestDesk, id| desk.store.read(|r| keys::get(r, id)).unwrap().unwrap();
        // None: not disabled; the inner one: the end of an outage that has one.
        let mut outage: Option<Option<Instant>> = None;
        let (mut used, mut acknowledged): (Option<Instant>, Option<Instant>) = (None, None);
        for step in steps {
            let now = desk.now;
            clock::set(now);
            let picked = picked(&get(&desk, key.key.id));
            let mut set = |access| desk::set_access(&mut desk.session(), &picked, access).unwrap();
            match step {
                Step::Disable => {
                    set(KeyAccess::Disabled);
                    outage = Some(None);
                }
                Step::DisableFor(seconds) => {
                    set(KeyAccess::DisabledFor(TimeDelta::seconds(seconds)));
                    outage = Some(Some(now + TimeDelta::seconds(seconds)));
                }
                Step::Enable => {
                    set(KeyAccess::Enabled);
                    outage = None;
                }
                Step::UseCanary => {
                    let verifier = Verifier::with_clock(desk.address(), clock).unwrap();
                    prop_assert_eq!(reason(&verifier, canary.secret.expose()), Some(Reason::Canary));
                    drop(verifier);
                    used = Some(now);
                }
                Step::Acknowledge => {
                    let seen = desk::CanaryUse::of(&get(&desk, canary.key.id));
                    prop_assert_eq!(seen.is_some(), used > acknowledged);
                    let alarms: Vec<_> = seen.into_iter().collect();
                    desk::acknowledge_canaries(&mut desk.session(), &alarms).unwrap();
                    acknowledged = used;
                }
                Step::Wait(seconds) => desk.now += TimeDelta::seconds(seconds),
            }
            clock::set(desk.now);
            let is_disabled = outage.is_some_and(|until| until.is_none_or(|until| desk.now < until));
            let verifier = Verifier::with_clock(desk.address(), clock).unwrap().without_recording();
            prop_assert_eq!(reason(&verifier, key.secret.expose()), is_disabled.then_some(Reason::Disabled));
            prop_assert_eq!(get(&desk, key.key.id).is_disabled(desk.now), is_disabled);
            prop_assert_eq!(get(&desk, canary.key.id).has_alarm(), used > acknowledged);
            let mut replayed = AuditReplay::default();
            let findings = desk.store.read(|r| {
                audit::walk(r, None, None, &mut |entry, _| replayed.take(entry))?;
                replay::compare(r, &replayed)
            });
            prop_assert_eq!(findings.unwrap().listed, vec![]);
        }
    });
}
