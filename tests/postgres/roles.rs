//! What the roles of the administrator and of the gateway can do, and what they cannot.

use crate::installation::{ADMINISTRATOR, GATEWAY, Installation, entry, key, tombstone};
use crate::support::postgres::Postgres;

const NOT_PERMITTED: &str = "42501";

/// What neither role can do: only the owner can change what holds the rules.
const OF_THE_OWNER: &[&str] = &[
    "UPDATE audit SET changes = '[1]'",
    "DELETE FROM audit",
    "TRUNCATE audit",
    "DELETE FROM tombstones",
    "TRUNCATE tombstones",
    "UPDATE tombstones SET deleted = 5",
    "UPDATE tombstones SET hash = sha256('other')",
    "UPDATE tombstones SET key_id = 'deleted002'",
    "UPDATE keys SET hash = sha256('other')",
    "UPDATE keys SET key_id = 'present002'",
    "UPDATE keys SET application_id = 2",
    "UPDATE keys SET creator_id = 2",
    "UPDATE keys SET canary = 1",
    "TRUNCATE keys CASCADE",
    "UPDATE head SET number = 0",
    "UPDATE head SET hash = NULL",
    "DELETE FROM head",
    "INSERT INTO head (id, number) VALUES (1, 5)",
    "UPDATE generation SET number = 1",
    "UPDATE meta SET format = 2",
    "DELETE FROM meta",
    "UPDATE database SET identity = decode(repeat('00', 16), 'hex')",
    "UPDATE database SET prefix = 'kk'",
    "DELETE FROM database",
    "DELETE FROM users",
    "UPDATE users SET key_count = 0",
    "UPDATE applications SET key_count = 0",
    "INSERT INTO never_used (application_id, key_id) VALUES (1, 'present001')",
    "DELETE FROM never_used",
    "SELECT nextval('users_id_seq')",
    "SELECT setval('recorders_id_seq', 1)",
    "SELECT change_waits()",
    "DROP TRIGGER audit_continues ON audit",
    "ALTER TABLE audit DISABLE TRIGGER ALL",
    "ALTER TABLE keys DISABLE TRIGGER keys_are_counted",
    "ALTER TABLE keys ADD COLUMN more text",
    "CREATE TRIGGER other BEFORE INSERT ON keys EXECUTE FUNCTION never('no')",
    "CREATE RULE other AS ON DELETE TO keys DO INSTEAD NOTHING",
    "CREATE INDEX other ON keys (name)",
    "CREATE OR REPLACE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "CREATE TABLE other (id bigint)",
    "CREATE TEMPORARY TABLE other (id bigint)",
    "CREATE SCHEMA other",
    "CREATE VIEW other AS SELECT 1",
    "CREATE FUNCTION other() RETURNS bigint LANGUAGE sql AS 'SELECT 1'",
    "DROP TABLE keys",
    "SET session_replication_role = replica",
    "SET ROLE ana",
    "GRANT SELECT ON users TO PUBLIC; DO $$ BEGIN IF has_table_privilege('public', 'users', 'SELECT') THEN RETURN; END IF; \
     RAISE EXCEPTION USING ERRCODE = '42501'; END $$",
    "ALTER DATABASE postgres RENAME TO other",
    "CREATE ROLE other",
    "COPY keys TO PROGRAM 'true'",
    "COPY meta TO '/tmp/other'",
];

