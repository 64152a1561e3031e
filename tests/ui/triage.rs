//! Leak triage: a pasted key is identified, never displayed, and rotated as leaked or shown in the list.

use chrono::TimeDelta;
use insta::assert_snapshot;
use keydesk::Verifier;
use keydesk::desk::{self, Picked, create_application, delete_keys};
use keydesk::domain::key::{Key, KeyType, NewKey};
use keydesk::domain::secret::Secret;
use keydesk::domain::text::Name;
use keydesk::domain::token::{draw_id, draw_secret};
use keydesk::store::keys;
use keydesk::tui::app::modal::Modal;
use keydesk::tui::app::msg::Msg;

use crate::script::Script;
use crate::support::{Seeded, TestDesk, contains, noon};

/// A desk with the keys Checkout, in use, and Gone, deleted; and their secrets.
fn leaked() -> (TestDesk, Key, String, String) {
    let mut desk = TestDesk::new();
    desk.now -= TimeDelta::days(10);
    let owner = Name::parse("Payments team").ok();
    let new = NewKey { owner, ..desk.new_key("Checkout", 90) };
    let checkout = desk.deliver(&new);
    let new = desk.new_key("Gone", 90);
    let gone = desk.deliver(&new);
    let path = desk.path();
    desk.now = noon();
    let verifier = Verifier::with_clock(&path, || noon() - TimeDelta::minutes(3)).unwrap();
    for from in ["10.0.0.4", "10.0.0.5"] {
        verifier.verify_from(checkout.secret.expose(), None, from.parse().ok()).unwrap();
    }
    drop(verifier);
    // Its delivery is a change too.
    let version = desk.store.read(|r| keys::get(r, gone.key.id)).unwrap().unwrap().version;
    delete_keys(&mut desk.session(), &[Picked { id: gone.key.id, version }]).unwrap();
    let text = |secret: &Secret| secret.expose().to_owned();
    (desk, checkout.key, text(&checkout.secret), text(&gone.secret))
}

fn foreign() -> String {
    let mut entropy = Seeded(5);
    let id = draw_id(&mut entropy).unwrap();
    draw_secret(&"acme".parse().unwrap(), KeyType::Production, id, &mut entropy).unwrap().expose().to_owned()
}

fn paste(script: &mut Script, text: &str) {
    script.msg(Msg::Paste(Secret::new(text.to_owned())));
}

#[test]
fn a_pasted_key_is_identified() {
    for (columns, rows) in [(80, 24), (120, 36)] {
        let (desk, _, secret, gone) = leaked();
        let mut script = Script::on(desk, columns, rows);
        script.press("L");
        assert_snapshot!(format!("triage_asks_{columns}"), script.picture());
        paste(&mut script, &format!("Authorization: Bearer {secret}\n"));
        assert_snapshot!(format!("triage_live_{columns}"), script.picture());
        paste(&mut script, &gone);
        assert_snapshot!(format!("triage_deleted_{columns}"), script.picture());
        paste(&mut script, &secret[..40]);
        assert_snapshot!(format!("triage_truncated_{columns}"), script.picture());
        paste(&mut script, &foreign());
        assert_snapshot!(format!("triage_foreign_{columns}"), script.picture());
        paste(&mut script, "no key");
        assert_snapshot!(format!("triage_nothing_{columns}"), script.picture());
        script.press("enter");
        assert!(script.app.modals.is_empty());
    }
}

#[test]
fn a_key_pasted_anywhere_is_identified_and_rotated_as_leaked() {
    for screen in ["1", "2", "3", "4", "1 /", "4 /"] {
        let (desk, _, secret, _) = leaked();
        let mut script = Script::on(desk, 100, 30);
        script.press(screen);
        paste(&mut script, &secret);
        assert!(script.screen().contains("Leak triage"), "{screen}: {}", script.screen());
        script.press("r");
        assert!(script.screen().contains("loses access at once"), "Leaked is chosen: {}", script.screen());
        script.press("enter");
        let is_revealed = matches!(script.app.modals.last(), Some(Modal::Reveal(_)));
        assert!(is_revealed && script.screen().contains("is rejected."), "{}", script.screen());
        script.press("c esc");
        let verifier = Verifier::with_clock(script.folder.path().join("keydesk.db"), noon).unwrap();
        let verifier = verifier.without_recording();
        let is_accepted = |text: &str| verifier.verify(text, None).unwrap().is_accepted();
        assert!(!is_accepted(&secret) && is_accepted(script.copied[0].expose()));
    }
}

#[test]
fn a_leaked_key_with_a_successor_is_ended() {
    let (desk, _, secret, _) = leaked();
    let mut script = Script::on(desk, 100, 30);
    script.press("r enter enter c esc");
    let new = script.copied[0].expose().to_owned();
    paste(&mut script, &secret);
    script.press("r enter");
    assert!(script.app.modals.is_empty(), "{}", script.screen());
    let verifier = Verifier::with_clock(script.folder.path().join("keydesk.db"), noon).unwrap();
    let verifier = verifier.without_recording();
    let is_accepted = |text: &str| verifier.verify(text, None).unwrap().is_accepted();
    assert!(!is_accepted(&secret) && is_accepted(&new), "{}", script.screen());
    // There is nothing left to revoke.
    paste(&mut script, &secret);
    script.press("r");
    let screen = script.screen();
    assert!(screen.contains("Expired") && !screen.contains("rotate as leaked"), "{screen}");
}

