//! SQLite: a file with its write-ahead log, and the files that keydesk keeps beside it.

pub(super) mod claims;
pub(super) mod continuity;
pub(super) mod database;
mod id_row;
pub mod inspect;
#[cfg(feature = "app")]
pub(super) mod load;
pub(super) mod lookup;
pub mod migrate;
pub mod open;
pub mod recording;
pub(super) mod reserve;
pub(super) mod schema;
mod usage_backlog;
mod usage_rows;
pub(super) mod usage_writer;
mod value;
mod wal_index;