/// What both roles write about use.
const RECORDING: &[&str] = &[
    // A use of a key.
    "INSERT INTO key_uses (key_id, day, count) VALUES ('present001', 7, 1) \
     ON CONFLICT (key_id, day) DO UPDATE SET count = key_uses.count + excluded.count",
    "INSERT INTO key_uses (key_id, day, count) VALUES ('present001', 7, 1) \
     ON CONFLICT (key_id, day) DO UPDATE SET count = key_uses.count + excluded.count",
    "INSERT INTO key_use (key_id, application_id, first, last, last_from) \
     SELECT key_id, application_id, 300, 300, '10.0.0.1' FROM keys WHERE key_id = 'present001' ON CONFLICT DO NOTHING",
    "UPDATE key_use SET last = 301, last_from = '10.0.0.2' WHERE key_id = 'present001' AND last <= 301",
    "UPDATE key_use SET first = least(first, 299) WHERE key_id = 'present001'",
    "INSERT INTO key_sources (key_id, reason, source, requests, first, last) VALUES ('present001', '', '10.0.0.1', 1, \
     300, 300) ON CONFLICT (key_id, reason, source) DO UPDATE SET requests = key_sources.requests + excluded.requests, \
     first = least(key_sources.first, excluded.first), last = greatest(key_sources.last, excluded.last)",
    "DELETE FROM key_sources WHERE key_id = 'present001' AND reason = '' AND source = '10.0.0.9'",
    // One of a deleted key, and a rejection.
    "UPDATE tombstones SET last_used = 199, last_used_from = '10.0.0.1' \
     WHERE key_id = 'deleted001' AND coalesce(last_used, 0) <= 199",
    "UPDATE tombstones SET first_refused = 201, first_refused_from = '10.0.0.1' \
     WHERE key_id = 'deleted001' AND first_refused IS NULL AND deleted <= 201",
    "INSERT INTO refusals (day, reason, key_id, count, last, last_from) VALUES (7, 'deleted', 'deleted001', 1, 201, \
     '10.0.0.1') ON CONFLICT (day, reason, key_id) DO UPDATE SET count = refusals.count + excluded.count, \
     last = greatest(refusals.last, excluded.last), last_from = excluded.last_from",
    // Use that comes faster than it can be counted.
    "INSERT INTO use_backlog (key_id, reason, source, count, first, last) VALUES ('present001', '', '', 2, 300, 310)",
    "DELETE FROM use_backlog WHERE number IN (SELECT number FROM use_backlog WHERE number = ANY ('{1}') \
     FOR UPDATE SKIP LOCKED) RETURNING number",
    // Old days.
    "DELETE FROM key_uses WHERE (key_id, day) IN (SELECT key_id, day FROM key_uses WHERE day < 3 LIMIT 5)",
    "DELETE FROM refusals WHERE (day, reason, key_id) IN (SELECT day, reason, key_id FROM refusals WHERE day < 3)",
    // The book of a recorder.
    "INSERT INTO recorders (started, complete_until) VALUES (300, 300) RETURNING id",
    "UPDATE recorders SET complete_until = greatest(complete_until, 320) WHERE id = 1",
    "INSERT INTO recording_gaps (since, until) VALUES (300, greatest(300, 310))",
    "DELETE FROM recording_gaps WHERE until <= coalesce((SELECT min(unused_since) FROM keys \
     WHERE unused_for IS NOT NULL), until)",
    "DELETE FROM recorders WHERE id = 1",
];

#[test]
fn the_gateway_reads_what_a_verification_needs_and_writes_use() {
    if !Postgres::available() {
        return;
    }
    let installation = Installation::new();
    installation.may(
        GATEWAY,
        &[
            // A verification.
            "SELECT d.identity, d.status, pg_is_in_recovery(), extract(epoch FROM clock_timestamp())::bigint, k.hash, k.name, \
             a.name, k.platform, k.type, k.expires, k.disabled, k.disabled_until, k.allowed_sources, k.canary, t.hash, \
             u.last, k.unused_for, k.unused_since, k.replaced_by FROM database d CROSS JOIN (SELECT 'present001' AS id) q \
             LEFT JOIN keys k ON k.key_id = q.id LEFT JOIN applications a ON a.id = k.application_id \
             LEFT JOIN tombstones t ON t.key_id = q.id LEFT JOIN key_use u ON u.key_id = k.key_id",
            "SELECT min(complete_until), (SELECT count(*) FROM recording_gaps WHERE until > 5) FROM recorders",
            "SELECT m.format, g.number, h.number, h.hash FROM meta m, generation g, head h",
            "SELECT hash FROM audit WHERE number = 1",
            // The counts of the metrics.
            "SELECT count(*) FILTER (WHERE expires <= 5 AND replaced_by IS NULL AND canary = 0) FROM keys",
            "SELECT count(*) FROM keys k WHERE k.canary = 1 AND EXISTS (SELECT 1 FROM key_sources a WHERE \
             a.key_id = k.key_id AND a.reason = 'canary' AND (k.acknowledged IS NULL OR a.last > k.acknowledged))",
        ],
    );
    records(&installation, GATEWAY);
}

/// Use is written, and counted once.
fn records(installation: &Installation, role: &str) {
    installation.may(role, RECORDING);
    let written = "SELECT (SELECT count FROM key_uses), u.first, u.last, t.last_used, t.first_refused, r.count, \
                   (SELECT count(*) FROM never_used) FROM key_use u, tombstones t, refusals r";
    assert_eq!(installation.owner(written), "2|299|301|199|201|1|0");
}