#[test]
fn the_key_is_shown_in_the_list_whatever_hides_it() {
    for keys in ["enter", "i"] {
        let (mut desk, key, secret, _) = leaked();
        create_application(&mut desk.session(), &Name::parse("Billing").unwrap()).unwrap();
        let mut script = Script::on(desk, 100, 30);
        // Another Application, a filter and another screen.
        script.press("A").text("Billing").press("enter 1 /").text("nothing").press("enter 3");
        paste(&mut script, &secret);
        script.press(keys);
        assert!(script.app.modals.is_empty(), "{}", script.screen());
        assert_eq!(script.app.screens.keys.list.rows.selected().map(|key| key.id), Some(key.id));
        assert!(script.screen().contains("Checkout"), "{}", script.screen());
    }
}

#[test]
fn several_keys_of_a_text_are_shown_in_turn() {
    let (desk, _, secret, gone) = leaked();
    let mut script = Script::on(desk, 80, 24);
    paste(&mut script, &format!("{gone}\n{secret}\n{gone}\n{}\n", foreign()));
    assert!(script.screen().contains("key 1 of 3") && script.screen().contains("Deleted"));
    script.press("r");
    assert!(script.screen().contains("key 1 of 3"), "a deleted key is not rotated");
    script.press("down");
    assert!(script.screen().contains("key 2 of 3") && script.screen().contains("Live"));
    assert!(script.screen().contains("Tab next key"), "{}", script.screen());
    script.press("down");
    assert!(script.screen().contains("key 3 of 3") && script.screen().contains("Foreign"));
    script.press("tab");
    assert!(script.screen().contains("key 1 of 3"), "after the last comes the first");
    script.press("up up");
    assert!(script.screen().contains("key 2 of 3"));
    // What is shown follows the database.
    script.elsewhere(|session| {
        let id = secret[8..18].parse().unwrap();
        let version = session.store.read(|r| keys::get(r, id)).unwrap().unwrap().version;
        delete_keys(session, &[Picked { id, version }]).unwrap();
    });
    assert!(
        script.screen().contains("key 2 of 3") && script.screen().contains("It was deleted"),
        "{}",
        script.screen()
    );
}

#[test]
fn a_canary_key_shows_who_used_it_and_is_not_rotated() {
    let mut desk = TestDesk::new();
    let new = desk.new_key("Planted", 90);
    let secret = desk::create_canary_key(&mut desk.session(), &new).unwrap().secret;
    let verifier = Verifier::with_clock(desk.path(), noon).unwrap();
    verifier.verify_from(secret.expose(), None, "10.0.0.9".parse().ok()).unwrap();
    drop(verifier);
    let mut script = Script::on(desk, 80, 24);
    paste(&mut script, secret.expose());
    let before = script.screen();
    assert!(before.contains("1 request, the last now from 10.0.0.9"), "{before}");
    assert!(!before.contains("No recorded use") && !before.contains("rotate as leaked"), "{before}");
    script.press("r");
    assert_eq!(script.screen(), before);
}

#[test]
fn a_terminal_without_bracketed_paste_types_the_key() {
    let (desk, _, secret, _) = leaked();
    let mut script = Script::on(desk, 80, 24);
    script.press("L enter");
    assert!(script.screen().contains("Nothing received yet."), "{}", script.screen());
    script.text("qx").press("backspace backspace").text(&secret);
    assert!(script.screen().contains("68 characters typed."), "{}", script.screen());
    script.press("enter");
    assert!(script.screen().contains("Live") && script.screen().contains("68 characters received"));
    script.press("esc");
    assert!(script.app.modals.is_empty());
}

#[test]
fn no_field_takes_the_secret_of_a_key() {
    let (desk, _, secret, _) = leaked();
    let random = &secret[19..];
    let mut script = Script::on(desk, 80, 24);
    let asked = "The pasted text contains the secret of a key";
    // The wizard, a form, the confirmation of a deletion.
    for keys in ["1 n n", "2 n", "1 d"] {
        script.press(keys);
        paste(&mut script, &secret);
        let screen = script.screen();
        assert!(screen.split_whitespace().collect::<Vec<_>>().join(" ").contains(asked), "{keys}: {screen}");
        assert!(!screen.contains(&random[..8]), "{keys}: {screen}");
        script.press("esc esc esc");
        assert!(script.app.modals.is_empty(), "{keys}");
    }
    // Typed, it is rejected as a name.
    for keys in ["1 n n", "2 n"] {
        script.press(keys).text(&secret).press("enter");
        assert!(
            script.screen().contains("The name contains the secret of a key."),
            "{keys}: {}",
            script.screen()
        );
        script.press("esc esc esc");
    }
}

#[test]
fn the_pasted_text_is_on_no_screen_in_no_state_and_in_no_file() {
    let (desk, _, secret, gone) = leaked();
    let mut script = Script::on(desk, 120, 36);
    let canaries = [&secret[19..], &gone[19..]];
    let check = |script: &Script| {
        let (screen, state) = (script.screen(), format!("{:?}", script.app));
        for canary in canaries {
            assert!(!screen.contains(&canary[..10]), "{screen}");
            assert!(!state.contains(&canary[..10]), "the state of the App contains it");
        }
    };
    script.press("L");
    for text in [&secret, &gone, &secret[..50]] {
        paste(&mut script, text);
        check(&script);
    }
    script.press("esc L").text(&secret);
    check(&script);
    script.press("enter");
    check(&script);
    script.press("down ? esc r");
    check(&script);
    script.press("enter c esc 4");
    check(&script);
    let entries = std::fs::read_dir(script.folder.path()).unwrap().map(|entry| entry.unwrap().path());
    for path in entries.filter(|path| path.is_file()) {
        let bytes = std::fs::read(&path).unwrap();
        assert!(!canaries.iter().any(|canary| contains(&bytes, canary)), "{}", path.display());
    }
}
