//! Screens and dialogs, and changes by other sessions.

use chrono::TimeDelta;
use insta::assert_snapshot;
use keydesk::desk::{self, Picked};
use keydesk::domain::key::{Key, KeyKind, KeyType, NewKey};
use keydesk::domain::source::AllowedSources;
use keydesk::domain::text::Name;
use keydesk::domain::user::Email;
use keydesk::store::{applications, users};
use keydesk::tui::app::msg::{Msg, Target};

use crate::script::Script;
use crate::support::TestDesk;

const PLATFORMS: [Option<&str>; 4] = [None, Some("braze"), Some("segment"), Some("emarsys")];

/// Adds a key with a lifetime in days.
fn add(desk: &mut TestDesk, name: &str, platform: Option<&str>, days: i64) -> Key {
    let kind = KeyKind::from_platform(platform.map(str::to_owned));
    let new = NewKey { kind, ..desk.new_key(name, days) };
    desk.deliver(&new).key
}

/// Keys of all kinds and states, of Ana and of two who are disabled and deleted.
fn filled() -> TestDesk {
    let mut desk = TestDesk::new();
    desk.now -= TimeDelta::days(60);
    for (email, login) in [("ben@example.com", "ben"), ("eve@example.com", "eve")] {
        desk.add_user(email, Some(login));
    }
    for (place, name) in
        ["Checkout", "Loyalty points", "Newsletter", "Returns portal"].into_iter().enumerate()
    {
        desk.caller.login = ["ana", "ben", "eve", "ana"][place].into();
        desk.caller.uid = [1000, 1001, 1002, 1000][place];
        add(&mut desk, name, PLATFORMS[place], [50, 63, 90, 400][place]);
    }
    desk.caller = crate::support::ana();
    desk.now += TimeDelta::days(60);
    let key = add(&mut desk, "Search index", None, 30);
    desk::set_access(
        &mut desk.session(),
        &[Picked { id: key.id, version: key.version }],
        desk::KeyAccess::Disabled,
    )
    .unwrap();
    for email in ["ben@example.com", "eve@example.com"] {
        let user = desk.store.read(|r| users::by_email(r, &Email::parse(email).unwrap())).unwrap().unwrap();
        if email.starts_with("ben") {
            desk::disable_user(&mut desk.session(), user.id, user.version, &|_| true).unwrap();
        } else {
            desk::delete_user(&mut desk.session(), user.id, user.version, &|_| true).unwrap();
        }
    }
    desk
}

#[test]
fn every_screen_at_both_sizes() {
    for (columns, rows) in [(80, 24), (140, 40)] {
        let mut script = Script::on(filled(), columns, rows);
        for (keys, name) in [("1", "keys"), ("2", "applications"), ("3", "users"), ("4", "audit")] {
            script.press(keys);
            assert_snapshot!(format!("screen_{name}_{columns}"), script.picture());
        }
    }
}

#[test]
fn every_modal_at_both_sizes() {
    for (columns, rows) in [(80, 24), (140, 40)] {
        for (keys, name) in [
            ("enter", "details"),
            ("u", "usage"),
            ("?", "help"),
            (":", "palette"),
            ("A", "choose_application"),
            ("space space d", "delete_several"),
            ("d", "delete_one"),
            ("x", "disable_key"),
            ("2 n", "create_application"),
            ("2 r", "rename_application"),
            ("2 d", "delete_application"),
            ("3 n", "add_user"),
            ("3 down d", "delete_user"),
            ("3 x", "disable_user"),
            ("4 enter", "audit_entry"),
        ] {
            let mut script = Script::on(filled(), columns, rows);
            script.press(keys);
            assert!(!script.app.modals.is_empty(), "{name}");
            assert_snapshot!(format!("modal_{name}_{columns}"), script.picture());
            script.press("esc esc");
            assert!(script.app.modals.is_empty(), "Esc leads home from {name}");
        }
    }
}

#[test]
fn creators_are_shown_by_the_rules() {
    let script = Script::on(filled(), 200, 50);
    let screen = script.screen();
    assert!(screen.contains("ben@example.com (disabled)"), "{screen}");
    assert!(screen.contains("(deleted user)") && !screen.contains("eve@"), "{screen}");
}

#[test]
fn a_filter_finds_words_anywhere_and_marks_them() {
    let mut script = Script::on(filled(), 140, 40);
    script.press("/").text("OUT ana");
    let screen = script.screen();
    assert!(screen.contains("Checkout") && !screen.contains("Loyalty"), "{screen}");
    assert_snapshot!("filter", script.picture());
    script.press("esc");
    assert!(script.screen().contains("Loyalty"));
    script.press("/").text("nothing like it").press("enter");
    assert!(script.screen().contains("No matches"));
    // A letter that is bound to something is a letter while one types.
    script.press("esc /").text("q");
    assert!(!script.quit);
}

