//! A database of PostgreSQL: its schema, its changes, verification and the recording of use.

mod answer;
#[cfg(test)]
#[cfg(feature = "app")]
mod claim_tests;
pub(super) mod claims;
pub(super) mod database;
#[cfg(feature = "app")]
pub mod inspect;
#[cfg(feature = "app")]
pub(super) mod load;
pub(super) mod lookup;
pub(super) mod migrate;
pub(super) mod recording;
#[cfg(feature = "app")]
pub(super) mod roles;
pub(super) mod schema;
#[cfg(feature = "app")]
mod synchronous;
mod usage_backlog;
mod usage_rows;
#[cfg(test)]
#[cfg(feature = "app")]
mod usage_tests;
pub(super) mod usage_writer;
