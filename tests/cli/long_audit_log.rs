//! A long audit log: checked with a bar on a terminal, quickly and in little memory.
//!
//! The million is left out of an ordinary run: `cargo test --release --test cli -- --ignored`.

use std::time::{Duration, Instant};

use chrono::DateTime;
use keydesk::domain::application::ApplicationId;
use keydesk::domain::audit::{AuditAction, AuditEntry, ChainHash, Change};
use keydesk::domain::commitment::{Commitment, KeyFacts};
use keydesk::domain::expiry::rfc3339;
use keydesk::domain::user::UserId;
use rusqlite::{Connection, params};

use crate::support::home::Home;
use crate::support::pty::Pty;

/// Adds entries to the log: of four entries two create a key, one disables it, one deletes an older one.
fn lengthen(home: &Home, until: u64) {
    let mut connection = Connection::open(home.database()).unwrap();
    let (mut number, mut previous) = connection
        .query_row("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1", [], |row| {
            Ok((row.get::<_, u64>(0)?, ChainHash(row.get(1)?)))
        })
        .unwrap();
    let transaction = connection.transaction().unwrap();
    let mut log = transaction
        .prepare(
            "INSERT INTO audit (number, at, actor, actor_uid, action, application_id, key_id, changes, commitment, \
             hash) VALUES (?, ?, 1, 1000, ?, 1, ?, ?, ?, ?)",
        )
        .unwrap();
    let mut make = transaction
        .prepare(
            "INSERT INTO keys (key_id, hash, application_id, name, name_order, folded, prefix, type, platform, creator_id, created, \
             expires) VALUES (?1, zeroblob(32), 1, 'Key', 'key', 'key' || char(10) || ?1, 'ik_live_' || ?1, 'production', \
             '', 1, ?2, ?3)",
        )
        .unwrap();
    let mut pause =
        transaction.prepare("UPDATE keys SET disabled = ?2, is_disabled = 1 WHERE key_id = ?1").unwrap();
    let mut bury = transaction
        .prepare(
            "INSERT INTO tombstones (key_id, hash, application_id, name, prefix, type, platform, deleted, deleted_by) \
             SELECT key_id, hash, application_id, name, prefix, type, platform, ?2, 1 FROM keys WHERE key_id = ?1",
        )
        .unwrap();
    let mut delete = transaction.prepare("DELETE FROM keys WHERE key_id = ?1").unwrap();
    // The names of the keys jump to and fro, as random ones do.
    let id = |key: u64| format!("{:010x}", key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 24);
    let mut count = 0;
    while number < until {
        number += 1;
        let seconds = 1_700_000_000 + i64::try_from(number).unwrap();
        let at = DateTime::from_timestamp(seconds, 0).unwrap();
        let (action, key, changes) = match if count < 2 { 0 } else { number % 4 } {
            0 | 1 => {
                count += 1;
                let expires = seconds + 86_400 * 365 * 20;
                make.execute(params![id(count), seconds, expires]).unwrap();
                let expires = rfc3339(DateTime::from_timestamp(expires, 0).unwrap());
                let (platform, kind) = (Change::to("platform", "generic"), Change::to("type", "production"));
                let changes = vec![Change::to("name", "Key"), platform, kind, Change::to("expires", expires)];
                (AuditAction::KeyCreated, count, changes)
            }
            2 => {
                pause.execute(params![id(count), seconds]).unwrap();
                (AuditAction::KeyDisabled, count, vec![Change::to("disabled", rfc3339(at))])
            }
            _ => {
                bury.execute(params![id(count - 1), seconds]).unwrap();
                delete.execute([id(count - 1)]).unwrap();
                (AuditAction::KeyDeleted, count - 1, vec![Change::from("name", "Key")])
            }
        };
        let prefix = format!("ik_live_{}", id(key));
        let commitment = (action == AuditAction::KeyCreated).then(|| {
            Commitment::to_key(&KeyFacts {
                id: id(key).parse().unwrap(),
                hash: &[0; 32],
                prefix: &prefix,
                application: 1,
                key_type: "production",
            })
        });
        let entry = AuditEntry {
            number,
            at,
            actor: UserId(1),
            actor_uid: 1000,
            action: action.as_str().into(),
            application: Some(ApplicationId(1)),
            key: Some(id(key).parse().unwrap()),
            user: None,
            changes: serde_json::to_string(&changes).unwrap(),
            commitment,
        };
        previous = entry.hash(&previous);
        let commitment = commitment.map(|commitment| commitment.0);
        log.execute(params![number, seconds, entry.action, id(key), entry.changes, commitment, previous.0])
            .unwrap();
    }
    drop((log, make, pause, bury, delete));
    transaction.commit().unwrap();
}

/// Runs `audit verify` in a terminal: how long it took, and everything that was written there.
fn verified(home: &Home) -> (Duration, String) {
    let since = Instant::now();
    let arguments = ["audit", "verify"];
    let mut pty = Pty::in_home(home, &arguments, &[]);
    let code = pty.wait_for_end(Duration::from_mins(2));
    let took = since.elapsed();
    assert_eq!(code, 0, "{}", pty.screen());
    assert!(pty.screen().starts_with("intact: "), "the bar is gone:\n{}", pty.screen());
    (took, String::from_utf8_lossy(&pty.raw()).into_owned())
}

#[test]
fn a_progress_bar_is_shown_on_a_terminal_only() {
    let home = Home::set_up();
    lengthen(&home, 60_000);
    let (_, raw) = verified(&home);
    assert!(raw.contains("% of 60000 entries") && raw.contains("[####"), "{raw:?}");
    let said = home.run(&["audit", "verify"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "no bar where nobody looks");
    assert!(said.out.starts_with("intact: 60000 entries"), "{}", said.out);
    home.sql("UPDATE keys SET expires = expires + 1 WHERE key_id = (SELECT max(key_id) FROM keys)");
    let said = home.run(&["audit", "verify"]);
    assert!(said.code == 1 && said.out.contains("expires is"), "{}", said.out);
}

#[test]
#[ignore = "takes long without --release"]
fn a_million_entries_are_verified_within_ten_seconds() {
    let home = Home::set_up();
    lengthen(&home, 1_000_000);
    if let Some(kept) = std::env::var_os("KEEP_LONG_LOG") {
        std::fs::copy(home.database(), kept).unwrap();
    }
    let (took, _) = verified(&home);
    assert!(took < Duration::from_secs(10), "{took:?}");
    // The start looks at two entries, however many there are.
    let since = Instant::now();
    assert_eq!(home.run(&["audit", "head"]).code, 0);
    assert!(since.elapsed() < Duration::from_millis(200), "{:?}", since.elapsed());
}
