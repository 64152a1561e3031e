//! Applications and users by command, and who may do what.

use serde_json::json;

use crate::support::home::{Home, run};

#[test]
fn applications_are_created_renamed_and_deleted() {
    let home = Home::set_up();
    let said = home.run(&["apps", "create", "Loyalty", "--json"]);
    let document = said.json();
    assert_eq!((&document["name"], &document["keys"]), (&json!("Loyalty"), &json!(0)));
    assert!(document["created"].as_str().is_some_and(|at| at.ends_with('Z')));
    let said = home.run(&["apps", "create", "LOYALTY", "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (3, "taken"));
    assert_eq!(home.run(&["apps", "rename", "loyalty", "Bonus"]).code, 0);
    home.key("A", &["--app", "Bonus"]);
    let list = home.run(&["apps", "list", "--json"]).json();
    assert_eq!((&list[0]["name"], &list[0]["keys"]), (&json!("Bonus"), &json!(1)));
    assert_eq!(list[1]["name"], "Storefront");
    let text = home.run(&["apps", "list"]).out;
    assert!(text.starts_with("NAME        KEYS  CREATED\nBonus          1  "), "{text}");

    let said = home.run(&["keys", "list", "--json"]);
    let (code, message, hint) = said.error();
    assert_eq!((said.code, code.as_str()), (2, "application_needed"));
    assert!(message.contains("Bonus, Storefront") && hint.contains("--app"), "{message} {hint}");
    let said = home.run(&["keys", "list", "--app", "Bonsu", "--json"]);
    let (code, message, hint) = said.error();
    assert_eq!((said.code, code.as_str()), (3, "not_found"));
    assert_eq!(message, "Application \"Bonsu\" not found");
    assert!(hint.starts_with("did you mean \"Bonus\"?") && !hint.contains("Storefront"), "{hint}");
    let mut command = home.command(&["keys", "list", "--json"]);
    assert_eq!(run(command.env("KEYDESK_APP", "bonus")).json()[0]["name"], "A");

    let said = home.run(&["apps", "delete", "Bonus"]);
    assert_eq!((said.code, said.out.as_str()), (2, ""), "no terminal and no --yes");
    assert!(said.err.contains("--yes"), "{}", said.err);
    let said = home.run(&["apps", "delete", "Bonus", "--yes", "--json"]);
    assert_eq!(said.json(), json!({"name": "Bonus", "keys_deleted": 1}));
    assert_eq!(home.run(&["apps", "delete", "Bonus", "--yes"]).code, 3);
    assert_eq!(home.run(&["apps", "delete", "Storefront", "--yes"]).code, 0);
    let said = home.run(&["keys", "create", "--name", "A", "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (3, "no_application"));
}

#[test]
fn errors_about_applications_list_a_few_of_them() {
    let home = Home::set_up();
    for number in 1..=9 {
        home.run(&["apps", "create", &format!("Shop {number}")]);
    }
    let (code, message, hint) = home.run(&["keys", "create", "A", "--json"]).error();
    assert_eq!(code, "application_needed");
    assert_eq!(message, "there are several Applications: Shop 1, Shop 2, Shop 3, Shop 4, Shop 5, ...");
    assert!(hint.contains("--app"), "{hint}");
    let said = home.run(&["keys", "list", "--app", "Shop", "--json"]);
    let (code, _, hint) = said.error();
    assert_eq!((said.code, code.as_str(), hint.matches("Shop ").count()), (3, "not_found", 5), "{hint}");
    let said = home.run(&["keys", "list", "--app", "Shop 1", "--platform", "no-such", "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (2, "unknown_platform"), "a wrong value of an option");
}

#[test]
fn the_keys_of_a_deleted_application_are_rejected() {
    let home = Home::set_up();
    let (id, secret) = home.key("A", &[]);
    assert_eq!(home.run_with(secret.clone(), &["verify"]).code, 0);
    assert_eq!(home.run(&["apps", "delete", "Storefront", "--yes"]).code, 0);
    let said = home.run_with(secret, &["verify", "--json"]);
    assert_eq!((said.code, said.json()), (1, json!({"valid": false, "reason": "deleted", "key_id": id})));
}

#[test]
fn users_are_added_disabled_and_deleted_and_their_keys_keep_working() {
    let home = Home::set_up();
    let said = home.run(&["users", "add", "Ben@Example.com", "--login", "nobody-of-this-name", "--json"]);
    assert_eq!(said.json()["email"], "ben@example.com");
    assert_eq!(said.json()["login"], "nobody-of-this-name");
    let said = home.run(&["users", "add", "ben@example.com", "--json"]);
    let (code, _, hint) = said.error();
    assert_eq!((said.code, code.as_str(), hint.as_str()), (3, "taken", "choose another email"));
    assert_eq!(home.run(&["users", "disable", "ben@example.com", "--json"]).json()["status"], "disabled");
    assert_eq!(home.run(&["users", "enable", "ben@example.com", "--json"]).json()["status"], "active");
    let said = home.run(&["users", "disable", "bem@example.com", "--json"]);
    let (code, _, hint) = said.error();
    assert_eq!((said.code, code.as_str()), (3, "not_found"));
    assert!(hint.starts_with("did you mean \"ben@example.com\"?"), "{hint}");

    // Ana goes, and the key that she created stays.
    let (id, secret) = home.key("A", &[]);
    home.sql("UPDATE users SET login = 'elsewhere', uid = 4242 WHERE email = 'ana@example.com'");
    home.sql("UPDATE users SET login = NULL WHERE email = 'ben@example.com'");
    let uid = nix::unistd::getuid();
    home.sql(&format!("UPDATE users SET uid = {uid} WHERE email = 'ben@example.com'"));
    assert_eq!(home.run(&["users", "delete", "ana@example.com"]).code, 2);
    let said = home.run(&["users", "delete", "ana@example.com", "--yes", "--json"]);
    assert_eq!((&said.json()["email"], &said.json()["status"]), (&json!(null), &json!("deleted")));
    assert_eq!(home.run(&["keys", "show", &id, "--json"]).json()["creator"], json!(null));
    assert!(home.run(&["keys", "show", &id]).out.contains("(deleted user)"));
    for text in [home.run(&["keys", "list"]).out, home.run(&["users", "list", "--json"]).out] {
        assert!(!text.contains("ana@"), "{text}");
    }
    assert_eq!(home.run_with(secret, &["verify"]).code, 0);
}

#[test]
fn the_last_active_user_cannot_be_removed() {
    let home = Home::set_up();
    for arguments in
        [&["users", "disable", "ana@example.com"][..], &["users", "delete", "ana@example.com", "--yes"]]
    {
        let said = home.run(&[arguments, &["--json"]].concat());
        assert_eq!((said.code, said.error().0.as_str()), (3, "last_active_user"), "{arguments:?}");
    }
}

#[test]
fn read_only_users_can_list_and_are_told_how_to_get_access() {
    let home = Home::set_up();
    let (id, secret) = home.key("A", &[]);
    let changes: &[&[&str]] = &[
        &["keys", "create", "--name", "B"],
        &["keys", "disable", &id],
        &["keys", "enable", &id],
        &["keys", "delete", &id],
        &["keys", "delete", &id, "--yes"],
        &["apps", "create", "B"],
        &["apps", "rename", "Storefront", "B"],
        &["apps", "delete", "Storefront", "--yes"],
        &["users", "add", "c@example.com"],
        &["users", "delete", "ana@example.com", "--yes"],
    ];
    let refused = |expected: &str, hint: &str| {
        for arguments in changes {
            let said = home.run(&[arguments, &["--json"][..]].concat());
            let (code, _, said_hint) = said.error();
            assert_eq!((said.code, code.as_str()), (4, expected), "{arguments:?}");
            assert!(said_hint.contains(hint), "{said_hint}");
        }
        let looks: &[&[&str]] = &[
            &["keys", "list"],
            &["keys", "show", &id],
            &["keys", "usage", &id],
            &["apps", "list"],
            &["users", "list"],
        ];
        for arguments in looks {
            assert_eq!(home.run(arguments).code, 0, "{arguments:?}");
        }
        assert_eq!(home.run_with(secret.clone(), &["verify"]).code, 0);
    };
    home.sql("UPDATE users SET status = 'disabled'");
    refused("disabled_user", "keydesk users enable ana@example.com");
    home.sql("UPDATE users SET status = 'active', login = 'elsewhere', uid = 4242");
    refused("unknown_user", "keydesk users add");
}

#[test]
fn you_cannot_lock_yourself_out_when_no_one_else_can_sign_in() {
    let home = Home::set_up();
    let done = |arguments: &[&str]| assert_eq!(home.run(arguments).code, 0, "{arguments:?}");
    done(&["users", "add", "ben@example.com", "--login", "no-such-login"]);
    for arguments in [
        &["users", "disable", "ana@example.com", "--yes"][..],
        &["users", "delete", "ana@example.com", "--yes"],
    ] {
        let said = home.run(&[arguments, &["--json"]].concat());
        assert_eq!((said.code, said.error().0.as_str()), (3, "last_active_user"), "{arguments:?}");
    }
    // This login exists on every system.
    done(&["users", "add", "daemon@example.com", "--login", "daemon"]);
    let said = home.run(&["users", "disable", "ana@example.com", "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (2, "confirmation_needed"), "no terminal");
    done(&["users", "disable", "ben@example.com"]);
    done(&["users", "disable", "ana@example.com", "--yes"]);
    let said = home.run(&["users", "enable", "ana@example.com", "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (4, "disabled_user"));
}
