//! Actions on several keys: what is skipped is said at first, and the rest is done.

use chrono::TimeDelta;
use insta::assert_snapshot;
use keydesk::desk::{self, Ending, KeyAccess, KeyProperties, Picked};
use keydesk::domain::key::Key;
use keydesk::domain::text::Name;
use keydesk::store::{Reader, keys};

use crate::script::Script;
use crate::support::TestDesk;

fn picked(key: &Key) -> Picked {
    Picked { id: key.id, version: key.version }
}

/// Seven keys: two valid, two already rotated, two expired, one disabled.
fn mixed() -> TestDesk {
    let mut desk = TestDesk::new();
    desk.now -= TimeDelta::days(60);
    let mut made = Vec::new();
    for (name, days) in [("Gamma", 90), ("Delta", 90), ("Epsilon", 30), ("Zeta", 40), ("Eta", 90)] {
        let new = desk.new_key(name, days);
        made.push(desk.deliver(&new).key);
    }
    desk.now += TimeDelta::days(60);
    // Their successors are the two valid ones.
    for (key, renamed) in made[..2].iter().zip(["Alpha", "Beta"]) {
        let ending = Ending::After(TimeDelta::days(1));
        let rotated = desk::rotate_keys(&mut desk.session(), &[picked(key)], ending).unwrap();
        let new = &rotated[0].created.key;
        desk::mark_delivered(&mut desk.session(), new.id).unwrap();
        let properties = KeyProperties { name: Name::parse(renamed).unwrap(), ..KeyProperties::of(new) };
        desk::edit_key(&mut desk.session(), picked(new), &properties).unwrap();
    }
    desk::set_access(&mut desk.session(), &[picked(&made[4])], KeyAccess::Disabled).unwrap();
    desk
}

/// How many keys there are of each state, as `(valid, disabled, ended)`.
fn counts(script: &mut Script) -> (usize, usize, usize) {
    let now = script.now;
    let mut all = Vec::new();
    script.elsewhere(|session| all = session.store.read(everything).unwrap());
    let ended = all.iter().filter(|key| key.expires <= now).count();
    let disabled = all.iter().filter(|key| key.expires > now && key.disabled.is_some()).count();
    (all.len() - ended - disabled, disabled, ended)
}

fn everything(r: &Reader<'_>) -> Result<Vec<Key>, keydesk::store::StoreError> {
    let application = keydesk::store::applications::first(r)?.unwrap().id;
    let ids = keys::ids_of(r, application)?;
    ids.into_iter().map(|id| Ok(keys::get(r, id)?.unwrap())).collect()
}

#[test]
fn the_first_page_says_which_keys_are_skipped_and_the_rest_is_rotated() {
    for (columns, rows) in [(80, 24), (120, 36)] {
        let mut script = Script::on(mixed(), columns, rows);
        script.press("a r");
        assert_snapshot!(format!("bulk_rotate_{columns}"), script.picture());
        script.press("enter enter");
        assert!(script.screen().contains("API key created (1 of 2)"), "{}", script.screen());
        script.press("c esc c esc");
        assert!(script.app.modals.is_empty(), "{}", script.screen());
        // Alpha and Beta with their successors, Gamma and Delta.
        assert_eq!(counts(&mut script), (6, 1, 2));
    }
}

#[test]
fn several_keys_are_disabled_enabled_and_deleted_without_those_that_need_nothing() {
    let mut script = Script::on(mixed(), 80, 24);
    script.press("a x");
    assert_snapshot!("bulk_disable", script.picture());
    script.press("y");
    assert!(script.screen().contains("4 keys disabled"), "{}", script.screen());
    assert_eq!(counts(&mut script), (0, 5, 2));
    script.press("a e");
    assert!(script.screen().contains("2 expired: "), "{}", script.screen());
    script.press("y");
    assert!(script.screen().contains("5 keys enabled"), "{}", script.screen());
    script.press("a d");
    assert_snapshot!("bulk_delete", script.picture());
    script.text("delete 7 keys").press("enter");
    assert!(script.screen().contains("7 keys deleted"), "{}", script.screen());
}

