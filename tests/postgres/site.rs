//! A database that `keydesk init` has set up on a server, with a home directory of its administrator.

use std::fmt::Display;
use std::io::Write;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::KEYDESK;
use crate::support::endpoint::Endpoint;
use crate::support::home::{CommandOutput, Home};
use crate::support::postgres::database::url_at;
use crate::support::postgres::{Access, Database, Postgres, psql};

pub(crate) const ADMINISTRATOR: &str = "keydesk_admin";
pub(crate) const GATEWAY: &str = "keydesk_gateway";

/// The first user is the administrator, the Application is Storefront.
pub(crate) struct Site<'a> {
    pub(crate) home: Home,
    pub(crate) database: Database<'a>,
}

/// A key that the administrator has created.
pub(crate) struct Issued {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl<'a> Site<'a> {
    pub(crate) fn on(server: &'a Postgres) -> Self {
        let database = server.database();
        server.role(ADMINISTRATOR);
        server.role(GATEWAY);
        let site = Self { home: Home::empty(), database };
        let owner = server.socket_url("postgres", site.database.name());
        let said = site
            .run_at(&owner, &["init", "--email", "ana@example.com", "--app", "Storefront", "--create-roles"]);
        assert_eq!(said.code, 0, "{said:?}");
        site
    }

    /// For a role on this server, with TLS.
    pub(crate) fn url(&self, role: &str) -> String {
        self.url_at(format!("localhost:{}", self.database.server().port()), role)
    }

    /// For a role on the server at `host:port`, or at several of them, with TLS.
    pub(crate) fn url_at(&self, place: impl Display, role: &str) -> String {
        url_at(place, role, self.database.name())
    }

    /// A command of the administrator, or of another program before it, with the database at a URL.
    pub(crate) fn command_at(&self, url: &str, before: &[&str], arguments: &[&str]) -> Command {
        let program = [before, &[KEYDESK], arguments].concat();
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).env_clear().envs(self.home.environment());
        command.env("KEYDESK_DB", url).env("PGPASSFILE", Access::get().pass_file());
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        command
    }

    pub(crate) fn run_at(&self, url: &str, arguments: &[&str]) -> CommandOutput {
        output(self.command_at(url, &[], arguments).output().unwrap())
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> CommandOutput {
        self.run_at(&self.url(ADMINISTRATOR), arguments)
    }

    /// A command that reads a text.
    pub(crate) fn run_with(&self, input: &str, arguments: &[&str]) -> CommandOutput {
        self.run_at_with(&self.url(ADMINISTRATOR), input, arguments)
    }

    pub(crate) fn run_at_with(&self, url: &str, input: &str, arguments: &[&str]) -> CommandOutput {
        let mut command = self.command_at(url, &[], arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        output(child.wait_with_output().unwrap())
    }

    /// Starts a command of which the output is read at its end.
    pub(crate) fn start_at(&self, url: &str, arguments: &[&str]) -> Child {
        let mut command = self.command_at(url, &[], arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub(crate) fn key(&self, name: &str) -> Issued {
        self.key_with(name, &[])
    }

    /// With more arguments.
    pub(crate) fn key_with(&self, name: &str, more: &[&str]) -> Issued {
        let said = self.run(&[&["keys", "create", "--json", "--name", name], more].concat());
        assert_eq!(said.code, 0, "{said:?}");
        let document = said.json();
        let text = |field: &str| document[field].as_str().unwrap().to_owned();
        Issued { id: text("id"), secret: text("secret") }
    }

    /// A gateway at a URL, started by another program or directly. It learns the addresses of clients from a proxy.
    pub(crate) fn gateway_at(&self, url: &str, before: &[&str]) -> Endpoint {
        let serve = ["serve", "--listen", "127.0.0.1:0", "--trusted-proxy", "127.0.0.1"];
        Endpoint::from_command(self.command_at(url, before, &serve))
    }

    pub(crate) fn gateway(&self) -> Endpoint {
        self.gateway_at(&self.url(GATEWAY), &[])
    }

    /// A key as `keys show` says it.
    pub(crate) fn shown(&self, key: &str) -> Value {
        let said = self.run(&["keys", "show", key, "--json"]);
        assert_eq!(said.code, 0, "{said:?}");
        said.json()
    }

    /// The log is whole and tells exactly what there is: each operation with its entry, or neither.
    pub(crate) fn is_sound(&self, when: &str) {
        let said = self.run(&["audit", "verify"]);
        assert_eq!(said.code, 0, "{when}: {said:?}");
    }

    /// Whether a key is deleted: true with a tombstone and no row, false with a row and no tombstone.
    pub(crate) fn is_deleted(&self, id: &str, server: &Postgres) -> bool {
        let sql = format!(
            "SELECT (SELECT count(*) FROM keys WHERE key_id = '{id}'), \
             (SELECT count(*) FROM tombstones WHERE key_id = '{id}')"
        );
        let said = psql(&server.socket_url("postgres", self.database.name()), &sql);
        assert!(["0|1", "1|0"].contains(&said.out.as_str()), "{id}: {said:?}");
        said.out == "0|1"
    }
}

/// The status of the response of a gateway about a key.
pub(crate) fn ask(gateway: &Endpoint, key: &Issued) -> u16 {
    gateway.get("/auth", &[("X-Api-Key", &key.secret)]).status
}

/// The same for a client at an address that the proxy reports.
pub(crate) fn ask_from(gateway: &Endpoint, key: &Issued, address: &str) -> u16 {
    gateway.get("/auth", &[("X-Api-Key", &key.secret), ("X-Forwarded-For", address)]).status
}

pub(crate) fn output(output: std::process::Output) -> CommandOutput {
    CommandOutput {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
