//! Databases with many keys, made fast.

/// The servers of the tests.
#[path = "../../tests/support/fake_clock.rs"]
#[allow(dead_code, clippy::expect_used, clippy::print_stderr, reason = "a benchmark uses a part of it")]
pub mod fake_clock;
#[allow(dead_code, reason = "a benchmark uses a part of it")]
pub mod filled;
#[path = "../../tests/support/keeper.rs"]
#[allow(dead_code, clippy::expect_used, reason = "a benchmark uses a part of it")]
pub mod keeper;
#[path = "../../tests/support/postgres/mod.rs"]
#[allow(
    dead_code,
    clippy::expect_used,
    clippy::format_push_string,
    clippy::panic,
    clippy::print_stderr,
    reason = "a benchmark uses a part of it"
)]
pub mod postgres;
#[path = "../../tests/support/relay.rs"]
#[allow(dead_code, clippy::expect_used, reason = "a benchmark uses a part of it")]
pub mod relay;
#[path = "../../tests/support/steps.rs"]
#[allow(dead_code, clippy::print_stderr, reason = "a benchmark uses a part of it")]
mod steps;
pub mod home {
    /// The exit code and the output of a command.
    #[derive(Debug)]
    pub struct CommandOutput {
        pub code: i32,
        pub out: String,
        pub err: String,
    }
}
pub use steps::{have, until};

use std::path::{Path, PathBuf};
use std::process::Command;

use keydesk::domain::key::{KeyId, KeyType};
use keydesk::domain::secret::{KeyHash, Secret};
use keydesk::domain::token::{self, Prefix};
use keydesk::host::clock;
use keydesk::host::entropy::SystemEntropy;
use rusqlite::{Connection, Transaction, params};
use tempfile::TempDir;

const KEYDESK: &str = env!("CARGO_BIN_EXE_keydesk");

/// A database with many keys, and the secrets of some of them in random order.
pub struct Many {
    pub folder: TempDir,
    pub secrets: Vec<Secret>,
}

/// The program, with nothing of this user's configuration.
pub fn keydesk(database: &Path) -> Command {
    let mut command = Command::new(KEYDESK);
    command.env_clear().env("HOME", database.parent().unwrap()).env("KEYDESK_DB", database);
    command
}

impl Many {
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("keydesk.db")
    }

    /// `count` keys, of which `secrets` secrets are kept. The program creates the first key, the others are copies of its
    /// row with an ID, a hash, a name and an expiration date of their own.
    pub fn keys(count: usize, secrets: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keydesk.db");
        let run = |arguments: &[&str]| {
            let output = keydesk(&path).args(arguments).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Secret::new(String::from_utf8(output.stdout).unwrap().trim().to_owned())
        };
        run(&["init", "--email", "ana@example.com", "--app", "Storefront"]);
        let mut kept = vec![run(&["keys", "create", "--name", "Key 0"])];
        let others: Vec<Copy> = (1..count)
            .map(|_| {
                let (id, secret) = draw();
                let copy = Copy { id, hash: KeyHash::of(secret.expose()) };
                if kept.len() < secrets {
                    kept.push(secret);
                }
                copy
            })
            .collect();
        if !others.is_empty() {
            fill(&path, others);
        }
        Self { folder, secrets: kept }
    }
}

/// A well-formed key that no database has.
pub fn draw() -> (KeyId, Secret) {
    let mut entropy = SystemEntropy;
    let id = token::draw_id(&mut entropy).unwrap();
    let secret = token::draw_secret(&Prefix::default(), KeyType::Production, id, &mut entropy).unwrap();
    (id, secret)
}

/// What a copy of a key does not share with it.
struct Copy {
    id: KeyId,
    hash: KeyHash,
}

fn fill(path: &Path, mut copies: Vec<Copy>) {
    copies.sort_unstable_by_key(|copy| copy.id);
    let mut raw = Connection::open(path).unwrap();
    raw.execute_batch("PRAGMA synchronous=OFF; PRAGMA cache_size=-262144").unwrap();
    let tx = raw.transaction().unwrap();
    let removed = Removed::from(&tx);
    insert(&tx, &copies);
    removed.restore();
    for table in ["applications", "users"] {
        tx.execute(&format!("UPDATE {table} SET key_count = ?1"), [copies.len() + 1]).unwrap();
    }
    tx.commit().unwrap();
    raw.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
}

/// The indexes and triggers of a file that is being filled: a million rows are indexed and counted at the end, since with
/// each row that takes minutes.
struct Removed<'a> {
    tx: &'a Transaction<'a>,
    definitions: Vec<String>,
}

impl<'a> Removed<'a> {
    fn from(tx: &'a Transaction<'a>) -> Self {
        let sql = "SELECT type, name, sql FROM sqlite_schema WHERE type IN ('index', 'trigger') AND sql IS NOT NULL";
        let mut statement = tx.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        let objects: Vec<(String, String, String)> = rows.collect::<Result<_, _>>().unwrap();
        for (kind, name, _) in &objects {
            tx.execute_batch(&format!("DROP {kind} {name}")).unwrap();
        }
        Self { tx, definitions: objects.into_iter().map(|(_, _, sql)| sql).collect() }
    }

    fn restore(self) {
        for sql in self.definitions {
            self.tx.execute_batch(&sql).unwrap();
        }
    }
}

fn insert(tx: &Transaction<'_>, copies: &[Copy]) {
    let columns: Vec<String> = {
        let mut statement = tx.prepare("SELECT name FROM pragma_table_info('keys')").unwrap();
        let names = statement.query_map([], |row| row.get(0)).unwrap();
        names.collect::<Result<_, _>>().unwrap()
    };
    let values: Vec<&str> = columns
        .iter()
        .map(|column| match column.as_str() {
            "key_id" => "?1",
            "hash" => "?2",
            "prefix" => "?3",
            "name" => "'Key ' || ?4",
            "name_order" => "'key ' || length(?4) || ?4",
            "folded" => "'key ' || ?4 || ' ' || lower(?1)",
            "expires" => "?5",
            other => other,
        })
        .collect();
    tx.execute_batch("CREATE TEMP TABLE one AS SELECT * FROM keys").unwrap();
    let sql = format!("INSERT INTO keys ({}) SELECT {} FROM temp.one", columns.join(", "), values.join(", "));
    let mut statement = tx.prepare(&sql).unwrap();
    let today = clock::now().timestamp();
    for (number, copy) in (1_i64..).zip(copies) {
        let prefix = Prefix::default().displayed(KeyType::Production, copy.id);
        let expires = today + 86_400 * (30 + number % 335);
        statement.execute(params![copy.id.as_str(), copy.hash.as_bytes(), prefix, number, expires]).unwrap();
    }
    drop(statement);
    tx.execute_batch("DROP TABLE temp.one").unwrap();
}
