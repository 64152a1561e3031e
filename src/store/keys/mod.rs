//! Keys and tombstones.

mod change;
mod filter;
mod list;
mod order;
mod read;
mod walk;

pub use change::*;
pub use list::{KeyQuery, count, each, ids, page, plan};
pub use order::KeySort;
pub(super) use read::select;
pub use read::*;
