//! The commands on a server that no other test of this binary is about.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::{Value, json};

use crate::site::{ADMINISTRATOR, GATEWAY, Site, ask, ask_from};
use crate::support::postgres::{Postgres, server};
use crate::support::until;

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn verify_says_why_for_both_roles() {
    if !Postgres::available() {
        return;
    }
    let site = Site::on(server());
    let (good, off, gone) = (site.key("Good"), site.key("Off"), site.key("Gone"));
    assert_eq!(site.run(&["keys", "disable", &off.id]).code, 0);
    assert_eq!(site.run(&["keys", "delete", &gone.id, "--yes"]).code, 0);
    let unknown = Site::on(server()).key("Elsewhere");
    for role in [ADMINISTRATOR, GATEWAY] {
        let verify = |text: &str, more: &[&str]| {
            let arguments = [&["verify", "--json"], more].concat();
            site.run_at_with(&site.url(role), text, &arguments)
        };
        let said = verify(&good.secret, &[]);
        let key = &said.json()["key"];
        assert_eq!((said.code, &said.json()["valid"]), (0, &json!(true)), "{role}: {said:?}");
        assert_eq!((&key["id"], &key["application"]), (&json!(good.id), &json!("Storefront")), "{role}");
        for (text, more, reason, id) in [
            (off.secret.as_str(), &[][..], "disabled", Some(&off.id)),
            (&gone.secret, &[], "deleted", Some(&gone.id)),
            (&good.secret, &["--app", "Other"], "wrong_application", Some(&good.id)),
            (&unknown.secret, &[], "unknown", None),
            ("nonsense", &[], "malformed", None),
        ] {
            let said = verify(text, more);
            let document = said.json();
            assert_eq!((said.code, said.err.as_str()), (1, ""), "{role}: {said:?}");
            assert_eq!((&document["valid"], &document["reason"]), (&json!(false), &json!(reason)), "{role}");
            assert_eq!(document["key_id"].as_str(), id.map(String::as_str), "{role}: {document}");
        }
        let said = site.run_at_with(&site.url(role), &good.secret, &["verify"]);
        assert!(said.code == 0 && said.out.starts_with("valid"), "{role}: {said:?}");
        let said = site.run_at_with(&site.url(role), &gone.secret, &["verify"]);
        assert!(said.code == 1 && said.out.contains("deleted"), "{role}: {said:?}");
    }
    let nowhere = "postgres://ana@localhost:1/keydesk?sslmode=verify-full";
    let said = site.run_at_with(nowhere, &good.secret, &["verify", "--json"]);
    assert_eq!((said.code, said.out.as_str(), said.error().0.as_str()), (3, "", "unreachable"), "{said:?}");
}

