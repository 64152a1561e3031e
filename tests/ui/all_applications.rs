//! The keys of all Applications in one list, and what needs attention in all of them.

use chrono::TimeDelta;
use insta::assert_snapshot;
use keydesk::config::remembered::Remembered;
use keydesk::desk::{self, Picked};
use keydesk::domain::application::{ApplicationId, Scope};
use keydesk::domain::key::NewKey;
use keydesk::domain::text::Name;
use keydesk::store::usage::day_of;

use crate::script::{Script, Start};
use crate::support::TestDesk;

/// Storefront and Warehouse with three keys each: the next to expire is in Warehouse.
fn two_applications() -> (TestDesk, ApplicationId) {
    let mut desk = TestDesk::new();
    desk.now -= TimeDelta::days(30);
    let name = Name::parse("Warehouse").unwrap();
    let warehouse = desk::create_application(&mut desk.session(), &name).unwrap().id;
    for (name, days) in [("Job 10", 35), ("Checkout", 33), ("Job 2", 80)] {
        desk.deliver(&desk.new_key(name, days));
    }
    for (name, days) in [("Invoices", 32), ("Ledger", 90), ("Old till", 10)] {
        desk.deliver(&NewKey { application: warehouse, ..desk.new_key(name, days) });
    }
    desk.now += TimeDelta::days(30);
    (desk, warehouse)
}

fn names(script: &Script) -> Vec<&str> {
    script.app.screens.keys.list.rows.visible().0.iter().map(|key| key.name.as_str()).collect()
}

#[test]
fn all_applications_is_the_first_choice_and_has_a_column() {
    for columns in [60, 80, 120, 200] {
        let (desk, _) = two_applications();
        let remembered =
            Remembered { scope: Some(Scope::Application(desk.application())), ..Remembered::default() };
        let mut script = Script::starting(desk, Start { remembered, ..Start::default() }, columns, 24);
        assert!(!script.screen().contains("APPLICATION"));
        script.press("A");
        assert_snapshot!(format!("all_applications_choice_{columns}"), script.picture());
        script.text("all app").press("enter");
        assert_eq!(names(&script), ["Invoices", "Checkout", "Job 10", "Job 2", "Ledger", "Old till"]);
        let screen = script.screen();
        assert!(screen.starts_with("All Applications › Settings"), "{screen}");
        assert!(screen.contains("NAME               APPLICATION "), "{screen}");
        let rows: Vec<&str> = screen.lines().filter(|line| line.contains("Warehouse")).collect();
        assert_eq!(rows.iter().filter(|line| line.contains("in 2 d ◐")).count(), 1, "{screen}");
        assert_snapshot!(format!("all_applications_{columns}"), script.picture());
        assert_eq!(script.remembered.as_ref().unwrap().scope, Some(Scope::All));
        // Another session changes something: the list stays as it is.
        script.elsewhere(|session| {
            let name = Name::parse("Loyalty").unwrap();
            desk::create_application(session, &name).unwrap();
        });
        assert_eq!(names(&script).len(), 6, "{}", script.screen());
    }
}

#[test]
fn all_applications_is_remembered_and_sorted_naturally() {
    let (desk, _) = two_applications();
    let remembered = Remembered { scope: Some(Scope::All), ..Remembered::default() };
    let mut script = Script::starting(desk, Start { remembered, ..Start::default() }, 120, 24);
    assert_eq!(names(&script).len(), 6, "{}", script.screen());
    script.press("s s s");
    assert_eq!(names(&script), ["Checkout", "Invoices", "Job 2", "Job 10", "Ledger", "Old till"]);
    script.press("/").text("job").press("enter");
    assert_eq!(names(&script), ["Job 2", "Job 10"]);
    script.press("t");
    assert!(!script.screen().is_empty());
}

