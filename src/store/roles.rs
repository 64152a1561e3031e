//! The roles of a server of databases.

use std::collections::BTreeMap;

use super::{Engine, Reader, Store, StoreError};
pub use crate::domain::role::{RoleNames, Roles};
use crate::domain::user::SignIn;

impl Store {
    /// Looks up the two roles; none for a file, which has none.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn roles(&self, names: &RoleNames) -> Result<Option<Roles>, StoreError> {
        match &self.engine {
            Engine::Sqlite(_) => Ok(None),
            Engine::Postgres(database) => database.roles(names).map(Some),
        }
    }

    /// Creates the roles that do not exist, without a password, and grants both their rights. Does nothing for a file.
    ///
    /// # Errors
    /// When this role may not do so; nothing was changed then.
    pub fn create_roles(&self, names: &RoleNames) -> Result<(), StoreError> {
        match &self.engine {
            Engine::Sqlite(_) => Ok(()),
            Engine::Postgres(database) => database.create_roles(names),
        }
    }
}

/// The SQL that does the same as [`Store::create_roles`], for a user who may create roles.
#[must_use]
pub fn sql(names: &RoleNames, roles: Roles) -> String {
    format!("BEGIN;\n{}\nCOMMIT;\n", super::postgres::roles::statements(names, roles).trim_end())
}

/// The name of a role as SQL needs it.
#[must_use]
pub fn identifier(role: &str) -> String {
    super::postgres::roles::identifier(role)
}

/// The roles of the server that can log in: those with the rights of an administrator, and others.
pub(crate) fn that_log_in(r: &Reader<'_>) -> Result<BTreeMap<String, SignIn>, StoreError> {
    let sql = "SELECT rolname::text, has_table_privilege(oid, 'public.audit', 'INSERT') \
               FROM pg_catalog.pg_roles WHERE rolcanlogin";
    r.all("reading the roles", sql, &[], |row| {
        Ok((row.get(0)?, if row.get(1)? { SignIn::Possible } else { SignIn::NoRights }))
    })
}

/// Whether a role of the server can be used to sign in.
pub(crate) fn sign_in(r: &Reader<'_>, role: &str) -> Result<SignIn, StoreError> {
    Ok(that_log_in(r)?.get(role).copied().unwrap_or(SignIn::NoRole))
}
