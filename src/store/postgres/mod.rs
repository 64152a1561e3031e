//! Connections to PostgreSQL.
//!
//! [`Connection`] is what the store uses: statements with typed values, each answered in one round trip and within a
//! limit. Nothing is prepared and no session state is set, so that it works through pgbouncer in transaction mode too.
//! One background thread drives all connections ([`wait`]); callers on any thread wait for their answers.

mod answer;
mod cancel;
mod cell;
#[cfg(test)]
#[cfg(feature = "app")]
mod claim_tests;
pub(super) mod claims;
mod connection;
pub(super) mod database;
mod fault;
mod link;
pub(super) mod lookup;
pub(super) mod migrate;
mod open;
mod password_file;
pub(super) mod recording;
#[cfg(feature = "app")]
pub(super) mod roles;
pub(super) mod schema;
mod service_file;
mod settings;
#[cfg(test)]
mod tests;
mod tls;
mod translate;
mod usage_backlog;
mod usage_rows;
#[cfg(test)]
#[cfg(feature = "app")]
mod usage_tests;
pub(super) mod usage_writer;
mod wait;

pub(crate) use cancel::Interrupter;
pub(super) use cell::cell;
pub(crate) use connection::{CommitFault, Connection};
pub use fault::ServerError;
pub(crate) use fault::{Fault, FaultKind};
pub(crate) use open::ConnectOptions;
