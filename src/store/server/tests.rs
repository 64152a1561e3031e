//! Connections to real servers.
#![allow(clippy::print_stderr, reason = "a skipped test says why")]

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_postgres::types::Type;

use super::connection::{CommitFault, Connection};
use super::fault::{Fault, FaultKind};
use super::open::ConnectOptions;
use super::settings::Environment;
use crate::domain::postgres_url::{Encryption, PostgresUrl};
use crate::store::value::Value;
use crate::support::postgres::pgbouncer::Pgbouncer;
use crate::support::postgres::{Access, Database, Postgres, psql, server};

fn options() -> ConnectOptions {
    ConnectOptions { patience: Duration::from_secs(20), ..ConnectOptions::default() }
}

/// An environment with the passwords of the test servers.
fn environment() -> Environment {
    let pass_file = Access::get().pass_file().display().to_string();
    Environment {
        variables: BTreeMap::from([("PGPASSFILE".to_owned(), pass_file)]),
        login: "ana".to_owned(),
        ..Environment::default()
    }
}

fn open(url: &str) -> Result<Connection, Fault> {
    Connection::open_in(&url.parse().unwrap(), options(), &Arc::default(), &environment())
}

fn connect(database: &Database<'_>) -> Connection {
    open(&database.url()).unwrap()
}

fn integer(connection: &Connection, sql: &str, values: &[Value]) -> i64 {
    connection.query(sql, values).unwrap()[0].get(0)
}

/// A table of numbers.
fn with_numbers(connection: &Connection) {
    connection.batch("CREATE TABLE numbers (n bigint PRIMARY KEY, t text COLLATE \"C\", b bytea)").unwrap();
}

#[test]
fn values_go_there_and_back() {
    if !Postgres::available() {
        return;
    }
    let database = server().database();
    let connection = connect(&database);
    assert_eq!(connection.facts().encryption, Encryption::Verified);
    assert_eq!(connection.facts().session_user, "ana");
    assert!(connection.facts().version >= 150_000);
    with_numbers(&connection);
    let insert = "INSERT INTO numbers (n, t, b) VALUES (?1, ?2, ?3)";
    let values = [i64::MIN.into(), "'é🔑".into(), [0_u8, 255].into()];
    assert_eq!(connection.execute(insert, &values).unwrap(), 1);
    assert_eq!(connection.execute(insert, &[1_i64.into(), Value::Text(None), Value::Blob(None)]).unwrap(), 1);
    let rows = connection
        .query("SELECT t, b FROM numbers INDEXED BY x WHERE n <= ? ORDER BY n", &[1_i64.into()])
        .unwrap();
    assert_eq!(rows[0].get::<_, Option<String>>(0).as_deref(), Some("'é🔑"));
    assert_eq!(rows[0].get::<_, Option<Vec<u8>>>(1), Some(vec![0, 255]));
    assert_eq!(rows[1].get::<_, Option<String>>(0), None);
    assert_eq!(rows[1].get::<_, Option<Vec<u8>>>(1), None);
    let texts = ["b", "'é🔑"];
    let rows =
        connection.query_with("SELECT n FROM numbers WHERE t = ANY(?)", &[(&&texts[..], Type::TEXT_ARRAY)]);
    assert_eq!(rows.unwrap()[0].get::<_, i64>(0), i64::MIN);
    assert_eq!(connection.execute("DELETE FROM numbers", &[]).unwrap(), 2);
    // Sockets need no TLS.
    let socket = open(&database.socket_url()).unwrap();
    assert_eq!(socket.facts().encryption, Encryption::None);
    assert_eq!(integer(&socket, "SELECT 7::bigint", &[]), 7);
}

