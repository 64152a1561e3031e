//! Connections to servers of PostgreSQL.
//!
//! [`Connection`] is what the store uses: statements with typed values, each answered in one round trip and within a
//! limit. Nothing is prepared and no session state is set, so that it works through pgbouncer in transaction mode too.
//! One background thread drives all connections ([`wait`]); callers on any thread wait for their answers.

mod cancel;
mod connection;
#[cfg(feature = "app")]
mod copy;
mod fault;
mod link;
mod open;
mod password_file;
mod service_file;
mod settings;
#[cfg(test)]
mod tests;
mod timeline;
mod tls;
mod translate;
pub(in crate::store) mod version;
mod wait;
mod watch;

pub(crate) use cancel::Interrupter;
pub(crate) use connection::{CommitFault, Connection};
#[cfg(feature = "app")]
pub(in crate::store) use copy::CopyIn;
pub use fault::ServerError;
pub(crate) use fault::{Fault, FaultKind};
pub(in crate::store) use link::Link;
pub(crate) use open::{ConnectOptions, Facts};
pub(in crate::store) use timeline::{LatestTimeline, Timeline, timeline_number};
pub(in crate::store) use watch::{Watch, open_latest};
