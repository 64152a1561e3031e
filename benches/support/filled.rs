//! A database as it is after some years: keys of several Applications and creators, most of them used, and their audit log.

use std::path::PathBuf;
use std::process::Output;

use chrono::DateTime;
use keydesk::domain::application::ApplicationId;
use keydesk::domain::audit::{AuditAction, AuditEntry, ChainHash, Change};
use keydesk::domain::commitment::{Commitment, KeyFacts};
use keydesk::domain::expiry::rfc3339;
use keydesk::domain::key::{KeyId, KeyType};
use keydesk::domain::secret::{KeyHash, Secret};
use keydesk::domain::text::{fold, natural};
use keydesk::domain::token::Prefix;
use keydesk::domain::user::UserId;
use keydesk::host::clock;
use rusqlite::{Connection, Statement, Transaction, params};
use tempfile::TempDir;

use super::{Removed, draw, keydesk};

/// In the name of one key.
pub const ONE_NAME: &str = "needle";

/// The address of one use.
pub const ONE_SOURCE: &str = "203.0.113.77";

/// In every 8th name.
pub const COMMON_WORD: &str = "billing";

/// In one of 2,000 names.
pub const RARE_WORD: &str = "quartz";

/// The address of one of 5,000 uses.
pub const RARE_SOURCE: &str = "10.20.0.7";

const WORDS: [&str; 8] =
    ["Billing", "Checkout", "Search", "Loyalty", "Mailer", "Import", "Reports", "Mobile"];
const PLATFORMS: [&str; 5] = ["", "braze", "segment", "shopify", "salesforce"];
const DAY: i64 = 86_400;

/// Applications. The first one has four fifths of the keys.
pub const APPLICATIONS: i64 = 20;

pub struct Filled {
    pub folder: TempDir,
    /// Of the first keys.
    pub secrets: Vec<Secret>,
}

impl Filled {
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("keydesk.db")
    }

    /// Runs the program on it.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let output = keydesk(&self.path()).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// `count` keys, of which `secrets` secrets are kept, and 100 times fewer deleted ones. The role `ana` of a server may
    /// make changes too.
    pub fn new(count: usize, secrets: usize) -> Self {
        let filled = Self { folder: tempfile::tempdir().unwrap(), secrets: Vec::new() };
        filled.run(&["init", "--email", "ana@example.com", "--app", "Storefront"]);
        filled.run(&["users", "add", "ben@example.com", "--login", "ana"]);
        for email in ["eve@example.com", "kim@example.com"] {
            filled.run(&["users", "add", email]);
        }
        for number in 2..=APPLICATIONS {
            filled.run(&["apps", "create", &format!("Application {number}")]);
        }
        let mut raw = Connection::open(filled.path()).unwrap();
        raw.execute_batch("PRAGMA synchronous=OFF; PRAGMA cache_size=-262144").unwrap();
        let mut kept = Vec::with_capacity(secrets);
        let transaction = raw.transaction().unwrap();
        let removed = Removed::from(&transaction);
        Rows::of(&transaction).add(count, |secret| {
            if kept.len() < secrets {
                kept.push(secret);
            }
        });
        removed.restore();
        transaction
            .execute_batch(
                "UPDATE applications SET key_count = (SELECT count(*) FROM keys k WHERE k.application_id = applications.id); \
                 UPDATE users SET key_count = (SELECT count(*) FROM keys k WHERE k.creator_id = users.id); \
                 INSERT INTO never_used SELECT application_id, key_id FROM keys k \
                 WHERE key_id NOT IN (SELECT key_id FROM key_use) ORDER BY 1, 2; \
                 UPDATE generation SET number = number + 1",
            )
            .unwrap();
        transaction.commit().unwrap();
        raw.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        Self { secrets: kept, ..filled }
    }
}

struct Rows<'a> {
    key: Statement<'a>,
    tombstone: Statement<'a>,
    entry: Statement<'a>,
    used: Statement<'a>,
    uses: Statement<'a>,
    source: Statement<'a>,
    refusal: Statement<'a>,
    last: (u64, ChainHash),
    now: i64,
}

