//! `keydesk doctor` without a proxy: what it sees, what it says, and that it touches nothing.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::support::home::{Home, run};

/// What doctor says, as (exit code, document).
fn doctor(home: &Home) -> (i32, Value) {
    let said = home.run(&["doctor", "--json"]);
    assert_eq!(said.err, "", "{said:?}");
    let document = said.json();
    assert_eq!(document["ok"] == true, said.code == 0, "{document}");
    (said.code, document)
}

fn found<'a>(document: &'a Value, check: &str) -> &'a Value {
    let all = document["checks"].as_array().unwrap();
    all.iter().find(|finding| finding["check"] == check).unwrap_or(&Value::Null)
}

fn faults(document: &Value) -> Vec<&str> {
    let all = document["checks"].as_array().unwrap();
    all.iter().filter(|f| f["ok"] == false).map(|f| f["check"].as_str().unwrap()).collect()
}

#[test]
fn an_intact_database_has_no_problem_and_is_not_modified() {
    let home = Home::set_up();
    home.key("Checkout", &[]);
    let before = std::fs::read(home.database()).unwrap();
    let (code, document) = doctor(&home);
    assert_eq!((code, faults(&document)), (0, vec![]), "{document}");
    for check in [
        "sqlite",
        "database",
        "integrity",
        "caller",
        "users",
        "deleted users",
        "audit log",
        "schema",
        "clock",
        "file system",
        "permissions",
        "access",
        "write-ahead log",
        "reserve",
        "disk",
        "settings",
        "log",
        "clipboard",
        "terminal",
        "core dumps",
    ] {
        assert_eq!(found(&document, check)["ok"], true, "{check}: {document}");
    }
    assert!(found(&document, "users")["hint"].as_str().unwrap().contains("users add"), "a single user");
    assert_eq!(std::fs::read(home.database()).unwrap(), before);
    let said = home.run(&["doctor"]);
    assert_eq!(said.code, 0);
    assert!(
        said.out.contains("ok     integrity: ") && said.out.contains("note   users: only 1 active user"),
        "{}",
        said.out
    );
    assert!(!said.out.contains('\u{1b}'));
    assert_eq!(said.err, "No faults found.\n");
}

#[test]
fn a_missing_database_is_one_problem_and_is_not_created() {
    let home = Home::empty();
    let (code, document) = doctor(&home);
    assert_eq!((code, faults(&document)), (1, vec!["database"]), "{document}");
    assert!(found(&document, "database")["hint"].as_str().unwrap().contains("keydesk init"));
    assert_eq!(found(&document, "settings")["ok"], true, "the other checks still run");
    assert!(!home.path("data").exists());
}

#[test]
fn foreign_files_are_reported_and_not_modified() {
    let home = Home::set_up();
    home.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    let sound = std::fs::read(home.database()).unwrap();
    let changed = |at: usize, bytes: &[u8]| {
        let mut content = sound.clone();
        content[at..at + bytes.len()].copy_from_slice(bytes);
        content
    };
    let cases: [(&str, Vec<u8>, &str); 6] = [
        ("foreign", changed(68, &[1, 2, 3, 4]), "not a keydesk database"),
        ("newer", changed(60, &[0, 0, 1, 0]), "created by a newer version of keydesk"),
        (
            "no database",
            b"hello, this is a letter and no database at all\n".repeat(40),
            "not a keydesk database",
        ),
        ("empty", vec![], "not a keydesk database"),
        ("truncated", sound[..sound.len() / 2].to_vec(), "damaged"),
        ("scribbled over", changed(4_096 * 3, &[0xa5; 4_096]), "damaged"),
    ];
    for (name, content, expected) in cases {
        for end in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", home.database().display()));
        }
        std::fs::write(home.database(), &content).unwrap();
        let (code, document) = doctor(&home);
        assert_eq!(code, 1, "{name}: {document}");
        assert!(document.to_string().contains(expected), "{name}: {document}");
        assert_eq!(found(&document, "settings")["ok"], true, "{name}: the other checks still run");
        assert_eq!(std::fs::read(home.database()).unwrap(), content, "{name}: it was touched");
    }
}

