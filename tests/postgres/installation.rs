//! A database with the schema and the rights of the two roles, for tests that speak SQL.

use crate::support::home::CommandOutput;
use crate::support::postgres::{Database, psql_command, server};

const SCHEMA: &str = include_str!("../../assets/migrations/postgres/0001_base.sql");
const ROLES: &str = include_str!("../../assets/migrations/postgres/roles.sql");

/// Two roles with other characters in their names than identifiers have.
pub(crate) const ADMINISTRATOR: &str = "desk-admin";
pub(crate) const GATEWAY: &str = "Desk Gateway";

/// A database that Ana owns, with one user, the Application 1, the key `present001`, the tombstone of `deleted001` and one
/// audit entry.
pub(crate) struct Installation {
    pub(crate) database: Database<'static>,
}

impl Installation {
    pub(crate) fn new() -> Self {
        let database = server().database();
        server().role(ADMINISTRATOR);
        server().role(GATEWAY);
        let installation = Self { database };
        installation.owner(SCHEMA);
        installation.grant();
        installation.owner(
            "INSERT INTO database (id, identity, prefix) VALUES (1, decode(repeat('ab', 16), 'hex'), 'ik'); \
             INSERT INTO users (email, login, uid, salt, status, created) \
             VALUES ('ana@example.com', 'ana', 10, decode(repeat('cd', 32), 'hex'), 'active', 1); \
             INSERT INTO applications (name, folded, name_order, created) VALUES ('Shop', 'shop', 'shop', 1);",
        );
        installation.owner(&key("present001"));
        installation.owner(&tombstone("deleted001"));
        installation.owner(&entry(1));
        installation
    }

    /// Gives the two roles their rights.
    pub(crate) fn grant(&self) {
        let names = format!(
            "SELECT set_config('keydesk.administrator', '{ADMINISTRATOR}', false), \
             set_config('keydesk.gateway', '{GATEWAY}', false);"
        );
        self.owner(&format!("{names}{ROLES}"));
    }

    /// Runs SQL as a role. Of an error only the code is said.
    pub(crate) fn run(&self, role: &str, sql: &str) -> CommandOutput {
        let url = self.database.socket_url_as(&role.replace(' ', "%20"));
        let output = psql_command(&url, sql).args(["-v", "VERBOSITY=sqlstate"]).output().unwrap();
        let say = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        CommandOutput {
            code: output.status.code().unwrap_or(-1),
            out: say(&output.stdout),
            err: say(&output.stderr),
        }
    }

    /// Runs SQL that must succeed, as the owner.
    pub(crate) fn owner(&self, sql: &str) -> String {
        self.database.psql_as_ana(sql)
    }

    /// Runs statements that must succeed, as a role.
    pub(crate) fn may(&self, role: &str, statements: &[&str]) {
        for sql in statements {
            let said = self.run(role, sql);
            assert_eq!((said.code, said.err.as_str()), (0, ""), "{role}: {sql}");
        }
    }

    /// Runs statements that must fail with an error code, as a role.
    pub(crate) fn may_not(&self, role: &str, error: &str, statements: &[&str]) {
        for sql in statements {
            let said = self.run(role, sql);
            assert!(said.err.ends_with(&format!("ERROR:  {error}")), "{role}: {sql}: {said:?}");
        }
    }
}

/// Adds a key of the Application 1 that the user 1 created.
pub(crate) fn key(id: &str) -> String {
    format!(
        "INSERT INTO keys (key_id, hash, application_id, name, name_order, folded, prefix, type, platform, creator_id, \
         created, expires, throwaway, canary, owner, note, allowed_sources) VALUES ('{id}', sha256('{id}'), 1, 'A', 'a', \
         'a', 'ik_live_{id}', 'test', '', 1, 100, 900, 0, 0, 'Ben', 'a note', '');"
    )
}

/// Adds a tombstone, whether or not there is a key.
pub(crate) fn tombstone(id: &str) -> String {
    format!(
        "INSERT INTO tombstones (key_id, hash, application_id, name, prefix, type, platform, deleted, deleted_by) \
         VALUES ('{id}', sha256('{id}'), 1, 'A', 'ik_live_{id}', 'test', '', 200, 1);"
    )
}

/// Adds an entry to the audit log.
pub(crate) fn entry(number: u32) -> String {
    format!(
        "INSERT INTO audit (number, at, actor, actor_uid, action, changes, hash) \
         VALUES ({number}, 100, 1, 10, 'key_created', '[]', sha256('{number}'));"
    )
}