/// What makes a key of a number.
struct Made {
    id: KeyId,
    hash: KeyHash,
    prefix: String,
    application: i64,
    creator: i64,
    created: i64,
}

impl<'a> Rows<'a> {
    fn of(transaction: &'a Transaction<'a>) -> Self {
        let prepare = |sql| transaction.prepare(sql).unwrap();
        let sql = "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1";
        Self {
            key: prepare(
                "INSERT INTO keys (key_id, hash, application_id, name, name_order, folded, prefix, type, platform, creator_id, \
                 created, expires, disabled, delivered, owner, note, is_disabled, version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, \
                 'production', ?8, ?9, ?10, ?11, ?12, ?10, ?13, ?14, ?12 IS NOT NULL, 1 + (?12 IS NOT NULL))",
            ),
            tombstone: prepare(
                "INSERT INTO tombstones (key_id, hash, application_id, name, prefix, type, platform, deleted, deleted_by) \
                 VALUES (?1, ?2, ?3, ?4, ?5, 'production', '', ?6, 1)",
            ),
            entry: prepare(
                "INSERT INTO audit (number, at, actor, actor_uid, action, application_id, key_id, changes, commitment, hash) \
                 VALUES (?1, ?2, ?3, 1000, ?4, ?5, ?6, ?7, ?8, ?9)",
            ),
            used: prepare("INSERT INTO key_use VALUES (?1, ?2, ?3, ?4, ?5)"),
            uses: prepare("INSERT INTO key_uses VALUES (?1, ?2, ?3)"),
            source: prepare("INSERT INTO key_sources VALUES (?1, '', ?2, ?3, ?4, ?5)"),
            refusal: prepare("INSERT INTO refusals VALUES (?1, 'deleted', ?2, 3, ?3, '10.9.9.9')"),
            last: transaction.query_row(sql, [], |row| Ok((row.get(0)?, ChainHash(row.get(1)?)))).unwrap(),
            now: clock::now().timestamp(),
        }
    }

    fn log(&mut self, made: &Made, at: i64, action: AuditAction, changes: &[Change]) {
        let number = self.last.0 + 1;
        let commitment = (action == AuditAction::KeyCreated).then(|| {
            Commitment::to_key(&KeyFacts {
                id: made.id,
                hash: made.hash.as_bytes(),
                prefix: &made.prefix,
                application: made.application,
                key_type: "production",
            })
        });
        let entry = AuditEntry {
            number,
            at: DateTime::from_timestamp(at, 0).unwrap(),
            actor: UserId(if action == AuditAction::KeyDeleted { 1 } else { made.creator }),
            actor_uid: 1000,
            action: action.as_str().into(),
            application: Some(ApplicationId(made.application)),
            key: Some(made.id),
            user: None,
            changes: serde_json::to_string(changes).unwrap(),
            commitment,
        };
        self.last = (number, entry.hash(&self.last.1));
        let commitment = commitment.map(|commitment| commitment.0);
        self.entry
            .execute(params![
                number,
                at,
                entry.actor.0,
                entry.action,
                made.application,
                made.id.as_str(),
                entry.changes,
                commitment,
                self.last.1.0
            ])
            .unwrap();
    }

    fn add(&mut self, count: usize, mut keep: impl FnMut(Secret)) {
        let mut drawn: Vec<(KeyId, Secret)> = (0..count + count / 100).map(|_| draw()).collect();
        // In the order of the primary keys.
        drawn.sort_unstable_by_key(|(id, _)| *id);
        for (number, (id, secret)) in (0_i64..).zip(drawn) {
            let made = Made {
                id,
                hash: KeyHash::of(secret.expose()),
                prefix: Prefix::default().displayed(KeyType::Production, id),
                application: if number % 5 < 4 { 1 } else { 2 + number / 5 % (APPLICATIONS - 1) },
                creator: 1 + number % 4,
                created: self.now - DAY * (40 + number * 7 % 700),
            };
            if number % 101 == 100 {
                self.deleted(number, &made);
            } else {
                self.key(number, &made);
                keep(secret);
            }
        }
    }

