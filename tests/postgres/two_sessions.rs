//! What two sessions do at the same time.

use std::process::Stdio;
use std::time::Duration;

use crate::installation::{ADMINISTRATOR, GATEWAY, Installation, entry, key, tombstone};
use crate::support::postgres::{Postgres, psql_command};
use crate::support::until;

/// Runs SQL as a role after another one has made its changes and before it commits them, which it does as soon as it is
/// waited for. Returns the output and the code of the error.
fn during(
    installation: &Installation,
    (first, changes): (&str, &str),
    (second, sql): (&str, &str),
) -> String {
    let changes = format!(
        "BEGIN; {changes}; DO $$ BEGIN WHILE NOT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted \
         AND transactionid = pg_current_xact_id()::xid) LOOP PERFORM pg_sleep(0.01); END LOOP; END $$; COMMIT"
    );
    let url = installation.database.socket_url_as(&first.replace(' ', "%20"));
    let first = psql_command(&url, &changes).stdout(Stdio::null()).spawn().unwrap();
    let waits =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    assert!(until(Duration::from_secs(20), || installation.database.psql(waits) == "1"));
    let said = installation.run(second, sql);
    assert!(first.wait_with_output().unwrap().status.success());
    format!("{}{}", said.out, said.err)
}

/// What a change does that adds the entry 2.
fn second_entry() -> String {
    format!("SELECT 1 FROM head FOR UPDATE; {}", entry(2))
}

#[test]
fn two_changes_at_once_do_not_fork_the_audit_log() {
    if !Postgres::available() {
        return;
    }
    // With the lock, the second change waits and sees the first.
    let installation = Installation::new();
    let change = "BEGIN; SELECT number FROM head FOR UPDATE; INSERT INTO audit (number, at, actor, actor_uid, action, changes, hash) \
         SELECT number + 1, 1, 1, 1, 'a', '[]', sha256('3') FROM head; COMMIT";
    let said = during(&installation, (ADMINISTRATOR, &second_entry()), (ADMINISTRATOR, change));
    assert_eq!(said, "2");
    let log = "SELECT (SELECT string_agg(number::text, ' ' ORDER BY number) FROM audit), number, hash = sha256('3') FROM head";
    assert_eq!(installation.owner(log), "1 2 3|3|t");
    // Without, it fails, whatever it changes first.
    let (key, entry) = (key("present002"), entry(2));
    for (sql, code) in [
        (entry.clone(), "23505"),
        (format!("BEGIN; {key} {entry} COMMIT"), "23505"),
        (format!("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM keys; {key} {entry} COMMIT"), "40001"),
    ] {
        let installation = Installation::new();
        let said = during(&installation, (ADMINISTRATOR, &second_entry()), (ADMINISTRATOR, &sql));
        assert!(said.ends_with(&format!("ERROR:  {code}")), "{sql}: {said}");
        let log =
            "SELECT (SELECT string_agg(number::text, ' ' ORDER BY number) FROM audit), number FROM head";
        assert_eq!(installation.owner(log), "1 2|2", "{sql}");
        assert_eq!(installation.owner("SELECT count(*) FROM keys"), "1", "{sql}");
    }
}

/// Deletes the key that is there.
fn deletion() -> String {
    format!("{} DELETE FROM keys WHERE key_id = 'present001'", tombstone("present001"))
}

#[test]
fn a_deleted_key_does_not_come_back_while_it_is_being_deleted() {
    if !Postgres::available() {
        return;
    }
    let installation = Installation::new();
    let said = during(&installation, (ADMINISTRATOR, &deletion()), (ADMINISTRATOR, &key("present001")));
    assert!(said.ends_with("ERROR:  KD001"), "{said}");
}

/// A use, as a recorder writes it.
const FIRST_USE: &str = "INSERT INTO key_use (key_id, application_id, first, last, last_from) \
                         SELECT key_id, application_id, 150, 160, '10.0.0.1' FROM keys WHERE key_id = 'present001'";
const LATER_USE: &str =
    "UPDATE key_use SET last = 170, last_from = '10.0.0.2' WHERE key_id = 'present001' AND last <= 170";

/// The use of keys that exist, and the last one of the deleted key.
const LAST_USE: &str = "SELECT (SELECT count(*) FROM key_use), (SELECT count(*) FROM never_used), last_used, last_used_from \
                        FROM tombstones WHERE key_id = 'present001'";

#[test]
fn use_that_is_written_while_its_key_is_deleted_counts_for_the_tombstone() {
    if !Postgres::available() {
        return;
    }
    for (before, used, last) in
        [("SELECT 1", FIRST_USE, "160|10.0.0.1"), (FIRST_USE, LATER_USE, "170|10.0.0.2")]
    {
        let installation = Installation::new();
        installation.may(GATEWAY, &[before]);
        // The deletion waits for the use.
        let said = during(
            &installation,
            (GATEWAY, used),
            (ADMINISTRATOR, &format!("BEGIN; {}; COMMIT", deletion())),
        );
        assert_eq!((said.as_str(), installation.owner(LAST_USE)), ("", format!("0|0|{last}")), "{used}");
    }
    // The first use waits for the deletion.
    let installation = Installation::new();
    let said = during(&installation, (ADMINISTRATOR, &deletion()), (GATEWAY, FIRST_USE));
    assert_eq!((said.as_str(), installation.owner(LAST_USE).as_str()), ("", "0|0|160|10.0.0.1"));
    // So does a later one, which then finds no row and writes the tombstone itself.
    let installation = Installation::new();
    installation.may(GATEWAY, &[FIRST_USE]);
    let written = format!("{LATER_USE} RETURNING 'changed'");
    let said = during(&installation, (ADMINISTRATOR, &deletion()), (GATEWAY, &written));
    assert_eq!((said.as_str(), installation.owner(LAST_USE).as_str()), ("", "0|0|160|10.0.0.1"));
}

/// Only a deletion does.
#[test]
fn use_does_not_wait_for_a_change_of_its_key() {
    if !Postgres::available() {
        return;
    }
    let installation = Installation::new();
    let url = installation.database.socket_url_as(ADMINISTRATOR);
    let open = "BEGIN; UPDATE keys SET expires = 800 WHERE key_id = 'present001'; SELECT pg_sleep(60)";
    let mut first = psql_command(&url, open).stdout(Stdio::null()).spawn().unwrap();
    let waits =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    assert!(until(Duration::from_secs(20), || installation.database.psql(waits) == "1"));
    for used in [FIRST_USE, LATER_USE] {
        installation.may(GATEWAY, &[&format!("SET lock_timeout = '1s'; {used}")]);
    }
    assert_eq!(installation.database.psql(waits), "1", "the change is not committed yet");
    first.kill().unwrap();
    first.wait().unwrap();
}
