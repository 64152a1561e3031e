//! The real binary in a home directory of its own.

use std::path::PathBuf;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::KEYDESK;
use keydesk::desk::{self, Session};
use keydesk::domain::key::{KeyKind, KeyType, NewKey};
use keydesk::domain::source::AllowedSources;
use keydesk::domain::text::Name;
use keydesk::host::entropy::SystemEntropy;
use keydesk::host::{clock, identity};
use keydesk::store::{Store, applications};

/// The exit code and the output of a command.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl CommandOutput {
    /// The one JSON document on standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The one error document on standard error: code, message, hint.
    pub(crate) fn error(&self) -> (String, String, String) {
        let document: Value =
            serde_json::from_str(&self.err).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        let object = document.as_object().unwrap();
        assert_eq!(object.keys().collect::<Vec<_>>(), ["error"], "{self:?}");
        let error = object["error"].as_object().unwrap();
        let mut fields: Vec<_> = error.keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(fields, ["code", "hint", "message"], "{self:?}");
        let text = |field: &str| error[field].as_str().unwrap_or_default().to_owned();
        (text("code"), text("message"), text("hint"))
    }
}

/// A temporary home directory.
pub(crate) struct Home(pub(crate) TempDir);

impl Home {
    pub(crate) fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A home directory with a database: the user is ana@example.com, the Application is Storefront.
    pub(crate) fn set_up() -> Self {
        let home = Self::empty();
        home.init();
        home
    }

    /// The same in memory, where the system has such a place: for tests that make many changes.
    pub(crate) fn in_memory() -> Self {
        let memory = std::path::Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let home = Self(folder.unwrap());
        home.init();
        home
    }

    /// Creates many keys and returns their secrets.
    pub(crate) fn many_keys(&self, number: usize) -> Vec<String> {
        let mut store = Store::open(self.database(), &mut SystemEntropy).unwrap();
        let application = store.read(applications::first).unwrap().unwrap().id;
        let (caller, now) = (identity::caller(), clock::now());
        let create = |number: usize| {
            let (store, entropy) = (&mut store, &mut SystemEntropy);
            let new = NewKey {
                application,
                name: Name::parse(&format!("Key {number}")).unwrap(),
                kind: KeyKind::Generic,
                key_type: KeyType::Production,
                expires: now + chrono::TimeDelta::days(90),
                owner: Name::parse("Payments team").ok().filter(|_| number.is_multiple_of(3)),
                note: None,
                allowed_sources: AllowedSources::default(),
            };
            let mut session = Session { store, caller: &caller, now, entropy, max_lifetime: None };
            desk::create_key(&mut session, &new).unwrap().secret.expose().to_owned()
        };
        (0..number).map(create).collect()
    }

    pub(crate) fn init(&self) {
        let said = self.run(&["init", "--email", "ana@example.com", "--app", "Storefront"]);
        assert_eq!(said.code, 0, "{said:?}");
    }

    /// The same, where the clipboard of a display is cleared after this number of seconds.
    pub(crate) fn clearing_after(seconds: u64) -> Self {
        let home = Self::empty();
        std::fs::create_dir_all(home.path("config/keydesk")).unwrap();
        let settings = format!("clipboard_clear_after = \"{seconds}s\"\n");
        std::fs::write(home.path("config/keydesk/config.toml"), settings).unwrap();
        home.init();
        home
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path("data/keydesk/keydesk.db")
    }

    /// The environment of a command.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let below = |folder: &str| self.path(folder).display().to_string();
        vec![
            ("HOME", below("")),
            ("XDG_DATA_HOME", below("data")),
            ("XDG_CONFIG_HOME", below("config")),
            ("XDG_STATE_HOME", below("state")),
            ("TZ", "UTC".into()),
            ("PATH", std::env::var("PATH").unwrap_or_default()),
        ]
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.program(KEYDESK);
        command.args(arguments);
        command
    }

    /// Any program in the environment of a command.
    pub(crate) fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.environment());
        command
    }

    /// Whether `keydesk verify` accepts a key.
    pub(crate) fn accepts(&self, secret: &str) -> bool {
        self.run_with(secret, &["verify"]).code == 0
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> CommandOutput {
        run(&mut self.command(arguments))
    }

    pub(crate) fn run_with(&self, input: impl Into<Vec<u8>>, arguments: &[&str]) -> CommandOutput {
        run(self.command(arguments).write_stdin(input))
    }

    /// Creates a key and returns its ID and secret.
    pub(crate) fn key(&self, name: &str, more: &[&str]) -> (String, String) {
        let said = self.run(&[&["keys", "create", "--json", "--name", name], more].concat());
        assert_eq!(said.code, 0, "{said:?}");
        let document = said.json();
        let text = |field: &str| document[field].as_str().unwrap().to_owned();
        (text("id"), text("secret"))
    }

    /// Changes the database without keydesk.
    pub(crate) fn sql(&self, sql: &str) {
        rusqlite::Connection::open(self.database()).unwrap().execute_batch(sql).unwrap();
    }
}

pub(crate) fn run(command: &mut Command) -> CommandOutput {
    let output = command.output().unwrap();
    CommandOutput {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The file is sound, the log is whole and tells exactly what there is: each operation with its entry, or neither.
pub(crate) fn is_sound(home: &Home, when: &str) {
    is_sound_file(home, when);
    let said = home.run(&["audit", "verify"]);
    assert_eq!(said.code, 0, "{when}: {said:?}");
}

/// SQLite finds nothing wrong with the file.
pub(crate) fn is_sound_file(home: &Home, when: &str) {
    let raw = rusqlite::Connection::open(home.database()).unwrap();
    let check: String = raw.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok", "{when}");
}

/// Whether a secret is accepted, otherwise the reason.
pub(crate) fn verdict(home: &Home, secret: &str) -> Result<(), String> {
    let document = home.run_with(secret, &["verify", "--json"]).json();
    if document["valid"] == true { Ok(()) } else { Err(document["reason"].as_str().unwrap().to_owned()) }
}

/// The key ID in a secret.
pub(crate) fn id_of(secret: &str) -> String {
    secret.split('_').nth(2).unwrap().to_owned()
}
