//! A server of the tests: TLS, passwords, databases of one's own, and nothing that is left behind.

use std::time::Duration;

use crate::support::postgres::life::processes_in;
use crate::support::postgres::{Access, Postgres, psql, server};
use crate::support::until;

#[test]
fn a_database_is_reached_with_tls_and_with_the_socket() {
    if !Postgres::available() {
        return;
    }
    let database = server().database();
    let who = "SELECT session_user, current_database(), (SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid())";
    let name = database.name();
    let said = psql(&database.url(), who);
    assert_eq!(said.out, format!("ana|{name}|TLSv1.3"), "{said:?}");
    let said = psql(&database.url_as("ben"), who);
    assert_eq!(said.out, format!("ben|{name}|TLSv1.3"), "{said:?}");
    let said = psql(&database.socket_url(), who);
    assert_eq!(said.out, format!("ana|{name}|"), "{said:?}");
    assert_eq!(database.psql_as_ana("CREATE TABLE t (n bigint); SELECT count(*) FROM t"), "0");
}

#[test]
fn a_certificate_of_another_authority_and_a_wrong_password_are_rejected() {
    if !Postgres::available() {
        return;
    }
    let database = server().database();
    let access = Access::get();
    let (right, other) = (access.authority(), access.other_authority());
    let url = database.url().replace(right.to_str().unwrap(), other.to_str().unwrap());
    let said = psql(&url, "SELECT 1");
    assert!(said.code == 2 && said.err.contains("certificate verify failed"), "{said:?}");
    let said = psql(&database.url().replace("ana@", "ana:wrong@"), "SELECT 1");
    assert!(said.code == 2 && said.err.contains("password authentication failed"), "{said:?}");
    let said = psql(&database.url().replace("localhost", "[::1]"), "SELECT 1");
    assert!(said.code == 2 && said.err.contains("refused"), "{said:?}");
}

#[test]
fn databases_and_servers_are_apart() {
    if !Postgres::available() {
        return;
    }
    let (one, two) = (server().database(), server().database());
    one.psql("CREATE TABLE only_here ()");
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!((one.psql(tables), two.psql(tables)), ("1".into(), "0".into()));
    let own = Postgres::options().with_fsync().setting("max_connections=20").start();
    assert_ne!(own.port(), server().port());
    let settings = "SELECT current_setting('fsync'), current_setting('max_connections')";
    assert_eq!(own.psql(settings), "on|20");
    assert_eq!(server().psql("SELECT current_setting('fsync')"), "off");
}

#[test]
#[expect(clippy::print_stderr, reason = "a test says why it is skipped")]
fn texts_are_sorted_as_people_do_unless_a_statement_says_otherwise() {
    if !Postgres::available() {
        return;
    }
    if !Postgres::sorts_as_people_do() {
        eprintln!("skipped: this server was built without ICU");
        return;
    }
    assert_eq!(server().psql("SELECT 'a' < 'B', 'a' < 'B' COLLATE \"C\""), "t|f");
}

#[test]
fn nothing_of_a_dropped_server_is_left() {
    if !Postgres::available() {
        return;
    }
    let own = Postgres::start();
    let data = own.data();
    let folder = data.parent().unwrap().to_owned();
    assert!(folder.is_dir() && processes_in(&data).len() > 3);
    drop(own);
    assert!(!folder.exists() && processes_in(&data).is_empty());

    let database = server().database();
    let name = database.name().to_owned();
    drop(database);
    let there = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
    assert!(until(Duration::from_secs(5), || server().psql(&there) == "0"));
}
