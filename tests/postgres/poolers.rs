//! A pooler of connections in front of a server.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::support::postgres::pgbouncer::Pgbouncer;
use crate::support::postgres::{psql, psql_command, server};
use crate::support::until;

const PATIENCE: Duration = Duration::from_secs(20);

/// A client that remains connected.
struct Client {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Client {
    fn connect(url: &str) -> Self {
        let mut command = psql_command(url, "");
        let command = command.args(["-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, answers }
    }

    /// Runs a statement and returns its first row.
    fn row(&mut self, sql: &str) -> String {
        writeln!(self.child.stdin.as_mut().unwrap(), "{sql};").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

#[test]
fn clients_of_a_pooler_share_a_connection_between_transactions() {
    if !Pgbouncer::available() {
        return;
    }
    let database = server().database();
    let pooler = Pgbouncer::start(server());
    let url = database.url_at(pooler.address());
    let who = "SELECT session_user, current_database(), pg_backend_pid()";
    let (mut one, mut two) = (Client::connect(&url), Client::connect(&url));
    let first = one.row(who);
    assert!(first.starts_with(&format!("ana|{}|", database.name())), "{first} {}", pooler.log());
    // The pooler may take a moment to take a connection back.
    assert!(until(PATIENCE, || one.row(who) == two.row(who)));
    // What one of them sets in its session is there for the other.
    let mut leaks = || {
        one.row("SET search_path = other; SELECT 1");
        two.row("SHOW search_path") == "other"
    };
    assert!(until(PATIENCE, &mut leaks));
    // During a transaction it is alone.
    let alone = one.row("BEGIN; SELECT pg_backend_pid()");
    for _ in 0..3 {
        assert_ne!(two.row("SELECT pg_backend_pid()"), alone);
    }
}

#[test]
fn a_pooler_checks_certificate_and_password() {
    if !Pgbouncer::available() {
        return;
    }
    let database = server().database();
    let pooler = Pgbouncer::start(server());
    let said = psql(&database.url_at(pooler.address()), "\\conninfo");
    assert!(said.code == 0 && said.out.contains("protocol: TLSv1."), "{said:?}");
    let url = database.url_at(pooler.address()).replace("ana@", "ana:wrong@");
    let said = psql(&url, "SELECT 1");
    assert!(said.code == 2 && said.err.contains("authentication failed"), "{said:?}");
}
