//! What is known of a database in use, to notice that another copy has taken its place.
//!
//! Verification would continue with that copy and accept keys that were deleted since. Every change of a key has an entry in
//! the audit log, and entries are only added: a log that does not continue the one that was read is that of another copy.
//! How a copy takes the place depends on the engine.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::file_stamp::Stamp;
use crate::domain::audit::ChainHash;

/// The state of a database as it was read, shared by all connections of one verifier.
#[derive(Debug, Default)]
pub struct Continuity {
    /// The last entry of the audit log.
    head: Mutex<Option<Head>>,
    /// Of a file.
    pub(super) file: Mutex<Option<Stamp>>,
    /// Of a database on a server.
    #[cfg(feature = "postgres")]
    pub(super) identity: std::sync::OnceLock<[u8; 16]>,
    /// Of the server.
    #[cfg(feature = "postgres")]
    pub(super) timeline: std::sync::Arc<super::server::LatestTimeline>,
    /// Of the other servers of the URL.
    #[cfg(feature = "postgres")]
    pub(super) watch: std::sync::OnceLock<super::server::Watch>,
    is_broken: AtomicBool,
}

/// Number and hash of an entry.
pub(super) type Head = (u64, ChainHash);

impl Continuity {
    /// Whether another copy has taken the place. Its data is not used until a restart.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Relaxed)
    }

    /// Another copy has taken the place.
    pub(super) fn end(&self) {
        self.is_broken.store(true, Ordering::Relaxed);
    }

    pub(super) fn head(&self) -> Option<Head> {
        *self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores the last entry that was read. Another thread may have read a later one.
    pub(super) fn learn(&self, found: Option<Head>) {
        let mut head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        if head.is_none_or(|known| found.is_some_and(|found| known.0 < found.0)) {
            *head = found;
        }
    }
}
