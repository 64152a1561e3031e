//! Rotation that ends on evidence, and `keydesk keys overlap`.

use serde_json::{Value, json};

use crate::support::home::{Home, id_of, is_sound};

fn show(home: &Home, key: &str) -> Value {
    home.run(&["keys", "show", key, "--json"]).json()
}

#[test]
fn a_rotation_ends_on_evidence_and_the_next_command_marks_it() {
    let home = Home::set_up();
    let (old, secret) = home.key("Checkout", &["--expires", "30d"]);
    let said = home.run(&["keys", "rotate", "Checkout", "--until-unused", "2s"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.err.contains("ends once its successor is in use and it has been unused for 2 seconds"),
        "{}",
        said.err
    );
    let new = said.out.trim().to_owned();
    let shown = show(&home, &old);
    assert_eq!((&shown["ends_when_unused_for"], &shown["state"]), (&json!(2), &json!("valid")));
    assert_eq!(show(&home, &id_of(&new))["ends_when_unused_for"], json!(null));
    let text = home.run(&["keys", "show", &old]).out;
    assert!(text.contains("not before its successor is used"), "{text}");
    let list = home.run(&["keys", "list"]).out;
    let replaced = format!("replaced by {}, ends when unused for 2 s", id_of(&new));
    assert!(list.contains(&replaced), "{list}");
    let checked = home.run(&["check", "--json"]);
    assert_eq!(
        (checked.code, checked.json()["rotating"][0]["id"].clone()),
        (0, json!(old)),
        "it needs no one"
    );

    assert!(home.accepts(&secret) && home.accepts(&new));
    std::thread::sleep(std::time::Duration::from_secs(5));
    assert!(!home.accepts(&secret));
    let shown = show(&home, &old);
    assert_eq!((&shown["ends_when_unused_for"], &shown["state"]), (&json!(null), &json!("replaced")));
    let list = home.run(&["keys", "list"]).out;
    assert!(!list.contains("ends when"), "{list}");
    let entries = home.run(&["audit", "list", "--json"]).json();
    let ended: Vec<&Value> =
        entries.as_array().unwrap().iter().filter(|entry| entry["action"] == json!("key.ended")).collect();
    assert_eq!(ended.len(), 1, "{entries}");
    assert!(ended[0].to_string().contains("successor first used"), "{}", ended[0]);
    let said = home.run(&["keys", "overlap", &old, "--for", "7d", "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (3, "ended"));
    is_sound(&home, "after the end");
}

#[test]
fn the_overlap_is_extended_changed_and_ended() {
    let home = Home::set_up();
    let (old, secret) = home.key("Checkout", &["--expires", "30d"]);
    let expires = show(&home, &old)["expires"].clone();
    let said = home.run(&["keys", "overlap", &old, "--end", "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (3, "not_replaced"));
    home.run(&["keys", "rotate", "Checkout", "--overlap", "1h"]);
    assert_ne!(show(&home, &old)["expires"], expires);
    assert_eq!(home.run(&["keys", "overlap", &old, "--for", "700d"]).code, 0);
    assert_eq!(show(&home, &old)["expires"], expires, "never past its own expiration");
    let said = home.run(&["keys", "overlap", &old, "--until-unused", "36h", "--json"]);
    assert_eq!(said.json()["ends_when_unused_for"], json!(36 * 3_600));
    let said = home.run(&["keys", "overlap", "Checkout", "--end"]);
    assert_eq!(said.code, 3);
    assert!(said.err.contains(&old), "the name means the new key, and the old one is named: {}", said.err);
    assert!(home.accepts(&secret));
    let said = home.run(&["keys", "overlap", &old, "--end"]);
    assert!(said.code == 0 && said.err.contains("is rejected"), "{said:?}");
    assert!(!home.accepts(&secret));
    for wrong in [&["--for", "1h", "--end"][..], &[], &["--until-unused", "0s"], &["--until-unused", "soon"]]
    {
        assert_eq!(home.run(&[&["keys", "overlap", &old], wrong].concat()).code, 2, "{wrong:?}");
    }
    assert_eq!(home.run(&["keys", "rotate", &old, "--until-unused", "1h", "--leaked"]).code, 2);
    is_sound(&home, "after the changes");
}

#[test]
fn a_rotation_that_cannot_end_needs_somebody_before_the_old_key_expires() {
    let home = Home::set_up();
    let (old, _) = home.key("Checkout", &["--expires", "30d"]);
    home.run(&["keys", "rotate", "Checkout", "--until-unused", "24h"]);
    assert_eq!(home.run(&["check"]).code, 0);
    // As if the rotation were 29 days ago.
    home.sql(&format!(
        "UPDATE keys SET expires = expires - 2500000, created = created - 2500000 WHERE key_id = '{old}'"
    ));
    home.sql("UPDATE keys SET created = created - 2500000, delivered = delivered - 2500000 WHERE replaces IS NOT NULL");
    let checked = home.run(&["check", "--json"]);
    assert_eq!((checked.code, checked.json()["stalled"][0]["id"].clone()), (1, json!(old)), "{checked:?}");
    assert!(home.run(&["check"]).out.contains("successor was never used"));
}
