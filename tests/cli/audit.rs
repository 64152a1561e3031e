//! The audit log by command: listed, verified, compared with the known head.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::home::{Home, run};

fn actions(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect()
}

#[test]
fn entries_are_listed_newest_first_and_narrowed() {
    let home = Home::set_up();
    let (checkout, _) = home.key("Checkout", &[]);
    home.key("Billing", &[]);
    home.run(&["users", "add", "ben@example.com"]);
    assert_eq!(home.run(&["keys", "delete", "Checkout", "--yes"]).code, 0);
    let list = |more: &[&str]| home.run(&[&["audit", "list", "--json"], more].concat());
    let all = list(&[]).json();
    assert_eq!((all[0]["action"].as_str(), all[0]["key"].as_str()), (Some("key.deleted"), Some(&*checkout)));
    assert_eq!(all[0]["user"], "ana@example.com");
    assert_eq!(all[0]["key_name"], "Checkout", "also of a deleted key");
    assert_eq!(all[0]["changes"][0], json!({"field": "name", "before": "Checkout"}));
    let first = all.as_array().unwrap().last().unwrap();
    assert_eq!((&first["number"], &first["action"]), (&json!(1), &json!("set_up")));
    assert!(all[0]["hash"].as_str().unwrap().len() == 64 && all[0]["at"].as_str().unwrap().ends_with('Z'));

    for name in [checkout.as_str(), "Checkout", &format!("ik_live_{checkout}")] {
        let found = list(&["--key", name]).json();
        assert_eq!(actions(&found), ["key.deleted", "key.delivered", "key.created"], "{name}");
    }
    assert_eq!(actions(&list(&["--action", "DELETED"]).json()), ["key.deleted"]);
    assert_eq!(actions(&list(&["--user", "ben@example.com"]).json()), ["user.added"]);
    assert_eq!(list(&["--user", "ana@example.com"]).json(), all);
    assert_eq!(list(&["--limit", "2"]).json().as_array().unwrap().len(), 2);
    for (since, some) in [("1h", true), ("2020-01-01", true), ("2099-01-01T00:00:00Z", false)] {
        let found = list(&["--since", since]).json();
        assert_eq!(!found.as_array().unwrap().is_empty(), some, "{since}");
    }
    let text = home.run(&["audit", "list", "--limit", "1"]).out;
    assert!(text.contains("Key deleted") && text.contains("ana@example.com"), "{text}");

    let said = list(&["--since", "yesterday"]);
    assert_eq!((said.code, said.error().0.as_str()), (2, "bad_date"));
    let said = list(&["--action", "key.exploded"]);
    assert_eq!((said.code, said.error().0.as_str()), (2, "unknown_action"));
    assert!(said.err.contains("key.deleted"), "{}", said.err);
    assert_eq!(list(&["--key", "Nothing"]).code, 3);
    assert_eq!(list(&["--user", "nobody@example.com"]).code, 3);
}

#[test]
fn the_list_is_about_all_applications_unless_one_is_named() {
    let home = Home::set_up();
    home.key("Checkout", &[]);
    assert_eq!(home.run(&["apps", "create", "Billing"]).code, 0);
    for key in ["Invoices", "Gone"] {
        let said = home.run(&["keys", "create", "--name", key, "--app", "Billing", "--json"]);
        assert_eq!(said.code, 0, "{said:?}");
    }
    assert_eq!(home.run(&["keys", "delete", "Gone", "--app", "Billing", "--yes"]).code, 0);
    let list = |more: &[&str]| home.run(&[&["audit", "list", "--json"], more].concat());
    assert_eq!(actions(&list(&["--key", "invoices"]).json()), ["key.delivered", "key.created"]);
    assert_eq!(actions(&list(&["--key", "Gone"]).json()), ["key.deleted", "key.delivered", "key.created"]);
    assert_eq!(list(&["--key", "Invoices", "--app", "Storefront"]).code, 3);
    let here = list(&["--app", "storefront"]).json();
    assert!(here.as_array().unwrap().iter().all(|entry| entry["application"] == "Storefront"), "{here}");
    assert_eq!(actions(&here), ["key.delivered", "key.created", "application.created"]);
    assert_eq!(list(&["--app", "Nothing"]).code, 3);

    let text = home.run(&["audit", "list"]).out;
    let heads: Vec<&str> = text.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(heads, ["#", "WHEN", "ACTOR", "ACTION", "TARGET", "APPLICATION", "CHANGES"]);
    let column = text.find("APPLICATION").unwrap();
    let applications: Vec<&str> =
        text.lines().skip(1).filter_map(|line| line.get(column..column + 7)).collect();
    assert!(applications.contains(&"Billing") && applications.contains(&"Storefr"), "{text}");
}

