//! The two roles of a database, administrator and gateway: creates them and grants their rights.

use crate::store::server::Fault;
use std::fmt::Write as _;

use super::database::Database;
use crate::domain::role::{RoleNames, Roles};
use crate::store::StoreError;
use crate::store::value::values;

/// Grants the rights to the roles that two settings name.
const GRANTS: &str = include_str!("../../../assets/migrations/postgres/roles.sql");

/// What a role can do that has all rights: the last one that is granted stands for them.
const STATE: &str = "SELECT \
    (SELECT count(*) FROM pg_catalog.pg_roles WHERE rolname = ?1), \
    (SELECT count(*) FROM pg_catalog.pg_roles WHERE rolname = ?2), \
    (SELECT count(*) FROM pg_catalog.pg_roles WHERE rolname = ?1 AND has_table_privilege(oid, 'public.recording_gaps', 'DELETE') \
        AND has_table_privilege(oid, 'public.key_use', 'INSERT') AND has_table_privilege(oid, 'public.audit', 'INSERT')), \
    (SELECT count(*) FROM pg_catalog.pg_roles WHERE rolname = ?2 AND has_table_privilege(oid, 'public.recording_gaps', 'DELETE') \
        AND has_table_privilege(oid, 'public.key_use', 'INSERT'))";

impl Database {
    /// Looks up the two roles.
    pub(in crate::store) fn roles(&self, names: &RoleNames) -> Result<Roles, StoreError> {
        self.read(|r| {
            let values = values![names.administrator.as_str(), names.gateway.as_str()];
            let found = r.first("reading the roles", STATE, values, |row| {
                let is = |column| row.get::<i64>(column).map(|count| count == 1);
                Ok(Roles { has_administrator: is(0)?, has_gateway: is(1)?, have_rights: is(2)? && is(3)? })
            })?;
            found.ok_or_else(|| r.damaged("it has no roles".into()))
        })
    }

    /// Creates the roles that do not exist, and grants both their rights, in one transaction.
    ///
    /// # Errors
    /// When this role may not create roles or does not own the tables and the database. Nothing was changed then.
    pub(in crate::store) fn create_roles(&self, names: &RoleNames) -> Result<(), StoreError> {
        const WHAT: &str = "creating the roles";
        let sql = statements(names, self.roles(names)?);
        let connection = self.connection()?;
        let fault = |fault: Fault| fault.during(WHAT, self.url());
        connection.begin("BEGIN; SET LOCAL client_min_messages = warning").map_err(fault)?;
        match connection.batch(&sql) {
            Ok(()) => connection.commit().map_err(|commit| fault(commit.into_fault())),
            Err(failed) => {
                let _ = connection.roll_back();
                Err(fault(failed))
            }
        }
    }
}

/// The SQL that creates the roles that do not exist and grants both their rights, within one transaction.
pub(in crate::store) fn statements(names: &RoleNames, roles: Roles) -> String {
    let (administrator, gateway) = (names.administrator.as_str(), names.gateway.as_str());
    let mut sql = String::new();
    for (name, exists) in [(administrator, roles.has_administrator), (gateway, roles.has_gateway)] {
        if !exists {
            let _ = writeln!(sql, "CREATE ROLE {} LOGIN;", identifier(name));
        }
    }
    sql + &format!(
        "SELECT set_config('keydesk.administrator', {}, true), set_config('keydesk.gateway', {}, true);\n\n{GRANTS}",
        literal(administrator),
        literal(gateway)
    )
}

/// A name, quoted where SQL needs it.
pub(in crate::store) fn identifier(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    // A reserved word is plain too.
    if name.starts_with("keydesk") && name.chars().all(plain) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// A text, whatever `standard_conforming_strings` says.
fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_sql_needs_it() {
        for (name, expected) in [
            ("keydesk_admin", "keydesk_admin"),
            ("Keydesk", "\"Keydesk\""),
            ("user", "\"user\""),
            ("a\"; DROP TABLE keys; --", "\"a\"\"; DROP TABLE keys; --\""),
        ] {
            assert_eq!(identifier(name), expected);
        }
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\'b"), "E'a\\\\''b'");
    }

    #[test]
    fn roles_that_exist_are_not_created() {
        let names = RoleNames { administrator: "keydesk_admin".into(), gateway: "Gate".into() };
        let sql = |has_administrator, has_gateway| {
            statements(&names, Roles { has_administrator, has_gateway, have_rights: false })
        };
        assert!(
            sql(false, false)
                .starts_with("CREATE ROLE keydesk_admin LOGIN;\nCREATE ROLE \"Gate\" LOGIN;\nSELECT")
        );
        assert!(sql(true, false).starts_with("CREATE ROLE \"Gate\" LOGIN;\nSELECT"));
        assert!(!sql(true, true).contains("CREATE ROLE"));
    }
}
