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
    home.key("First", &["--app", "Storefront", "--expires", "2d", "--owner", "Payments team"]);
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
    assert!(said.out.contains("OWNER") && said.out.contains("Payments team"), "{}", said.out);
    assert!(said.out.contains("CREATOR") && said.out.contains("ana@example.com"), "{}", said.out);
    assert_eq!(home.run(&["check"]).out, said.out, "14 days are the default");
    assert_eq!(home.run(&["check", "--within", "24h"]).code, 0);
    assert_eq!(home.run(&["check", "--within", "5d", "--app", "Other"]).code, 0);
    assert_eq!(home.run(&["check", "--within", "5d", "--app", "Storefront"]).code, 1);
    // A name hides nothing.
    home.key("keydesk doctor (throwaway)", &["--app", "Other", "--expires", "5m"]);
    assert_eq!(home.run(&["check", "--within", "24h"]).code, 1);
}

/// Records a use at an instant, in SQL.
fn used(home: &Home, id: &str, at: &str) {
    home.sql(&format!(
        "INSERT OR REPLACE INTO key_use SELECT key_id, application_id, {at}, {at}, NULL FROM keys WHERE key_id = '{id}'"
    ));
}

#[test]
fn other_findings_do_not_fail_the_check() {
    let home = Home::set_up();
    for (name, change) in [
        ("Idle", "created = created - 200 * 86400, delivered = delivered - 100 * 86400"),
        ("Never shown", "delivered = NULL"),
        ("In use", "created = created - 200 * 86400"),
        ("New", "version = 2"),
    ] {
        let (id, _) = home.key(name, &["--expires", "90d"]);
        home.sql(&format!("UPDATE keys SET {change} WHERE key_id = '{id}'"));
        if name == "In use" {
            used(&home, &id, "unixepoch()");
        }
    }
    let said = home.run(&["check", "--within", "14d", "--json"]);
    let document = said.json();
    assert_eq!((said.code, &document["ok"]), (0, &true.into()), "{document}");
    assert_eq!(names(&document, "idle"), ["Idle"]);
    assert_eq!(names(&document, "undelivered"), ["Never shown"]);
    assert_eq!(names(&document, "still_used"), [""; 0]);
    // A key that has a successor needs neither rotation nor deletion.
    home.sql("UPDATE keys SET replaced_by = '0000000000' WHERE name = 'Never shown'");
    assert_eq!(names(&home.run(&["check", "--json"]).json(), "undelivered"), [""; 0]);
    home.sql("UPDATE keys SET replaced_by = NULL WHERE name = 'Never shown'");
    let text = home.run(&["check", "--within", "14d"]).out;
    for part in ["not used for 90 days", "never delivered", "OWNER", "REPLACED BY"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_routine_rotation_does_not_fail_the_check_and_a_predecessor_in_use_at_its_end_does() {
    let home = Home::set_up();
    let (old, _) = home.key("Routine", &["--expires", "90d"]);
    let used = |at: &str| used(&home, &old, at);
    used("unixepoch()");
    assert_eq!(home.run(&["keys", "rotate", &old]).code, 0);
    let check = || {
        let said = home.run(&["check", "--json"]);
        let document = said.json();
        assert_eq!(names(&document, "expiring"), [""; 0], "it has a successor");
        (said.code, names(&document, "still_used").len(), names(&document, "rotating").len())
    };
    used("unixepoch() + 1");
    assert_eq!(check(), (0, 0, 1), "nobody has to change over at once");
    // 23 of 24 hours later.
    home.sql(
        "UPDATE keys SET created = created - 100 * 86400;
         UPDATE keys SET delivered = delivered - 23 * 3600;
         UPDATE keys SET expires = expires - 23 * 3600 WHERE replaced_by IS NOT NULL",
    );
    used("unixepoch() - 600");
    assert_eq!(check(), (1, 1, 0));
    let text = home.run(&["check"]).out;
    assert!(text.contains("1 key stops working soon and is still in use since rotation:\nNAME"), "{text}");
    used("unixepoch() - 23 * 3600 - 600");
    assert_eq!(check(), (0, 0, 1), "it was not used since");
}

#[test]
fn deleted_keys_in_use_fail_the_check_for_a_day() {
    let home = Home::set_up();
    home.run(&["apps", "create", "Other"]);
    let (gone, _) = home.key("Gone", &["--app", "Other"]);
    assert_eq!(home.run(&["keys", "delete", &gone, "--yes"]).code, 0);
    let rejected = |ago: u32| {
        home.sql(&format!(
            "DELETE FROM refusals; INSERT INTO refusals (day, reason, key_id, count, last, last_from) \
             VALUES ((unixepoch() - {ago}) / 86400, 'deleted', '{gone}', 3, unixepoch() - {ago}, '10.0.0.9')"
        ));
    };
    rejected(23 * 3600);
    let said = home.run(&["check", "--json"]);
    assert_eq!((said.code, names(&said.json(), "deleted_in_use")), (1, vec!["Gone".to_owned()]));
    let found = &said.json()["deleted_in_use"][0];
    assert_eq!(
        (&found["id"], &found["application"], &found["last_rejected_from"]),
        (&gone.as_str().into(), &"Other".into(), &"10.0.0.9".into())
    );
    let text = home.run(&["check"]).out;
    assert!(text.contains("1 deleted key is still in use:") && text.contains("10.0.0.9"), "{text}");
    home.sql("UPDATE refusals SET last_from = NULL");
    assert!(home.run(&["check"]).out.contains("unknown address"));
    assert_eq!(home.run(&["check", "--app", "Storefront"]).code, 0);
    assert_eq!(home.run(&["check", "--app", "Storefront", "--all-apps"]).code, 1);
    rejected(25 * 3600);
    assert_eq!(home.run(&["check"]).code, 0);
}

#[test]
fn usage_errors_are_not_a_result() {
    let home = Home::empty();
    assert_eq!(home.run(&["check", "--within", "14d"]).code, 3, "no database");
    let home = Home::set_up();
    for wrong in ["", "14", "soon", "-1d", "1.5d"] {
        assert_eq!(home.run(&["check", &format!("--within={wrong}")]).code, 2, "{wrong}");
    }
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
