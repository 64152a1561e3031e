//! Moves a database from a file to a server and back.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use keydesk::Verifier;

use crate::site::{ADMINISTRATOR, Site};
use crate::support::KEYDESK;
use crate::support::home::{Home, id_of};
use crate::support::postgres::{Postgres, server};

const KEYS: usize = 2_000;

fn told(home: &Home, database: &str, arguments: &[&str]) -> String {
    let said = home.run(&[&["--db", database], arguments].concat());
    assert_eq!(said.code, 0, "{database}: {said:?}");
    said.out
}

/// Moves it, checks that everything is there, that each secret is accepted, and that the old one is no longer used.
fn moves(home: &Home, from: &str, to: &str, secrets: &[String], deleted: &[String]) {
    let used = id_of(&secrets[0]);
    let lists: [&[&str]; 6] = [
        &["--app", "Storefront", "keys", "list", "--json"],
        &["users", "list", "--json"],
        &["apps", "list", "--json"],
        &["audit", "list", "--json"],
        &["--app", "Storefront", "keys", "usage", used.as_str(), "--json"],
        &["audit", "head"],
    ];
    let before = lists.map(|list| told(home, from, list));
    let old = Verifier::open(from).unwrap().without_recording();
    assert!(old.verify(&secrets[0], None).unwrap().is_accepted());
    let said = home.run(&["--db", from, "move", "--to", to, "--yes", "--json"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    assert_eq!(said.json()["keys"], secrets.len());
    assert_eq!(said.json()["audit_head"], before[5].trim_end());
    for (list, before) in lists.iter().zip(&before) {
        assert!(told(home, to, list) == *before, "{list:?}");
    }
    assert!(told(home, to, &["audit", "verify", "--expect", before[5].trim_end()]).starts_with("intact: "));
    let new = Verifier::open(to).unwrap().without_recording();
    for secret in secrets {
        assert!(new.verify(secret, None).unwrap().is_accepted(), "{secret}");
    }
    for secret in deleted {
        assert!(!new.verify(secret, None).unwrap().is_accepted());
    }
    let error = old.verify(&secrets[0], None).unwrap_err().to_string();
    assert!(error.contains("was moved to"), "{error}");
    assert!(Verifier::open(from).is_err());
    let create: [&[&str]; 3] =
        [&["keys", "create", "--name", "Late"], &["keys", "list"], &["audit", "verify"]];
    for arguments in create {
        let said = home.run(&[&["--db", from, "--json"], arguments].concat());
        let (code, message, hint) = said.error();
        assert_eq!((said.code, code.as_str()), (3, "moved_to"), "{said:?}");
        assert!(message.contains("was moved to") && hint.contains("--db"), "{said:?}");
    }
}

#[test]
fn a_database_moves_to_a_server_and_back_with_the_same_head() {
    if !Postgres::available() {
        return;
    }
    let home = Home::in_memory();
    let file = home.database().display().to_string();
    let mut secrets = home.many_keys(KEYS);
    let deleted = secrets.split_off(KEYS - 20);
    let ids: Vec<String> = deleted.iter().map(|secret| id_of(secret)).collect();
    let delete: Vec<&str> =
        ["keys", "delete", "--yes"].into_iter().chain(ids.iter().map(String::as_str)).collect();
    for arguments in [
        &delete[..],
        &["users", "add", "ben@example.com", "--login", "ana"],
        &["users", "add", "eve@example.com"],
        &["users", "delete", "eve@example.com", "--yes"],
        &["apps", "create", "Last"],
        &["apps", "delete", "Last", "--yes"],
    ] {
        let said = home.run(arguments);
        assert_eq!(said.code, 0, "{said:?}");
    }
    let verifier = Verifier::open(&file).unwrap();
    for (secret, last) in secrets.iter().take(300).zip(1_u8..=250) {
        verifier.verify_from(secret, None, format!("10.0.0.{last}").parse().ok()).unwrap();
    }
    // A use of a deleted one is kept with what remains of it.
    verifier.verify(&deleted[0], None).unwrap();
    drop(verifier);
    let database = server().database();
    let url = database.socket_url();
    moves(&home, &file, &url, &secrets, &deleted);
    // Its numbers continue, also after that of the Application that is gone.
    told(&home, &url, &["apps", "create", "Next"]);
    told(&home, &url, &["users", "add", "kim@example.com"]);
    assert_eq!(database.psql("SELECT max(id) FROM applications"), "3");
    let said = home.run(&[
        "--db",
        &url,
        "--app",
        "Storefront",
        "keys",
        "create",
        "--name",
        "On the server",
        "--json",
    ]);
    assert_eq!(said.code, 0, "{said:?}");
    secrets.push(said.json()["secret"].as_str().unwrap().to_owned());
    // From server to server.
    let other = server().database();
    let third = other.socket_url();
    moves(&home, &url, &third, &secrets, &deleted);
    let back = home.path("back.db").display().to_string();
    moves(&home, &third, &back, &secrets, &deleted);
    told(&home, &back, &["apps", "create", "In a file"]);
}

#[test]
fn killed_at_any_moment_one_of_both_is_in_use_at_most_and_the_next_run_ends_it() {
    if !Postgres::available() {
        return;
    }
    let home = Home::in_memory();
    home.many_keys(300);
    assert_eq!(home.run(&["users", "add", "ben@example.com", "--login", "ana"]).code, 0);
    let (file, database) = (home.database().display().to_string(), server().database());
    let url = database.socket_url();
    let head = told(&home, &file, &["audit", "head"]);
    let is_used = |place: &str| {
        let said = home.run(&["--db", place, "audit", "head"]);
        said.code == 0 && said.out == head
    };
    let mut pause = Duration::from_millis(20);
    loop {
        let mut command = Command::new(KEYDESK);
        command.env_clear().envs(home.environment()).args(["move", "--to", &url, "--yes"]);
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        while began.elapsed() < pause && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let (old, new) = (is_used(&file), is_used(&url));
        assert!(!(old && new), "{pause:?}");
        if new {
            break;
        }
        pause += Duration::from_millis(60);
        assert!(pause < Duration::from_mins(1));
    }
    assert!(told(&home, &url, &["audit", "verify", "--expect", head.trim_end()]).starts_with("intact: "));
}

#[test]
fn a_user_keeps_their_name_between_a_server_and_a_file() {
    if !Postgres::available() {
        return;
    }
    // On the server of the other tests, no role has the name of this login.
    let own = Postgres::start();
    let site = Site::on(&own);
    let login = keydesk::host::identity::caller().login;
    // Its number on the server is not that of the login.
    own.role(&login);
    let said = site.run(&["users", "add", "me@example.com", "--login", &login]);
    assert_eq!(said.code, 0, "{said:?}");
    let file = site.home.path("moved.db").display().to_string();
    let said = site.run(&["move", "--to", &file, "--yes"]);
    assert_eq!(said.code, 0, "{said:?}");
    for line in [
        format!("Users who can make changes there: me@example.com ({login})\n"),
        format!("does not exist on this system: ana@example.com ({ADMINISTRATOR})\n"),
    ] {
        assert!(said.err.contains(&line), "{line}: {said:?}");
    }
    told(&site.home, &file, &["apps", "create", "In a file"]);
    assert!(told(&site.home, &file, &["audit", "verify"]).starts_with("intact: "));
    // And to the server again, where the role has no rights to another database.
    let database = own.database();
    let said = site.home.run(&["--db", &file, "move", "--to", &database.socket_url(), "--yes", "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    let users = &said.json()["users"];
    let of = |email: &str| {
        let users = users.as_array().unwrap();
        users.iter().find(|user| user["email"] == email).unwrap()["can_make_changes"].clone()
    };
    assert_eq!((of("me@example.com"), of("ana@example.com")), (false.into(), false.into()), "{users}");
}

#[test]
fn somebody_must_be_able_to_make_changes_there_and_it_must_be_empty() {
    if !Postgres::available() {
        return;
    }
    let home = Home::set_up();
    let database = server().database();
    let move_it = || home.run(&["move", "--to", &database.socket_url(), "--yes", "--json"]);
    let said = move_it();
    let (code, _, hint) = said.error();
    assert_eq!((said.code, code.as_str()), (3, "no_one_there"), "{said:?}");
    assert!(hint.ends_with("keydesk users add EMAIL --login ROLE"), "{hint}");
    assert_eq!(home.run(&["users", "add", "ben@example.com", "--login", "ana"]).code, 0);
    let other = server().database();
    let arguments = ["init", "--email", "ana@example.com", "--app", "Storefront"];
    let url = other.socket_url();
    assert_eq!(home.run(&[&["--db", &url], &arguments[..]].concat()).code, 0);
    let said = home.run(&["move", "--to", &url, "--yes", "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (3, "not_empty"), "{said:?}");
    let said = move_it();
    assert_eq!(said.code, 0, "{said:?}");
}
