//! Applications: what keys belong to.

use serde::{Deserialize, Serialize};

use super::Instant;
use super::text::Name;

/// The number of an Application. It is not reused after a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ApplicationId(pub i64);

/// The Applications that a list is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Application(ApplicationId),
    All,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    pub id: ApplicationId,
    /// Unique without regard to case.
    pub name: Name,
    pub created: Instant,
    pub keys: u64,
    /// Grows with each change. A change that was decided on an older version is rejected.
    pub version: i64,
}
