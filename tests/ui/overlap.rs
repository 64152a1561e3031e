//! The end of the old key of a rotation: chosen with the rotation, and changed later.

use chrono::TimeDelta;
use insta::assert_snapshot;
use keydesk::Verifier;
use keydesk::desk::{self, Ending, Picked};
use keydesk::domain::Instant;
use keydesk::domain::key::{Key, NewKey};
use keydesk::domain::text::Name;
use keydesk::store::{Store, keys};
use keydesk::tui::app::msg::{Msg, Notice};

use crate::script::Script;
use crate::support::{Seeded, TestDesk, noon};

fn key(script: &Script, key: &Key) -> Key {
    let store = Store::open_existing(script.folder.path().join("keydesk.db"), &mut Seeded(3)).unwrap();
    store.read(|r| keys::get(r, key.id)).unwrap().unwrap()
}

/// A key that was rotated ten minutes ago with this end, and its successor, which was used since.
fn rotated(ending: Ending) -> (TestDesk, Key) {
    let mut desk = TestDesk::new();
    desk.now -= TimeDelta::days(10);
    let new = desk.new_key("Checkout", 90);
    let old = desk.deliver(&new);
    desk.now = noon() - TimeDelta::minutes(10);
    use_key(&desk, old.secret.expose(), || noon() - TimeDelta::hours(3));
    let picked = Picked { id: old.key.id, version: 1 };
    let rotated = desk::rotate_keys(&mut desk.session(), &[picked], ending).unwrap();
    desk::mark_delivered(&mut desk.session(), rotated[0].created.key.id).unwrap();
    use_key(&desk, rotated[0].created.secret.expose(), || noon() - TimeDelta::minutes(5));
    desk.now = noon();
    (desk, old.key)
}

fn use_key(desk: &TestDesk, secret: &str, clock: fn() -> Instant) {
    let verifier = Verifier::with_clock(desk.path(), clock).unwrap();
    assert!(verifier.verify_from(secret, None, "10.0.0.4".parse().ok()).unwrap().is_accepted());
}

#[test]
fn a_rotation_can_end_the_old_key_when_it_is_no_longer_used() {
    for columns in [80, 120] {
        let mut desk = TestDesk::new();
        let new = desk.new_key("Checkout", 90);
        let old = desk.deliver(&new).key;
        let mut script = Script::on(desk, columns, 30);
        script.press("r enter down down down");
        assert_snapshot!(format!("rotate_when_unused_{columns}"), script.picture());
        script.press("enter");
        assert!(script.screen().contains("ends once its successor is in use"), "{}", script.screen());
        script.press("c esc end");
        let old = key(&script, &old);
        assert_eq!(old.expires, old.created + TimeDelta::days(90), "its own expiration stays");
        let rule = old.until_unused.unwrap();
        assert_eq!((rule.length, rule.since), (TimeDelta::hours(24), noon()));
        assert_snapshot!(format!("list_until_unused_{columns}"), script.picture());
    }
}

#[test]
fn the_overlap_of_a_key_that_is_being_replaced_can_be_changed() {
    for columns in [80, 120] {
        let (desk, old) = rotated(Ending::WhenUnused(TimeDelta::hours(24)));
        let mut script = Script::on(desk, columns, 30);
        script.press("/");
        script.text("Checkout");
        script.press("enter end r");
        if !script.screen().contains("Change overlap") {
            script.press("esc home r");
        }
        assert_snapshot!(format!("overlap_{columns}"), script.picture());
        script.press("down enter");
        assert!(script.screen().contains("works until"), "{}", script.screen());
        let changed = key(&script, &old);
        assert_eq!((changed.expires, changed.until_unused), (noon() + TimeDelta::days(7), None));
        script.press("r down down down enter");
        let changed = key(&script, &old);
        assert_eq!(changed.expires, old.expires, "its own expiration");
        assert!(changed.until_unused.is_some());
        script.press("r down down down down");
        assert!(script.screen().contains("loses access at once"), "{}", script.screen());
        script.press("enter");
        assert!(script.screen().contains("is rejected"), "{}", script.screen());
        assert_eq!(key(&script, &old).expires, noon());
        script.press("r");
        assert!(script.screen().contains("already rotated"), "{}", script.screen());
    }
}

#[test]
fn each_choice_is_explained_in_full_on_a_small_terminal() {
    let mut desk = TestDesk::new();
    let owner = Name::parse("The team that runs the payments in the shops").ok();
    let new = NewKey { owner, ..desk.new_key("Checkout", 90) };
    let old = desk.deliver(&new);
    let ending = Ending::WhenUnused(TimeDelta::hours(24));
    let picked = Picked { id: old.key.id, version: 1 };
    let rotated = desk::rotate_keys(&mut desk.session(), &[picked], ending).unwrap();
    desk::mark_delivered(&mut desk.session(), rotated[0].created.key.id).unwrap();
    let verifier = Verifier::with_clock(desk.path(), noon).unwrap();
    for last in 1..=9 {
        let source = format!("2001:db8::1:{last}").parse().ok();
        assert!(verifier.verify_from(old.secret.expose(), None, source).unwrap().is_accepted());
    }
    drop(verifier);
    let mut script = Script::on(desk, 80, 24);
    script.press("end r");
    if !script.screen().contains("Change overlap") {
        script.press("esc home r");
    }
    for (press, end) in
        [("", "past its own expiration."), ("down down down", "does not count."), ("down", "stays ended.")]
    {
        script.press(press);
        let screen = script.screen();
        assert!(screen.contains(end) && screen.contains("Enter continue"), "{end}: {screen}");
    }
}

#[test]
fn details_say_when_a_key_ends_at_the_earliest() {
    let (desk, old) = rotated(Ending::WhenUnused(TimeDelta::hours(24)));
    let mut script = Script::on(desk, 120, 40);
    script.press("end enter");
    if !script.screen().contains("Earliest end") {
        script.press("esc home enter");
    }
    assert_snapshot!("details_until_unused_120", script.picture());
    script.press("esc");
    // Unused since the rotation, ten minutes ago.
    script.now = noon() + TimeDelta::hours(24) - TimeDelta::minutes(10);
    script.msg(Msg::Notice(Notice::Changed));
    assert!(
        script.screen().contains("Replaced") && !script.screen().contains("Until unused"),
        "{}",
        script.screen()
    );
    assert!(key(&script, &old).until_unused.is_some(), "it is marked by the worker");
}
