//! Use that one can see: what a key was used for, what breaks without it, and who still presents it.

use insta::assert_snapshot;
use keydesk::Verifier;
use keydesk::desk::{self, Picked};
use keydesk::domain::Instant;
use keydesk::tui::app::msg::{Msg, Notice};

use crate::script::Script;
use crate::support::{TestDesk, noon};

const DAY: i64 = 86_400;

fn yesterday() -> Instant {
    noon() - chrono::TimeDelta::seconds(DAY)
}

fn add(desk: &mut TestDesk, name: &str) -> (Picked, String) {
    let new = desk.new_key(name, 90);
    let created = desk.deliver(&new);
    let picked = Picked { id: created.key.id, version: created.key.version };
    (picked, created.secret.expose().to_owned())
}

/// Uses a key a number of times; what it left in the database is there when this returns.
fn present(desk: &TestDesk, clock: fn() -> Instant, secret: &str, times: usize, from: &str) {
    let verifier = Verifier::with_clock(desk.path(), clock).unwrap();
    for _ in 0..times {
        verifier.verify_from(secret, None, from.parse().ok()).unwrap();
    }
}

/// Checkout is used, Loyalty is disabled and presented, Old portal is deleted and presented.
fn busy() -> TestDesk {
    let mut desk = TestDesk::new();
    desk.now -= chrono::TimeDelta::seconds(DAY);
    let (_, checkout) = add(&mut desk, "Checkout");
    let (loyalty, loyalty_secret) = add(&mut desk, "Loyalty");
    let (portal, portal_secret) = add(&mut desk, "Old portal");
    let (lab, lab_secret) = add(&mut desk, "Lab");
    present(&desk, yesterday, &checkout, 409, "10.0.0.9");
    present(&desk, yesterday, &portal_secret, 5, "10.0.0.4");
    desk.now = noon();
    present(&desk, noon, &checkout, 3, "10.0.0.4");
    desk::set_access(&mut desk.session(), &[loyalty], desk::KeyAccess::Disabled).unwrap();
    desk::delete_keys(&mut desk.session(), &[portal]).unwrap();
    desk::delete_keys(&mut desk.session(), &[lab]).unwrap();
    present(&desk, noon, &loyalty_secret, 2, "10.0.0.5");
    present(&desk, || noon() - chrono::TimeDelta::seconds(1), &lab_secret, 1, "10.0.0.6");
    present(&desk, noon, &portal_secret, 12, "10.0.0.4");
    desk.now += chrono::TimeDelta::seconds(3);
    desk
}

#[test]
fn key_usage_at_both_sizes() {
    for (columns, rows) in [(80, 24), (140, 40)] {
        for (keys, name) in [
            ("1", "list"),
            ("enter", "disabled"),
            ("down d", "delete"),
            ("4", "audit"),
            ("4 down enter", "tombstone"),
        ] {
            let mut script = Script::on(busy(), columns, rows);
            script.press(keys);
            assert_snapshot!(format!("use_{name}_{columns}"), script.picture());
        }
    }
}

#[test]
fn a_new_rejection_appears_in_the_open_tombstone() {
    let mut desk = TestDesk::new();
    let (portal, secret) = add(&mut desk, "Old portal");
    desk::delete_keys(&mut desk.session(), &[portal]).unwrap();
    let path = desk.path();
    let mut script = Script::on(desk, 100, 30);
    script.press("4 enter");
    assert!(script.screen().contains("no requests since the deletion"), "{}", script.screen());
    let verifier = Verifier::with_clock(&path, noon).unwrap();
    verifier.verify_from(&secret, None, "10.0.0.4".parse().ok()).unwrap();
    drop(verifier);
    script.msg(Msg::Notice(Notice::Changed));
    let screen = script.screen();
    assert!(screen.contains("Still in use: 1 request today from 10.0.0.4."), "{screen}");
    script.press("esc");
    assert!(script.screen().contains("! Deleted key Old portal"), "{}", script.screen());
}
