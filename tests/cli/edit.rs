//! Owner, note, allowed sources and a new name of a key, by command.

use serde_json::json;

use crate::support::home::{Home, is_sound, verdict};

fn show(home: &Home, key: &str) -> serde_json::Value {
    home.run(&["keys", "show", key, "--json"]).json()
}

/// The last entry of the audit log.
fn last_entry(home: &Home) -> serde_json::Value {
    home.run(&["audit", "list", "--limit", "1", "--json"]).json()[0].clone()
}

#[test]
fn owner_note_and_allowed_sources_are_set_changed_and_removed() {
    let home = Home::set_up();
    let (id, _) = home.key(
        "Checkout",
        &["--owner", "Payments team", "--note", "ticket 4711", "--from", "10.1.2.3/16, 10.0.0.4"],
    );
    let key = show(&home, "Checkout");
    assert_eq!(
        (&key["owner"], &key["note"], &key["allowed_sources"]),
        (&json!("Payments team"), &json!("ticket 4711"), &json!(["10.1.0.0/16", "10.0.0.4"]))
    );
    let text = home.run(&["keys", "show", "Checkout"]).out;
    for line in [
        "Owner           Payments team",
        "Note            ticket 4711",
        "Allowed sources 10.1.0.0/16, 10.0.0.4",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }

    let said = home.run(&["keys", "edit", &id, "--name", "Checkout EU", "--owner", "Shop team"]);
    assert_eq!((said.code, said.out.as_str()), (0, ""), "{said:?}");
    assert!(said.err.contains("(Checkout EU) edited: name and owner."), "{}", said.err);
    let entry = last_entry(&home);
    assert_eq!(entry["action"], "key.edited");
    assert_eq!(
        entry["changes"],
        json!([
            {"field": "name", "before": "Checkout", "after": "Checkout EU"},
            {"field": "owner", "before": "Payments team", "after": "Shop team"},
        ])
    );
    assert!(home.run(&["audit", "list", "--limit", "1"]).out.contains("Key edited"));
    assert_eq!(show(&home, "checkout eu")["id"], id.as_str(), "found by its new name");
    assert_eq!(home.run(&["keys", "show", "Checkout"]).code, 3, "and not by the old one");
    let filtered = |text: &str| home.run(&["keys", "list", "--json", "--filter", text]).json();
    for text in ["shop", "4711", "owner:SHOP", "note:\"ticket 47\""] {
        assert_eq!(filtered(text)[0]["id"], id.as_str(), "{text}");
    }
    for text in ["payments", "owner:4711", "note:shop", "owner:checkout"] {
        assert_eq!(filtered(text), json!([]), "{text}");
    }

    let said = home.run(&["keys", "edit", &id, "--owner", "", "--note", " ", "--from", "any"]);
    assert!(said.err.contains("edited: owner, note and allowed sources."), "{}", said.err);
    let key = show(&home, &id);
    assert_eq!(
        (&key["owner"], &key["note"], &key["allowed_sources"]),
        (&json!(null), &json!(null), &json!([]))
    );
    is_sound(&home, "after the edits");

    // The tombstone has the last name.
    home.run(&["keys", "delete", &id, "--yes"]);
    is_sound(&home, "after the deletion");
}

