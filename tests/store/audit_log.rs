//! The audit log: written with every change, whole, and what becomes of it when someone has a hand in it.

use chrono::TimeDelta;
use keydesk::desk::{self, KeyProperties, Picked};
use keydesk::domain::audit::AuditAction;
use keydesk::domain::audit_filter::AuditFilter;
use keydesk::host::clock::Zone;
use keydesk::store::audit::{self, ChainReport};
use keydesk::store::{Anchor, Window, keys};
use proptest::prelude::*;

use crate::engines::on_both_engines;
use crate::fixtures::{colleague, create, email, name, picked, user};
use crate::support::{Engine, TestDesk};

on_both_engines!(
    every_operation_writes_its_entry,
    the_log_contains_no_emails_and_no_secrets,
    newest_first_and_found_by_words,
    words_match_names_actions_and_changes_but_no_dates,
    accidental_changes_are_prevented_and_tampering_is_detected,
    any_sequence_of_operations_keeps_the_chain_valid,
);

fn report(desk: &TestDesk) -> ChainReport {
    desk.store.read(|r| audit::walk(r, None, None, &mut |_, _| {})).unwrap()
}

fn entries(desk: &TestDesk, filter: &str) -> Vec<audit::AuditRow> {
    let window = Window { anchor: Anchor::First, before: 0, after: 1_000 };
    let (filter, _) = AuditFilter::parse(filter, desk.now, &Zone::utc());
    desk.store.read(|r| audit::page(r, &filter, &window)).unwrap().rows
}

/// Takes away what keeps the log from being changed.
fn drop_trigger(desk: &TestDesk, name: &str) {
    desk.sql(&format!("DROP TRIGGER {name}{}", desk.engine().pick("", " ON audit")));
}

fn every_operation_writes_its_entry(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    let created = create(&mut desk, "Checkout");
    desk::mark_delivered(&mut desk.session(), created.key.id).unwrap();
    let disabled =
        desk::set_access(&mut desk.session(), &picked(&created.key), desk::KeyAccess::Disabled).unwrap();
    let enabled =
        desk::set_access(&mut desk.session(), &picked(&disabled[0]), desk::KeyAccess::Enabled).unwrap();
    let ending = desk::Ending::After(TimeDelta::hours(1));
    let rotated = desk::rotate_keys(&mut desk.session(), &picked(&enabled[0]), ending).unwrap();
    desk::delete_keys(&mut desk.session(), &picked(&rotated[0].old)).unwrap();
    let planned = desk::Ending::After(TimeDelta::hours(2));
    let oldest = create(&mut desk, "Oldest").key;
    let middle = desk::rotate_keys(&mut desk.session(), &picked(&oldest), planned).unwrap().remove(0).created;
    let middle = desk::rotate_keys(&mut desk.session(), &picked(&middle.key), planned).unwrap().remove(0).old;
    desk::delete_keys(&mut desk.session(), &picked(&middle)).unwrap();
    let line = create(&mut desk, "Line").key;
    let unused = desk::Ending::WhenUnused(TimeDelta::hours(1));
    let first = desk::rotate_keys(&mut desk.session(), &picked(&line), unused).unwrap().remove(0);
    let new = first.created.key;
    let other = KeyProperties { name: name("Renamed"), ..KeyProperties::of(&new) };
    let new = desk::edit_key(&mut desk.session(), picked(&new)[0], &other).unwrap().key;
    desk::delete_keys(&mut desk.session(), &picked(&new)).unwrap();
    let line = desk.store.read(|r| keys::get(r, line.id)).unwrap().unwrap();
    let again = desk::rotate_keys(&mut desk.session(), &picked(&line), unused).unwrap().remove(0).old;
    let planned = desk::change_overlap(&mut desk.session(), picked(&again)[0], planned).unwrap();
    desk::change_overlap(&mut desk.session(), picked(&planned)[0], unused).unwrap();
    // It expires while it waits for its end.
    desk.now += TimeDelta::days(400);
    let canary = crate::fixtures::used_canary(&mut desk);
    let seen = desk::CanaryUse::of(&canary).unwrap();
    desk::acknowledge_canaries(&mut desk.session(), &[seen]).unwrap();
    let made = desk::create_application(&mut desk.session(), &name("Billing")).unwrap();
    let renamed =
        desk::rename_application(&mut desk.session(), made.id, made.version, &name("Invoices")).unwrap();
    desk::delete_application(&mut desk.session(), renamed.id, renamed.version, 0).unwrap();
    let ben = colleague(&mut desk, "ben", 1001);
    let ben = desk::disable_user(&mut desk.session(), ben.id, ben.version, &|_| true).unwrap();
    let ben = desk::enable_user(&mut desk.session(), ben.id, ben.version).unwrap();
    desk::delete_user(&mut desk.session(), ben.id, ben.version, &|_| true).unwrap();
    let words: Vec<String> = entries(&desk, "").into_iter().rev().map(|row| row.entry.action).collect();
    for &action in AuditAction::ALL {
        assert!(words.iter().any(|word| word == action.as_str()), "{action:?}");
    }
    assert!(matches!(report(&desk), ChainReport::Intact(number, _) if number == words.len() as u64));
}

