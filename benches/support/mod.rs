//! Databases with many keys, made fast.

use keydesk::desk::{self, Session};
use keydesk::domain::key::KeyType;
use keydesk::domain::secret::KeyHash;
use keydesk::domain::text::Name;
use keydesk::domain::token::{self, Prefix};
use keydesk::domain::user::{Caller, Email};
use keydesk::host::clock;
use keydesk::host::entropy::SystemEntropy;
use keydesk::store::{Store, applications};
use tempfile::TempDir;

/// How many secrets are kept, evenly spread over the keys.
pub const SECRETS: usize = 1_000;

/// A database with many keys, and the secrets of some of them.
pub struct Many {
    pub folder: TempDir,
    pub secrets: Vec<String>,
}

impl Many {
    pub fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("keydesk.db")
    }

    pub fn keys(count: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keydesk.db");
        let mut entropy = SystemEntropy;
        let mut store = Store::open(&path, &mut entropy).unwrap();
        let caller = Caller { uid: 1000, login: "ana".into() };
        let now = clock::now();
        let mut session = Session { store: &mut store, caller: &caller, now, entropy: &mut entropy };
        let email = Email::parse("ana@example.com").unwrap();
        desk::set_up(&mut session, &email, &Name::parse("Storefront").unwrap(), None).unwrap();
        let application = store.read(applications::first).unwrap().unwrap().id;
        let prefix = Prefix::default();
        let mut raw = rusqlite::Connection::open(&path).unwrap();
        // Counted once at the end: a trigger for each of a million takes minutes.
        let trigger: String = raw
            .query_row("SELECT sql FROM sqlite_schema WHERE name = 'keys_are_counted'", [], |row| row.get(0))
            .unwrap();
        raw.execute_batch("PRAGMA synchronous=OFF; DROP TRIGGER keys_are_counted").unwrap();
        let tx = raw.transaction().unwrap();
        let mut secrets = Vec::new();
        {
            let sql = "INSERT INTO keys (key_id, hash, application_id, name, name_order, folded, prefix, type, platform, \
                       creator_id, created, expires) \
                       VALUES (?1, ?2, ?3, 'Key ' || ?4, 'key ' || length(?4) || ?4, 'key ' || ?4 || ' ' || lower(?1), ?5, 'production', '', 1, ?6, ?7)";
            let mut insert = tx.prepare(sql).unwrap();
            for number in 0..count {
                let id = token::draw_id(&mut entropy).unwrap();
                let secret = token::draw_secret(&prefix, KeyType::Production, id, &mut entropy).unwrap();
                let displayed = prefix.displayed(KeyType::Production, id);
                let expires = now.timestamp() + 86_400 * (1 + i64::try_from(number % 365).unwrap());
                let hash = KeyHash::of(secret.expose());
                insert
                    .execute(rusqlite::params![
                        id.as_str(),
                        hash.as_bytes(),
                        application.0,
                        number,
                        displayed,
                        now.timestamp(),
                        expires
                    ])
                    .unwrap();
                if number % (count / SECRETS).max(1) == 0 {
                    secrets.push(secret.expose().to_owned());
                }
            }
        }
        tx.execute("UPDATE applications SET key_count = ?1", [count]).unwrap();
        tx.execute("UPDATE users SET key_count = ?1", [count]).unwrap();
        tx.commit().unwrap();
        raw.execute_batch(&trigger).unwrap();
        raw.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        Self { folder, secrets }
    }
}