#[test]
fn the_state_filter_and_the_sort_column_cycle() {
    let mut script = Script::on(filled(), 140, 40);
    script.press("f");
    assert!(script.screen().contains("State: Valid"));
    script.press("f");
    let screen = script.screen();
    assert!(
        screen.contains("State: Expires soon") && screen.contains("Loyalty") && !screen.contains("Checkout")
    );
    script.press("f");
    assert!(script.screen().contains("Checkout"), "it has expired");
    script.press("f f f f");
    assert!(script.screen().contains("STATE ↑"), "what needs action first");
    script.press("S");
    assert!(script.screen().contains("STATE ↓"));
    for _ in 0..6 {
        script.press("s");
        assert_eq!(script.app.screens.keys.list.rows.visible().0.len(), 5, "{}", script.screen());
    }
}

#[test]
fn the_selected_row_stays_selected_when_another_session_changes_the_data() {
    let mut script = Script::on(filled(), 80, 24);
    script.press("down down");
    let before = script.app.screens.keys.list.rows.selected().unwrap().id;
    script.elsewhere(|session| {
        for (number, days) in [(1, 1), (2, 2), (3, 300)] {
            let application = session.store.read(applications::first).unwrap().unwrap().id;
            let new = NewKey {
                application,
                name: Name::parse(&format!("Elsewhere {number}")).unwrap(),
                kind: KeyKind::Generic,
                key_type: KeyType::Production,
                expires: session.now + TimeDelta::days(days),
                owner: None,
                note: None,
                allowed_sources: AllowedSources::default(),
            };
            desk::create_key(session, &new).unwrap();
        }
    });
    assert!(script.screen().contains("Elsewhere 1"));
    assert_eq!(script.app.screens.keys.list.rows.selected().unwrap().id, before);
}

#[test]
fn a_stale_confirmation_is_rejected() {
    let mut script = Script::on(filled(), 80, 24);
    script.press("j d");
    let key = script.app.screens.keys.list.rows.selected().unwrap().clone();
    script.elsewhere(|session| {
        desk::set_access(session, &[Picked { id: key.id, version: key.version }], desk::KeyAccess::Disabled)
            .unwrap();
    });
    script.text(key.name.as_str()).press("enter");
    assert!(script.screen().contains("was changed by another session"), "{}", script.screen());
}

#[test]
fn several_keys_are_deleted_at_once() {
    let mut script = Script::on(filled(), 80, 24);
    script.press("a d").text("delete 4 keys").press("enter");
    assert!(script.screen().contains("does not match"));
    script.press("backspace backspace backspace backspace backspace backspace").text("5 keys").press("enter");
    assert!(script.screen().contains("has no API keys yet"), "{}", script.screen());
}

#[test]
fn applications_and_users_are_managed() {
    let mut script = Script::on(filled(), 80, 24);
    script.press("2 n").text("Stоrefront");
    assert!(script.screen().contains("looks like the existing Application"), "{}", script.screen());
    script.press("ctrl-u").text("Billing").press("enter");
    assert!(script.screen().contains("Application Billing created"));
    script.press("n").text("billing").press("enter");
    assert!(script.screen().contains("already exists"), "{}", script.screen());
    script.press("esc home r ctrl-u").text("Invoices").press("enter");
    assert!(script.screen().contains("Application renamed to Invoices"));
    script.press("enter");
    assert!(script.screen().contains("Invoices › Settings › Developer settings"));
    script.press("2 end d").text("Storefront").press("enter");
    assert!(script.screen().contains("deleted with its 5 keys"), "{}", script.screen());
    script.press("3 home x y");
    assert!(script.screen().contains("The last active user who can sign in here can be neither"));
    script.press("esc n").text("zoe@example.com").press("enter enter end up x y");
    assert!(script.screen().contains("disabled"), "{}", script.screen());
}

#[test]
fn the_mouse_selects_and_presses() {
    let mut script = Script::on(filled(), 80, 24);
    script.msg(Msg::Click(Target::Row(2)));
    assert_eq!(script.app.screens.keys.list.rows.visible().1, Some(2));
    assert!(script.hits.at(0, 6).is_some_and(|target| *target == Target::Row(2)), "where it is drawn");
    script.msg(Msg::Click(Target::Row(2)));
    assert!(!script.app.modals.is_empty(), "a second click opens");
    script.press("esc").msg(Msg::Scroll(3));
    assert_eq!(script.app.screens.keys.list.rows.visible().1, Some(4));
}

#[test]
fn a_terminal_may_be_any_size() {
    let mut script = Script::on(filled(), 80, 24);
    for (columns, rows) in
        [(0, 0), (1, 1), (39, 9), (40, 10), (200, 50), (80, 1), (3, 200), (65_000, 1), (80, 24)]
    {
        script.msg(Msg::Resize(columns.min(300), rows));
    }
    script.msg(Msg::Resize(39, 9));
    assert!(script.screen().contains("terminal too small"));
    script.msg(Msg::Resize(40, 10));
    assert_snapshot!("smallest", script.screen());
}