#[test]
fn faults_are_told_apart_by_their_state() {
    if !Postgres::available() {
        return;
    }
    let database = server().database();
    let [one, other] = [(); 2].map(|()| connect(&database));
    with_numbers(&one);
    let kind = |fault: Result<(), Fault>| fault.unwrap_err().kind();
    let insert = "INSERT INTO numbers VALUES (1)";
    one.begin("BEGIN").unwrap();
    one.batch(insert).unwrap();
    other.begin("BEGIN; SET LOCAL lock_timeout = '20ms'").unwrap();
    assert_eq!(kind(other.batch("LOCK TABLE numbers IN EXCLUSIVE MODE")), FaultKind::Busy);
    assert_eq!(kind(other.batch("SELECT 1")), FaultKind::Aborted);
    // The server would answer COMMIT with a rollback, and without an error.
    assert!(
        matches!(other.commit(), Err(CommitFault::Rejected(fault)) if fault.kind() == FaultKind::Aborted)
    );
    one.commit().unwrap();
    let taken = other.batch(insert).unwrap_err();
    assert_eq!(taken.kind(), FaultKind::Taken);
    assert!(!taken.to_string().contains("(1)"), "values are private: {taken}");
    other.begin("BEGIN READ ONLY").unwrap();
    assert_eq!(kind(other.batch(insert)), FaultKind::ReadOnly);
    other.roll_back().unwrap();
    assert_eq!(kind(other.batch("SELECT nonsense")), FaultKind::Other);
    let guest = open(&database.url_as("guest")).unwrap();
    assert_eq!(kind(guest.batch("SELECT * FROM numbers")), FaultKind::NoRights);
    assert!([&one, &other, &guest].iter().all(|connection| !connection.is_closed()));
    let error =
        guest.batch("SELECT * FROM numbers").unwrap_err().during("reading", &database.url().parse().unwrap());
    assert_eq!(error.code(), "no_rights");
    assert!(error.hint().is_some());
    let text = error.to_string();
    assert!(
        text.contains("postgres://ana@localhost") && text.contains("while reading: permission denied"),
        "{text}"
    );
}

#[test]
fn a_commit_that_the_server_rejects_is_not_done() {
    if !Postgres::available() {
        return;
    }
    let database = server().database();
    let connection = connect(&database);
    connection.batch("CREATE TABLE once (n bigint UNIQUE DEFERRABLE INITIALLY DEFERRED)").unwrap();
    connection.begin("BEGIN").unwrap();
    connection.batch("INSERT INTO once VALUES (1), (1)").unwrap();
    assert!(
        matches!(connection.commit(), Err(CommitFault::Rejected(fault)) if fault.kind() == FaultKind::Taken)
    );
    assert_eq!(integer(&connection, "SELECT count(*) FROM once", &[]), 0);
}

#[test]
fn a_commit_without_its_standby_is_not_reported_as_done() {
    if !Postgres::available() {
        return;
    }
    let postgres = Postgres::start();
    let database = postgres.database();
    let connection = connect(&database);
    connection.batch("CREATE TABLE t (n bigint)").unwrap();
    postgres.psql("ALTER SYSTEM SET synchronous_standby_names = 'absent'");
    postgres.psql("SELECT pg_reload_conf()");
    wait_for(|| database.psql("SHOW synchronous_standby_names") == "absent");
    // Canceled by the administrator of the server: done on the primary alone.
    connection.begin("BEGIN").unwrap();
    connection.batch("INSERT INTO t VALUES (1)").unwrap();
    let commit = std::thread::scope(|scope| {
        scope.spawn(|| {
            let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
            wait_for(|| database.psql(cancel).contains('t'));
        });
        connection.commit()
    });
    assert!(matches!(commit, Err(CommitFault::Unknown(fault)) if fault.kind() == FaultKind::NotReplicated));
    assert!(!connection.is_closed());
    assert_eq!(integer(&connection, "SELECT count(*) FROM t", &[]), 1);
    // The session is terminated meanwhile.
    connection.begin("BEGIN").unwrap();
    connection.batch("INSERT INTO t VALUES (2)").unwrap();
    let commit = std::thread::scope(|scope| {
        scope.spawn(|| {
            let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
            wait_for(|| database.psql(end).contains('t'));
        });
        connection.commit()
    });
    assert!(matches!(commit, Err(CommitFault::Unknown(_))), "{commit:?}");
    assert!(connection.is_closed());
    // No answer in time.
    let connection = connect(&database);
    connection.begin("BEGIN").unwrap();
    connection.batch("INSERT INTO t VALUES (3)").unwrap();
    connection.set_patience(Duration::from_millis(100));
    connection.interrupter().interrupt();
    let commit = connection.commit();
    assert!(matches!(commit, Err(CommitFault::Unknown(fault)) if fault.kind() == FaultKind::TimedOut));
    assert!(connection.is_closed());
    // The server still works on it: it is not canceled, and its connection is not ended.
    drop(connection);
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(database.psql(waiting), "1");
}