#[test]
fn the_gateway_does_nothing_else() {
    if !Postgres::available() {
        return;
    }
    let installation = Installation::new();
    installation.may_not(GATEWAY, NOT_PERMITTED, OF_THE_OWNER);
    let (key, tombstone, entry) = (key("present002"), tombstone("present001"), entry(2));
    installation.may_not(
        GATEWAY,
        NOT_PERMITTED,
        &[
            "SELECT email FROM users",
            "SELECT count(*) FROM users",
            "SELECT changes FROM audit",
            "SELECT actor FROM audit",
            "SELECT * FROM keys",
            "SELECT owner FROM keys",
            "SELECT note FROM keys",
            "SELECT folded FROM keys",
            "SELECT searched FROM keys",
            "SELECT name_order FROM keys",
            "SELECT creator_id FROM keys",
            "SELECT name FROM tombstones",
            "SELECT key_id FROM never_used",
            "SELECT holder FROM rotation_claims",
            &key,
            "UPDATE keys SET expires = 5000",
            "UPDATE keys SET disabled = NULL",
            "DELETE FROM keys",
            "SELECT key_id FROM keys FOR UPDATE",
            "BEGIN; LOCK TABLE keys IN SHARE MODE; COMMIT",
            &tombstone,
            "INSERT INTO users (email, status, created) VALUES ('eve@example.com', 'active', 1)",
            "UPDATE users SET status = 'active'",
            "INSERT INTO applications (name, folded, name_order, created) VALUES ('B', 'b', 'b', 1)",
            "UPDATE applications SET name = 'B'",
            "DELETE FROM applications",
            &entry,
            "SELECT number FROM head FOR UPDATE",
            "UPDATE head SET id = 1",
            "UPDATE database SET status = 'moved'",
            "INSERT INTO rotation_claims (key_id, holder, until) VALUES ('present001', decode(repeat('00', 16), 'hex'), 5)",
            "UPDATE key_use SET application_id = 2",
            "DELETE FROM key_use",
            "UPDATE key_uses SET key_id = 'present002'",
            "UPDATE recorders SET seen = 9999999999",
            "TRUNCATE key_uses",
        ],
    );
}

#[test]
fn the_administrator_makes_every_change_of_the_desk() {
    if !Postgres::available() {
        return;
    }
    let installation = Installation::new();
    let (successor, canary, entries) = (key("present002"), key("present003"), entry(2) + &entry(3));
    installation.may(
        ADMINISTRATOR,
        &[
            "BEGIN; SELECT number, hash FROM head FOR UPDATE; COMMIT",
            "INSERT INTO users (email, login, uid, salt, status, created) \
             VALUES ('ben@example.com', 'ben', 11, decode(repeat('00', 32), 'hex'), 'active', 5) RETURNING id",
            "UPDATE users SET status = 'deleted', version = version + 1, email = NULL, login = NULL, uid = NULL, salt = NULL \
             WHERE id = 2",
            "INSERT INTO applications (name, folded, name_order, created) VALUES ('B', 'b', 'b', 1) RETURNING id",
            "UPDATE applications SET name = 'C', folded = 'c', name_order = 'c', version = version + 1 WHERE id = 2",
            "DELETE FROM applications WHERE id = 2",
            &successor,
            &canary,
            "UPDATE keys SET name = 'B', name_order = 'b', folded = 'b', owner = NULL, note = 'n', allowed_sources = '::1', \
             version = version + 1 WHERE key_id = 'present001'",
            "UPDATE keys SET delivered = 150 WHERE key_id = 'present002' AND delivered IS NULL",
            "UPDATE keys SET replaces = 'present001' WHERE key_id = 'present002'",
            "INSERT INTO rotation_claims (key_id, holder, until) VALUES ('present001', decode(repeat('00', 16), 'hex'), 5) \
             ON CONFLICT (key_id) DO UPDATE SET holder = excluded.holder, until = excluded.until \
             WHERE rotation_claims.delivering IS NULL AND rotation_claims.until < 3",
            "UPDATE rotation_claims SET delivering = 'present002', until = 6 WHERE key_id = 'present001'",
            "DELETE FROM rotation_claims WHERE key_id = 'present001'",
            "UPDATE keys SET replaced_by = 'present002', expires = 700, disabled = NULL, disabled_until = NULL, is_disabled = 0, \
             unused_for = 60, unused_since = 200, latest_expires = 900, version = version + 1 WHERE key_id = 'present001'",
            "UPDATE keys SET disabled = 5, is_disabled = 1, version = version + 1 WHERE key_id = 'present003'",
            "UPDATE keys SET acknowledged = 5, version = version + 1 WHERE key_id = 'present003'",
            "INSERT INTO tombstones (key_id, hash, application_id, name, prefix, type, platform, throwaway, deleted, \
             deleted_by, last_used, last_used_from) SELECT k.key_id, hash, k.application_id, name, prefix, type, platform, \
             throwaway, 300, 1, s.last, s.last_from FROM keys k LEFT JOIN key_use s ON s.key_id = k.key_id \
             WHERE k.key_id = 'present003'; DELETE FROM keys WHERE key_id = 'present003'",
            &entries,
            // All that lists and details read.
            "SELECT * FROM keys; SELECT * FROM users; SELECT * FROM applications; SELECT * FROM tombstones; \
             SELECT * FROM audit; SELECT * FROM key_use; SELECT * FROM never_used; SELECT * FROM key_uses; \
             SELECT * FROM key_sources; SELECT * FROM refusals; SELECT * FROM use_backlog; SELECT * FROM recorders; \
             SELECT * FROM recording_gaps; SELECT * FROM database; SELECT * FROM generation; SELECT * FROM head; \
             SELECT * FROM meta; SELECT * FROM rotation_claims",
            "UPDATE database SET status = 'moved', moved = 400, moved_to = '/var/lib/keydesk.db'",
        ],
    );
    let state = "SELECT (SELECT string_agg(key_id, ' ' ORDER BY key_id) FROM keys), number, (SELECT key_count FROM users \
                 WHERE id = 1), (SELECT key_count FROM applications) FROM head";
    assert_eq!(installation.owner(state), "present001 present002|3|2|2");
}

