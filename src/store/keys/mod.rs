//! Keys and tombstones.

mod change;
mod filter;
mod list;
mod order;
mod read;
mod restricted;
mod walk;

pub use change::*;
pub use list::{KeyQuery, count, each, ids, page, plan};
pub use order::KeySort;
pub use read::*;
pub(super) use read::{TOMBSTONE, select, tombstone_of};
pub use restricted::{RestrictedKeys, count_restricted, restricted};
