//! `keydesk check` on a server: the keys that need attention, with use that real gateways have recorded.

use std::time::Duration;

use serde_json::{Value, json};

use crate::site::{Site, ask, ask_from};
use crate::support::postgres::{Postgres, server};
use crate::support::until;

const PATIENCE: Duration = Duration::from_secs(20);

/// The exit code of `check` and the names in one of its lists.
fn check(site: &Site, list: &str) -> (i32, Vec<String>) {
    let said = site.run(&["check", "--json"]);
    let document = said.json();
    assert_eq!(document["ok"] == true, said.code == 0, "{said:?}");
    let name = |key: &Value| key["name"].as_str().unwrap().to_owned();
    (said.code, document[list].as_array().unwrap().iter().map(name).collect())
}

/// Fails the check because of one key.
fn fails(list: &Site, sort: &str, name: &str) -> bool {
    check(list, sort) == (1, vec![name.to_owned()])
}

#[test]
fn a_key_that_expires_without_a_successor_needs_attention() {
    if !Postgres::available() {
        return;
    }
    let site = Site::on(server());
    site.key_with("Late", &["--expires", "90d"]);
    let said = site.run(&["check"]);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (0, "Nothing expires within 14d.\n", ""));
    let soon = site.key_with("Soon", &["--expires", "10d", "--owner", "Payments team"]);
    let off = site.key_with("Off", &["--expires", "1d"]);
    assert_eq!(site.run(&["keys", "disable", &off.id]).code, 0);
    assert!(fails(&site, "expiring", "Soon"));
    let text = site.run(&["check"]).out;
    for part in ["1 key expires within 14d:\nNAME", "Payments team", "ana@example.com", "Storefront"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(site.run(&["check", "--within", "9d"]).code, 0);
    let said = site.run(&["keys", "rotate", &soon.id, "--expires", "90d"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(check(&site, "rotating"), (0, vec!["Soon".to_owned()]), "it has a successor");
}

#[test]
fn a_predecessor_that_is_used_shortly_before_its_end_needs_attention() {
    if !Postgres::available() {
        return;
    }
    let site = Site::on(server());
    let old = site.key("Checkout");
    assert_eq!(site.run(&["keys", "rotate", "Checkout", "--overlap", "1h"]).code, 0);
    assert_eq!(check(&site, "rotating"), (0, vec!["Checkout".to_owned()]));
    let gateway = site.gateway();
    // Nearly an hour later.
    site.database.psql(
        "UPDATE keys SET created = created - 7000, delivered = delivered - 3500; \
         UPDATE keys SET expires = expires - 3500 WHERE replaced_by IS NOT NULL",
    );
    assert_eq!(check(&site, "rotating").0, 0, "it was not used since");
    assert_eq!(ask(&gateway, &old), 204);
    assert!(until(PATIENCE, || fails(&site, "still_used", "Checkout")));
    let text = site.run(&["check"]).out;
    assert!(text.contains("1 key stops working soon and is still in use since rotation:\nNAME"), "{text}");
}

#[test]
fn a_used_canary_key_needs_attention_until_it_is_acknowledged() {
    if !Postgres::available() {
        return;
    }
    let site = Site::on(server());
    let canary = site.key_with("Wiki canary", &["--canary"]);
    assert_eq!(check(&site, "canaries"), (0, vec![]));
    let gateway = site.gateway();
    assert_eq!(ask_from(&gateway, &canary, "192.0.2.77"), 401);
    assert!(until(PATIENCE, || fails(&site, "canaries", "Wiki canary")));
    let sources = &site.run(&["check", "--json"]).json()["canaries"][0]["sources"];
    assert_eq!((&sources[0]["address"], &sources[0]["requests"]), (&json!("192.0.2.77"), &json!(1)));
    assert!(gateway.get("/metrics", &[]).body.contains("\nkeydesk_canaries_used 1\n"));
    let list = site.run(&["keys", "list", "--state", "canary"]).out;
    assert!(list.contains("Canary (used)"), "{list}");
    let said = site.run(&["keys", "acknowledge", "wiki canary"]);
    assert!(said.code == 0 && said.err.contains("acknowledged: all uses up to"), "{said:?}");
    assert_eq!(check(&site, "canaries"), (0, vec![]));
    for command in [&["rotate"][..], &["disable"], &["enable"]] {
        let said = site.run(&[&["keys"], command, &[&canary.id, "--json"]].concat());
        assert_eq!((said.code, said.error().0.as_str()), (3, "canary"), "{command:?}: {said:?}");
    }
    site.is_sound("after the acknowledgment");
}

#[test]
fn a_deleted_key_that_is_still_in_use_needs_attention() {
    if !Postgres::available() {
        return;
    }
    let site = Site::on(server());
    let key = site.key("Checkout");
    let gateway = site.gateway();
    assert_eq!(ask_from(&gateway, &key, "192.0.2.4"), 204);
    assert_eq!(site.run(&["keys", "delete", &key.id, "--yes"]).code, 0);
    assert_eq!(check(&site, "deleted_in_use"), (0, vec![]));
    assert_eq!(ask_from(&gateway, &key, "192.0.2.9"), 401);
    assert!(until(PATIENCE, || fails(&site, "deleted_in_use", "Checkout")));
    let found = &site.run(&["check", "--json"]).json()["deleted_in_use"][0];
    assert_eq!(
        (&found["id"], &found["last_rejected_from"], &found["application"]),
        (&json!(key.id), &json!("192.0.2.9"), &json!("Storefront"))
    );
    let text = site.run(&["check"]).out;
    assert!(text.contains("1 deleted key is still in use:") && text.contains("192.0.2.9"), "{text}");
    // A day later.
    site.database.psql("UPDATE refusals SET last = last - 90000, day = day - 1");
    assert_eq!(check(&site, "deleted_in_use"), (0, vec![]));
}
