//! Rotate: two questions, then the secret, once; and what the old key has to say.

use chrono::TimeDelta;
use insta::assert_snapshot;
use keydesk::Verifier;
use keydesk::desk::{self, Ending, Picked};
use keydesk::domain::Instant;
use keydesk::domain::key::{Key, KeyKind, NewKey};
use keydesk::store::{Store, applications, keys};
use keydesk::tui::app::msg::{Msg, Notice};

use crate::script::Script;
use crate::support::{Seeded, TestDesk, noon};

fn add(desk: &mut TestDesk, name: &str) -> (Key, String) {
    let new = NewKey { kind: KeyKind::from_platform(Some("braze".into())), ..desk.new_key(name, 90) };
    let created = desk.deliver(&new);
    (created.key, created.secret.expose().to_owned())
}

fn ten_days_ago() -> TestDesk {
    let mut desk = TestDesk::new();
    desk.now -= TimeDelta::days(10);
    desk
}

/// All keys as the database has them, the newest last.
fn all(script: &Script) -> Vec<Key> {
    let store = Store::open_existing(script.folder.path().join("keydesk.db"), &mut Seeded(3)).unwrap();
    let application = store.read(applications::first).unwrap().unwrap().id;
    let ids = store.read(|r| keys::ids_of(r, application)).unwrap();
    let mut all: Vec<Key> =
        ids.into_iter().map(|id| store.read(|r| keys::get(r, id)).unwrap().unwrap()).collect();
    all.sort_by_key(|key| (key.created, key.replaces.is_some()));
    all
}

fn is_accepted(script: &Script, secret: &str, clock: fn() -> Instant) -> bool {
    let verifier = Verifier::with_clock(script.folder.path().join("keydesk.db"), clock).unwrap();
    verifier.without_recording().verify(secret, None).unwrap().is_accepted()
}

#[test]
fn a_planned_rotation_asks_two_questions() {
    for (columns, rows) in [(80, 24), (140, 40)] {
        let mut desk = ten_days_ago();
        let (old, secret) = add(&mut desk, "Checkout");
        let path = desk.path();
        desk.now = noon();
        let from = "10.0.0.4".parse().ok();
        Verifier::with_clock(path, || noon() - TimeDelta::minutes(3))
            .unwrap()
            .verify_from(&secret, None, from)
            .unwrap();
        let mut script = Script::on(desk, columns, rows);
        script.press("r");
        assert_snapshot!(format!("rotate_why_{columns}"), script.picture());
        script.press("enter");
        assert_snapshot!(format!("rotate_overlap_{columns}"), script.picture());
        script.press("esc enter enter");
        assert_snapshot!(format!("rotate_reveal_{columns}"), script.picture());
        script.press("c esc");
        assert_snapshot!(format!("rotate_done_{columns}"), script.picture());
        let [before, after] = all(&script).try_into().unwrap();
        assert_eq!((before.id, before.replaced_by), (old.id, Some(after.id)));
        assert_eq!((after.replaces, before.expires), (Some(old.id), noon() + TimeDelta::hours(24)));
        assert_eq!((after.name, after.kind, after.key_type), (old.name, old.kind, old.key_type));
        assert_eq!(after.expires - after.created, TimeDelta::days(90), "the length of life");
        assert!(after.delivered.is_some());
        assert!(is_accepted(&script, script.copied[0].expose(), noon) && is_accepted(&script, &secret, noon));
        assert!(!is_accepted(&script, &secret, || noon() + TimeDelta::hours(24)));
    }
}

#[test]
fn use_of_the_old_key_during_the_overlap_is_displayed() {
    let mut desk = ten_days_ago();
    let (_, secret) = add(&mut desk, "Checkout");
    let path = desk.path();
    desk.now = noon();
    let mut script = Script::on(desk, 200, 50);
    script.press("r enter enter c esc home");
    assert!(script.screen().contains("not since rotation"), "{}", script.screen());
    Verifier::with_clock(path, || noon() + TimeDelta::minutes(2))
        .unwrap()
        .verify_from(&secret, None, "10.0.0.4".parse().ok())
        .unwrap();
    script.now = noon() + TimeDelta::minutes(5);
    script.msg(Msg::Notice(Notice::Changed));
    assert!(script.screen().contains("yes, since rotation"), "{}", script.screen());
    assert!(script.screen().contains("(3 minutes ago)"), "{}", script.screen());
    script.now = noon() + TimeDelta::hours(25);
    script.msg(Msg::Notice(Notice::Changed));
    assert!(!script.screen().contains("Still used"), "it works no more");
}

#[test]
fn a_leaked_key_is_revoked_before_the_new_secret_is_shown() {
    let mut desk = ten_days_ago();
    let (_, secret) = add(&mut desk, "Checkout");
    desk.now = noon();
    let mut script = Script::on(desk, 80, 24);
    script.press("r down");
    assert!(script.screen().contains("loses access at once"), "{}", script.screen());
    script.press("enter");
    assert!(script.screen().contains("is rejected."), "{}", script.screen());
    assert!(!is_accepted(&script, &secret, noon));
    script.press("esc");
    assert!(script.screen().contains("You have not copied this key"), "{}", script.screen());
    script.press("y");
    assert!(script.screen().contains("not delivered"), "{}", script.screen());
    // Nobody has the new one: it is rotated in its turn.
    let after = all(&script).pop().unwrap();
    assert_eq!(after.delivered, None);
}