#[test]
fn a_gateway_answers_for_monitoring() {
    if !Postgres::available() {
        return;
    }
    let own = Postgres::start();
    let site = Site::on(&own);
    let (key, off) = (site.key("Checkout"), site.key("Off"));
    assert_eq!(site.run(&["keys", "disable", &off.id]).code, 0);
    let gateway = site.gateway();
    let get = |path: &str| gateway.get(path, &[]);
    assert_eq!((get("/healthz").status, get("/healthz").body.as_str()), (200, "ok"));
    assert_eq!((ask(&gateway, &key), ask(&gateway, &off)), (204, 401));
    let metrics = get("/metrics").body;
    for line in [
        "keydesk_decisions_total{outcome=\"accepted\",reason=\"\"} 1",
        "keydesk_decisions_total{outcome=\"refused\",reason=\"disabled\"} 1",
        "keydesk_keys{state=\"valid\"} 1",
        "keydesk_keys{state=\"disabled\"} 1",
        "keydesk_canaries_used 0",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    own.stop();
    assert_eq!((get("/healthz").status, ask(&gateway, &key)), (503, 503));
    assert_eq!(get("/metrics").status, 200);
    own.start_again();
    assert!(until(PATIENCE, || get("/healthz").status == 200));
    assert_eq!(ask(&gateway, &key), 204);
    assert_eq!(gateway.stop(), Some(0));
}

#[test]
fn identify_and_scan_find_keys() {
    if !Postgres::available() {
        return;
    }
    let site = Site::on(server());
    let names = ["Live", "Off", "Gone", "Trap"];
    let keys = names.map(|name| site.key_with(name, if name == "Trap" { &["--canary"] } else { &[] }));
    let [live, off, gone, _] = &keys;
    assert_eq!(site.run(&["keys", "disable", &off.id]).code, 0);
    assert_eq!(site.run(&["keys", "delete", &gone.id, "--yes"]).code, 0);
    let text: Vec<String> = keys.iter().map(|key| format!("key: {}\n", key.secret)).collect();
    let text = text.concat();
    let file = site.home.path("leak.txt");
    std::fs::write(&file, &text).unwrap();
    let path = file.display().to_string();
    let states = |document: &Value| -> Vec<(String, u64)> {
        let found = document["found"].as_array().unwrap().iter();
        found.map(|key| (key["state"].as_str().unwrap().to_owned(), key["line"].as_u64().unwrap())).collect()
    };
    let expected: Vec<_> =
        ["live", "disabled", "deleted", "canary"].map(str::to_owned).into_iter().zip(1..).collect();
    for said in [
        site.run_with(&text, &["identify", "--json"]),
        site.run(&["identify", "--json", "--file", &path]),
        site.run(&["scan", "--json", &path]),
    ] {
        assert_eq!((said.code, states(&said.json())), (1, expected.clone()), "{said:?}");
        assert!(keys.iter().all(|key| !said.out.contains(&key.secret)), "{said:?}");
    }
    let said = site.run(&["scan", &path]);
    assert!(
        said.code == 1 && said.out.contains(&live.id) && said.out.contains("\"Live\" of Storefront"),
        "{said:?}"
    );
    assert_eq!(site.run(&["keys", "delete", &live.id, "--yes"]).code, 0);
    assert_eq!(site.run(&["scan", &path]).code, 0, "none is live");
}

#[test]
fn export_and_usage_print_what_there_is() {
    if !Postgres::available() {
        return;
    }
    let site = Site::on(server());
    let key = site.key_with("Checkout", &["--platform", "braze", "--owner", "=Shop"]);
    site.key("Other");
    let gateway = site.gateway();
    assert_eq!(ask_from(&gateway, &key, "192.0.2.4"), 204);
    assert!(until(PATIENCE, || site.shown("Checkout")["uses_30d"] == 1));
    let used = site.shown("Checkout");
    assert_eq!((used["last_used"].is_string(), &used["last_used_from"]), (true, &json!("192.0.2.4")));
    let exported = site.run(&["export", "--format", "json"]).json();
    assert_eq!(exported.as_array().unwrap().len(), 2, "{exported}");
    let csv = site.home.path("keys.csv").display().to_string();
    let said = site.run(&["export", "--out", &csv]);
    assert_eq!(said.code, 0, "{said:?}");
    let text = std::fs::read_to_string(&csv).unwrap();
    assert_eq!(std::fs::metadata(&csv).unwrap().permissions().mode() & 0o7777, 0o600);
    assert!(text.contains(",Checkout,Storefront,") && text.contains(",'=Shop,"), "{text}");
    assert!(!text.contains(&key.secret), "{text}");
    let said = site.run(&["keys", "usage", "Checkout"]);
    assert!(said.code == 0 && said.out.contains("Braze"), "{said:?}");
    let said = site.run(&["keys", "usage", "Checkout", "--json"]);
    assert!(said.code == 0 && said.json().is_object(), "{said:?}");
}

#[test]
fn a_receipt_of_a_deletion_matches_its_database_and_is_contradicted_by_a_later_use() {
    if !Postgres::available() {
        return;
    }
    let site = Site::on(server());
    let key = site.key("Partner");
    let gateway = site.gateway();
    assert_eq!(ask(&gateway, &key), 204);
    assert!(until(PATIENCE, || site.shown(&key.id)["uses_30d"] == 1));
    assert_eq!(site.run(&["keys", "delete", &key.id, "--yes"]).code, 0);
    assert_eq!(ask(&gateway, &key), 401);
    assert_eq!(gateway.stop(), Some(0));
    let path = site.home.path("deletion.json").display().to_string();
    let said = site.run(&["audit", "receipt", "Partner", "--out", &path]);
    assert_eq!(said.code, 0, "{said:?}");
    let receipt: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!((&receipt["key"]["id"], &receipt["accepted_since"]), (&json!(key.id), &json!(0)));
    assert!(receipt["last_accepted"]["at"].is_string() && receipt["first_rejected"]["at"].is_string());
    let verify = || site.run(&["audit", "receipt", "--verify", &path, "--json"]);
    let said = verify();
    assert_eq!((said.code, &said.json()["matches"]), (0, &json!(true)), "{said:?}");
    assert_eq!(said.json()["database"], site.url(ADMINISTRATOR), "{said:?}");
    // Another database is another story.
    let said = Site::on(server()).run(&["audit", "receipt", "--verify", &path, "--json"]);
    assert_eq!(said.code, 1, "{said:?}");
    site.database.psql("UPDATE tombstones SET last_used = deleted + 60");
    let said = verify();
    assert_eq!((said.code, &said.json()["matches"]), (1, &json!(false)), "{said:?}");
}

#[test]
fn all_keys_that_are_due_are_rotated() {
    if !Postgres::available() {
        return;
    }
    let site = Site::on(server());
    assert_eq!(site.run(&["apps", "create", "Billing"]).code, 0);
    for (name, application, expires) in
        [("First", "Storefront", "1d"), ("Second", "Billing", "2d"), ("Later", "Billing", "60d")]
    {
        site.key_with(name, &["--app", application, "--expires", expires]);
    }
    let due = |more: &[&str]| {
        site.run(&[&["keys", "rotate", "--due", "14d", "--all-apps", "--json"], more].concat())
    };
    let names = |document: &Value, list: &str| -> Vec<String> {
        let keys = document[list].as_array().unwrap().iter();
        keys.map(|key| key["name"].as_str().unwrap().to_owned()).collect()
    };
    let said = due(&["--dry-run"]);
    assert_eq!(names(&said.json(), "due"), ["First", "Second"], "{said:?}");
    let into = format!(
        "cat > '{}'/\"$KEYDESK_KEY_NAME\"; test \"$KEYDESK_KEY_NAME\" != Second",
        site.home.path("").display()
    );
    let said = due(&["--run", &into]);
    assert_eq!((said.code, said.error().0.as_str()), (3, "not_all_rotated"), "{said:?}");
    let document = said.json();
    assert_eq!(
        (names(&document, "rotated"), names(&document, "failed")),
        (vec!["First".into()], vec!["Second".into()])
    );
    let verify = |name: &str| {
        let secret = std::fs::read_to_string(site.home.path(name)).unwrap();
        site.run_with(&secret, &["verify"]).code
    };
    assert_eq!((verify("First"), verify("Second")), (0, 1), "what was not delivered is withdrawn");
    let said = due(&["--run", &into.replace("!= Second", "!= Nobody")]);
    assert_eq!((said.code, names(&said.json(), "rotated")), (0, vec!["Second".to_owned()]), "{said:?}");
    assert_eq!(verify("Second"), 0);
    assert_eq!(names(&due(&["--run", "false"]).json(), "rotated"), [""; 0], "nothing is left");
    site.is_sound("after the rotations");
}

#[test]
fn an_error_leaves_standard_output_empty() {
    if !Postgres::available() {
        return;
    }
    let site = Site::on(server());
    site.key("Checkout");
    for arguments in [
        &["audit", "list"][..],
        &["audit", "verify"],
        &["keys", "list"],
        &["users", "list"],
        &["export"],
        &["check"],
    ] {
        for format in [&[][..], &["--json"]] {
            let said = site.run_at(&site.url(GATEWAY), &[arguments, format].concat());
            assert_eq!((said.code, said.out.as_str()), (3, ""), "{arguments:?}: {said:?}");
            assert!(!said.err.is_empty());
        }
    }
}
