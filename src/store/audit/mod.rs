//! The audit log: written with every change, listed, verified, and compared with the database.

pub mod chain;
mod entries;
mod list;
pub mod replay;

pub use chain::{ChainReport, walk};
pub(super) use entries::append;
pub use entries::{application_name, deletion_of, genesis, has_entries_by, head, identity, last_at};
pub use list::{AuditRow, count, each, page};