#[test]
fn the_secrets_of_several_keys_are_shown_in_turn() {
    let mut desk = ten_days_ago();
    for name in ["Alpha", "Beta", "Gamma"] {
        add(&mut desk, name);
    }
    desk.now = noon();
    let mut script = Script::on(desk, 100, 30);
    script.press("a r");
    assert_snapshot!("rotate_several", script.picture());
    script.press("enter down enter");
    assert!(script.screen().contains("API key created (1 of 3)"), "{}", script.screen());
    let folder = script.folder.path().join("keys");
    std::fs::create_dir(&folder).unwrap();
    let first = folder.join("first.key");
    script.press("w");
    for _ in 0..40 {
        script.press("backspace");
    }
    script.text(first.to_str().unwrap()).press("enter");
    assert!(script.screen().contains("Written to"), "{}", script.screen());
    script.press("esc c enter");
    assert!(script.screen().contains("Esc close"), "the last one: {}", script.screen());
    assert!(script.screen().contains("API key created (3 of 3)"), "{}", script.screen());
    script.press("c esc");
    assert!(script.app.modals.is_empty(), "{}", script.screen());
    let all = all(&script);
    assert_eq!(all.len(), 6);
    assert!(all.iter().skip(3).all(|key| key.replaces.is_some() && key.delivered.is_some()));
    assert!(all.iter().take(3).all(|key| key.expires == noon() + TimeDelta::days(7)));
}

#[test]
fn several_secrets_are_written_to_a_folder_until_one_fails() {
    let mut desk = ten_days_ago();
    for name in ["Alpha", "Beta", "Gamma", "Delta"] {
        add(&mut desk, name);
    }
    desk.now = noon();
    let mut script = Script::on(desk, 80, 24);
    script.press("a r enter down enter W enter");
    assert!(script.screen().contains("! Enter a directory"), "{}", script.screen());
    let folder = script.folder.path().join("keys");
    script.text("keys");
    assert_snapshot!("rotate_folder", script.picture());
    script.press("enter");
    assert!(script.screen().contains("API key created (1 of 4)"), "nothing is lost: {}", script.screen());
    assert!(script.screen().contains("! "), "{}", script.screen());
    std::fs::create_dir(&folder).unwrap();
    // One of the names is taken.
    let taken =
        all(&script).into_iter().find(|key| key.replaces.is_some() && key.name.as_str() == "Delta").unwrap();
    let place = folder.join(format!("{}.key", taken.prefix));
    std::fs::write(&place, "mine").unwrap();
    script.press("ctrl-u");
    script.text(folder.to_str().unwrap()).press("enter");
    assert!(script.screen().contains("Delta") && script.screen().contains("already exists"));
    assert_eq!(std::fs::read(&place).unwrap(), b"mine");
    std::fs::remove_file(&place).unwrap();
    assert!(script.screen().contains(folder.to_str().unwrap()), "the field is open: {}", script.screen());
    script.press("enter");
    assert!(script.app.modals.is_empty(), "{}", script.screen());
    assert!(script.screen().contains("4 secrets written to"), "{}", script.screen());
    let new: Vec<Key> = all(&script).into_iter().filter(|key| key.replaces.is_some()).collect();
    assert_eq!(new.len(), 4);
    for key in new {
        assert!(key.delivered.is_some());
        let secret = std::fs::read_to_string(folder.join(format!("{}.key", key.prefix))).unwrap();
        assert!(is_accepted(&script, secret.trim(), noon), "{}", key.prefix);
    }
}

#[test]
fn the_second_of_two_admins_is_told() {
    let mut desk = ten_days_ago();
    let (key, _) = add(&mut desk, "Checkout");
    desk.now = noon();
    let mut script = Script::on(desk, 100, 30);
    script.press("r enter");
    script.elsewhere(|session| {
        let key = session.store.read(|r| keys::get(r, key.id)).unwrap().unwrap();
        let picked = [Picked { id: key.id, version: key.version }];
        desk::rotate_keys(session, &picked, Ending::Unchanged).unwrap();
    });
    script.press("enter");
    assert!(script.screen().contains("was rotated already"), "{}", script.screen());
    script.press("esc esc home r");
    assert!(script.screen().contains("Change overlap"), "{}", script.screen());
    script.press("esc");
    assert!(script.app.modals.is_empty(), "{}", script.screen());
}

#[test]
fn the_timeline_shows_a_cluster() {
    for (columns, rows) in [(80, 24), (140, 40)] {
        let mut desk = TestDesk::new();
        for days in [3, 20, 40, 75, 76, 77, 78, 150, 200, 330, 364] {
            let new = desk.new_key(&format!("Key {days}"), days);
            desk::create_key(&mut desk.session(), &new).unwrap();
        }
        let mut script = Script::on(desk, columns, rows);
        script.press("t G");
        assert_snapshot!(format!("timeline_{columns}"), script.picture());
        script.press("t");
        assert!(!script.screen().contains("Feb"), "{}", script.screen());
    }
    let mut script = Script::new(40, 10);
    script.press("t n");
    assert!(!script.app.modals.is_empty());
}
