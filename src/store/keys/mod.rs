//! Keys and tombstones.

mod bulk;
mod change;
mod filter;
mod list;
mod order;
mod read;
mod restricted;
mod walk;

pub use bulk::{delete_all, get_all, set_disabled};
pub use change::*;
pub use list::{KeyQuery, count, each, ids, page, plan};
pub use order::KeySort;
pub use read::*;
pub(super) use read::{TOMBSTONE, select, tombstone_of};
pub use restricted::{RestrictedKeys, count_restricted, restricted};