fn the_log_contains_no_emails_and_no_secrets(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    colleague(&mut desk, "ben", 1001);
    let created = create(&mut desk, "Checkout");
    let text = desk.text("SELECT string_agg(action || changes, ' ') FROM audit");
    assert!(!text.contains('@') && !text.contains("ben"), "{text}");
    assert!(!text.contains(&created.secret.expose()[20..40]));
}

fn newest_first_and_found_by_words(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    let created = create(&mut desk, "Checkout");
    create(&mut desk, "Billing run");
    desk.now += TimeDelta::hours(1);
    desk::delete_keys(&mut desk.session(), &picked(&created.key)).unwrap();
    let rows = entries(&desk, "");
    assert!(rows.windows(2).all(|pair| pair[0].entry.number == pair[1].entry.number + 1));
    assert_eq!(rows[0].entry.action, "key.deleted");
    assert_eq!(rows[0].key.as_ref().unwrap().as_str(), "Checkout", "also of a deleted key");
    assert_eq!(entries(&desk, "DELETED").len(), 1);
    assert_eq!(entries(&desk, &created.key.id.to_string()).len(), 2);
    assert_eq!(entries(&desk, "billing").len(), 1);
}

fn words_match_names_actions_and_changes_but_no_dates(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    colleague(&mut desk, "ben", 1001);
    for (key, days) in [("job 19", 89), ("job 20", 90), ("20 \"large\" jobs", 90)] {
        let new = desk.new_key(key, days);
        desk.create(&new);
    }
    let other = desk::create_application(&mut desk.session(), &name("Billing \"20\"")).unwrap();
    let other =
        desk::rename_application(&mut desk.session(), other.id, other.version, &name("Invoices")).unwrap();
    let keys = |filter: &str| -> Vec<String> {
        let rows = entries(&desk, filter);
        let (parsed, _) = AuditFilter::parse(filter, desk.now, &Zone::utc());
        let count = desk.store.read(|r| audit::count(r, &parsed)).unwrap();
        assert_eq!(usize::try_from(count).unwrap(), rows.len(), "{filter}");
        rows.into_iter().rev().map(|row| row.key.map_or(row.entry.action, |key| key.to_string())).collect()
    };
    assert_eq!(keys("job 20"), ["job 20", "20 \"large\" jobs"], "job 19 expires on 2027-02-20");
    assert_eq!(keys("\"job 20\""), ["job 20"]);
    assert_eq!(keys("2027"), Vec::<String>::new());
    assert_eq!(keys("20 large\""), ["20 \"large\" jobs"], "with quotation marks in it");
    assert_eq!(keys("e\" 20"), ["20 \"large\" jobs"]);
    assert_eq!(keys("billing"), ["application.created", "application.renamed"], "also by its former name");
    assert_eq!(keys("expires type:x job"), Vec::<String>::new(), "an unknown name is a word");
    assert_eq!(keys("expires \"job 1\""), ["job 19"], "fields of changes");
    assert_eq!(keys("production 19"), ["job 19"], "values of changes");
    assert_eq!(keys("invoices"), ["application.created", "application.renamed"]);
    assert_eq!(keys("ben@"), ["user.added"]);
    assert_eq!(keys("\"user added\" ana@"), ["user.added"]);
    assert_eq!(keys("action:\"database set\""), ["set_up"], "by the label");
    let one = AuditFilter { application_id: Some(other.id), ..AuditFilter::default() };
    assert_eq!(desk.store.read(|r| audit::count(r, &one)).unwrap(), 2);

    drop_trigger(&desk, "audit_is_not_changed");
    desk.sql("UPDATE audit SET changes = 'job {' WHERE number = 4");
    assert_eq!(keys("job").len(), 3, "a damaged entry is no error");
}

