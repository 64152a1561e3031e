//! `keydesk audit receipt`: receipts of deletions, and what contradicts them.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::home::{CommandOutput, Home, run};

/// A home directory with a key that was used, deleted, and used again, and with a receipt of its deletion.
struct Receipt {
    home: Home,
    id: String,
    document: String,
}

impl Receipt {
    fn made() -> Self {
        let home = Home::set_up();
        let (id, secret) = home.key("Checkout", &[]);
        assert!(home.accepts(&secret));
        delete(&home, &id);
        assert!(!home.accepts(&secret));
        let said = home.run(&["audit", "receipt", "Checkout", "--out", &path(&home)]);
        assert_eq!(said.code, 0, "{said:?}");
        let document = std::fs::read_to_string(home.path("receipt.json")).unwrap();
        Self { home, id, document }
    }

    fn value(&self) -> Value {
        serde_json::from_str(&self.document).unwrap()
    }

    fn verify(&self, more: &[&str]) -> CommandOutput {
        verify(&self.home, more)
    }

    /// Verifies it with the database, and returns the codes of what contradicts it.
    fn contradictions(&self) -> Vec<String> {
        let said = self.verify(&["--json"]);
        let document = said.json();
        let found = document["contradictions"].as_array().unwrap();
        assert_eq!(
            (said.code, &document["matches"]),
            (i32::from(!found.is_empty()), &json!(found.is_empty()))
        );
        found.iter().map(|found| found["code"].as_str().unwrap().to_owned()).collect()
    }
}

fn path(home: &Home) -> String {
    home.path("receipt.json").display().to_string()
}

fn delete(home: &Home, key: &str) {
    assert_eq!(home.run(&["keys", "delete", key, "--yes"]).code, 0);
}

fn verify(home: &Home, more: &[&str]) -> CommandOutput {
    home.run(&[&["audit", "receipt", "--verify", &path(home)], more].concat())
}

