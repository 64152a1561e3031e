//! From an empty database to a key created, copied and deleted, with the keyboard alone.

use insta::assert_snapshot;
use keydesk::domain::key::KeyState;
use keydesk::store::{applications, keys};
use keydesk::tui::app::modal::Modal;
use keydesk::tui::app::msg::Msg;

use crate::script::Script;

fn key_count(script: &mut Script) -> u64 {
    let mut count = 0;
    script.elsewhere(|session| {
        count = session
            .store
            .read(|r| Ok(applications::all(r, 10)?.iter().map(|application| application.keys).sum()))
            .unwrap();
    });
    count
}

#[test]
fn first_start() {
    let mut script = Script::first_start(80, 24);
    assert!(script.screen().contains("Welcome to keydesk"));
    // The suggested email is replaced by typing.
    script.text("ana@example.com").press("enter enter");
    assert!(script.screen().contains("A name is required"));
    script.text("Storefront");
    assert_snapshot!("first_start", script.picture());
    script.press("enter");
    assert!(script.screen().contains("Storefront has no API keys yet"));
    assert_snapshot!("empty_list", script.picture());
}

#[test]
fn canceling_the_first_start_quits() {
    let mut script = Script::first_start(80, 24);
    assert!(script.screen().contains("Esc quit"), "{}", script.screen());
    script.press("esc");
    assert!(script.quit);
    assert_eq!(script.app.farewell(), Some("setup canceled, the database is still empty"));
    let mut script = Script::first_start(80, 24);
    script.text("ana@example.com").press("tab").text("Storefront").press("enter q");
    assert!(script.quit && script.app.farewell().is_none());
}

#[test]
fn a_generic_key() {
    let mut script = Script::new(80, 24);
    script.press("n");
    assert_snapshot!("wizard_service", script.picture());
    script.press("n");
    assert!(script.screen().contains("step 2 of 3") && script.screen().contains("Generic November 2026"));
    script.press("enter");
    assert!(script.screen().contains("Create API Key"));
    assert_eq!(key_count(&mut script), 0, "nothing is written before the last step");
    script.press("enter");
    assert!(script.screen().contains("You cannot display the API key after this step"));
    assert_eq!(key_count(&mut script), 1);
}

#[test]
fn a_braze_key_until_a_date() {
    for (columns, rows) in [(60, 20), (80, 24), (120, 36)] {
        let mut script = Script::new(columns, rows);
        let snapshot = |name: &str, script: &Script| {
            assert_snapshot!(format!("{name}_{columns}"), script.picture());
        };
        script.press("n y");
        snapshot("wizard_platform", &script);
        script.text("bra").press("enter");
        snapshot("wizard_details", &script);
        script.press("tab tab right right right tab");
        snapshot("wizard_calendar", &script);
        // Walked: a week and a day later. Typed: the same field.
        script.press("down right");
        assert!(script.screen().contains("2027-03-01"));
        script.text("15.3.2027");
        assert!(script.screen().contains("2027-03-15 23:59:59 UTC"), "{}", script.screen());
        script.press("enter");
        snapshot("wizard_review", &script);
        script.press("enter");
        snapshot("reveal_hidden", &script);
        script.press("u");
        snapshot("reveal_usage", &script);
        script.press("esc c");
        snapshot("reveal_copied", &script);
        script.press("esc");
        assert!(script.app.modals.is_empty(), "copied: it closes without a question");
        snapshot("list_with_one_key", &script);
    }
}

#[test]
fn a_date_in_the_past_is_rejected_immediately() {
    let mut script = Script::new(80, 24);
    script.press("n n tab tab right right right tab").text("2026-11-22");
    assert!(script.screen().contains("2026-11-22 is in the past"), "{}", script.screen());
    script.press("enter");
    assert!(script.screen().contains("step 2 of 3"), "it goes no further");
}

#[test]
fn a_weekend_and_the_end_of_the_year_cause_warnings() {
    let mut script = Script::new(80, 24);
    script.press("n n tab tab right right right tab").text("2026-12-26");
    let screen = script.screen();
    assert!(screen.contains("Expires on a Saturday.") && screen.contains("year-end holidays"), "{screen}");
}

#[test]
fn back_and_cancel_everywhere() {
    let mut script = Script::new(80, 24);
    script.press("n y enter enter");
    assert!(script.screen().contains("step 4 of 4"));
    for step in ["step 3 of 4", "step 2 of 4", "step 1 of 4"] {
        script.press("esc");
        assert!(script.screen().contains(step), "{step}");
    }
    script.press("esc");
    assert!(script.app.modals.is_empty());
    assert_eq!(key_count(&mut script), 0);
}

fn revealed(columns: u16, rows: u16) -> Script {
    let mut script = Script::new(columns, rows);
    script.press("n n enter enter");
    script
}

/// The secret, as the clipboard got it.
fn secret_of(script: &mut Script) -> String {
    script.press("c");
    script.copied.last().unwrap().expose().to_owned()
}

#[test]
fn closing_an_undelivered_secret_asks_for_confirmation() {
    let mut script = revealed(80, 24);
    script.press("esc");
    assert!(script.screen().contains("You have not copied this key. Close anyway?"));
    assert!(script.screen().contains("[>No<]"), "the default is No");
    assert_snapshot!("reveal_question", script.picture());
    script.press("enter");
    assert!(matches!(script.app.modals.last(), Some(Modal::Reveal(_))), "No stays");
    script.press("ctrl-c");
    assert!(!script.quit && script.screen().contains("Close anyway?"), "Ctrl-C asks too");
    script.press("y");
    assert!(script.quit);
}

