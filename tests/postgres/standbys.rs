//! A standby of the tests, and a server that is frozen, killed or stopped with all its processes.

use std::process::Stdio;
use std::time::Duration;

use crate::support::postgres::standby::Replication;
use crate::support::postgres::{Database, Postgres, psql, psql_command};
use crate::support::until;

const PATIENCE: Duration = Duration::from_secs(20);

fn with_table(server: &Postgres) -> Database<'_> {
    let database = server.database();
    database.psql_as_ana("CREATE TABLE t (n bigint PRIMARY KEY)");
    database
}

/// The numbers in the table of this database on a server.
fn numbers(server: &Postgres, database: &Database) -> String {
    psql(&server.socket_url("ana", database.name()), "SELECT string_agg(n::text, ' ' ORDER BY n) FROM t").out
}

#[test]
fn a_commit_waits_for_a_synchronous_standby_and_its_end_is_a_warning() {
    if !Postgres::available() {
        return;
    }
    let primary = Postgres::start();
    let database = with_table(&primary);
    let standby = primary.standby(Replication::Synchronous);
    assert_eq!(standby.psql("SELECT pg_is_in_recovery()"), "t");
    database.psql_as_ana("INSERT INTO t VALUES (1)");
    assert!(until(PATIENCE, || numbers(&standby, &database) == "1"));

    standby.freeze();
    let mut insert = psql_command(&database.url(), "INSERT INTO t VALUES (2)");
    let mut insert = insert.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    assert!(until(PATIENCE, || !database.psql(waiting).is_empty()));
    assert!(insert.try_wait().unwrap().is_none());
    assert_eq!(numbers(&primary, &database), "1", "no one sees it before the standby has it");

    database.psql(&format!("SELECT pg_terminate_backend(({waiting}))"));
    let said = insert.wait_with_output().unwrap();
    let text = String::from_utf8(said.stderr).unwrap();
    assert!(text.contains("WARNING:  canceling the wait for synchronous replication"), "{text}");
    assert!(!said.status.success());
    assert!(until(PATIENCE, || numbers(&primary, &database) == "1 2"), "it is committed");

    standby.thaw();
    assert!(until(PATIENCE, || numbers(&standby, &database) == "1 2"));
    database.psql_as_ana("INSERT INTO t VALUES (3)");
}

#[test]
fn a_promoted_standby_lacks_what_it_had_not_received() {
    if !Postgres::available() {
        return;
    }
    let primary = Postgres::start();
    let database = with_table(&primary);
    database.psql_as_ana("INSERT INTO t VALUES (1)");
    let standby = primary.standby(Replication::Asynchronous);
    let url = database.url();
    assert!(until(PATIENCE, || numbers(&standby, &database) == "1"));
    // A frozen one would find in its socket what was sent meanwhile.
    standby.stop();
    database.psql_as_ana("INSERT INTO t VALUES (2)");
    primary.freeze();
    let said = psql(&format!("{url}&connect_timeout=2"), "SELECT 1");
    assert!(said.code == 2 && said.err.contains("timeout expired"), "{said:?}");
    standby.start_again();
    standby.promote();
    assert_eq!(standby.psql("SELECT pg_is_in_recovery()"), "f");
    psql(&standby.url("ana", database.name()), "INSERT INTO t VALUES (3)");
    assert_eq!(numbers(&standby, &database), "1 3", "what it had not received is lost");
    primary.thaw();
    assert_eq!(numbers(&primary, &database), "1 2", "the old primary continues on its own");
}

#[test]
fn a_server_that_was_killed_or_stopped_starts_again_with_its_data_and_port() {
    if !Postgres::available() {
        return;
    }
    let server = Postgres::start();
    let database = with_table(&server);
    let url = database.url();
    database.psql_as_ana("INSERT INTO t VALUES (1)");
    server.kill();
    assert!(server.processes().is_empty());
    assert_eq!(psql(&url, "SELECT 1").code, 2);
    server.start_again();
    assert_eq!(psql(&url, "INSERT INTO t VALUES (2)").code, 0);
    server.stop();
    assert_eq!(psql(&url, "SELECT 1").code, 2);
    server.start_again();
    assert_eq!(psql(&url, "SELECT n FROM t ORDER BY n").out, "1\n2");
}
