//! `keydesk check`: what expires soon, and what else wants attention.

use serde_json::Value;

use crate::support::home::Home;

fn names(document: &Value, sort: &str) -> Vec<String> {
    document[sort].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_key_that_expires_within_the_period_fails_the_check() {
    let home = Home::set_up();
    home.run(&["apps", "create", "Other"]);
    home.key("Late", &["--app", "Storefront", "--expires", "90d"]);
    let said = home.run(&["check", "--within", "14d"]);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (0, "Nothing expires within 14d.\n", ""));
    let (second, _) = home.key("Second", &["--app", "Other", "--expires", "10d"]);
    home.key("First", &["--app", "Storefront", "--expires", "2d"]);
    let (paused, _) = home.key("Paused", &["--app", "Storefront", "--expires", "1d"]);
    home.run(&["keys", "disable", &paused]);
    let (throwaway, _) = home.key("Throwaway", &["--app", "Other", "--expires", "5m"]);
    home.sql(&format!("UPDATE keys SET throwaway = 1 WHERE key_id = '{throwaway}'"));
    let said = home.run(&["check", "--within", "14d", "--json"]);
    let document = said.json();
    assert_eq!((said.code, &document["ok"], &document["more"]), (1, &false.into(), &false.into()));
    assert_eq!(names(&document, "expiring"), ["First", "Second"]);
    assert_eq!(document["expiring"][1]["application"], "Other");
    assert_eq!(document["expiring"][1]["id"], second.as_str());
    let said = home.run(&["check", "--within", "14d"]);
    assert_eq!(said.code, 1);
    assert!(said.out.starts_with("2 keys expire within 14d:\nNAME"), "{}", said.out);
    assert_eq!(home.run(&["check", "--within", "24h"]).code, 0);
    assert_eq!(home.run(&["check", "--within", "5d", "--app", "Other"]).code, 0);
    assert_eq!(home.run(&["check", "--within", "5d", "--app", "Storefront"]).code, 1);
    // A name hides nothing.
    home.key("keydesk doctor (throwaway)", &["--app", "Other", "--expires", "5m"]);
    assert_eq!(home.run(&["check", "--within", "24h"]).code, 1);
}

#[test]
fn other_findings_do_not_fail_the_check() {
    let home = Home::set_up();
    for (name, change) in [
        ("Idle", "created = created - 200 * 86400, delivered = delivered - 100 * 86400"),
        ("Never shown", "delivered = NULL"),
        ("In use", "created = created - 200 * 86400, last_used = created, used_order = created"),
        ("New", "version = 2"),
    ] {
        let (id, _) = home.key(name, &["--expires", "90d"]);
        home.sql(&format!("UPDATE keys SET {change} WHERE key_id = '{id}'"));
    }
    let said = home.run(&["check", "--within", "14d", "--json"]);
    let document = said.json();
    assert_eq!((said.code, &document["ok"]), (0, &true.into()), "{document}");
    assert_eq!(names(&document, "idle"), ["Idle"]);
    assert_eq!(names(&document, "undelivered"), ["Never shown"]);
    assert_eq!(names(&document, "still_used"), [""; 0]);
    // A replaced one: only while it is still used.
    let (old, _) = home.key("Old", &["--expires", "3d"]);
    let (quiet, _) = home.key("Quiet", &["--expires", "2d"]);
    home.sql(&format!("UPDATE keys SET replaced_by = '{quiet}' WHERE key_id IN ('{old}', '{quiet}')"));
    home.sql(&format!("UPDATE keys SET last_used = created, used_order = created WHERE key_id = '{old}'"));
    let said = home.run(&["check", "--within", "14d", "--json"]);
    assert_eq!((said.code, names(&said.json(), "still_used")), (1, vec!["Old".to_owned()]));
    let text = home.run(&["check", "--within", "14d"]).out;
    for part in ["still in use", "not used for 90 days", "never shown", "REPLACED BY"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn usage_errors_are_not_a_result() {
    let home = Home::empty();
    assert_eq!(home.run(&["check", "--within", "14d"]).code, 3, "no database");
    let home = Home::set_up();
    for wrong in ["", "14", "soon", "-1d", "1.5d"] {
        assert_eq!(home.run(&["check", &format!("--within={wrong}")]).code, 2, "{wrong}");
    }
    assert_eq!(home.run(&["check"]).code, 2);
    assert_eq!(home.run(&["check", "--within", "1d", "--app", "Nowhere"]).code, 3);
}

#[test]
fn many_keys_take_no_longer() {
    let home = Home::set_up();
    home.sql(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
         INSERT INTO keys (key_id, hash, application_id, name, name_order, folded, prefix, type, platform, creator_id, created,
                           expires, delivered)
         SELECT printf('%010d', i), zeroblob(32), 1, 'Key ' || i, 'key ' || length(i) || i, 'key ' || i, 'ik_live_' || printf('%010d', i),
                'production', '', 1, unixepoch() - 1000, unixepoch() + 86400 * 5, unixepoch() FROM n",
    );
    let since = std::time::Instant::now();
    let said = home.run(&["check", "--within", "14d", "--json"]);
    assert!(since.elapsed().as_secs() < 10, "{:?}", since.elapsed());
    let document = said.json();
    assert_eq!((said.code, &document["more"]), (1, &true.into()));
    assert_eq!(document["expiring"].as_array().unwrap().len(), 1_000);
}