#[test]
fn what_is_already_so_is_said_and_not_logged() {
    let home = Home::set_up();
    home.key("Checkout", &["--owner", "Payments team", "--from", "10.0.0.0/8"]);
    let before = last_entry(&home);
    let said = home.run(&["keys", "edit", "Checkout", "--owner", " Payments team ", "--from", "10.9.9.9/8"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("(Checkout) is unchanged"), "{}", said.err);
    assert_eq!(last_entry(&home), before);
}

#[test]
fn wrong_values_change_nothing() {
    let home = Home::set_up();
    home.key("Checkout", &["--from", "10.0.0.4"]);
    let before = (show(&home, "Checkout"), last_entry(&home));
    let (long, note) = ("x".repeat(101), "x".repeat(501));
    for (option, value, code, exit) in [
        ("--from", "", "bad_source", 2),
        ("--from", "10.0.0.0/33", "bad_source", 2),
        ("--from", "api.example.com", "bad_source", 2),
        ("--owner", long.as_str(), "bad_owner", 2),
        ("--owner", "two\nlines", "bad_owner", 2),
        ("--note", note.as_str(), "bad_note", 2),
        ("--name", " ", "bad_name", 2),
        ("--owner", "ask ANA@example.com.", "holds_email", 3),
        ("--note", "ana@example.com", "holds_email", 3),
        ("--name", "<ana@example.com>", "holds_email", 3),
    ] {
        let said = home.run(&["keys", "edit", "Checkout", option, value, "--json"]);
        assert_eq!((said.code, said.error().0.as_str()), (exit, code), "{option} {value:?}");
    }
    let said = home.run(&["keys", "edit", "Checkout", "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (2, "nothing_to_edit"));
    assert_eq!((show(&home, "Checkout"), last_entry(&home)), before);
    let said = home.run(&["keys", "create", "Other", "--owner", "ana@example.com", "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (3, "holds_email"));
    assert_eq!(home.run(&["keys", "list", "--json"]).json().as_array().map(Vec::len), Some(1));
    // Somebody who is no user of the database has nothing to erase.
    assert_eq!(home.run(&["keys", "edit", "Checkout", "--owner", "ops@partner.example"]).code, 0);
}

#[test]
fn a_key_is_accepted_only_from_its_allowed_sources() {
    let home = Home::set_up();
    let (id, secret) = home.key("Checkout", &["--from", "10.0.0.0/8,2001:db8::/32"]);
    let verify = |source: &[&str]| home.run_with(secret.clone(), &[&["verify", "--json"], source].concat());
    for (source, code) in
        [("10.1.2.3", 0), ("::ffff:10.1.2.3", 0), ("2001:db8::1", 0), ("11.0.0.1", 1), ("127.0.0.1", 1)]
    {
        assert_eq!(verify(&["--source", source]).code, code, "{source}");
    }
    let said = verify(&[]);
    assert_eq!(
        said.json(),
        json!({"valid": false, "reason": "source_not_allowed", "key_id": id}),
        "without an address it fails closed"
    );
    assert!(home.run_with(secret.clone(), &["verify"]).out.contains("--source"));
    let said = verify(&["--source", "10.0.0.0/8"]);
    assert_eq!(said.code, 2, "an address, not a network");
    // From where it was used is said before others find out.
    let said = home.run(&["keys", "edit", "Checkout", "--from", "192.168.0.0/16"]);
    assert!(said.err.contains(" and 1 more source: requests from there are rejected."), "{}", said.err);
    home.run(&["keys", "edit", "Checkout", "--from", "any"]);
    assert_eq!(verify(&[]).code, 0);
}

#[test]
fn a_rejected_key_that_is_known_is_named() {
    let home = Home::set_up();
    let (id, secret) = home.key("Checkout", &[]);
    let document =
        |text: &str, more: &[&str]| home.run_with(text, &[&["verify", "--json"], more].concat()).json();
    home.run(&["apps", "create", "Billing"]);
    assert_eq!(
        document(&secret, &["--app", "Billing"]),
        json!({"valid": false, "reason": "wrong_application", "key_id": id})
    );
    home.run(&["keys", "disable", &id]);
    assert_eq!(document(&secret, &[])["key_id"], id.as_str());
    home.run(&["keys", "delete", &id, "--yes"]);
    assert_eq!(document(&secret, &[])["key_id"], id.as_str());
    assert_eq!(document("nonsense", &[]), json!({"valid": false, "reason": "malformed"}));
    assert_eq!(verdict(&home, &secret), Err("deleted".into()));
}

#[test]
fn a_successor_takes_over_owner_note_and_allowed_sources() {
    let home = Home::set_up();
    home.key("Checkout", &["--owner", "Payments team", "--note", "ticket 4711", "--from", "10.0.0.4"]);
    let old = show(&home, "Checkout");
    let new = home.run(&["keys", "rotate", "Checkout", "--json"]).json();
    for field in ["owner", "note", "allowed_sources"] {
        assert_eq!(new[field], old[field], "{field}");
    }
    is_sound(&home, "after the rotation");
}

#[test]
fn the_deletion_prompt_names_the_owner() {
    let home = Home::set_up();
    home.key("Checkout", &["--owner", "Payments team"]);
    let said = home.run(&["keys", "delete", "Checkout"]);
    assert_eq!(said.code, 2, "without a terminal it refuses: {said:?}");
    let csv = home.run(&["export"]).out;
    assert!(csv.contains(",Payments team,"), "{csv}");
}

#[test]
fn the_name_of_a_predecessor_means_the_newest_key_of_its_line_though_that_was_renamed() {
    let home = Home::set_up();
    let (old, _) = home.key("Checkout", &[]);
    home.run(&["keys", "rotate", "Checkout"]);
    home.run(&["keys", "rotate", "Checkout"]);
    let newest = show(&home, "Checkout")["id"].clone();
    assert_eq!(home.run(&["keys", "edit", "Checkout", "--name", "Payments"]).code, 0);
    assert_eq!((&show(&home, "checkout")["id"], &show(&home, "Payments")["id"]), (&newest, &newest));
    assert_eq!(show(&home, &old)["name"], "Checkout");
    // Another key of the name comes first.
    let (other, _) = home.key("Checkout", &[]);
    assert_eq!(show(&home, "Checkout")["id"], other.as_str());
}
