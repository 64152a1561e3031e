//! Moves a database to another file. `tests/postgres/moving.rs` moves it to a server and back.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use keydesk::Verifier;

use crate::support::KEYDESK;
use crate::support::home::Home;

fn move_to(home: &Home, to: &str) -> serde_json::Value {
    let said = home.run(&["move", "--to", to, "--yes", "--json"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    said.json()
}

/// What a command says about a database.
fn told(home: &Home, database: &str, arguments: &[&str]) -> String {
    let said = home.run(&[&["--db", database], arguments].concat());
    assert_eq!(said.code, 0, "{database}: {said:?}");
    said.out
}

#[test]
fn everything_moves_and_the_old_file_rejects_changes_and_verifications() {
    let home = Home::set_up();
    let (old, new) = (home.database().display().to_string(), home.path("new.db").display().to_string());
    let (_, secret) = home.key("Checkout", &["--owner", "Payments team", "--from", "10.0.0.0/8"]);
    let (used, used_secret) = home.key("Billing", &[]);
    let (deleted, deleted_secret) = home.key("Gone", &[]);
    for arguments in [
        &["keys", "delete", deleted.as_str(), "--yes"][..],
        &["users", "add", "ben@example.com", "--login", "ben"],
        &["apps", "create", "Mobile"],
        &["apps", "create", "Last"],
        &["apps", "delete", "Last", "--yes"],
    ] {
        assert_eq!(home.run(arguments).code, 0, "{arguments:?}");
    }
    assert_eq!(home.run_with(used_secret.clone(), &["verify"]).code, 0);
    let verifier = Verifier::open(home.database()).unwrap().without_recording();
    assert!(verifier.verify(&used_secret, None).unwrap().is_accepted());
    let lists: [&[&str]; 6] = [
        &["--app", "Storefront", "keys", "list", "--json"],
        &["users", "list", "--json"],
        &["apps", "list", "--json"],
        &["audit", "list", "--json"],
        &["--app", "Storefront", "keys", "usage", used.as_str(), "--json"],
        &["audit", "head"],
    ];
    let before = lists.map(|list| told(&home, &old, list));
    let document = move_to(&home, &new);
    assert_eq!(document["keys"], 2);
    assert_eq!(before[5].trim_end(), document["audit_head"].as_str().unwrap());
    assert_eq!(lists.map(|list| told(&home, &new, list)), before);
    assert!(
        told(&home, &new, &["audit", "verify", "--expect", before[5].trim_end()]).starts_with("intact: ")
    );
    let verify = |database: &str, secret: &str| home.run_with(secret, &["--db", database, "verify"]).code;
    assert_eq!(verify(&new, &used_secret), 0);
    assert_eq!(verify(&new, &deleted_secret), 1);
    let copy = Verifier::open(home.path("new.db")).unwrap().without_recording();
    assert!(copy.verify_from(&secret, None, "10.1.2.3".parse().ok()).unwrap().is_accepted());
    assert!(!copy.verify_from(&secret, None, "192.0.2.1".parse().ok()).unwrap().is_accepted());
    // No number is used again, also not that of the Application that is gone.
    told(&home, &new, &["apps", "create", "Next"]);
    let raw = rusqlite::Connection::open(home.path("new.db")).unwrap();
    let next: i64 = raw.query_row("SELECT max(id) FROM applications", [], |row| row.get(0)).unwrap();
    assert_eq!(next, 4);
    // The old one names the new one.
    let error = verifier.verify(&used_secret, None).unwrap_err().to_string();
    assert!(error.ends_with(&format!("was moved to {new}")), "{error}");
    assert_eq!(verify(&old, &used_secret), 3);
    let commands: [&[&str]; 6] = [
        &["keys", "create", "--name", "Late"],
        &["keys", "list"],
        &["audit", "verify"],
        &["keys", "delete", &used, "--yes"],
        &["users", "list"],
        &["init", "--email", "ana@example.com", "--app", "Storefront"],
    ];
    for arguments in commands {
        let said = home.run(&[arguments, &["--json"]].concat());
        let (code, message, hint) = said.error();
        assert_eq!((said.code, code.as_str()), (3, "moved_to"), "{arguments:?}: {said:?}");
        assert!(message.ends_with(&format!("was moved to {new}")), "{message}");
        assert_eq!(hint, format!("use --db {new} or set KEYDESK_DB to it"));
    }
    assert!(home.run(&["doctor"]).out.contains(&format!("was moved to {new}")));
    // Nor does a program that does not look.
    let raw = rusqlite::Connection::open(home.database()).unwrap();
    let sql = "INSERT INTO audit SELECT max(number) + 1, at, actor, actor_uid, action, application_id, key_id, user_id, \
               changes, commitment, hash FROM audit";
    assert!(raw.execute(sql, []).unwrap_err().to_string().contains("the database was moved"));
}

#[test]
fn a_session_that_was_open_during_the_move_changes_nothing() {
    use keydesk::desk::{self, Session};
    use keydesk::domain::user::Email;
    use keydesk::host::entropy::SystemEntropy;
    use keydesk::host::{clock, identity};
    use keydesk::store::Store;

    let home = Home::set_up();
    let mut store = Store::open(home.database(), &mut SystemEntropy).unwrap();
    move_to(&home, &home.path("new.db").display().to_string());
    let (caller, entropy) = (identity::caller(), &mut SystemEntropy);
    let mut session =
        Session { store: &mut store, caller: &caller, now: clock::now(), entropy, max_lifetime: None };
    let late = Email::parse("late@example.com").unwrap();
    assert_eq!(desk::add_user(&mut session, &late, None, None).unwrap_err().code(), "moved_to");
}

#[test]
fn only_an_empty_place_and_only_an_active_user() {
    let home = Home::set_up();
    let (_, secret) = home.key("Checkout", &[]);
    let other = Home::set_up();
    let new = home.path("new.db").display().to_string();
    let own = home.database().display().to_string();
    let linked = home.path("data/keydesk/../keydesk/keydesk.db").display().to_string();
    for (to, wanted) in [
        (&other.database().display().to_string(), "not_empty"),
        (&own, "same_database"),
        (&linked, "same_database"),
    ] {
        let said = home.run(&["move", "--to", to, "--yes", "--json"]);
        assert_eq!((said.code, said.error().0.as_str()), (3, wanted), "{to}: {said:?}");
    }
    let said = home.run(&["move", "--to", &new, "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (2, "confirmation_needed"), "{said:?}");
    assert!(!home.path("new.db").exists());
    let said = home.run(&["move", "--to", "postgres://127.0.0.1:1/keydesk", "--yes", "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (3, "unreachable"), "{said:?}");
    // A database that does not match its log is not moved.
    home.sql("UPDATE keys SET expires = expires + 1");
    let said = home.run(&["move", "--to", &new, "--yes", "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (3, "not_intact"), "{said:?}");
    home.sql("UPDATE keys SET expires = expires - 1");
    home.sql("UPDATE users SET status = 'disabled'");
    let said = home.run(&["move", "--to", &new, "--yes", "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (4, "disabled_user"), "{said:?}");
    home.sql("UPDATE users SET status = 'active'");
    assert!(home.accepts(&secret), "nothing was moved");
    // The file that the failed move has created is empty.
    move_to(&home, &new);
    assert!(!home.accepts(&secret));
}

#[test]
fn a_copy_that_is_older_than_the_database_is_not_used() {
    let home = Home::set_up();
    home.key("Checkout", &[]);
    let new = home.path("new.db").display().to_string();
    move_to(&home, &new);
    // As if it was killed between the copy and the mark, and the database used since.
    rusqlite::Connection::open(home.path("new.db"))
        .unwrap()
        .execute_batch("UPDATE database SET status = 'arriving'")
        .unwrap();
    home.sql("UPDATE database SET status = 'active', moved = NULL, moved_to = NULL");
    let said = home.run(&["--db", &new, "keys", "list", "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (3, "arriving"), "{said:?}");
    assert!(Verifier::open(home.path("new.db")).is_err());
    home.key("Later", &[]);
    let said = home.run(&["move", "--to", &new, "--yes", "--json"]);
    let (code, _, hint) = said.error();
    assert_eq!((said.code, code.as_str()), (3, "old_copy"), "{said:?}");
    assert!(hint.contains(&new), "{hint}");
    assert_eq!(home.run(&["keys", "list"]).code, 0);
}

#[test]
fn the_next_run_continues_where_a_killed_one_stopped() {
    let home = Home::set_up();
    let (_, secret) = home.key("Checkout", &[]);
    let (old, new) = (home.database().display().to_string(), home.path("new.db").display().to_string());
    let head = told(&home, &old, &["audit", "head"]);
    move_to(&home, &new);
    let copy = rusqlite::Connection::open(home.path("new.db")).unwrap();
    let arriving = "UPDATE database SET status = 'arriving'";
    let accepts = |database: &str| home.run_with(secret.clone(), &["--db", database, "verify"]).code == 0;
    // After the copy, before the old one was marked.
    copy.execute_batch(arriving).unwrap();
    home.sql("UPDATE database SET status = 'active', moved = NULL, moved_to = NULL");
    assert_eq!(told(&home, &old, &["audit", "head"]), head);
    move_to(&home, &new);
    assert!(accepts(&new) && !accepts(&old));
    // After that, before the copy was activated: to no other place.
    copy.execute_batch(arriving).unwrap();
    assert!(!accepts(&new) && !accepts(&old));
    let other = home.path("other.db").display().to_string();
    let said = home.run(&["move", "--to", &other, "--yes", "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (3, "moved_to"), "{said:?}");
    move_to(&home, &new);
    assert!(accepts(&new) && !accepts(&old));
    assert_eq!(told(&home, &new, &["audit", "head"]), head);
}

#[test]
fn killed_at_any_moment_one_of_both_is_in_use_at_most_and_the_next_run_ends_it() {
    let home = Home::in_memory();
    let secrets = home.many_keys(400);
    let new = home.path("new.db").display().to_string();
    let head = told(&home, &home.database().display().to_string(), &["audit", "head"]);
    let mut pause = Duration::ZERO;
    let usable = |database: &str| home.run(&["--db", database, "audit", "head"]).code == 0;
    loop {
        let mut command = Command::new(KEYDESK);
        command.env_clear().envs(home.environment()).args(["move", "--to", &new, "--yes"]);
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        while began.elapsed() < pause && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        let ended = child.wait().unwrap().success();
        let (old_is, new_is) = (usable(&home.database().display().to_string()), usable(&new));
        // An empty file is no copy.
        let new_is = new_is && told(&home, &new, &["audit", "head"]) == head;
        assert!(!(old_is && new_is), "{pause:?}");
        if new_is {
            assert!(!old_is);
            break;
        }
        assert!(!ended, "{pause:?}");
        pause += Duration::from_millis(30);
        assert!(pause < Duration::from_mins(1));
    }
    assert_eq!(told(&home, &new, &["audit", "verify", "--expect", head.trim_end()]).lines().count(), 3);
    let verifier = Verifier::open(home.path("new.db")).unwrap().without_recording();
    assert!(secrets.iter().all(|secret| verifier.verify(secret, None).unwrap().is_accepted()));
}
