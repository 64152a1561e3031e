//! The rules that the schema holds by itself, whoever writes.

use crate::installation::{ADMINISTRATOR, GATEWAY, Installation, entry, key, tombstone};
use crate::support::postgres::Postgres;

/// Also the owner is rejected.
#[test]
fn what_is_final_stays() {
    if !Postgres::available() {
        return;
    }
    let installation = Installation::new();
    let (again, third) = (key("deleted001"), tombstone("present001"));
    installation.may_not(
        "ana",
        "KD001",
        &[
            "UPDATE audit SET at = 5",
            "DELETE FROM audit",
            "TRUNCATE audit",
            "DELETE FROM tombstones",
            "TRUNCATE tombstones",
            "DELETE FROM users",
            "TRUNCATE users CASCADE",
            "TRUNCATE keys CASCADE",
            "UPDATE database SET prefix = 'kk'",
            "DELETE FROM keys",
            &again,
        ],
    );
    installation.may_not(ADMINISTRATOR, "KD001", &["DELETE FROM keys", &again]);
    installation.may(ADMINISTRATOR, &[&third, "DELETE FROM keys WHERE key_id = 'present001'"]);
}

/// A statement may add and delete several keys.
#[test]
fn keys_are_counted() {
    if !Postgres::available() {
        return;
    }
    let installation = Installation::new();
    installation.owner(
        "INSERT INTO users (email, status, created) VALUES ('ben@example.com', 'active', 1); \
         INSERT INTO applications (name, folded, name_order, created) VALUES ('B', 'b', 'b', 1)",
    );
    let counts = "SELECT (SELECT string_agg(key_count::text, ' ' ORDER BY id) FROM applications), \
                  (SELECT string_agg(key_count::text, ' ' ORDER BY id) FROM users), number, \
                  (SELECT count(*) FROM never_used) FROM generation";
    assert_eq!(installation.owner(counts), "1 0|1 0|2|1");
    installation.may(
        ADMINISTRATOR,
        &["INSERT INTO keys (key_id, hash, application_id, name, name_order, folded, prefix, type, platform, creator_id, \
           created, expires) SELECT 'several' || lpad(n::text, 3, '0'), sha256('k'), 1 + n % 2, 'A', 'a', 'a', 'ik', 'test', \
           '', 1 + n % 2, 1, 9 FROM generate_series(1, 9) n"],
    );
    assert_eq!(installation.owner(counts), "5 5|5 5|3|10");
    installation.may(
        GATEWAY,
        &["INSERT INTO key_use (key_id, application_id, first, last) SELECT key_id, application_id, 5, 5 FROM keys \
           WHERE key_id IN ('several001', 'several002', 'several003')"],
    );
    assert_eq!(installation.owner(counts), "5 5|5 5|3|7", "use does not advance the generation");
    installation.may(
        ADMINISTRATOR,
        &[
            "UPDATE keys SET expires = 8 WHERE key_id = 'several001'",
            "UPDATE keys SET expires = 8 WHERE key_id = 'absent0001'",
            "UPDATE applications SET name = 'C' WHERE id = 1",
            "UPDATE applications SET version = 9 WHERE id = 1",
            "INSERT INTO tombstones (key_id, hash, application_id, name, prefix, type, platform, deleted, deleted_by) \
             SELECT key_id, hash, application_id, name, prefix, type, platform, 5, 1 FROM keys WHERE key_id LIKE 'several%'; \
             DELETE FROM keys WHERE key_id LIKE 'several%'",
        ],
    );
    assert_eq!(installation.owner(counts), "1 0|1 0|6|1");
    assert_eq!(installation.owner("SELECT count(*) FROM key_use"), "0");
}

#[test]
fn numbers_are_not_used_again() {
    if !Postgres::available() {
        return;
    }
    let installation = Installation::new();
    let add =
        "INSERT INTO applications (name, folded, name_order, created) VALUES ('B', 'b', 'b', 1) RETURNING id";
    assert_eq!(installation.run(ADMINISTRATOR, add).out, "2");
    installation.may(ADMINISTRATOR, &["DELETE FROM applications WHERE id = 2"]);
    assert_eq!(installation.run(ADMINISTRATOR, add).out, "3");
    let add = "INSERT INTO recorders (started, complete_until) VALUES (5, 5) RETURNING id";
    assert_eq!(installation.run(GATEWAY, add).out, "1");
    installation.may(GATEWAY, &["DELETE FROM recorders"]);
    assert_eq!(installation.run(GATEWAY, add).out, "2");
}

#[test]
fn an_audit_entry_follows_the_last_one() {
    if !Postgres::available() {
        return;
    }
    let installation = Installation::new();
    let (too_far, first) = (entry(3), entry(1));
    let with_a_gap = "INSERT INTO audit (number, at, actor, actor_uid, action, changes, hash) \
                      SELECT n, 1, 1, 1, 'a', '[]', sha256('a') FROM unnest(ARRAY[2, 4]) n";
    installation.may_not(ADMINISTRATOR, "KD002", &[&too_far, with_a_gap]);
    installation.may_not(ADMINISTRATOR, "23505", &[&first]);
    installation.may(
        ADMINISTRATOR,
        &["INSERT INTO audit (number, at, actor, actor_uid, action, changes, hash) \
           SELECT n, 1, 1, 1, 'a', '[]', sha256(n::text::bytea) FROM generate_series(2, 40) n"],
    );
    assert_eq!(installation.owner("SELECT number, hash = sha256('40') FROM head"), "40|t");
}