#[test]
fn a_receipt_matches_its_database_and_itself() {
    let receipt = Receipt::made();
    let (home, id, document) = (&receipt.home, &receipt.id, receipt.value());
    let mode = std::fs::metadata(home.path("receipt.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let key = &document["key"];
    assert_eq!((&key["id"], &key["prefix"]), (&json!(id), &json!(format!("ik_live_{id}"))));
    assert_eq!((&key["name"], &key["application"]), (&json!("Checkout"), &json!("Storefront")));
    assert_eq!((&key["deleted_by"], &document["accepted_since"]), (&json!(1), &json!(0)));
    let used = document["last_accepted"]["at"].as_str().unwrap();
    let (deleted, rejected) = (key["deleted"].as_str(), document["first_rejected"]["at"].as_str());
    assert!(Some(used) <= deleted && deleted <= rejected, "{document}");
    let log = home.run(&["audit", "list", "--json"]).json();
    let after = format!("{}:{}", log[0]["number"], log[0]["hash"].as_str().unwrap());
    let before = format!("{}:{}", log[1]["number"], log[1]["hash"].as_str().unwrap());
    assert_eq!((&document["head_before"], &document["head_after"]), (&json!(before), &json!(after)));
    assert_eq!(document["made"]["head"], document["head_after"]);
    assert!(!receipt.document.contains('@'), "no email: {}", receipt.document);

    let said = receipt.verify(&[]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    assert!(said.out.starts_with(&format!("matches: key ik_live_{id} (Checkout) of Storefront")), "{said:?}");
    assert_eq!(said.out.matches("Not checked").count(), 1, "the signature: {said:?}");
    let said = receipt.verify(&["--json"]).json();
    assert_eq!((&said["matches"], &said["key"]), (&json!(true), &json!(id)));
    assert_eq!(said["database"], json!(home.database().display().to_string()));

    // Work continues: the receipt stays valid.
    home.key("Checkout", &[]);
    assert_eq!(receipt.contradictions(), Vec::<String>::new());
}

#[test]
fn without_a_database_the_document_alone_is_checked() {
    let receipt = Receipt::made();
    let elsewhere = Home::empty();
    std::fs::copy(receipt.home.path("receipt.json"), elsewhere.path("receipt.json")).unwrap();
    for more in [&[][..], &["--no-db"]] {
        let said = verify(&elsewhere, more);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
        assert!(said.out.starts_with("matches: ") && said.out.contains("Checked: the document alone"));
        assert!(said.out.contains("Not checked: that the audit log contains the entry"), "{said:?}");
    }
    assert!(!elsewhere.path("data").exists(), "no database is created");
    let said = verify(&elsewhere, &["--json"]).json();
    assert_eq!((&said["matches"], &said["database"]), (&json!(true), &Value::Null));
    assert_eq!(said["not_checked"].as_array().unwrap().len(), 4, "{said}");
    // Another database is no reason to reject a document that is checked alone.
    elsewhere.init();
    let said = verify(&elsewhere, &["--json"]);
    assert_eq!((said.code, &said.json()["contradictions"][0]["code"]), (1, &json!("other_database")));
    assert_eq!(verify(&elsewhere, &["--no-db"]).code, 0);
}

#[test]
fn flipped_bytes_are_found() {
    let receipt = Receipt::made();
    let file = receipt.home.path("receipt.json");
    // The unit tests flip every bit of every byte.
    for at in (0..receipt.document.len()).step_by(11) {
        let mut changed = receipt.document.clone().into_bytes();
        changed[at] ^= 1 << (at % 8);
        std::fs::write(&file, &changed).unwrap();
        for more in [&[][..], &["--no-db"]] {
            let said = receipt.verify(more);
            assert!(said.code == 1 && said.out.starts_with("contradicted: "), "byte {at}: {said:?}");
        }
    }
    for (text, code) in [
        ("", "unreadable"),
        ("{\"format\": \"keydesk deletion receipt 9\"}", "unknown_format"),
        (&receipt.document.replace('\n', "\r\n"), "rewritten"),
        (&receipt.document.replace("Storefront", "Storehouse"), "digest"),
    ] {
        std::fs::write(&file, text).unwrap();
        let said = receipt.verify(&["--json", "--no-db"]);
        assert_eq!((said.code, &said.json()["contradictions"][0]["code"]), (1, &json!(code)), "{said:?}");
    }
}

#[test]
fn a_restored_old_backup_contradicts_the_receipt() {
    let home = Home::set_up();
    let (id, secret) = home.key("Checkout", &[]);
    std::fs::copy(home.database(), home.path("before")).unwrap();
    delete(&home, &id);
    std::fs::copy(home.database(), home.path("after")).unwrap();
    home.key("Billing", &[]);
    assert_eq!(home.run(&["audit", "receipt", &id, "--out", &path(&home)]).code, 0);
    let receipt = Receipt { document: String::new(), home, id };

    std::fs::copy(receipt.home.path("before"), receipt.home.database()).unwrap();
    assert!(receipt.home.accepts(&secret), "it is valid again");
    assert_eq!(receipt.contradictions(), ["log_shortened", "restored"]);
    let said = receipt.verify(&[]);
    assert!(said.out.contains("or an older backup was restored"), "{said:?}");
    assert!(said.out.contains("contradicted: the deleted key exists again and may be accepted"), "{said:?}");
    // Other changes take the numbers of the removed entries.
    for name in ["One", "Two", "Three"] {
        receipt.home.key(name, &[]);
    }
    assert_eq!(receipt.contradictions(), ["log_rewritten", "restored"]);

    // The deletion is in this one, but not the head when the receipt was made.
    std::fs::copy(receipt.home.path("after"), receipt.home.database()).unwrap();
    assert!(!receipt.home.accepts(&secret));
    assert_eq!(receipt.contradictions(), ["log_shortened"]);
    assert_eq!(receipt.verify(&["--no-db"]).code, 0, "the document alone cannot show it");
}

#[test]
fn changes_of_the_database_contradict_the_receipt() {
    const EDITABLE: &str =
        "DROP TRIGGER IF EXISTS audit_is_not_changed; DROP TRIGGER IF EXISTS tombstones_stay;";
    let receipt = Receipt::made();
    receipt.home.run(&["users", "add", "ben@example.com"]);
    std::fs::copy(receipt.home.database(), receipt.home.path("good")).unwrap();
    for (sql, expected) in [
        ("UPDATE audit SET actor = 2 WHERE action = 'key.deleted'", &["broken_log"][..]),
        ("UPDATE audit SET hash = zeroblob(32) WHERE action = 'key.created'", &["broken_log"]),
        ("UPDATE tombstones SET name = 'Billing'", &["database"]),
        ("UPDATE tombstones SET deleted = deleted - 60", &["database", "accepted"]),
        ("UPDATE tombstones SET deleted_by = 2", &["database"]),
        ("UPDATE tombstones SET first_refused = NULL", &["database"]),
        ("UPDATE tombstones SET last_used = NULL", &["database"]),
        ("UPDATE tombstones SET last_used = deleted + 60", &["accepted"]),
        ("DELETE FROM tombstones", &["no_tombstone"]),
    ] {
        std::fs::copy(receipt.home.path("good"), receipt.home.database()).unwrap();
        assert_eq!(receipt.contradictions(), Vec::<String>::new());
        receipt.home.sql(&format!("{EDITABLE}{sql}"));
        assert_eq!(receipt.contradictions(), expected, "{sql}");
        assert!(receipt.verify(&[]).out.starts_with("contradicted: "), "{sql}");
    }
}

#[test]
fn uses_that_are_recorded_or_counted_late_are_reported() {
    let home = Home::set_up();
    let (id, _) = home.key("Checkout", &[]);
    delete(&home, &id);
    assert_eq!(home.run(&["audit", "receipt", &id, "--out", &path(&home)]).code, 0);
    let receipt = Receipt { document: String::new(), home, id };
    receipt.home.sql("UPDATE tombstones SET last_used = deleted, last_used_from = '10.0.0.4'");
    let said = receipt.verify(&["--json"]);
    assert_eq!((said.code, &said.json()["recorded_later"]["from"]), (0, &json!("10.0.0.4")), "{said:?}");
    let said = receipt.verify(&[]);
    assert!(said.out.contains("A later one was recorded after the receipt was made: "), "{said:?}");
    // What is recorded is not yet counted where requests come faster than that.
    let add = "INSERT INTO use_backlog (key_id, reason, source, count, first, last) SELECT key_id, ";
    let (id, home) = (&receipt.id, &receipt.home);
    home.sql("UPDATE tombstones SET last_used = NULL, last_used_from = NULL");
    home.sql(&format!("{add} '', '10.0.0.5', 7, deleted - 60, deleted FROM tombstones"));
    home.sql(&format!("{add} 'deleted', '10.0.0.6', 9, deleted + 60, deleted + 60 FROM tombstones"));
    assert_eq!(receipt.verify(&["--json"]).json()["recorded_later"]["from"], "10.0.0.5");
    let again = home.run(&["audit", "receipt", id]);
    assert_eq!((again.code, &again.json()["last_accepted"]["from"]), (0, &json!("10.0.0.5")), "{again:?}");
    home.sql(&format!("{add} '', '', 5, deleted, deleted + 1 FROM tombstones"));
    home.sql(&format!("{add} '', '', 5, deleted + 1, deleted + 2 FROM tombstones"));
    let again = home.run(&["audit", "receipt", id]);
    assert_eq!((again.code, &again.json()["accepted_since"]), (1, &json!(6)), "{again:?}");
    assert_eq!(receipt.contradictions(), ["accepted"]);
}

#[test]
fn a_key_that_was_accepted_after_its_deletion_has_exit_code_1() {
    let receipt = Receipt::made();
    let home = &receipt.home;
    home.sql("UPDATE tombstones SET last_used = deleted + 1");
    let said = home.run(&["audit", "receipt", "Checkout"]);
    assert!(said.code == 1 && said.err.contains("accepted after its deletion: 1 or more"), "{said:?}");
    assert_eq!(said.json()["accepted_since"], 1);
    std::fs::write(home.path("receipt.json"), said.out).unwrap();
    assert_eq!(receipt.contradictions(), ["accepted"]);
}

#[test]
fn keys_are_found_by_id_prefix_and_name_also_without_their_application() {
    let home = Home::set_up();
    assert_eq!(home.run(&["apps", "create", "Billing"]).code, 0);
    let (id, _) = home.key("Invoices", &["--app", "Billing"]);
    assert_eq!(home.run(&["apps", "delete", "Billing", "--yes"]).code, 0);
    let receipt = home.run(&["audit", "receipt", "invoices"]);
    assert_eq!((receipt.code, &receipt.json()["key"]["application"]), (0, &json!("Billing")), "{receipt:?}");
    let number = receipt.json()["entry"]["number"].as_u64();
    let head = receipt.json()["made"]["head"].as_str().unwrap().split(':').next().unwrap().parse().ok();
    assert_eq!(number.map(|number| number + 1), head, "the deletion of the Application follows");
    std::fs::write(home.path("receipt.json"), &receipt.out).unwrap();
    assert_eq!(verify(&home, &[]).code, 0);

    let (checkout, _) = home.key("Checkout", &["--app", "Storefront"]);
    delete(&home, &checkout);
    assert_eq!(home.run(&["apps", "rename", "Storefront", "Shop"]).code, 0);
    let receipt = home.run(&["audit", "receipt", &format!("ik_live_{checkout}")]);
    assert_eq!(receipt.json()["key"]["application"], "Storefront", "as it was when the key was deleted");
    std::fs::write(home.path("receipt.json"), &receipt.out).unwrap();
    assert_eq!(verify(&home, &[]).code, 0);

    // The name belongs to a new key too: only the deleted one has a receipt.
    let (present, _) = home.key("Checkout", &[]);
    assert_eq!(home.run(&["audit", "receipt", "Checkout"]).json()["key"]["id"], json!(checkout));
    let code = |key: &str| {
        let said = home.run(&["audit", "receipt", key, "--json"]);
        (said.code, said.error().0)
    };
    assert_eq!(code(&present), (3, "not_deleted".into()));
    assert_eq!(code("Nothing"), (3, "not_found".into()));
    assert_eq!(code(&format!("ik_test_{id}")), (3, "not_found".into()), "not its own prefix");
    delete(&home, &present);
    assert_eq!(code("Checkout"), (3, "ambiguous".into()));
    assert_eq!(home.run(&["audit", "receipt", &present]).code, 0);
}

#[test]
fn errors_have_their_exit_codes() {
    let receipt = Receipt::made();
    let (home, file) = (&receipt.home, path(&receipt.home));
    let said = home.run(&["audit", "receipt", "Checkout", "--out", &file, "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (3, "file_exists"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), receipt.document, "never over an existing file");
    let written = home.run(&["audit", "receipt", "Checkout", "--out", &format!("{file}.2"), "--json"]);
    assert_eq!((written.code, &written.json()["key"]), (0, &json!(receipt.id)), "{written:?}");

    for wrong in [
        &["audit", "receipt"][..],
        &["audit", "receipt", "Checkout", "--verify", &file],
        &["audit", "receipt", "--verify", &file, "--out", "x"],
        &["audit", "receipt", "Checkout", "--no-db"],
        &["audit", "receipt", "--no-db"],
        &["audit", "receipt", "--verify", &file, "--no-db", "--db", "x"],
    ] {
        assert_eq!(home.run(wrong).code, 2, "{wrong:?}");
    }
    for (name, content) in [("missing", None), ("large", Some("x".repeat(70_000)))] {
        let path = home.path(name);
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let said = home.run(&["audit", "receipt", "--json", "--verify", path.to_str().unwrap()]);
        assert_eq!((said.code, said.error().0.as_str()), (3, "file"), "{said:?}");
    }

    // A read-only user may make one.
    let mut other = home.command(&["users", "add", "ben@example.com", "--login", "ben"]);
    assert_eq!(run(&mut other).code, 0);
    home.sql("UPDATE users SET login = 'nobody-here', uid = 4000000 WHERE id = 1");
    assert_eq!(home.run(&["keys", "create", "--name", "New"]).code, 4);
    assert_eq!(home.run(&["audit", "receipt", "Checkout"]).code, 0);

    // A database that cannot be read is neither a match nor a contradiction.
    std::fs::write(home.database(), "not a database, and long enough to be looked at as one".repeat(100))
        .unwrap();
    let said = receipt.verify(&["--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (3, "foreign_database"), "{said:?}");
    assert_eq!(receipt.verify(&["--no-db"]).code, 0);
}
