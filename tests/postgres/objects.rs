//! The list of the objects of the schema, which shows what was altered.

use std::collections::BTreeMap;

use crate::installation::{ADMINISTRATOR, GATEWAY, Installation};
use crate::support::postgres::Postgres;

const OBJECTS: &str = include_str!("../../assets/migrations/postgres/objects.sql");

/// The objects by kind, name and table, each with a hash of its definition, after some SQL that is rolled back.
fn objects(installation: &Installation, role: &str, altered: &str) -> BTreeMap<String, String> {
    let list = OBJECTS.trim_end().trim_end_matches(';');
    let sql = format!(
        "BEGIN; {altered}; SELECT concat_ws(' ', kind, name, nullif(of, '')), md5(definition) FROM ({list}) o; ROLLBACK"
    );
    let said = installation.run(role, &sql);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{altered}");
    said.out
        .lines()
        .map(|line| line.rsplit_once('|').unwrap())
        .map(|(object, hash)| (object.into(), hash.into()))
        .collect()
}

#[test]
fn every_role_sees_the_same_objects() {
    if !Postgres::available() {
        return;
    }
    let installation = Installation::new();
    let [owner, administrator, gateway] =
        ["ana", ADMINISTRATOR, GATEWAY].map(|role| objects(&installation, role, "SELECT 1 WHERE false"));
    assert!(owner.len() > 100, "{}", owner.len());
    assert_eq!(owner, administrator);
    assert_eq!(owner, gateway);
}

/// Each of these can undo a change, or allow one that must not happen.
#[test]
fn an_altered_object_is_found() {
    if !Postgres::available() {
        return;
    }
    let installation = Installation::new();
    let before = objects(&installation, "postgres", "SELECT 1 WHERE false");
    let function = "FUNCTION never() RETURNS trigger LANGUAGE plpgsql";
    let replaced = format!("CREATE OR REPLACE {function} AS 'BEGIN RETURN NULL; END'");
    for (altered, object) in [
        ("ALTER TABLE audit DISABLE TRIGGER audit_is_not_changed", "trigger audit_is_not_changed audit"),
        ("ALTER TABLE audit ENABLE REPLICA TRIGGER audit_continues", "trigger audit_continues audit"),
        ("DROP TRIGGER keys_are_counted ON keys", "trigger keys_are_counted keys"),
        ("CREATE TRIGGER other BEFORE UPDATE ON keys EXECUTE FUNCTION never('no')", "trigger other keys"),
        (
            "CREATE OR REPLACE TRIGGER keys_advance AFTER INSERT ON keys EXECUTE FUNCTION never('no')",
            "trigger keys_advance keys",
        ),
        // Foreign keys.
        ("ALTER TABLE tombstones DISABLE TRIGGER ALL", "table tombstones tombstones"),
        ("ALTER TABLE keys DROP CONSTRAINT keys_creator_id_fkey", "constraint keys_creator_id_fkey keys"),
        (
            "ALTER TABLE keys DROP CONSTRAINT keys_canary_check, ADD CONSTRAINT keys_canary_check CHECK (canary >= 0)",
            "constraint keys_canary_check keys",
        ),
        (replaced.as_str(), "function never()"),
        ("ALTER FUNCTION audit_continues() SECURITY INVOKER", "function audit_continues()"),
        ("ALTER FUNCTION audit_continues() SET search_path = public", "function audit_continues()"),
        ("ALTER FUNCTION audit_continues() OWNER TO postgres", "function audit_continues()"),
        ("CREATE FUNCTION other() RETURNS bigint LANGUAGE sql AS 'SELECT 1'", "function other()"),
        ("CREATE RULE other AS ON DELETE TO keys DO INSTEAD NOTHING", "table keys keys"),
        ("CREATE POLICY other ON keys USING (false)", "policy other keys"),
        ("ALTER TABLE keys ENABLE ROW LEVEL SECURITY", "table keys keys"),
        ("ALTER TABLE keys OWNER TO postgres", "table keys keys"),
        ("ALTER TABLE keys ADD COLUMN other text", "table keys keys"),
        ("ALTER TABLE keys ALTER COLUMN canary SET DEFAULT 1", "table keys keys"),
        ("ALTER TABLE keys ALTER COLUMN note SET NOT NULL", "table keys keys"),
        ("ALTER TABLE key_use ALTER COLUMN last_from TYPE text COLLATE \"default\"", "table key_use key_use"),
        ("ALTER TABLE audit SET UNLOGGED", "table audit audit"),
        ("DROP INDEX users_by_login", "index users_by_login users"),
        ("CREATE UNIQUE INDEX other ON keys (name)", "index other keys"),
        ("CREATE TABLE other (id bigint)", "table other other"),
        ("CREATE VIEW other AS SELECT 1", "view other other"),
        ("CREATE SCHEMA other", "schema other"),
    ] {
        let after = objects(&installation, "postgres", altered);
        let differs = |object: &&String| before.get(*object) != after.get(*object);
        let found: Vec<&str> =
            before.keys().chain(after.keys()).filter(differs).map(String::as_str).collect();
        assert!(found.contains(&object), "{altered}: {found:?}");
        assert!(
            found.iter().all(|found| found.ends_with(object.rsplit(' ').next().unwrap())),
            "{altered}: {found:?}"
        );
    }
}

/// What does not change a result is not taken for an alteration.
#[test]
fn maintenance_alters_no_object() {
    if !Postgres::available() {
        return;
    }
    let installation = Installation::new();
    let before = objects(&installation, "ana", "SELECT 1 WHERE false");
    installation.owner("ANALYZE");
    installation.owner("VACUUM FULL keys");
    installation.owner("REINDEX TABLE keys");
    installation.owner("ALTER TABLE keys SET (fillfactor = 80)");
    installation.grant();
    assert_eq!(objects(&installation, "ana", "SELECT 1 WHERE false"), before);
}
