//! Dialogs on one key: what they offer in each state, and in how many key presses.

use chrono::TimeDelta;
use insta::assert_snapshot;
use keydesk::Verifier;
use keydesk::desk::{self, KeyAccess, Picked};
use keydesk::domain::key::Key;
use keydesk::store::keys;

use crate::script::Script;
use crate::support::{TestDesk, noon};

/// One delivered key that was created 50 days ago to expire after this number of days.
fn with_key(name: &str, days: i64) -> (TestDesk, Key) {
    let mut desk = TestDesk::new();
    desk.now -= TimeDelta::days(50);
    let new = desk.new_key(name, days);
    let key = desk.deliver(&new).key;
    desk.now += TimeDelta::days(50);
    (desk, key)
}

fn disable(desk: &mut TestDesk, key: &Key) {
    let picked = [Picked { id: key.id, version: key.version }];
    desk::set_access(&mut desk.session(), &picked, KeyAccess::Disabled).unwrap();
}

fn now(script: &mut Script, key: &Key) -> Option<Key> {
    let mut found = None;
    script.elsewhere(|session| found = session.store.read(|r| keys::get(r, key.id)).unwrap());
    found
}

#[test]
fn a_leaked_key_is_replaced_and_copied_in_four_key_presses() {
    let (desk, key) = with_key("Checkout", 90);
    let mut script = Script::on(desk, 80, 24);
    script.press("r l c enter");
    assert!(script.app.modals.is_empty(), "{}", script.screen());
    assert_eq!(script.copied.len(), 1);
    let old = now(&mut script, &key).unwrap();
    assert!(old.expires <= script.now && old.replaced_by.is_some());
}

#[test]
fn p_asks_when_the_old_key_expires() {
    let (desk, key) = with_key("Checkout", 90);
    let mut script = Script::on(desk, 80, 24);
    script.press("r p");
    assert!(script.screen().contains("▸ In 24 hours"), "{}", script.screen());
    script.press("down enter c esc");
    assert_eq!(now(&mut script, &key).unwrap().expires, script.now + TimeDelta::days(7));
}

#[test]
fn several_leaked_keys_ask_for_enter() {
    let (mut desk, _) = with_key("Checkout", 90);
    let new = desk.new_key("Loyalty", 90);
    desk.deliver(&new);
    let mut script = Script::on(desk, 80, 24);
    script.press("a r l");
    assert!(script.screen().contains("▸ Leaked") && script.screen().contains("loses access at once"));
    script.press("enter");
    assert!(script.screen().contains("API key created (1 of 2)"), "{}", script.screen());
}

#[test]
fn an_expired_key_is_replaced_and_neither_enabled_nor_disabled() {
    for (columns, rows) in [(80, 24), (120, 36)] {
        let (mut desk, key) = with_key("Checkout", 60);
        disable(&mut desk, &key);
        desk.now += TimeDelta::days(20);
        let mut script = Script::on(desk, columns, rows);
        script.press("e");
        assert_snapshot!(format!("key_enable_expired_{columns}"), script.picture());
        script.press("y x");
        assert!(script.screen().contains("it is already rejected"), "{}", script.screen());
        script.press("esc r");
        assert_snapshot!(format!("key_replace_expired_{columns}"), script.picture());
        script.press("l p");
        assert!(
            script.copied.is_empty() && script.screen().contains("Replace API key"),
            "{}",
            script.screen()
        );
        script.press("enter c esc");
        let old = now(&mut script, &key).unwrap();
        assert_eq!(old.expires, key.expires);
        assert!(old.replaced_by.is_some(), "{}", script.screen());
    }
}

#[test]
fn a_disabled_key_is_rotated_after_the_dialog_has_said_that_its_successor_is_valid() {
    for (columns, rows) in [(80, 24), (120, 36)] {
        let (mut desk, key) = with_key("Checkout", 90);
        disable(&mut desk, &key);
        let mut script = Script::on(desk, columns, rows);
        script.press("r");
        assert_snapshot!(format!("key_rotate_disabled_{columns}"), script.picture());
        script.press("enter c esc");
        let old = now(&mut script, &key).unwrap();
        assert!(old.disabled.is_some() && old.expires == key.expires, "it stays disabled");
        let new = now(&mut script, &Key { id: old.replaced_by.unwrap(), ..key }).unwrap();
        assert_eq!(new.disabled, None);
    }
}

#[test]
fn four_characters_of_the_key_id_confirm_a_deletion() {
    let (desk, key) = with_key("Checkout", 90);
    let mut script = Script::on(desk, 80, 24);
    let end = &key.id.as_str()[6..];
    script.press("d").text(&end[..3]).press("enter");
    assert!(now(&mut script, &key).is_some(), "three are not enough");
    script.press("esc d").text(end);
    assert!(script.screen().contains("Press Enter to delete"), "{}", script.screen());
    script.press("enter");
    assert!(now(&mut script, &key).is_none() && script.app.modals.is_empty(), "{}", script.screen());
}

#[test]
fn a_key_that_no_software_uses_is_deleted_with_y() {
    let (desk, expired) = with_key("Checkout", 40);
    let mut script = Script::on(desk, 80, 24);
    script.press("d enter d").text("Checkout").press("enter");
    assert!(now(&mut script, &expired).is_some(), "only y deletes");
    script.press("d");
    assert_snapshot!("key_delete_expired", script.picture());
    script.press("y");
    assert!(now(&mut script, &expired).is_none(), "{}", script.screen());

    let mut desk = TestDesk::new();
    let new = desk.new_key("Never delivered", 40);
    let key = desk.create(&new).key;
    let mut script = Script::on(desk, 80, 24);
    script.press("d y");
    assert!(now(&mut script, &key).is_none(), "{}", script.screen());
}

#[test]
fn a_long_name_can_be_read_whole_where_it_is_to_be_typed() {
    let name =
        "Loyalty service of the northern warehouses, synchronization job for returned parcels, second try x";
    for columns in [60, 80] {
        let mut desk = TestDesk::new();
        let new = desk.new_key(name, 90);
        let created = desk.deliver(&new);
        let key = created.key;
        let verifier = Verifier::with_clock(desk.path(), noon).unwrap();
        verifier.verify_from(created.secret.expose(), None, "10.0.0.4".parse().ok()).unwrap();
        drop(verifier);
        let mut script = Script::on(desk, columns, 24);
        script.press("d");
        assert_snapshot!(format!("key_delete_long_name_{columns}"), script.picture());
        script.text(name);
        assert!(script.screen().contains("Press Enter to delete"), "{}", script.screen());
        script.press("enter");
        assert!(now(&mut script, &key).is_none(), "{}", script.screen());
    }
}
