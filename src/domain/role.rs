//! The two roles of a database on a server.

/// The names of the two roles of a database on a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleNames {
    /// Reads everything and makes changes.
    pub administrator: String,
    /// Reads what a verification needs and writes use.
    pub gateway: String,
}

/// What there is of the two roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    pub has_administrator: bool,
    pub has_gateway: bool,
    /// Whether both have their rights.
    pub have_rights: bool,
}
