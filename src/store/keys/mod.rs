//! Keys and tombstones.

mod change;
mod filter;
mod list;
mod read;

pub use change::*;
pub use list::{KeyQuery, KeySort, count, each, ids, page, plan};
pub(super) use read::select;
pub use read::*;