    fn deleted(&mut self, number: i64, made: &Made) {
        let expires = made.created + 900 * DAY;
        self.created(made, "Old", "", expires, None, None);
        let at = self.now - DAY * (1 + number % 30);
        self.log(made, at, AuditAction::KeyDeleted, &[Change::from("name", "Old")]);
        let Made { id, hash, prefix, application, .. } = made;
        self.tombstone
            .execute(params![id.as_str(), hash.as_bytes(), application, "Old", prefix, at])
            .unwrap();
        if number % 5_000 < 101 {
            self.refusal.execute(params![self.now / DAY, id.as_str(), self.now - 60]).unwrap();
        }
    }

    fn created(
        &mut self,
        made: &Made,
        name: &str,
        platform: &str,
        expires: i64,
        owner: Option<&str>,
        note: Option<&str>,
    ) {
        let expires = rfc3339(DateTime::from_timestamp(expires, 0).unwrap());
        let mut changes = vec![
            Change::to("name", name),
            Change::to("platform", if platform.is_empty() { "generic" } else { platform }),
            Change::to("type", "production"),
            Change::to("expires", expires),
        ];
        changes.extend(owner.map(|owner| Change::to("owner", owner)));
        changes.extend(note.map(|note| Change::to("note", note)));
        self.log(made, made.created, AuditAction::KeyCreated, &changes);
        self.log(made, made.created, AuditAction::KeyDelivered, &[]);
    }

    fn key(&mut self, number: i64, made: &Made) {
        let place = usize::try_from(number).unwrap();
        let words = match number {
            500_000 => ONE_NAME.to_owned(),
            _ if number % 2_000 == 7 => format!("{} {RARE_WORD}", WORDS[place % 8]),
            _ => WORDS[place / 3 % 8].to_owned(),
        };
        let name = format!("{words} {number}");
        let platform = PLATFORMS[place / 7 % 5];
        let owner = (number % 3 == 0).then_some("Payments team");
        let note = (number % 10 == 0).then_some("Rotate with the release of the shop");
        let expires = match number % 100 {
            0..5 => self.now - DAY * (1 + number % 30),
            5 => self.now + DAY * (1 + number % 6),
            _ => self.now + DAY * (8 + number * 11 % 700),
        };
        let disabled = (number % 33 == 1).then(|| self.now - DAY * (1 + number % 39));
        let folded = format!(
            "{name}\n{}\n{}\n{}\n{}",
            made.id,
            if platform.is_empty() { "generic" } else { platform },
            owner.unwrap_or_default(),
            note.unwrap_or_default()
        );
        let folded = fold(folded.trim_end_matches('\n'));
        let order = natural(&fold(&name));
        self.created(made, &name, platform, expires, owner, note);
        if let Some(at) = disabled {
            let changed = Change::to("disabled", rfc3339(DateTime::from_timestamp(at, 0).unwrap()));
            self.log(made, at, AuditAction::KeyDisabled, &[changed]);
        }
        let Made { id, hash, prefix, application, creator, created } = made;
        let id = id.as_str();
        self.key
            .execute(params![
                id,
                hash.as_bytes(),
                application,
                name,
                order,
                folded,
                prefix,
                platform,
                creator,
                created,
                expires,
                disabled,
                owner,
                note
            ])
            .unwrap();
        if number % 10 < 7 {
            self.use_of(id, *application, number);
        }
    }

    fn use_of(&mut self, id: &str, application: i64, number: i64) {
        let source = match number {
            600_000 => ONE_SOURCE.to_owned(),
            _ => format!("10.20.{}.{}", number / 7 % 5_000 / 250, number / 7 % 250),
        };
        let last = self.now - number * 13 % (80 * DAY);
        let first = last - number * 17 % (9 * DAY);
        self.used.execute(params![id, application, first, last, source]).unwrap();
        self.source.execute(params![id, source, 5 + number % 90, first, last]).unwrap();
        let (first, last) = (first / DAY, last / DAY);
        if first < last {
            self.uses.execute(params![id, first, 5]).unwrap();
        }
        self.uses.execute(params![id, last, 1 + number % 90]).unwrap();
    }
}
