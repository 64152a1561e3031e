//! Applications: what keys belong to.

use super::Instant;
use super::text::Name;

/// The number of an Application; never used again after a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApplicationId(pub i64);

/// Something whose Integration API keys are kept here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Its number.
    pub id: ApplicationId,
    /// Its name, unique without regard to case.
    pub name: Name,
    /// When it was created.
    pub created: Instant,
    /// How many keys belong to it.
    pub keys: u64,
    /// Grows with each change; a change that was decided on an older version is refused.
    pub version: i64,
}