fn accidental_changes_are_prevented_and_tampering_is_detected(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    create(&mut desk, "Checkout");
    create(&mut desk, "Billing");
    assert!(desk.try_sql("DELETE FROM audit WHERE number = 3").is_err());
    assert!(desk.try_sql("UPDATE audit SET actor = 2").is_err());
    drop_trigger(&desk, "audit_is_not_changed");
    desk.sql("UPDATE audit SET at = at + 1 WHERE number = 3");
    assert!(matches!(report(&desk), ChainReport::Broken { number: 3, .. }), "{:?}", report(&desk));
    desk.sql("UPDATE audit SET at = at - 1 WHERE number = 3");
    assert!(matches!(report(&desk), ChainReport::Intact(4, _)));
    drop_trigger(&desk, "audit_is_not_shortened");
    desk.sql("DELETE FROM audit WHERE number = 3");
    assert!(matches!(report(&desk), ChainReport::Broken { number: 3, reason: "the entry is missing" }));
}

#[derive(Clone, Debug)]
enum Step {
    Create,
    Delete(usize),
    Disable(usize, bool),
    AddUser,
    Rename,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Create),
        2 => any::<usize>().prop_map(Step::Delete),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(at, off)| Step::Disable(at, off)),
        1 => Just(Step::AddUser),
        1 => Just(Step::Rename),
    ]
}

fn any_sequence_of_operations_keeps_the_chain_valid(engine: Engine) {
    proptest!(engine.cases(24), |(steps in proptest::collection::vec(step(), 1..40))| {
        let mut desk = TestDesk::on(engine);
        let mut alive: Vec<keydesk::domain::key::KeyId> = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            let key = |desk: &TestDesk, at: usize| -> Option<Picked> {
                let id = *alive.get(at % alive.len().max(1))?;
                let key = desk.store.read(|r| keys::get(r, id)).unwrap()?;
                Some(Picked { id, version: key.version })
            };
            match step {
                Step::Create => {
                    let id = create(&mut desk, &format!("Key {number}")).key.id;
                    alive.push(id);
                }
                Step::Delete(at) => {
                    if let Some(picked) = key(&desk, *at) {
                        desk::delete_keys(&mut desk.session(), &[picked]).unwrap();
                        alive.retain(|id| *id != picked.id);
                    }
                }
                Step::Disable(at, off) => {
                    if let Some(picked) = key(&desk, *at) {
                        desk::set_access(&mut desk.session(), &[picked], if *off { desk::KeyAccess::Disabled } else { desk::KeyAccess::Enabled }).unwrap();
                    }
                }
                Step::AddUser => {
                    let address = email(&format!("user{number}@example.com"));
                    desk::add_user(&mut desk.session(), &address, None, None).unwrap();
                }
                Step::Rename => {
                    let here = desk.store.read(keydesk::store::applications::first).unwrap().unwrap();
                    let name = name(&format!("Shop {number}"));
                    desk::rename_application(&mut desk.session(), here.id, here.version, &name).unwrap();
                }
            }
            prop_assert!(matches!(report(&desk), ChainReport::Intact(..)));
        }
        for id in &alive {
            prop_assert!(desk.store.read(|r| keys::get(r, *id)).unwrap().is_some());
        }
        prop_assert!(user(&desk, "ana").keys == alive.len() as u64);
    });
}