#[test]
fn a_statement_is_stopped_from_another_thread_and_a_later_one_is_not() {
    if !Postgres::available() {
        return;
    }
    let database = server().database();
    for url in [database.url(), database.socket_url()] {
        let connection = open(&url).unwrap();
        let interrupter = connection.interrupter();
        // Nothing runs.
        interrupter.interrupt();
        let since = Instant::now();
        for round in 0..40 {
            let handle = interrupter.clone();
            let other = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_micros(round * 200));
                handle.interrupt();
            });
            let fault = loop {
                // It may come before the statement.
                match connection.query("SELECT pg_sleep(0.02)", &[]) {
                    Ok(_) if other.is_finished() => break None,
                    Ok(_) => {}
                    Err(fault) => break Some(fault.kind()),
                }
            };
            other.join().unwrap();
            assert!(matches!(fault, None | Some(FaultKind::Interrupted)), "{fault:?}");
            for number in 0..10_i64 {
                assert_eq!(integer(&connection, "SELECT ? + 0", &[number.into()]), number);
            }
        }
        assert!(since.elapsed() < Duration::from_secs(30));
        let stopper = std::thread::spawn({
            let interrupter = connection.interrupter();
            move || {
                std::thread::sleep(Duration::from_millis(50));
                interrupter.interrupt();
            }
        });
        let since = Instant::now();
        let fault = connection.query("SELECT pg_sleep(15)", &[]).unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Interrupted);
        assert!(since.elapsed() < Duration::from_secs(10));
        stopper.join().unwrap();
    }
}

#[test]
fn rows_arrive_one_after_the_other() {
    if !Postgres::available() {
        return;
    }
    let database = server().database();
    let connection = connect(&database);
    let many = "SELECT generate_series(1, ?), repeat('x', 100)";
    let mut sum = 0;
    let mut each = |row: &tokio_postgres::Row| -> Result<(), Fault> {
        sum += row.get::<_, i64>(0);
        Ok(())
    };
    connection.query_each(many, &[300_000_i64.into()], &mut each).unwrap();
    assert_eq!(sum, 300_000 * 300_001 / 2);
    // An early end costs nothing.
    let since = Instant::now();
    let mut seen = 0;
    let ended = connection.query_each(many, &[100_000_000_i64.into()], |_| {
        seen += 1;
        if seen < 10 { Ok(()) } else { Err(Fault::new(FaultKind::Other, "enough")) }
    });
    assert_eq!(ended.unwrap_err().to_string(), "enough");
    assert_eq!(integer(&connection, "SELECT 7::bigint", &[]), 7);
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    // A statement among the rows of another would wait for itself.
    let nested = connection.query_each(many, &[10_i64.into()], |_| connection.batch("SELECT 1"));
    assert_eq!(nested.unwrap_err().kind(), FaultKind::Other);
    assert_eq!(integer(&connection, "SELECT 7::bigint", &[]), 7);
    let failing =
        connection.query_each("SELECT 1 / (n - 5) FROM generate_series(1, 9) n", &[], |_| Ok::<_, Fault>(()));
    assert_eq!(failing.unwrap_err().to_string(), "division by zero");
    assert!(!connection.is_closed());
}