#[test]
fn a_database_that_was_moved_is_not_changed() {
    if !Postgres::available() {
        return;
    }
    let installation = Installation::new();
    let generation = "SELECT number FROM generation";
    assert_eq!(installation.owner(generation), "2");
    installation.may(
        ADMINISTRATOR,
        &["UPDATE database SET status = 'moved', moved = 400, moved_to = 'postgres://db.internal/keydesk'"],
    );
    assert_eq!(installation.owner(generation), "3", "verifiers find out");
    let change = format!("BEGIN; {} {} COMMIT", key("present002"), entry(2));
    installation.may_not(ADMINISTRATOR, "KD003", &[&change]);
    assert_eq!(installation.owner("SELECT count(*), (SELECT number FROM head) FROM keys"), "1|1");
}

#[test]
fn a_recorder_is_seen_by_the_clock_of_the_server() {
    if !Postgres::available() {
        return;
    }
    let installation = Installation::new();
    installation.may(GATEWAY, &["INSERT INTO recorders (started, complete_until) VALUES (5, 5)"]);
    let age = "SELECT extract(epoch FROM clock_timestamp()) - seen BETWEEN 0 AND 60, started, complete_until FROM recorders";
    assert_eq!(installation.owner(age), "t|5|5");
    installation.owner("UPDATE recorders SET seen = 7, complete_until = 6");
    assert_eq!(installation.owner(age), "t|5|6");
}

/// A claim goes with either key of its rotation. While a secret is delivered, no one else takes it.
#[test]
fn a_rotation_is_claimed_by_one_session() {
    if !Postgres::available() {
        return;
    }
    let installation = Installation::new();
    let claim = |holder: &str, until: u32| {
        format!(
            "INSERT INTO rotation_claims (key_id, holder, until) VALUES ('present001', decode(repeat('{holder}', 16), 'hex'), \
             {until}) ON CONFLICT (key_id) DO UPDATE SET holder = excluded.holder, until = excluded.until \
             WHERE rotation_claims.delivering IS NULL AND rotation_claims.until < 100 RETURNING 'claimed'"
        )
    };
    let deliver = |holder: &str| {
        format!(
            "UPDATE rotation_claims SET delivering = 'present002' WHERE key_id = 'present001' \
             AND holder = decode(repeat('{holder}', 16), 'hex') RETURNING 'holder'"
        )
    };
    let run = |sql: &str| installation.run(ADMINISTRATOR, sql).out;
    installation.may(ADMINISTRATOR, &[&key("present002")]);
    assert_eq!(run(&claim("aa", 150)), "claimed");
    assert_eq!(run(&claim("bb", 250)), "", "it has not run out");
    installation.may(ADMINISTRATOR, &["UPDATE rotation_claims SET until = 50"]);
    assert_eq!(run(&claim("bb", 50)), "claimed");
    assert_eq!((run(&deliver("aa")), run(&deliver("bb"))), (String::new(), "holder".into()));
    assert_eq!(run(&claim("aa", 250)), "", "the secret may be on its way");
    let delete = format!("{} DELETE FROM keys WHERE key_id = 'present002'", tombstone("present002"));
    installation.may(ADMINISTRATOR, &[&delete]);
    assert_eq!(run(&claim("aa", 250)), "claimed");
    let delete = format!("{} DELETE FROM keys WHERE key_id = 'present001'", tombstone("present001"));
    installation.may(ADMINISTRATOR, &[&delete]);
    assert_eq!(installation.owner("SELECT count(*) FROM rotation_claims"), "0");
}

/// An index takes 2,704 bytes of a row, and characters that do not repeat are not compressed.
#[test]
fn the_longest_texts_are_stored_and_found() {
    if !Postgres::available() {
        return;
    }
    let installation = Installation::new();
    installation.may(
        ADMINISTRATOR,
        &["WITH texts AS (SELECT n, (SELECT string_agg(chr(131072 + (hashint8(n * 1000 + c) & 32767)), '' ORDER BY c) \
           FROM generate_series(1, 700) c) AS t FROM generate_series(1, 3) n) \
           INSERT INTO keys (key_id, hash, application_id, name, name_order, folded, prefix, type, platform, creator_id, \
           created, expires, owner, note) SELECT 'longest00' || n, sha256('k'), 1, left(t, 100), left(t, 100), \
           concat_ws(E'\\n', left(t, 100), 'longest00' || n, 'generic', substr(t, 101, 100), right(t, 500)), 'ik', 'test', '', \
           1, 1, 9, substr(t, 101, 100), right(t, 500) FROM texts"],
    );
    let found = "SELECT string_agg(k.key_id, ' ') FROM keys k, (SELECT right(note, 20) AS word FROM keys \
                 WHERE key_id = 'longest002') w WHERE k.application_id = 1 AND (strpos(k.searched, w.word) > 0 OR k.key_id IN \
                 (SELECT l.key_id FROM keys l WHERE octet_length(l.folded) > 1800 AND strpos(l.folded, w.word) > 0))";
    assert_eq!(installation.run(ADMINISTRATOR, found).out, "longest002");
    let short = "SELECT string_agg(key_id, ' ') FROM keys WHERE searched = folded";
    assert_eq!(installation.run(ADMINISTRATOR, short).out, "present001");
}
