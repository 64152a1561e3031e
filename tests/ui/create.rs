//! Creating a key: its name, its date, and the number of keys that it takes.

use insta::assert_snapshot;
use keydesk::store::{applications, keys};
use keydesk::tui::app::msg::{Msg, Target};

use crate::script::Script;

fn exists(script: &mut Script, name: &str) -> bool {
    let mut found = false;
    script.elsewhere(|session| {
        let named = session.store.read(|r| keys::named(r, applications::all(r, 1)?[0].id, name));
        found = !named.unwrap().is_empty();
    });
    found
}

/// Presses keys that are separated by spaces; returns how many.
fn counted(script: &mut Script, keys: &str) -> usize {
    script.press(keys);
    keys.split_whitespace().count()
}

#[test]
fn a_key_with_the_default_name_is_created_and_copied_in_six_keystrokes() {
    let mut script = Script::new(80, 24);
    assert_eq!(counted(&mut script, "n enter enter enter c enter"), 6);
    assert!(script.app.modals.is_empty(), "{}", script.screen());
    assert_eq!(script.copied.len(), 1);
    assert!(exists(&mut script, "Generic November 2026"));
}

#[test]
fn keys_typed_before_the_secret_is_shown_reach_its_dialog() {
    for keys in ["n enter enter enter c enter", "n enter enter enter enter enter c enter", "r l c enter"] {
        let mut script = Script::new(80, 24);
        script.press("n enter enter enter c enter");
        assert_eq!(script.copied.len(), 1, "{keys}");
        script.press_at_once(keys);
        assert!(script.app.modals.is_empty(), "{keys}: {}", script.screen());
        assert_eq!(script.copied.len(), 2, "{keys}: copied again");
    }
    // What repeats the confirmation closes nothing, and what follows a deletion is no command on the list.
    let mut script = Script::new(80, 24);
    script.press("n").press_at_once("enter enter enter enter enter enter");
    assert!(script.screen().contains("c copy"), "{}", script.screen());
    script.press("c enter d").text("Generic November 2026").press_at_once("enter n n q");
    assert!(script.app.modals.is_empty() && !script.quit, "{}", script.screen());
}

#[test]
fn a_named_key_is_created_and_copied_in_fourteen_keystrokes() {
    let mut script = Script::new(80, 24);
    assert_eq!(counted(&mut script, "n enter C h e c k o u t enter enter c enter"), 14);
    assert!(script.app.modals.is_empty(), "{}", script.screen());
    assert_eq!(script.copied.len(), 1);
    assert!(exists(&mut script, "Checkout"));
}

#[test]
fn the_suggested_name_is_unused_and_replaced_by_typing() {
    let mut script = Script::new(80, 24);
    for name in ["Generic November 2026", "Generic November 2026 2", "Generic November 2026 3"] {
        script.press("n enter");
        assert!(script.screen().contains(&format!("Name              {name} ")), "{}", script.screen());
        script.press("enter enter c enter");
        assert!(exists(&mut script, name));
    }
    script.press("n enter").text("Zed");
    assert!(script.screen().contains("Name              Zed "), "{}", script.screen());
    // A name of one's own stays.
    script.press("esc enter");
    assert!(script.screen().contains("Name              Zed "), "{}", script.screen());
    script.press("esc esc n enter end").text("!");
    assert!(script.screen().contains("Name              Generic November 2026 4! "), "{}", script.screen());
}

#[test]
fn a_name_that_exists_is_pointed_out_in_the_summary() {
    let mut script = Script::new(80, 24);
    script.press("n enter").text("Checkout").press("enter");
    assert!(!script.screen().contains("has this name"), "{}", script.screen());
    script.press("enter c enter n enter").text("checkOUT").press("enter");
    assert_snapshot!("wizard_name_exists", script.picture());
    assert!(script.screen().contains("Another key of this Application has this name"));
    script.press("esc").text("2").press("enter");
    assert!(!script.screen().contains("has this name"), "{}", script.screen());
}

#[test]
fn typing_replaces_the_date_and_an_error_recommends_what_works() {
    let mut script = Script::new(80, 24);
    // Enter on the custom date goes to its field.
    script.press("n enter tab tab left left left enter");
    assert!(script.screen().contains("step 2 of 3"), "{}", script.screen());
    for (typed, expires) in [
        ("24.12.2027", "2027-12-24 23:59:59"),
        ("24/12/2027", "2027-12-24 23:59:59"),
        ("6mo", "2027-05-23 09:00:00"),
        ("tomorrow", "2026-11-24 23:59:59"),
        ("2027-01-31T12:00:00+02:00", "2027-01-31 10:00:00"),
    ] {
        script.text(typed);
        assert!(script.screen().contains(&format!("Date              {typed} ")), "{}", script.screen());
        assert!(script.screen().contains(&format!("Expires           {expires}")), "{}", script.screen());
        script.press("ctrl-u");
    }
    script.text("24.13.2027");
    assert!(script.screen().contains("Type 90d"), "it may be incomplete: {}", script.screen());
    script.press("enter");
    assert!(script.screen().contains("\"24.13.2027\" is not a date: write 90d"), "{}", script.screen());
    assert!(script.screen().contains("24.13.2027 "), "the text stays: {}", script.screen());
    script.press("ctrl-u").text("4/5/2027");
    assert!(
        script.screen().contains("\"4/5/2027\" is ambiguous: write 2027-05-04 or"),
        "{}",
        script.screen()
    );
}

#[test]
fn what_is_wrong_is_visible_on_a_small_terminal() {
    let mut script = Script::new(60, 20);
    script.press("n y enter backspace enter");
    assert!(script.screen().contains("A name is required"), "{}", script.screen());
    script.text("Zed").press("tab tab left left left enter").text("never").press("enter");
    assert!(script.screen().contains("\"never\" is not a date"), "{}", script.screen());
}

#[test]
fn past_days_cannot_be_chosen() {
    let mut script = Script::new(80, 24);
    script.press("n enter tab tab left left left tab home");
    assert_snapshot!("wizard_today", script.picture());
    for keys in ["left", "up", "pageup"] {
        script.press(keys);
        assert!(script.screen().contains("Date              2026-11-23 "), "{keys}: {}", script.screen());
    }
    script.msg(Msg::Click(Target::Day("2026-11-20".parse().unwrap())));
    assert!(script.screen().contains("Date              2026-11-23 "), "{}", script.screen());
    script.msg(Msg::Click(Target::Day("2026-11-27".parse().unwrap())));
    assert!(script.screen().contains("Date              2026-11-27 "), "{}", script.screen());
}

#[test]
fn weeks_start_where_the_locale_says() {
    let mut script = Script::new(80, 24);
    script.press("n enter tab tab left left left tab");
    assert!(script.screen().contains("Mo Tu We Th Fr Sa Su"), "{}", script.screen());
    script.app.shared.environment.week_start = chrono::Weekday::Sun;
    script.msg(Msg::Tick);
    let screen = script.screen();
    assert!(screen.contains("Su Mo Tu We Th Fr Sa"), "{screen}");
    assert!(screen.contains(" 7  8  9 10 11 12 13"), "Sunday, February 7: {screen}");
}