/// Verifications with this role are recorded.
#[test]
fn the_administrator_writes_use() {
    if !Postgres::available() {
        return;
    }
    records(&Installation::new(), ADMINISTRATOR);
}

#[test]
fn the_administrator_changes_nothing_that_is_final() {
    if !Postgres::available() {
        return;
    }
    let installation = Installation::new();
    installation.may_not(ADMINISTRATOR, NOT_PERMITTED, OF_THE_OWNER);
    installation.may_not(
        ADMINISTRATOR,
        NOT_PERMITTED,
        &[
            "UPDATE users SET created = 5",
            "UPDATE applications SET created = 5",
            "INSERT INTO users (id, email, status, created) VALUES (9, 'eve@example.com', 'active', 1)",
            "INSERT INTO users (email, status, created, key_count) VALUES ('eve@example.com', 'active', 1, 5)",
            "UPDATE key_use SET application_id = 2",
            "DELETE FROM key_use",
            "UPDATE key_uses SET key_id = 'present002'",
            "UPDATE recorders SET seen = 9999999999",
            "BEGIN; LOCK TABLE audit IN ACCESS EXCLUSIVE MODE; COMMIT",
        ],
    );
}

#[test]
fn nobody_else_has_a_right() {
    if !Postgres::available() {
        return;
    }
    let installation = Installation::new();
    let said = installation.run("stranger", "SELECT 1");
    assert!(said.code == 2 && said.err.contains("permission denied for database"), "{said:?}");
    let of_public = "SELECT count(*) FROM (SELECT relacl AS acl FROM pg_class WHERE relnamespace = 'public'::regnamespace \
                     UNION ALL SELECT attacl FROM pg_attribute WHERE attrelid >= 16384 \
                     UNION ALL SELECT coalesce(proacl, acldefault('f', proowner)) FROM pg_proc \
                     WHERE pronamespace = 'public'::regnamespace UNION ALL SELECT datacl FROM pg_database \
                     WHERE datname = current_database() UNION ALL SELECT nspacl FROM pg_namespace WHERE nspname = 'public') a, \
                     aclexplode(a.acl) e WHERE e.grantee = 0";
    assert_eq!(installation.owner(of_public), "0");
}

#[test]
fn granting_again_takes_away_what_was_added() {
    if !Postgres::available() {
        return;
    }
    let installation = Installation::new();
    let read = "SELECT email FROM users";
    installation.owner(&format!(
        "GRANT SELECT (email) ON users TO \"{GATEWAY}\"; GRANT UPDATE, DELETE ON audit TO \"{ADMINISTRATOR}\"; \
         GRANT SELECT ON users TO PUBLIC"
    ));
    installation.may(GATEWAY, &[read]);
    installation.grant();
    installation.may_not(GATEWAY, NOT_PERMITTED, &[read]);
    installation.may_not(ADMINISTRATOR, NOT_PERMITTED, &["UPDATE audit SET at = 5", "DELETE FROM audit"]);
    installation.may(ADMINISTRATOR, &[read]);
}