#[test]
fn a_new_key_belongs_to_the_application_of_the_selected_one() {
    let (desk, warehouse) = two_applications();
    let remembered = Remembered { scope: Some(Scope::All), ..Remembered::default() };
    let mut script = Script::starting(desk, Start { remembered, ..Start::default() }, 120, 30);
    assert_eq!(script.app.screens.keys.list.rows.selected().unwrap().application, warehouse);
    script.press("n enter enter enter");
    assert!(script.screen().contains("Application   Warehouse"), "{}", script.screen());
    script.press("c enter");
    let created = script.app.screens.keys.list.rows.selected().unwrap();
    assert_eq!((created.application, created.name.as_str().starts_with("Generic")), (warehouse, true));
    // Without a selected key it asks, and continues with the wizard.
    script.press("/").text("nothing like it").press("enter n");
    let screen = script.screen();
    assert!(screen.contains("Choose the Application of the new key"), "{screen}");
    assert!(!screen.contains("All Applications  "), "{screen}");
    script.text("store").press("enter");
    assert!(script.screen().contains("Create API Key: step 1 of 3"), "{}", script.screen());
    script.press("enter enter");
    assert!(script.screen().contains("Application   Storefront"), "{}", script.screen());
    script.press("enter c enter esc");
    let created = script.app.screens.keys.list.rows.selected().unwrap();
    assert_ne!(created.application, warehouse);
    assert!(script.screen().starts_with("All Applications"), "{}", script.screen());
}

#[test]
fn details_and_dialogs_name_the_application_among_all_applications() {
    let (desk, _) = two_applications();
    let remembered = Remembered { scope: Some(Scope::All), ..Remembered::default() };
    let mut script = Script::starting(desk, Start { remembered, ..Start::default() }, 80, 24);
    for keys in ["enter", "r", "x", "d"] {
        script.press(keys);
        assert!(script.screen().contains("Application   Warehouse"), "{}", script.screen());
        script.press("esc");
    }
    script.press("A").text("warehouse").press("enter d");
    assert!(!script.screen().contains("Application   "), "{}", script.screen());
}

#[test]
fn a_secret_that_was_not_delivered_is_named_in_full() {
    let (mut desk, _) = two_applications();
    let new = desk.new_key("Lost", 90);
    desk::create_key(&mut desk.session(), &new).unwrap();
    let remembered = Remembered { scope: Some(Scope::All), ..Remembered::default() };
    let script = Script::starting(desk, Start { remembered, ..Start::default() }, 120, 24);
    assert!(script.screen().contains("not delivered"), "{}", script.screen());
}

#[test]
fn attention_counts_the_keys_of_all_applications_without_those_that_end_as_planned() {
    let (mut desk, warehouse) = two_applications();
    let picked = |key: &keydesk::domain::key::Key| [Picked { id: key.id, version: key.version }];
    let rotated = desk.deliver(&desk.new_key("Rotated", 90)).key;
    desk::rotate_keys(&mut desk.session(), &picked(&rotated), desk::Ending::After(TimeDelta::days(1)))
        .unwrap();
    let script = Script::on(desk, 140, 24);
    let screen = script.screen();
    assert!(screen.contains("3 keys expire within 7 days: Storefront 2, Warehouse 1"), "{screen}");
    for screen_number in ["2", "3", "4"] {
        let (desk, _) = two_applications();
        let mut script = Script::on(desk, 140, 24);
        script.press(screen_number);
        assert!(script.screen().contains("3 keys expire within 7 days: Storefront 2, Warehouse 1"));
    }
    let (mut desk, _) = two_applications();
    let gone = desk.deliver(&NewKey { application: warehouse, ..desk.new_key("Gone", 90) }).key;
    desk::delete_keys(&mut desk.session(), &picked(&gone)).unwrap();
    let last = desk.now - TimeDelta::hours(2);
    rusqlite::Connection::open(desk.path())
        .unwrap()
        .execute(
            "INSERT INTO refusals (day, reason, key_id, count, last) VALUES (?1, 'deleted', ?2, 3, ?3)",
            rusqlite::params![day_of(last), gone.id.as_str(), last.timestamp()],
        )
        .unwrap();
    let script = Script::on(desk, 140, 24);
    let screen = script.screen();
    assert!(screen.contains("1 deleted key in use, 3 keys expire within 7 days"), "{screen}");
}