#[test]
fn where_nothing_is_left_to_do_only_cancel_is_offered() {
    let mut script = Script::on(mixed(), 80, 24);
    script.press("a e y a e");
    assert_snapshot!("bulk_nothing_left", script.picture());
    script.press("y");
    assert!(script.app.modals.is_empty(), "{}", script.screen());
    script.press("esc a d").text("delete 7 keys").press("enter");
    assert_eq!(counts(&mut script), (0, 0, 0));
}

#[test]
fn nothing_is_done_before_the_keys_have_been_read() {
    for (keys, shown, confirmation, done) in [
        ("x y", "4 keys will be disabled", "y", "4 keys disabled"),
        ("r enter enter", "When", "enter", "API key created (1 of 2)"),
    ] {
        let mut script = Script::on(mixed(), 100, 30);
        script.press("a").press_at_once(keys);
        assert!(script.screen().contains(shown), "{}", script.screen());
        script.press(confirmation);
        assert!(script.screen().contains(done), "{}", script.screen());
    }
    // A list that is up to date shows which key is meant; one whose order has just been changed does not yet.
    for (keys, done) in [("x y", " disabled. Requests"), ("r l", "API key created")] {
        let mut script = Script::on(mixed(), 100, 30);
        script.press("down down").press_at_once(keys);
        assert!(script.screen().contains(done), "{}", script.screen());
        let mut script = Script::on(mixed(), 100, 30);
        script.press_at_once(&format!("S {keys}"));
        assert!(!script.screen().contains(done), "{}", script.screen());
    }
}

#[test]
fn a_key_that_another_session_changes_meanwhile_is_left_out_and_reported() {
    for (keys, done) in
        [("a r enter", "API key created"), ("a x", "3 keys disabled"), ("a d", "6 keys deleted")]
    {
        let mut script = Script::on(mixed(), 100, 30);
        script.press(keys);
        script.elsewhere(|session| {
            let all = session.store.read(everything).unwrap();
            let alpha = all.iter().find(|key| key.name.as_str() == "Alpha").unwrap();
            desk::rotate_keys(session, &[picked(alpha)], Ending::Unchanged).unwrap();
        });
        if keys == "a d" {
            script.text("delete 7 keys");
        }
        script.press(if keys == "a x" { "y" } else { "enter" });
        let screen = script.screen();
        assert!(screen.contains(done) && screen.contains("1 key skipped"), "{screen}");
    }
}

#[test]
fn all_of_a_thousand_selected_keys_are_looked_at() {
    let mut desk = TestDesk::in_memory();
    desk.now -= TimeDelta::days(60);
    let mut last = None;
    for number in 0..1_000 {
        let new = desk.new_key(&format!("Key {number}"), 90);
        last = Some(desk.create(&new).key);
    }
    let last = last.unwrap();
    desk::set_access(&mut desk.session(), &[picked(&last)], KeyAccess::Disabled).unwrap();
    let mut script = Script::on(desk, 80, 24);
    script.press("a x");
    assert!(script.screen().contains("999 keys will be disabled"), "{}", script.screen());
    assert!(script.screen().contains("1 already disabled: Key 999"), "{}", script.screen());
}

#[test]
fn a_key_that_another_session_is_rotating_is_left_out_and_reported() {
    let mut script = Script::on(mixed(), 100, 30);
    script.press("a r enter");
    let mut begun = None;
    script.elsewhere(|session| {
        let all = session.store.read(everything).unwrap();
        let alpha = all.iter().find(|key| key.name.as_str() == "Alpha").unwrap();
        begun = Some(desk::begin_rotation(session, picked(alpha), None).unwrap());
    });
    script.press("enter");
    let screen = script.screen();
    assert!(screen.contains("1 key skipped") && screen.contains("is being rotated by another"), "{screen}");
    assert!(screen.contains("Beta"), "{screen}");
    drop(begun);
}

#[test]
fn the_only_key_that_is_left_is_shown_with_those_that_are_skipped() {
    let mut script = Script::on(mixed(), 80, 24);
    // Alpha, and Gamma, which is already rotated.
    script
        .press("/")
        .text("alpha")
        .press("enter space / esc")
        .press("/")
        .text("gamma")
        .press("enter space r");
    let screen = script.screen();
    assert!(screen.contains("Name          Alpha"), "{screen}");
    assert!(screen.contains("Skipped       1 already rotated: Gamma"), "{screen}");
}