#[test]
fn an_undelivered_secret_is_listed_as_such() {
    let mut script = revealed(140, 40);
    script.press("esc y");
    assert!(script.screen().contains("not delivered"), "{}", script.screen());
}

#[test]
fn the_secret_is_only_in_frames_of_the_reveal_and_never_in_debug_output() {
    let mut script = revealed(80, 24);
    let hidden = script.screen();
    let secret = secret_of(&mut script);
    let tail = &secret["ik_live_0123456789_".len()..];
    assert!(!hidden.contains(tail) && !script.screen().contains(tail), "masked at first");
    assert!(script.screen().contains("v show"), "{}", script.screen());
    script.press("v");
    assert!(script.screen().lines().any(|line| line == secret), "on a line of its own, nothing beside it");
    assert!(script.screen().contains("v hide"), "{}", script.screen());
    assert!(!format!("{:?}", script.app).contains(&tail[..12]));
    script.press("v");
    assert!(!script.screen().contains(tail));
    script.press("v u");
    assert!(!script.screen().contains(tail), "hidden while one reads how to use it");
    script.press("esc esc");
    assert!(!script.screen().contains(tail));
    assert!(!format!("{:?}", script.app).contains(&tail[..12]));
}

#[test]
fn the_copied_message_says_when_the_clipboard_was_cleared() {
    let mut script = revealed(80, 24);
    script.press("c");
    assert!(script.screen().contains("Copied to the clipboard (cleared in 45 s)"), "{}", script.screen());
    script.now += chrono::TimeDelta::seconds(44);
    assert!(script.msg(Msg::Tick).screen().contains("(cleared in 45 s)"));
    script.now += chrono::TimeDelta::seconds(1);
    assert!(script.msg(Msg::Tick).screen().contains("Clipboard cleared."), "{}", script.screen());
    script.press("enter");
    assert!(script.app.modals.is_empty(), "it was delivered");
}

#[test]
fn a_narrow_terminal_shows_the_secret_in_numbered_parts() {
    let mut script = revealed(50, 24);
    let secret = secret_of(&mut script);
    script.press("v");
    let pieces: String = script
        .screen()
        .lines()
        .filter_map(|line| line.strip_prefix("1 ").or_else(|| line.strip_prefix("2 ")).map(str::to_owned))
        .collect();
    assert_eq!(pieces, secret);
}

#[test]
fn the_secret_is_written_to_a_new_file_and_overwrites_none() {
    let mut script = revealed(80, 24);
    std::fs::write(script.folder.path().join("there.key"), "old").unwrap();
    script.press("w ctrl-u").text("there.key").press("enter");
    let screen = script.screen();
    assert!(screen.contains("File              there.key\n! /"), "the error is below the field: {screen}");
    assert_eq!(std::fs::read_to_string(script.folder.path().join("there.key")).unwrap(), "old");
    script.press("backspace backspace backspace backspace").text("cuvwCW").press("esc");
    assert!(script.copied.is_empty() && !script.screen().contains("there."), "{}", script.screen());
    script.press("w").text("new.key").press("enter");
    assert!(script.screen().contains("Written to /home/ana/new.key"), "{}", script.screen());
    let secret = secret_of(&mut script);
    assert_eq!(std::fs::read_to_string(script.folder.path().join("new.key")).unwrap().trim_end(), secret);
    script.press("esc");
    assert!(script.app.modals.is_empty());
}

#[test]
fn deleting_requires_the_exact_name() {
    let mut script = revealed(80, 24);
    script.press("c esc d");
    assert_snapshot!("delete", script.picture());
    script.press("enter").text("Generic").press("enter");
    assert!(script.screen().contains("does not match"));
    script.press("tab tab enter");
    assert!(matches!(script.app.modals.last(), Some(Modal::Delete(_))), "the button does nothing either");
    assert_eq!(key_count(&mut script), 1);
    script.press("tab").text(" November 2026");
    assert_snapshot!("delete_matching", script.picture());
    script.press("enter");
    assert_eq!(key_count(&mut script), 0);
    assert!(script.screen().contains("Requests that use it are now"), "{}", script.screen());
}

#[test]
fn disabling_asks_and_defaults_to_no() {
    let mut script = revealed(80, 24);
    script.press("c esc x");
    assert_snapshot!("disable", script.picture());
    script.press("enter");
    let state = |script: &mut Script| {
        let mut state = None;
        let now = script.now;
        script.elsewhere(|session| {
            let found = session.store.read(|r| {
                let application = applications::all(r, 1)?[0].id;
                keys::named(r, application, "Generic November 2026")
            });
            state = found.unwrap().first().map(|key| key.state(now, chrono::TimeDelta::days(7)));
        });
        state
    };
    assert_eq!(state(&mut script), Some(KeyState::Valid));
    script.press("x right enter");
    assert_eq!(state(&mut script), Some(KeyState::Disabled));
    assert!(script.screen().contains("Disabled"));
    script.press("e y");
    assert_eq!(state(&mut script), Some(KeyState::Valid));
}
