//! Databases on a server, and what their clients need.

use std::fmt::Display;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::access::in_url;
use super::{Access, Postgres, SERVER, programs};
use crate::support::home::CommandOutput;

/// An empty database that the role `ana` owns. On a server that several tests use it is dropped with this.
pub struct Database<'a> {
    server: &'a Postgres,
    name: String,
}

impl Postgres {
    pub fn database(&self) -> Database<'_> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        self.role("ana");
        let name = format!("keydesk_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.psql(&format!("CREATE DATABASE {name} OWNER ana"));
        Database { server: self, name }
    }

    /// The URL of a database for a role, with TLS.
    pub fn url(&self, role: &str, database: &str) -> String {
        url_at(format!("localhost:{}", self.port()), role, database)
    }

    /// The URL of a database for a role, through the Unix socket.
    pub fn socket_url(&self, role: &str, database: &str) -> String {
        let socket = self.socket();
        format!("postgres://{role}@/{database}?host={}&port={}", in_url(&socket), self.port())
    }
}

/// The URL of a database on the server at `host:port`, with TLS.
pub fn url_at(place: impl Display, role: &str, database: &str) -> String {
    let authority = Access::get().authority();
    format!("postgres://{role}@{place}/{database}?sslmode=verify-full&sslrootcert={}", in_url(&authority))
}

impl Database<'_> {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn server(&self) -> &Postgres {
        self.server
    }

    /// For `ana`, with TLS.
    pub fn url(&self) -> String {
        self.url_as("ana")
    }

    /// For a role, which is created unless it exists, with TLS.
    pub fn url_as(&self, role: &str) -> String {
        self.server.role(role);
        self.server.url(role, &self.name)
    }

    /// For `ana` on the server at another `host:port`, with TLS: through a relay, a pooler or from a namespace.
    pub fn url_at(&self, place: impl Display) -> String {
        url_at(place, "ana", &self.name)
    }

    /// For `ana`, through the Unix socket.
    pub fn socket_url(&self) -> String {
        self.socket_url_as("ana")
    }

    /// For a role, which is created unless it exists, through the Unix socket.
    pub fn socket_url_as(&self, role: &str) -> String {
        self.server.role(role);
        self.server.socket_url(role, &self.name)
    }

    /// Runs SQL as the superuser and returns the rows, with `|` between the columns.
    pub fn psql(&self, sql: &str) -> String {
        let said = psql(&self.server.socket_url("postgres", &self.name), sql);
        assert_eq!(said.code, 0, "{sql}: {}", said.err);
        said.out
    }

    /// The same as `ana`.
    pub fn psql_as_ana(&self, sql: &str) -> String {
        let said = psql(&self.server.socket_url("ana", &self.name), sql);
        assert_eq!(said.code, 0, "{sql}: {}", said.err);
        said.out
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        let is_shared = SERVER.get().is_some_and(|shared| std::ptr::eq(self.server, shared));
        if is_shared || self.server.clock().is_some() {
            let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
            psql(&self.server.socket_url("postgres", "postgres"), &drop);
        }
    }
}

/// Runs SQL; the rows are without the last line feed.
pub fn psql(url: &str, sql: &str) -> CommandOutput {
    let output = psql_command(url, sql).output().expect("psql");
    let say = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches('\n').to_owned();
    CommandOutput {
        code: output.status.code().unwrap_or(-1),
        out: say(&output.stdout),
        err: say(&output.stderr),
    }
}

/// `psql` with SQL to run, for a test that does something meanwhile.
pub fn psql_command(url: &str, sql: &str) -> Command {
    let mut command = programs::client("psql");
    command.env("PGPASSFILE", Access::get().pass_file()).env("PGCONNECT_TIMEOUT", "5");
    command.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]);
    command
}