#[test]
fn each_problem_has_a_line_and_a_fix() {
    let home = Home::set_up();
    std::fs::set_permissions(home.database(), Permissions::from_mode(0o644)).unwrap();
    let (code, document) = doctor(&home);
    assert_eq!((code, faults(&document)), (1, vec!["permissions"]), "{document}");
    assert!(found(&document, "permissions")["hint"].as_str().unwrap().starts_with("chmod 0600"));
    // What it says is run as it stands.
    let command = found(&document, "permissions")["hint"].as_str().unwrap().to_owned();
    assert!(std::process::Command::new("sh").args(["-c", &command]).status().unwrap().success(), "{command}");

    std::fs::create_dir_all(home.path("config/keydesk")).unwrap();
    std::fs::write(home.path("config/keydesk/config.toml"), "theme = \"pink\"\n").unwrap();
    let (code, document) = doctor(&home);
    assert_eq!((code, faults(&document)), (1, vec!["settings"]), "{document}");
    assert!(found(&document, "settings")["message"].as_str().unwrap().contains(":1:9"), "{document}");
    std::fs::remove_file(home.path("config/keydesk/config.toml")).unwrap();

    std::fs::remove_file(format!("{}-reserve", home.database().display())).unwrap();
    let (code, document) = doctor(&home);
    assert_eq!(code, 0);
    assert!(
        found(&document, "reserve")["message"]
            .as_str()
            .unwrap()
            .ends_with("was missing and is reserved again"),
        "{document}"
    );
    let (_, document) = doctor(&home);
    assert_eq!(found(&document, "reserve")["hint"], Value::Null, "doctor created it again: {document}");

    home.sql("DROP TRIGGER audit_is_not_changed; UPDATE audit SET at = at + 864000");
    assert_eq!(faults(&doctor(&home).1), ["audit log", "clock", "schema"]);
    home.sql("UPDATE users SET status = 'disabled'");
    let (_, document) = doctor(&home);
    assert_eq!(faults(&document), ["caller", "audit log", "clock", "schema"], "{document}");
}

#[test]
fn changes_that_bypass_the_log_are_reported() {
    let home = Home::set_up();
    let (id, _) = home.key("Checkout", &[]);
    assert_eq!(faults(&doctor(&home).1), [""; 0]);
    home.sql("UPDATE keys SET expires = expires + 86400");
    let (code, document) = doctor(&home);
    assert_eq!((code, faults(&document)), (1, vec!["audit log"]), "{document}");
    let found = found(&document, "audit log");
    assert!(found["message"].as_str().unwrap().contains(&id), "{found}");
    assert!(found["hint"].as_str().unwrap().contains("\"keydesk audit verify\""), "{found}");
    // Many are counted.
    for n in 0..4 {
        home.key(&format!("More {n}"), &[]);
    }
    home.sql("UPDATE keys SET expires = expires + 86400");
    let (_, document) = doctor(&home);
    let message = document["checks"].to_string();
    assert!(message.contains("and 2 more"), "{message}");
}

#[test]
fn damage_is_reported_on_one_line() {
    let home = Home::set_up();
    for n in 0..40 {
        home.key(&format!("Key {n}"), &[]);
    }
    home.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    let mut bytes = std::fs::read(home.database()).unwrap();
    let connection = rusqlite::Connection::open(home.database()).unwrap();
    let page: usize = connection
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'keys'", [], |row| row.get(0))
        .unwrap();
    drop(connection);
    bytes[page * 4_096 - 2_048..page * 4_096].fill(0xa5);
    std::fs::write(home.database(), bytes).unwrap();
    let (code, document) = doctor(&home);
    assert_eq!(code, 1);
    let found = found(&document, "integrity");
    assert_eq!(found["ok"], false, "{document}");
    let message = found["message"].as_str().unwrap();
    assert!(!message.contains('\n') && !message.contains("***"), "{message}");
    assert!(found["hint"].as_str().unwrap().contains("-wal and -shm"), "{found}");
}

#[test]
fn the_clipboard_method_is_reported_with_its_reason() {
    let home = Home::set_up();
    let clipboard = |variables: &[(&str, &str)]| {
        let mut command = home.command(&["doctor", "--json"]);
        command.envs(variables.iter().copied());
        found(&run(&mut command).json(), "clipboard")["message"].as_str().unwrap().to_owned()
    };
    assert!(clipboard(&[("DISPLAY", ":0")]).contains("local session"));
    assert!(clipboard(&[("SSH_CONNECTION", "a 1 b 2")]).contains("remote session"));
    assert!(clipboard(&[("VTE_VERSION", "7200")]).contains("does not support copying"));
    std::fs::create_dir_all(home.path("config/keydesk")).unwrap();
    std::fs::write(home.path("config/keydesk/config.toml"), "clipboard = \"off\"\n").unwrap();
    assert!(clipboard(&[]).contains("off"));
}

#[test]
fn keys_with_allowed_sources_are_noted_until_the_addresses_of_clients_are_known() {
    let home = Home::set_up();
    let (_, secret) = home.key("Checkout", &[]);
    let note = |wanted: &str| {
        let (code, document) = doctor(&home);
        assert_eq!((code, faults(&document)), (0, vec![]), "{document}");
        let finding = found(&document, "allowed sources").clone();
        assert!(finding["message"].as_str().unwrap_or_default().contains(wanted), "{finding}");
        finding["hint"].as_str().unwrap_or_default().to_owned()
    };
    assert!(note("").is_empty(), "no key has any");
    home.run(&["keys", "edit", "Checkout", "--from", "10.0.0.0/8"]);
    assert!(note("1 key has allowed sources: they need the address").contains("--trusted-proxy"));
    let verify = |more: &[&str]| home.run_with(secret.clone(), &[&["verify"], more].concat()).code;
    assert_eq!(verify(&["--source", "10.0.0.4"]), 0);
    assert!(note("the addresses of their clients are known").is_empty());
    assert_eq!((verify(&["--source", "11.0.0.4"]), verify(&["--source", "127.0.0.1"])), (1, 1));
    assert!(note("1 request without the address of a client").contains("--trusted-proxy"));
}
