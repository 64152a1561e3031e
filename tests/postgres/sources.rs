//! From where keys may be used on a server, and from where they are used.

use std::time::Duration;

use serde_json::{Value, json};

use crate::site::{Site, ask_from};
use crate::support::postgres::{Postgres, server};
use crate::support::until;

const PATIENCE: Duration = Duration::from_secs(20);

/// The addresses with their requests, by address.
fn addresses(sources: &Value) -> Vec<(String, u64)> {
    let source = |source: &Value| {
        (source["address"].as_str().unwrap().to_owned(), source["requests"].as_u64().unwrap())
    };
    let mut all: Vec<_> = sources.as_array().unwrap().iter().map(source).collect();
    all.sort();
    all
}

fn source(address: &str, requests: u64) -> (String, u64) {
    (address.to_owned(), requests)
}

#[test]
fn a_key_is_accepted_from_its_allowed_sources_alone() {
    if !Postgres::available() {
        return;
    }
    let site = Site::on(server());
    let key = site.key_with("Batch", &["--from", "10.0.0.0/8,2001:db8::/32"]);
    assert_eq!(site.shown("Batch")["allowed_sources"], json!(["10.0.0.0/8", "2001:db8::/32"]));
    let gateway = site.gateway();
    let verify = |address: &str| {
        let said = site.run_with(&key.secret, &["verify", "--json", "--source", address]);
        assert_eq!(said.json()["valid"] == true, said.code == 0, "{said:?}");
        (said.code, said.json()["reason"].clone())
    };
    for (address, status) in [("10.0.0.4", 204), ("2001:db8::7", 204), ("192.0.2.1", 401)] {
        assert_eq!(ask_from(&gateway, &key, address), status, "{address}");
        let expected = if status == 204 { (0, Value::Null) } else { (1, json!("source_not_allowed")) };
        assert_eq!(verify(address), expected, "{address}");
    }
    // Without an address, nothing is known.
    assert_eq!(site.run_with(&key.secret, &["verify"]).code, 1);
    // Changes count for the next request.
    for (from, allowed, rejected) in
        [("192.0.2.0/24", "192.0.2.1", "10.0.0.4"), ("198.51.100.9", "198.51.100.9", "192.0.2.1")]
    {
        assert_eq!(site.run(&["keys", "edit", "Batch", "--from", from]).code, 0);
        assert_eq!(ask_from(&gateway, &key, allowed), 204, "{from}");
        assert_eq!(ask_from(&gateway, &key, rejected), 401, "{from}");
    }
    assert_eq!(site.run(&["keys", "edit", "Batch", "--from", "any"]).code, 0);
    assert_eq!(ask_from(&gateway, &key, "203.0.113.1"), 204);
    assert_eq!(site.shown("Batch")["allowed_sources"], json!([]));
    let said = site.run(&["audit", "list", "--action", "edited", "--json"]).json();
    assert_eq!(said.as_array().unwrap().len(), 3, "{said}");
    site.is_sound("after the changes");
    let metric = "keydesk_decisions_total{outcome=\"refused\",reason=\"source_not_allowed\"} 3";
    assert!(gateway.get("/metrics", &[]).body.contains(metric));
}

#[test]
fn who_was_rejected_during_an_outage_is_listed_after_it() {
    if !Postgres::available() {
        return;
    }
    let site = Site::on(server());
    let key = site.key("Checkout");
    let gateway = site.gateway();
    assert_eq!(ask_from(&gateway, &key, "192.0.2.1"), 204);
    assert_eq!(site.run(&["keys", "disable", "Checkout", "--for", "5m"]).code, 0);
    for (address, requests) in [("192.0.2.1", 2), ("2001:db8::9", 1)] {
        (0..requests).for_each(|_| assert_eq!(ask_from(&gateway, &key, address), 401));
    }
    let expected = vec![source("192.0.2.1", 2), source("2001:db8::9", 1)];
    assert!(until(PATIENCE, || addresses(&site.shown(&key.id)["rejected"]) == expected));
    let shown = site.shown(&key.id);
    assert_eq!(
        (&shown["state"], addresses(&shown["sources"])),
        (&json!("disabled"), vec![source("192.0.2.1", 1)])
    );
    let text = site.run(&["keys", "show", &key.id]).out;
    assert!(text.contains("Rejected while disabled:") && text.contains("2001:db8::9"), "{text}");
    // It ends by itself, by the clock of the server.
    site.database.psql(
        "UPDATE keys SET disabled = disabled - 300, disabled_until = disabled_until - 300; \
         UPDATE key_sources SET first = first - 300, last = last - 300 WHERE reason = 'disabled'",
    );
    assert_eq!(ask_from(&gateway, &key, "192.0.2.1"), 204);
    assert_eq!(addresses(&site.shown(&key.id)["rejected"]), expected);
}

#[test]
fn who_has_moved_to_the_successor_and_who_still_uses_a_deleted_key_is_listed() {
    if !Postgres::available() {
        return;
    }
    let site = Site::on(server());
    let old = site.key("Checkout");
    let gateway = site.gateway();
    for address in ["192.0.2.1", "192.0.2.2"] {
        assert_eq!(ask_from(&gateway, &old, address), 204);
    }
    let said = site.run(&["keys", "rotate", "Checkout", "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    let text = |field: &str| said.json()[field].as_str().unwrap().to_owned();
    let new = crate::site::Issued { id: text("id"), secret: text("secret") };
    // The sources are compared by whole seconds.
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(ask_from(&gateway, &new, "192.0.2.1"), 204);
    assert_eq!(ask_from(&gateway, &old, "192.0.2.2"), 204);
    let moved = || {
        let shown = site.shown(&old.id);
        let of = |source: &Value| (source["address"].as_str().unwrap().to_owned(), source["moved"].clone());
        let mut all: Vec<_> = shown["sources"].as_array().unwrap().iter().map(of).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    };
    let expected = vec![("192.0.2.1".to_owned(), json!(true)), ("192.0.2.2".to_owned(), json!(false))];
    assert!(until(PATIENCE, || moved() == expected), "{:?}", moved());

    assert_eq!(site.run(&["keys", "delete", &old.id, "--yes"]).code, 0);
    (0..3).for_each(|_| assert_eq!(ask_from(&gateway, &old, "192.0.2.2"), 401));
    assert_eq!(ask_from(&gateway, &new, "192.0.2.1"), 204);
    // A gateway that ends has written everything.
    assert_eq!(gateway.stop(), Some(0));
    let last = "SELECT source, requests FROM key_sources WHERE reason = 'deleted'";
    assert_eq!(site.database.psql(last), "192.0.2.2|3");
    let found = &site.run_with(&old.secret, &["identify", "--json"]).json()["found"][0];
    assert_eq!((&found["state"], &found["name"]), (&json!("deleted"), &json!("Checkout")));
    let text = site.run_with(&old.secret, &["identify"]).out;
    assert!(text.contains("192.0.2.2"), "{text}");
}
