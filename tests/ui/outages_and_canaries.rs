//! Outages that end by themselves, and canary keys.

use chrono::TimeDelta;
use insta::assert_snapshot;
use keydesk::Verifier;
use keydesk::desk::{self, CreatedKey, KeyAccess, Picked};
use keydesk::domain::key::{Key, KeyState};
use keydesk::store::keys;

use crate::script::Script;
use crate::support::{TestDesk, noon};

fn now(script: &mut Script, key: &Key) -> Key {
    let mut found = None;
    script.elsewhere(|session| found = session.store.read(|r| keys::get(r, key.id)).unwrap());
    found.unwrap()
}

fn reject(desk: &TestDesk, secret: &str, address: &str) {
    let verifier = Verifier::with_clock(desk.path(), noon).unwrap();
    assert!(!verifier.verify_from(secret, None, address.parse().ok()).unwrap().is_accepted());
}

fn delivered(desk: &mut TestDesk, name: &str) -> CreatedKey {
    let new = desk.new_key(name, 90);
    desk.deliver(&new)
}

#[test]
fn a_key_is_disabled_for_a_time_and_its_state_says_until_when() {
    for (columns, rows) in [(80, 24), (120, 36)] {
        let mut desk = TestDesk::new();
        let key = delivered(&mut desk, "Checkout").key;
        let mut script = Script::on(desk, columns, rows);
        script.press("x enter");
        assert_eq!(now(&mut script, &key).disabled, None, "the default is Cancel");
        script.press("x down");
        assert_snapshot!(format!("disable_for_{columns}"), script.picture());
        script.press("right enter");
        assert_eq!(now(&mut script, &key).disabled, None, "Cancel has the focus");
        // Who has chosen a duration means it.
        script.press("x down enter");
        let found = now(&mut script, &key);
        assert_eq!(found.disabled_until, Some(script.now + TimeDelta::minutes(5)));
        let screen = script.screen();
        assert!(screen.contains("until 09:05") && screen.contains("disabled until 2026-"), "{screen}");
        // The footer offers to enable it, and it can be changed.
        assert!(screen.contains("e enable"), "{screen}");
        script.press("x down down y");
        assert_eq!(now(&mut script, &key).disabled_until, Some(script.now + TimeDelta::hours(1)));
        script.press("x up").text("soon").press("enter");
        assert!(script.screen().contains("is not a duration"), "{}", script.screen());
        script.press("ctrl-u").text("2h").press("enter");
        assert_eq!(now(&mut script, &key).disabled_until, Some(script.now + TimeDelta::hours(2)));
        script.press("e y");
        assert_eq!(now(&mut script, &key).disabled, None);
    }
}

#[test]
fn the_details_list_who_was_rejected_meanwhile() {
    for (columns, rows) in [(80, 36), (120, 36)] {
        let mut desk = TestDesk::new();
        let CreatedKey { key, secret } = delivered(&mut desk, "Checkout");
        let picked = [Picked { id: key.id, version: key.version }];
        let access = KeyAccess::DisabledFor(TimeDelta::minutes(5));
        desk::set_access(&mut desk.session(), &picked, access).unwrap();
        reject(&desk, secret.expose(), "10.0.0.4");
        reject(&desk, secret.expose(), "10.0.0.5");
        let mut script = Script::on(desk, columns, rows);
        script.press("enter");
        assert_snapshot!(format!("details_outage_{columns}"), script.picture());
        for part in ["Disabled until 09:05", "Rejected while disabled", "10.0.0.4", "10.0.0.5"] {
            assert!(script.screen().contains(part), "{part}: {}", script.screen());
        }
    }
}

#[test]
fn a_canary_key_is_created_in_the_wizard() {
    for (columns, rows) in [(80, 24), (120, 36)] {
        let mut script = Script::on(TestDesk::new(), columns, rows);
        script.press("n enter tab right right");
        assert_snapshot!(format!("wizard_canary_{columns}"), script.picture());
        script.press("enter");
        assert!(script.screen().contains("raise an alarm"), "{}", script.screen());
        script.press("enter");
        let screen = script.screen();
        let lines: Vec<&str> = screen.lines().map(str::trim).collect();
        for line in ["Type          canary", "Expires       never"] {
            assert!(lines.contains(&line), "{line}: {screen}");
        }
        script.press("c enter");
        assert!(script.screen().contains("+ Canary key ik_live_"), "{}", script.screen());
        let mut states = Vec::new();
        let at = script.now;
        script.elsewhere(|session| {
            let application = keydesk::domain::application::ApplicationId(1);
            let found = session.store.read(|r| keys::named(r, application, "Generic November 2026")).unwrap();
            states.extend(found.iter().map(|key| key.state(at, TimeDelta::days(7))));
        });
        assert_eq!(states, [KeyState::Canary], "{}", script.screen());
        assert!(script.screen().contains("Canary"), "{}", script.screen());
    }
}

#[test]
fn a_used_canary_key_is_an_alarm_in_the_header_until_it_is_acknowledged() {
    for (columns, rows) in [(80, 24), (120, 36)] {
        let mut desk = TestDesk::new();
        delivered(&mut desk, "Checkout");
        let new = desk.new_key("A canary", 80);
        let CreatedKey { key, secret } = desk::create_canary_key(&mut desk.session(), &new).unwrap();
        desk::mark_delivered(&mut desk.session(), key.id).unwrap();
        reject(&desk, secret.expose(), "10.0.0.9");
        let mut script = Script::on(desk, columns, rows);
        assert_snapshot!(format!("canary_used_{columns}"), script.picture());
        assert!(script.screen().contains("1 canary key used now from 10.0.0.9"), "{}", script.screen());
        script.press("enter");
        assert_snapshot!(format!("canary_details_{columns}"), script.picture());
        script.press("K");
        assert_snapshot!(format!("canary_acknowledge_{columns}"), script.picture());
        script.press("enter");
        assert!(now(&mut script, &key).has_alarm(), "the default is Cancel");
        script.press("K y");
        assert!(!now(&mut script, &key).has_alarm());
        let screen = script.screen();
        assert!(!screen.contains("1 canary key used") && screen.contains("acknowledged."), "{screen}");
        script.press("K");
        assert!(script.screen().contains("no use that is not acknowledged"), "{}", script.screen());
        for (press, answer) in [
            ("esc r", "This is a canary key: it is not rotated. Delete it and create another one."),
            ("esc x", "This is a canary key: it is always rejected."),
            ("esc e", "This is a canary key: it is always rejected."),
            ("esc d", "To confirm, type"),
        ] {
            script.press(press);
            let screen = script.screen().split_whitespace().collect::<Vec<_>>().join(" ").replace("│ │ ", "");
            let words: Vec<&str> = answer.split(' ').take(6).collect();
            assert!(screen.contains(&words.join(" ")), "{press}: {screen}");
        }
    }
}