#[test]
fn a_server_that_does_not_answer_costs_no_more_than_the_limit() {
    if !Postgres::available() {
        return;
    }
    let database = server().database();
    let connection = connect(&database);
    connection.set_patience(Duration::from_millis(100));
    let since = Instant::now();
    assert_eq!(connection.query("SELECT pg_sleep(15)", &[]).unwrap_err().kind(), FaultKind::TimedOut);
    assert!(since.elapsed() < Duration::from_secs(5));
    assert!(connection.is_closed());
    assert_eq!(connection.batch("SELECT 1").unwrap_err().kind(), FaultKind::Closed);
    let running = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(15)'";
    wait_for(|| database.psql(running) == "0");
    // It accepts the connection and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url: PostgresUrl = format!("postgres://ana@{}/x", silent.local_addr().unwrap()).parse().unwrap();
    for (attempt, connect) in
        [(100, 20_000), (20_000, 100)].map(|(a, b)| (Duration::from_millis(a), Duration::from_millis(b)))
    {
        let since = Instant::now();
        let options = ConnectOptions { attempt, connect, ..options() };
        let fault = Connection::open_in(&url, options, &Arc::default(), &environment()).unwrap_err();
        assert!(matches!(fault.kind(), FaultKind::Unreachable | FaultKind::TimedOut), "{fault}");
        assert!(fault.to_string().contains("no answer within 100 ms"), "{fault}");
        assert!(since.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn a_lost_connection_says_why() {
    if !Postgres::available() {
        return;
    }
    let database = server().database();
    let connection = connect(&database);
    let process = integer(&connection, "SELECT pg_backend_pid()::bigint", &[]);
    psql(&server().socket_url("postgres", "postgres"), &format!("SELECT pg_terminate_backend({process})"));
    wait_for(|| connection.is_closed());
    let fault = connection.batch("SELECT 1").unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Unavailable, "{fault}");
    assert_eq!(fault.to_string(), "terminating connection due to administrator command");
}

#[test]
fn each_reason_not_to_connect_has_its_own_fault() {
    if !Postgres::available() {
        return;
    }
    let postgres = server();
    let database = postgres.database();
    let (name, port) = (database.name(), postgres.port());
    let ca = Access::get().authority().display().to_string();
    let other_ca = Access::get().other_authority().display().to_string();
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let cases = [
        (format!("postgres://stranger@localhost:{port}/{name}?sslrootcert={ca}"), FaultKind::Login),
        (format!("postgres://ana@localhost:{port}/absent?sslrootcert={ca}"), FaultKind::NoDatabase),
        (format!("postgres://ana@localhost:{unused}/{name}"), FaultKind::Unreachable),
        (format!("postgres://ana@/{name}?host=/nonexistent"), FaultKind::Unreachable),
        (format!("postgres://ana@absent.invalid/{name}"), FaultKind::UnknownHost),
        (format!("postgres://ana@localhost:{port}/{name}?sslrootcert={other_ca}"), FaultKind::Certificate),
        (format!("postgres://ana@localhost:{port}/{name}?sslmode=verify-full"), FaultKind::Certificate),
        // The certificate is not for this address.
        (format!("postgres://ana@[::ffff:127.0.0.1]:{port}/{name}?sslrootcert={ca}"), FaultKind::Certificate),
        (format!("postgres://ana@localhost:{port}/{name}?sslrootcert=/absent.crt"), FaultKind::Settings),
        (
            format!("postgres://ana@localhost:{port}/{name}?passfile=/absent&sslrootcert={ca}"),
            FaultKind::NoPassword,
        ),
    ];
    for (url, kind) in cases {
        let fault = open(&url).expect_err(&url);
        assert_eq!(fault.kind(), kind, "{url}: {fault}");
        let error = fault.during("connecting", &url.parse().unwrap());
        let hint = error.hint().unwrap();
        assert!(hint.starts_with(|c: char| c.is_ascii_uppercase()), "{hint}");
        assert!(error.to_string().contains(" failed while connecting: "), "{error}");
    }
}

#[test]
fn a_server_without_tls_is_used_only_on_this_machine() {
    if !Postgres::available() {
        return;
    }
    let postgres = Postgres::options().setting("ssl=off").start();
    postgres.role("ana");
    let url = |more: &str| format!("postgres://ana@localhost:{}/postgres{more}", postgres.port());
    assert_eq!(open(&url("")).unwrap().facts().encryption, Encryption::None);
    assert_eq!(open(&url("?sslmode=verify-full")).unwrap_err().kind(), FaultKind::NoTls);
}

#[test]
fn the_first_primary_among_several_hosts_is_used() {
    if !Postgres::available() {
        return;
    }
    let database = server().database();
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let ca = Access::get().authority().display().to_string();
    let hosts = format!("absent.invalid,localhost:{unused},localhost:{}", server().port());
    let connection = open(&format!("postgres://ana@{hosts}/{}?sslrootcert={ca}", database.name())).unwrap();
    assert_eq!(connection.facts().server, format!("localhost:{}", server().port()));
    let fault = open(&format!("postgres://ana@absent.invalid,localhost:{unused}/x")).unwrap_err();
    let text = fault.to_string();
    assert_eq!(fault.kind(), FaultKind::Unreachable);
    assert!(text.contains("absent.invalid: ") && text.contains(": no server is listening"), "{text}");
}

#[test]
fn everything_works_through_a_pooler_in_transaction_mode() {
    if !Pgbouncer::available() {
        return;
    }
    let database = server().database();
    let pooler = Pgbouncer::start(server());
    let url = database.url_at(pooler.address());
    let connection = open(&url).unwrap();
    assert_eq!(connection.facts().encryption, Encryption::Verified);
    with_numbers(&connection);
    std::thread::scope(|scope| {
        for client in 0..6_i64 {
            let url = &url;
            scope.spawn(move || {
                let connection = open(url).unwrap();
                for number in (client * 100)..(client * 100 + 20) {
                    connection.begin("BEGIN; SET LOCAL lock_timeout = '5s'").unwrap();
                    connection.execute("INSERT INTO numbers (n) VALUES (?)", &[number.into()]).unwrap();
                    assert_eq!(
                        integer(&connection, "SELECT n FROM numbers WHERE n = ?", &[number.into()]),
                        number
                    );
                    connection.commit().unwrap();
                }
            });
        }
    });
    assert_eq!(integer(&connection, "SELECT count(*) FROM numbers", &[]), 120);
    let mut seen = 0;
    connection
        .query_each("SELECT n FROM numbers", &[], |_| -> Result<(), Fault> {
            seen += 1;
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, 120);
    let interrupter = connection.interrupter();
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        interrupter.interrupt();
    });
    let since = Instant::now();
    let fault = connection.query("SELECT pg_sleep(15)", &[]).unwrap_err();
    if pooler.log().contains("bad client state") {
        eprintln!("skipped: this pgbouncer ends itself where a client closes a cancel request early");
        stopper.join().unwrap();
        return;
    }
    assert_eq!(fault.kind(), FaultKind::Interrupted, "{fault:?}");
    assert!(since.elapsed() < Duration::from_secs(10));
    stopper.join().unwrap();
    assert_eq!(integer(&connection, "SELECT 7::bigint", &[]), 7);
}

#[test]
fn passwords_are_in_no_text() {
    if !Postgres::available() {
        return;
    }
    let database = server().database();
    let environment = Environment {
        password: Some(crate::domain::secret::Secret::new("hunter2".to_owned())),
        login: "ana".to_owned(),
        ..Environment::default()
    };
    let url: PostgresUrl = database.url().parse().unwrap();
    let fault = Connection::open_in(&url, options(), &Arc::default(), &environment).unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Login, "{fault}");
    assert!(!format!("{fault} {fault:?} {environment:?}").contains("hunter2"));
    let connection = connect(&database);
    assert!(!format!("{connection:?}").contains("password"));
}

fn wait_for(mut condition: impl FnMut() -> bool) {
    let since = Instant::now();
    while !condition() {
        assert!(since.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(10));
    }
}
