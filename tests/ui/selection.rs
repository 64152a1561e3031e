//! The selection follows the result of an action.

use chrono::TimeDelta;
use keydesk::domain::key::Key;

use crate::script::Script;
use crate::support::TestDesk;

/// Keys with these names, which expire within this number of days.
fn with(keys: &[(&str, i64)]) -> TestDesk {
    let mut desk = TestDesk::new();
    desk.now -= TimeDelta::days(10);
    for (name, days) in keys {
        let new = desk.new_key(name, 10 + days);
        desk.deliver(&new);
    }
    desk.now += TimeDelta::days(10);
    desk
}

fn selected(script: &Script) -> &Key {
    script.app.screens.keys.list.rows.selected().unwrap()
}

#[test]
fn the_successor_is_selected_after_a_rotation() {
    for answers in ["r enter enter c esc", "r down enter c esc"] {
        let mut script = Script::on(with(&[("Alpha", 5), ("Beta", 20), ("Gamma", 40)]), 80, 24);
        script.press("j").press(answers);
        assert!(script.app.modals.is_empty(), "{}", script.screen());
        let key = selected(&script);
        assert_eq!(key.name.as_str(), "Beta", "{answers}");
        assert!(key.replaces.is_some(), "{answers}: {}", script.screen());
    }
}

#[test]
fn a_new_key_is_selected_and_visible_in_a_long_list() {
    let names: Vec<String> = (0..90).map(|n| format!("Key {n}")).collect();
    let keys: Vec<(&str, i64)> = names.iter().map(String::as_str).zip(1..).collect();
    let mut script = Script::on(with(&keys), 80, 24);
    script.press("n enter enter enter c enter");
    assert!(selected(&script).name.as_str().starts_with("Generic"), "{}", script.screen());
    assert!(script.screen().contains("\n  Generic"), "{}", script.screen());
}

#[test]
fn a_key_that_the_filter_hides_is_shown_with_one_key_press() {
    let mut script = Script::on(with(&[("Alpha", 5), ("Beta", 20), ("Gamma", 40)]), 80, 24);
    script.press("/").text("beta").press("enter n enter enter enter c enter");
    let screen = script.screen();
    assert!(screen.contains("Press Esc to clear the filter"), "{screen}");
    script.press("esc");
    assert!(!script.app.screens.keys.list.is_narrowed(), "{}", script.screen());
    assert!(selected(&script).name.as_str().starts_with("Generic"), "{}", script.screen());

    // A successor does not expire soon any more: the filter by state hides it.
    let mut script = Script::on(with(&[("Alpha", 5), ("Beta", 20)]), 80, 24);
    script.press("f f r enter enter c esc");
    assert!(script.screen().contains("Press Esc to clear the filter"), "{}", script.screen());
    script.press("esc");
    assert!(selected(&script).replaces.is_some(), "{}", script.screen());
}

#[test]
fn the_neighbor_is_selected_after_a_deletion() {
    let mut script = Script::on(with(&[("Alpha", 5), ("Beta", 20), ("Gamma", 40)]), 80, 24);
    script.press("j d").text("Beta").press("enter");
    assert_eq!(selected(&script).name.as_str(), "Gamma");
    script.press("d").text("Gamma").press("enter");
    assert_eq!(selected(&script).name.as_str(), "Alpha");
}
