//! Canary keys: they look like any other, are always rejected, and their use is an alarm until it is acknowledged.

use serde_json::{Value, json};

use crate::support::home::{Home, is_sound, verdict};

fn entry(home: &Home) -> Value {
    home.run(&["audit", "list", "--json", "--limit", "1"]).json()[0].clone()
}

/// The names in a list of `check`, and its exit code.
fn check(home: &Home, list: &str) -> (i32, Vec<String>) {
    let said = home.run(&["check", "--json"]);
    let name = |key: &Value| key["name"].as_str().unwrap().to_owned();
    (said.code, said.json()[list].as_array().unwrap().iter().map(name).collect())
}

/// Adds a use of a canary key a number of seconds later than now.
fn use_later(home: &Home, id: &str, address: &str, seconds: u32) {
    home.sql(&format!(
        "INSERT INTO key_sources (key_id, reason, source, requests, first, last) \
         VALUES ('{id}', 'canary', '{address}', 2, unixepoch() + {seconds}, unixepoch() + {seconds})"
    ));
}

#[test]
fn a_canary_key_is_rejected_and_its_use_is_an_alarm_until_it_is_acknowledged() {
    let home = Home::set_up();
    let said = home.run(&["keys", "create", "CI canary", "--canary"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("Canary key ik_live_") && said.err.contains("raise an alarm"), "{}", said.err);
    assert!(!said.err.contains("expires"), "{}", said.err);
    let secret = said.out.trim().to_owned();
    let (_, other) = home.key("Checkout", &[]);
    assert_eq!(secret.len(), other.len(), "nothing in the text tells one from another");
    let id = home.run(&["keys", "show", "CI canary", "--json"]).json()["id"].as_str().unwrap().to_owned();
    assert_eq!(check(&home, "canaries"), (0, vec![]));
    let scanned = || home.run_with(secret.as_str(), &["scan", "-"]).out;
    assert!(scanned().ends_with("\"CI canary\" of Storefront, never used\n"), "{}", scanned());

    assert_eq!(verdict(&home, &secret), Err("canary".into()));
    assert_eq!(check(&home, "canaries"), (1, vec!["CI canary".to_owned()]));
    assert!(scanned().contains(" of Storefront, last used "), "{}", scanned());
    let document = home.run(&["check", "--json"]).json();
    let found = &document["canaries"][0];
    assert_eq!(
        (&document["ok"], &found["id"], &found["application"], &found["sources"][0]["requests"]),
        (&json!(false), &json!(id), &json!("Storefront"), &json!(1))
    );
    assert!(found["last"].is_string() && found["sources"][0]["last"].is_string(), "{found}");
    let text = home.run(&["check"]).out;
    assert!(text.starts_with("1 canary key was used (keys acknowledge ends the alarm):\nNAME"), "{text}");
    assert!(text.contains("unknown address"), "{text}");
    let list = home.run(&["keys", "list", "--state", "canary"]).out;
    assert!(list.contains("Canary (used)") && list.contains("never"), "{list}");
    let text = home.run(&["keys", "show", &id]).out;
    assert!(text.contains(&format!("Acknowledge it with: keydesk keys acknowledge {id}")), "{text}");
    assert!(text.contains("Used by:") && !text.contains("Last used"), "{text}");

    let said = home.run(&["keys", "acknowledge", "ci canary"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("acknowledged: all uses up to"), "{}", said.err);
    let logged = entry(&home);
    assert_eq!(logged["action"], "key.acknowledged");
    let change = &logged["changes"][0];
    assert_eq!((&change["field"], change["before"].is_null()), (&json!("acknowledged"), true), "{logged}");
    assert_eq!(check(&home, "canaries"), (0, vec![]));
    let details = home.run(&["keys", "show", &id, "--json"]).json();
    assert_eq!((&details["state"], &details["acknowledged"]), (&json!("canary"), &details["canary_used"]));
    is_sound(&home, "after the acknowledgment");
    let again = home.run(&["keys", "acknowledge", &id]);
    assert!(again.err.contains("has no use that is not acknowledged"), "{}", again.err);
    assert_eq!(entry(&home), logged, "nothing is written where nothing changes");

    use_later(&home, &id, "10.0.0.9", 60);
    assert_eq!(check(&home, "canaries").0, 1, "the next use is an alarm again");
    let sources = home.run(&["check", "--json"]).json()["canaries"][0]["sources"].clone();
    assert_eq!((sources.as_array().unwrap().len(), &sources[0]["address"]), (1, &json!("10.0.0.9")));
    home.run(&["keys", "acknowledge", &id]);
    let change = entry(&home)["changes"][0].clone();
    assert!(change["before"].is_string() && change["before"] != change["after"], "{change}");
    assert_eq!(check(&home, "canaries").0, 0);
    is_sound(&home, "after the second");
}

#[test]
fn a_canary_key_is_neither_rotated_nor_disabled_and_is_deleted_like_any_other() {
    let home = Home::set_up();
    let (id, secret) = home.key("CI canary", &["--canary"]);
    let (key, _) = home.key("Checkout", &[]);
    for command in [
        &["rotate", &id][..],
        &["rotate", &id, "--leaked"],
        &["disable", &id],
        &["disable", &id, "--for", "5m"],
        &["disable", &key, &id],
        &["enable", &id],
    ] {
        let said = home.run(&[&["keys"], command, &["--json"]].concat());
        assert_eq!((said.code, said.error().0.as_str()), (3, "canary"), "{command:?}: {said:?}");
        assert!(said.error().1.contains("is a canary key: it is always rejected"), "{said:?}");
        assert!(!said.error().1.contains("works until"), "{said:?}");
    }
    let said = home.run(&["keys", "acknowledge", &key, "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (3, "not_canary"), "{said:?}");
    assert_eq!(home.run(&["keys", "acknowledge", &id]).code, 0);
    assert_eq!(verdict(&home, &secret), Err("canary".into()));
    assert_eq!(home.run(&["keys", "delete", &id, "--yes"]).code, 0);
    assert_eq!(verdict(&home, &secret), Err("deleted".into()));
    assert_eq!(check(&home, "canaries").1, [""; 0]);
    is_sound(&home, "after the deletion");
}

#[test]
fn canary_keys_never_expire_and_are_not_reported_as_idle_or_undelivered() {
    let home = Home::set_up();
    let said = home.run(&["keys", "create", "Short", "--canary", "--expires", "1d", "--json"]);
    assert!(said.err.contains("a canary key does not expire: --expires has no effect"), "{}", said.err);
    let (secret, id) = (said.json()["secret"].clone(), said.json()["id"].clone());
    let (secret, id) = (secret.as_str().unwrap(), id.as_str().unwrap());
    home.key("Old", &["--canary"]);
    home.sql("UPDATE keys SET created = created - 400 * 86400, delivered = delivered - 400 * 86400");
    home.sql(&format!("UPDATE keys SET delivered = NULL WHERE key_id = '{id}'"));
    let said = home.run(&["check", "--within", "365d", "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    for list in ["canaries", "expiring", "rotating", "idle", "undelivered"] {
        assert_eq!(said.json()[list], json!([]), "{list}");
    }
    for filter in ["used:never", "used:>30d", "expires:<400d", "expires:>1d"] {
        assert_eq!(home.run(&["keys", "list", "--filter", filter, "--json"]).json(), json!([]), "{filter}");
    }
    let by_state =
        |state| home.run(&["keys", "list", "--state", state, "--json"]).json().as_array().unwrap().len();
    // After the date it is a canary key as before.
    home.sql("UPDATE keys SET expires = unixepoch() - 5");
    assert_eq!((by_state("canary"), by_state("expired"), by_state("valid")), (2, 0, 0));
    assert_eq!(verdict(&home, secret), Err("canary".into()));
    assert_eq!(check(&home, "canaries").0, 1);
}