#[test]
fn an_intact_log_verifies_and_heads_are_recognized() {
    let home = Home::set_up();
    let (id, _) = home.key("Checkout", &[]);
    let head = home.run(&["audit", "head"]).out.trim().to_owned();
    assert_eq!(home.run(&["keys", "disable", "Checkout"]).code, 0);
    assert_eq!(home.run(&["apps", "rename", "Storefront", "Shop"]).code, 0);
    let said = home.run(&["audit", "verify", "--expect", &head]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert!(said.out.starts_with("intact: 6 entries since "), "{}", said.out);
    let document = home.run(&["audit", "verify", "--json"]).json();
    assert_eq!((&document["whole"], &document["entries"]), (&json!(true), &json!(6)));
    assert_eq!((&document["expected"], &document["broken"]), (&json!(null), &json!(null)));
    let now = home.run(&["audit", "head", "--json"]).json();
    assert_eq!((&now["head"], &now["number"]), (&document["head"], &json!(6)));
    let hash = head.split_once(':').unwrap().1;
    let said = home.run(&["audit", "verify", "--expect", hash, "--json"]);
    assert_eq!((said.code, &said.json()["expected"]), (0, &json!(true)), "the hash alone will do");
    let other = format!("3:{}", "0".repeat(64));
    let said = home.run(&["audit", "verify", "--expect", &other, "--json"]);
    assert_eq!((said.code, &said.json()["expected"]), (1, &json!(false)));
    let said = home.run(&["audit", "verify", "--expect", &id, "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (2, "bad_head"));
}

/// Drops what stops accidental edits, and edits.
fn tamper(home: &Home, sql: &str) {
    let triggers = "DROP TRIGGER IF EXISTS audit_is_not_changed; DROP TRIGGER IF EXISTS audit_is_not_shortened; \
        DROP TRIGGER IF EXISTS tombstones_stay; DROP TRIGGER IF EXISTS keys_leave_a_tombstone; \
        DROP TRIGGER IF EXISTS keys_never_return;";
    home.sql(&format!("{triggers}{sql}"));
}

fn broken(home: &Home) -> Value {
    let said = home.run(&["audit", "verify", "--json"]);
    assert_eq!(said.code, 1, "{said:?}");
    let text = home.run(&["audit", "verify"]);
    assert!(text.code == 1 && text.out.starts_with("broken: "), "{text:?}");
    said.json()
}

#[test]
fn entries_that_were_changed_removed_inserted_or_reordered_are_found() {
    for (sql, number) in [
        ("UPDATE audit SET actor = 2 WHERE number = 4", 4),
        ("UPDATE audit SET changes = '[]' WHERE number = 4", 4),
        ("UPDATE audit SET key_id = 'nonsense' WHERE number = 3", 3),
        ("DELETE FROM audit WHERE number = 4", 4),
        ("DELETE FROM audit WHERE number = 1", 1),
        (
            "INSERT INTO audit SELECT number + 1, at, actor, actor_uid, 'key.deleted', application_id, key_id, \
             user_id, changes, commitment, hash FROM audit ORDER BY number DESC LIMIT 1",
            7,
        ),
        (
            "UPDATE audit SET number = 100 WHERE number = 3; UPDATE audit SET number = 3 WHERE number = 4; \
             UPDATE audit SET number = 4 WHERE number = 100",
            3,
        ),
    ] {
        let home = Home::set_up();
        home.run(&["users", "add", "ben@example.com"]);
        home.key("Checkout", &[]);
        home.run(&["keys", "disable", "Checkout"]);
        assert_eq!(home.run(&["audit", "verify"]).code, 0);
        tamper(&home, sql);
        assert_eq!(broken(&home)["broken"]["number"], number, "{sql}");
    }
}

#[test]
fn changes_without_an_audit_entry_are_reported() {
    let insert = "INSERT INTO keys (key_id, hash, application_id, name, name_order, folded, prefix, type, platform, creator_id, \
        created, expires) SELECT 'AAAAAAAAAA', hash, application_id, name, name_order, folded, prefix, type, \
        platform, creator_id, created, expires FROM keys LIMIT 1";
    for (sql, kind, words) in [
        ("DELETE FROM keys WHERE name = 'Checkout'", "key", "is missing without an audit entry"),
        (
            "INSERT INTO tombstones (key_id, hash, application_id, name, prefix, type, platform, deleted, \
             deleted_by) SELECT key_id, hash, application_id, name, prefix, type, platform, 5, 1 FROM keys; \
             DELETE FROM keys WHERE name = 'Checkout'",
            "key",
            "is missing without an audit entry",
        ),
        (insert, "key", "without an audit entry of its creation"),
        ("UPDATE keys SET expires = expires + 60 WHERE name = 'Checkout'", "key", "expires is 20"),
        ("UPDATE keys SET disabled = NULL, is_disabled = 0", "key", "disabled is none instead of 20"),
        ("UPDATE keys SET creator_id = 2 WHERE name = 'Checkout'", "key", "its creator"),
        ("UPDATE keys SET key_id = 'no!key!id!'", "key", "is missing"),
        (
            "UPDATE keys SET platform = 'x', created = 9223372036854775, expires = 9223372036854776",
            "key",
            "is missing",
        ),
        ("DELETE FROM tombstones", "key", "its tombstone is missing"),
        ("UPDATE tombstones SET deleted = deleted - 60", "key", "at another time"),
        ("UPDATE applications SET name = 'Shop'", "application", "renamed from \"Storefront\" to \"Shop\""),
        (
            "INSERT INTO applications (name, folded, name_order, created) VALUES ('X', 'x', 'x', 5)",
            "application",
            "without an audit entry of its creation",
        ),
        ("UPDATE users SET status = 'active' WHERE id = 2", "user", "is active instead of disabled"),
        (
            "INSERT INTO users (email, status, created) VALUES ('eve@example.com', 'active', 5)",
            "user",
            "exists without an audit entry",
        ),
    ] {
        let home = Home::set_up();
        home.run(&["users", "add", "ben@example.com"]);
        home.run(&["users", "disable", "ben@example.com"]);
        home.key("Checkout", &[]);
        home.run(&["keys", "disable", "Checkout"]);
        home.key("Old", &[]);
        home.run(&["keys", "delete", "Old", "--yes"]);
        assert_eq!(home.run(&["audit", "verify"]).code, 0);
        tamper(&home, sql);
        let document = broken(&home);
        let findings = document["findings"].as_array().unwrap();
        // The triggers that would have stopped it are missed too.
        let (schema, findings): (Vec<_>, Vec<_>) =
            findings.iter().partition(|found| found["kind"] == "schema");
        assert_eq!(schema.len(), 5, "{sql}: {document}");
        assert!(!findings.is_empty() && document["broken"].is_null(), "{sql}: {document}");
        assert_eq!(findings[0]["kind"], kind, "{sql}: {document}");
        assert!(findings[0]["what"].as_str().unwrap().contains(words), "{sql}: {document}");
    }
}

/// A copy of the database, as a backup of it that is put back later.
fn restored(home: &Home, between: impl FnOnce()) {
    let (database, copy) = (home.database(), home.path("copy.db"));
    std::fs::copy(&database, &copy).unwrap();
    between();
    std::fs::copy(&copy, &database).unwrap();
}

#[test]
fn a_restored_backup_is_reported_with_the_keys_that_it_restores() {
    let home = Home::set_up();
    let (checkout, secret) = home.key("Checkout", &[]);
    let (billing, _) = home.key("Billing", &[]);
    home.key("Old", &[]);
    home.run(&["keys", "delete", "Old", "--yes"]);
    assert_eq!(home.run(&["audit", "verify", "--json"]).json()["witnessed"], true);
    restored(&home, || {
        assert_eq!(
            home.run(&["keys", "delete", "Checkout", "Billing", "--yes"]).err.matches("warning").count(),
            0
        );
    });
    let said = home.run_with(secret.clone(), &["verify"]);
    assert_eq!(said.code, 0, "it is valid again");
    assert!(said.err.contains("exists again") || said.err.contains("exist again"), "{}", said.err);

    let line = format!("keydesk keys delete {checkout} {billing}");
    for _ in 0..2 {
        let said = home.run(&["keys", "list"]);
        assert_eq!(said.code, 0, "nobody is stopped");
        assert!(said.err.contains("you have seen 11 entries, and the log has 9"), "{}", said.err);
        assert!(
            said.err.contains("2 deleted keys exist again and may be accepted: Checkout"),
            "{}",
            said.err
        );
        assert!(said.err.contains(&line) && said.err.contains("keydesk audit accept"), "{}", said.err);
        assert!(!said.err.contains("Old"), "{}", said.err);
    }
    let said = home.run(&["keys", "list", "--json"]);
    assert!(said.json().is_array() && said.err.contains(&line));
    let said = home.run(&["audit", "verify"]);
    assert!(
        said.code == 1 && said.out.starts_with("broken: the audit log does not match the known head"),
        "{said:?}"
    );
    let said = home.run(&["audit", "verify", "--json"]);
    let document = said.json();
    assert_eq!((said.code, &document["whole"], &document["witnessed"]), (1, &json!(false), &json!(false)));
    assert_eq!((&document["revived"], &document["broken"]), (&json!([checkout, billing]), &json!(null)));

    let said = home.run(&["doctor", "--json"]);
    let report = said.json();
    let check =
        report["checks"].as_array().unwrap().iter().find(|check| check["check"] == "known head").unwrap();
    assert_eq!((said.code, &check["ok"]), (1, &json!(false)), "{report}");
    assert!(check["message"].as_str().unwrap().contains("2 deleted keys exist again"), "{check}");
    assert!(check["hint"].as_str().unwrap().starts_with(&line), "{check}");

    // Work continues, then follows the advice.
    home.key("New", &[]);
    let arguments: Vec<&str> = line.split(' ').skip(1).chain(["--yes"]).collect();
    assert_eq!(home.run(&arguments).code, 0);
    assert_eq!(home.run_with(secret, &["verify"]).code, 1);
    let said = home.run(&["keys", "list"]);
    assert!(!said.err.contains("exist") && said.err.contains("entry 11 is a different one"), "{}", said.err);
    let said = home.run(&["audit", "accept"]);
    assert_eq!(said.code, 2, "it asks: {said:?}");
    assert_eq!(home.run(&["audit", "accept", "--yes"]).code, 0);
    assert_eq!((home.run(&["audit", "verify"]).code, home.run(&["keys", "list"]).err.as_str()), (0, ""));
    let again = home.run(&["audit", "verify", "--json"]).json();
    assert_eq!((&again["witnessed"], &again["revived"]), (&json!(true), &json!([])));
}

#[test]
fn an_accepted_restored_key_is_not_reported_again() {
    let home = Home::set_up();
    let (id, _) = home.key("Checkout", &[]);
    restored(&home, || drop(home.run(&["keys", "delete", "Checkout", "--yes"])));
    assert!(
        home.run(&["keys", "list"]).err.contains("a deleted key exists again and may be accepted: Checkout")
    );
    assert_eq!(home.run(&["audit", "accept", "--yes"]).code, 0);
    restored(&home, || drop(home.key("Another", &[])));
    let said = home.run(&["keys", "list"]);
    assert!(said.err.contains("was shortened") && !said.err.contains("again"), "{}", said.err);
    assert!(home.run(&["keys", "list", "--json"]).json()[0]["id"] == id.as_str());
}

#[test]
fn a_rewritten_log_is_detected_only_with_an_earlier_head() {
    let home = Home::set_up();
    home.key("Checkout", &[]);
    // Anyone who can write the file can remove the end of the log and continue from there.
    let database = home.database();
    restored(&home, || drop(home.run(&["keys", "disable", "Checkout"])));
    let mut other = home.command(&["users", "add", "ben@example.com"]);
    let said = run(other.env("XDG_STATE_HOME", home.path("elsewhere")));
    // Entries by the same user prove that there was a known head, which this state directory does not have.
    assert_eq!((said.code, said.err.matches("is missing from").count()), (0, 1), "{said:?}");
    let said = home.run(&["keys", "list"]);
    assert!(said.err.contains("entry 5 is a different one"), "{}", said.err);
    assert_eq!(home.run(&["audit", "verify"]).code, 1);
    let mut other = home.command(&["audit", "verify"]);
    assert_eq!(run(other.env("XDG_STATE_HOME", home.path("elsewhere"))).code, 0);
    assert!(database.exists());
}

/// The directory of the known heads, the file of the only one, and the file that says which database is at its path.
fn known_head_files(home: &Home) -> (PathBuf, PathBuf, PathBuf) {
    let directory = home.path("state/keydesk/known-heads");
    let files = std::fs::read_dir(&directory).unwrap().map(|file| file.unwrap().path());
    let (paths, heads): (Vec<_>, Vec<_>) = files.partition(|file| file.display().to_string().contains("at-"));
    assert_eq!((heads.len(), paths.len()), (1, 1));
    (directory, heads[0].clone(), paths[0].clone())
}

/// What the loss of a known head means, as every command says it.
const LOSS: &str = "can no longer tell whether audit log entries before now were removed or changed. The present head \
                    is the known head from now on";

#[test]
fn the_known_head_is_private_and_problems_with_its_files_are_not_fatal() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::set_up();
    home.key("Checkout", &[]);
    let (directory, head, path) = known_head_files(&home);
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(&directory), mode(&head), mode(&path)), (0o700, 0o600, 0o600));
    let text = std::fs::read_to_string(&head).unwrap();
    assert!(!text.contains('@') && !text.contains("Checkout"), "{text}");

    for damaged in ["", "keydesk known head 1\nhead 3:00\n", "\u{0}\u{1}"] {
        std::fs::write(&head, damaged).unwrap();
        let said = home.run(&["audit", "verify"]);
        assert!(said.code == 0 && said.err.contains("is damaged"), "{said:?}");
        assert_eq!(home.run(&["audit", "verify"]).err, "", "the present head is the known one");
    }
    std::fs::remove_dir_all(&directory).unwrap();
    std::fs::write(&directory, "in the way").unwrap();
    let said = home.run(&["keys", "create", "--name", "Billing"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("could not read the known head"), "{said:?}");
    assert_eq!(home.run(&["audit", "verify"]).code, 0);
}

#[test]
fn a_lost_known_head_is_reported_once_by_the_next_command() {
    let home = Home::set_up();
    home.key("Checkout", &[]);
    let (directory, head, _) = known_head_files(&home);
    let losses: [(&str, &dyn Fn()); 4] = [
        ("is damaged", &|| std::fs::write(&head, "keydesk").unwrap()),
        ("is damaged", &|| std::fs::write(&head, [0xff, 0xfe]).unwrap()),
        ("is missing from", &|| std::fs::remove_file(&head).unwrap()),
        ("is missing from", &|| std::fs::remove_dir_all(&directory).unwrap()),
    ];
    for (what, lose) in losses {
        for command in [&["keys", "list"][..], &["keys", "disable", "Checkout"], &["users", "list"]] {
            lose();
            let said = home.run(command);
            assert!(said.code == 0 && said.err.contains(what) && said.err.contains(LOSS), "{what}: {said:?}");
            assert!(said.err.contains("keydesk audit verify --expect HEAD"), "{said:?}");
            let again = home.run(command);
            assert!(!again.err.contains("known head"), "once: {again:?}");
        }
        lose();
        let check = |said: crate::support::home::CommandOutput| {
            let report = said.json();
            let checks = report["checks"].as_array().unwrap().clone();
            let check = checks.into_iter().find(|check| check["check"] == "known head").unwrap();
            check["message"].as_str().unwrap().to_owned()
        };
        let message = check(home.run(&["doctor", "--json"]));
        assert!(message.contains(what) && message.contains(LOSS), "{message}");
        assert_eq!(check(home.run(&["doctor", "--json"])), "the audit log contains the known head");
    }
}

#[test]
fn a_database_opened_for_the_first_time_reports_no_lost_head() {
    let home = Home::empty();
    let said = home.run(&["init", "--email", "ana@example.com", "--app", "Storefront"]);
    assert!(!said.err.contains("known head"), "{said:?}");
    assert!(!home.run(&["keys", "list"]).err.contains("known head"));
    // One that somebody else has made.
    let other = Home::set_up();
    let raw = rusqlite::Connection::open(other.database()).unwrap();
    raw.execute_batch("DROP TRIGGER audit_is_not_changed; UPDATE audit SET actor_uid = actor_uid + 1;")
        .unwrap();
    drop(raw);
    let said = home.run(&["keys", "list", "--db", other.database().to_str().unwrap()]);
    assert!(!said.err.contains("known head"), "{said:?}");
}

#[test]
fn a_replaced_database_is_detected() {
    let (home, other) = (Home::set_up(), Home::set_up());
    home.key("Checkout", &[]);
    other.key("Backdoor", &[]);
    let own = home.path("own.db");
    std::fs::rename(home.database(), &own).unwrap();
    std::fs::copy(other.database(), home.database()).unwrap();
    for _ in 0..2 {
        let said = home.run(&["keys", "list"]);
        assert!(
            said.err.contains("not the one last seen at this path, which had 4 audit log entries"),
            "{said:?}"
        );
    }
    let said = home.run(&["audit", "verify", "--json"]);
    assert_eq!((said.code, &said.json()["witnessed"]), (1, &json!(false)));

    // The own one is known wherever it is, and in its place again.
    assert_eq!(home.run(&["keys", "list", "--db", own.to_str().unwrap()]).err, "");
    std::fs::rename(&own, home.database()).unwrap();
    assert_eq!(home.run(&["keys", "list"]).err, "");
    // Recreating the database on purpose is not reported.
    std::fs::remove_file(home.database()).unwrap();
    let said = home.run(&["init", "--email", "ana@example.com", "--app", "Storefront"]);
    assert!(
        said.code == 0 && !said.err.contains("last seen") && !said.err.contains("known head"),
        "{said:?}"
    );
    assert_eq!(home.run(&["audit", "verify", "--json"]).json()["witnessed"], true);
}

#[test]
fn an_altered_schema_is_rejected_and_named() {
    let ignore = "BEGIN SELECT raise(IGNORE); END";
    for (sql, object) in [
        (&*format!("CREATE TRIGGER evil BEFORE DELETE ON keys {ignore}"), "trigger evil was added"),
        (&*format!("CREATE TRIGGER evil BEFORE UPDATE ON keys {ignore}"), "trigger evil was added"),
        (
            "CREATE TRIGGER evil AFTER UPDATE ON keys BEGIN \
             UPDATE keys SET disabled = NULL, is_disabled = 0 WHERE key_id = NEW.key_id; END",
            "trigger evil was added",
        ),
        ("CREATE VIEW evil AS SELECT * FROM keys", "view evil was added"),
        ("CREATE INDEX evil ON keys (name)", "index evil was added"),
        ("CREATE TABLE evil (id INTEGER)", "table evil was added"),
        ("DROP TRIGGER tombstones_stay", "trigger tombstones_stay is missing"),
        ("DROP INDEX keys_by_replaces", "index keys_by_replaces is missing"),
        ("ALTER TABLE keys ADD COLUMN evil TEXT", "table keys was changed"),
    ] {
        let home = Home::set_up();
        let (_, secret) = home.key("Checkout", &[]);
        home.sql(sql);
        for change in [
            &["keys", "delete", "Checkout", "--yes"][..],
            &["keys", "disable", "Checkout"],
            &["keys", "create", "--name", "Another"],
        ] {
            let said = home.run(change);
            assert!(said.code == 3 && said.err.contains(object), "{sql}, {change:?}: {said:?}");
            assert!(!said.err.contains("deleted.") && said.out.is_empty(), "{sql}, {change:?}: {said:?}");
        }
        let said = home.run(&["keys", "delete", "Checkout", "--yes", "--json"]);
        assert_eq!(said.error().0, "altered_schema");
        // Nothing has changed, and the key is as valid as it was.
        assert_eq!(home.run_with(secret.clone(), &["verify"]).code, 0, "{sql}");
        for looking in [&["audit", "verify"][..], &["doctor"]] {
            let said = home.run(looking);
            assert!(said.code == 1 && said.out.contains(object), "{sql}, {looking:?}: {said:?}");
        }
    }
    // What ANALYZE writes is no alteration.
    let home = Home::set_up();
    home.sql("ANALYZE");
    home.key("Checkout", &[]);
    assert_eq!(home.run(&["audit", "verify"]).code, 0);
}

/// What decides about access is in the log too, as a commitment. The schema is as it was each time.
#[test]
fn manual_changes_are_reported_exactly() {
    let own = "x'0101010101010101010101010101010101010101010101010101010101010101'";
    let stays = "DROP TRIGGER tombstones_stay; %; CREATE TRIGGER tombstones_stay BEFORE DELETE ON tombstones\n\
        BEGIN SELECT raise(ABORT, 'a tombstone stays'); END";
    for (sql, kind, words) in [
        (
            &*format!("UPDATE keys SET hash = {own} WHERE name = 'First'"),
            "key",
            "the hash of its secret was replaced",
        ),
        (
            "UPDATE keys SET hash = (SELECT hash FROM keys k WHERE k.name <> keys.name AND k.name IN ('First', 'Second')) \
             WHERE name IN ('First', 'Second')",
            "key",
            "the hash of its secret was replaced",
        ),
        (
            &*format!("UPDATE tombstones SET hash = {own}"),
            "key",
            "has a tombstone that differs from the log: the hash",
        ),
        (
            "UPDATE tombstones SET prefix = 'ik_live_0000000000'",
            "key",
            "prefix is ik_live_0000000000 instead of ik_live_",
        ),
        ("UPDATE tombstones SET application_id = 7", "key", "Application is 7 instead of 1"),
        ("UPDATE tombstones SET name = 'Other'", "key", "name is Other instead of Gone"),
        (
            "UPDATE keys SET prefix = 'ik_live_0000000000' WHERE name = 'First'",
            "key",
            "prefix is ik_live_0000000000",
        ),
        ("UPDATE keys SET replaces = NULL WHERE replaces IS NOT NULL", "key", "replaces is none instead of"),
        (
            "UPDATE keys SET replaces = '0000000000' WHERE name = 'First'",
            "key",
            "replaces is 0000000000 instead of none",
        ),
        ("UPDATE keys SET replaced_by = NULL WHERE name = 'Old'", "key", "replaced by is none instead of"),
        ("UPDATE keys SET delivered = NULL WHERE name = 'First'", "key", "delivered is none instead of 20"),
        ("UPDATE keys SET delivered = created - 60 WHERE name = 'First'", "key", "delivered is 20"),
        ("UPDATE keys SET throwaway = 1 WHERE name = 'First'", "key", "throwaway is yes instead of none"),
        (
            "UPDATE users SET email = 'eve@example.com' WHERE id = 2",
            "user",
            "has another email, login or uid",
        ),
        ("UPDATE users SET login = 'eve' WHERE id = 2", "user", "has another email, login or uid"),
        ("UPDATE users SET login = NULL WHERE id = 2", "user", "has another email, login or uid"),
        ("UPDATE users SET uid = 4711 WHERE id = 2", "user", "has another email, login or uid"),
        ("UPDATE users SET salt = NULL WHERE id = 2", "user", "has another email, login or uid"),
        (
            "UPDATE applications SET folded = 'other' WHERE id = 1",
            "application",
            "(Storefront) is indexed under another name",
        ),
        ("DROP TRIGGER tombstones_stay", "schema", "is missing"),
        (
            "DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_shortened; DROP TRIGGER tombstones_stay; \
             DROP TRIGGER keys_leave_a_tombstone; DROP TRIGGER keys_never_return; DROP TRIGGER users_stay",
            "schema",
            "is missing",
        ),
        (
            &*stays.replace('%', "DELETE FROM tombstones WHERE name = 'Gone'"),
            "key",
            "its tombstone is missing",
        ),
    ] {
        let home = Home::set_up();
        home.run(&["users", "add", "ben@example.com", "--login", "ben"]);
        for name in ["First", "Second", "Old", "Gone"] {
            home.key(name, &[]);
        }
        assert_eq!(home.run(&["keys", "rotate", "Old"]).code, 0);
        home.run(&["keys", "delete", "Gone", "--yes"]);
        assert_eq!(home.run(&["audit", "verify"]).code, 0);
        assert_eq!(home.run(&["doctor"]).code, 0);
        home.sql(sql);
        let document = broken(&home);
        let findings = document["findings"].as_array().unwrap();
        let named = |found: &&Value| found["kind"] == kind && found["what"].as_str().unwrap().contains(words);
        assert!(findings.iter().any(|found| named(&found)), "{sql}: {document}");
        assert!(findings.iter().all(|found| found["kind"] == kind), "{sql}: nothing else: {document}");
        let said = home.run(&["doctor"]);
        assert!(said.code == 1 && said.out.contains(words), "{sql}: {said:?}");
    }
}

#[test]
fn the_log_contains_nothing_of_a_deleted_user() {
    let home = Home::set_up();
    home.run(&["users", "add", "ben@example.com", "--login", "ben"]);
    let salt = |home: &Home| -> Option<Vec<u8>> {
        let raw = rusqlite::Connection::open(home.database()).unwrap();
        raw.query_row("SELECT salt FROM users WHERE id = 2", [], |row| row.get(0)).unwrap()
    };
    let before = salt(&home).unwrap();
    assert_eq!(before.len(), 32);
    assert_eq!(home.run(&["users", "delete", "ben@example.com", "--yes"]).code, 0);
    assert_eq!(salt(&home), None);
    let bytes = std::fs::read(home.database()).unwrap();
    assert!(!bytes.windows(before.len()).any(|window| window == before), "erased from the file too");
    assert_eq!(home.run(&["audit", "verify"]).code, 0);
}
