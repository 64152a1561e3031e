//! The connections that no thread uses at the moment.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use crate::store::lookup::Lookup;

/// A thread gets the connection that it had before, if possible: what is cached there is in the cache of its processor.
#[derive(Debug)]
pub(super) struct Idle(Mutex<Vec<(ThreadId, Lookup)>>);

impl From<Lookup> for Idle {
    fn from(lookup: Lookup) -> Self {
        Self(Mutex::new(vec![(thread::current().id(), lookup)]))
    }
}

impl Idle {
    pub(super) fn take(&self) -> Option<Lookup> {
        let mut idle = self.lock();
        let own = thread::current().id();
        let last = idle.len().checked_sub(1)?;
        let place = idle.iter().rposition(|(thread, _)| *thread == own).unwrap_or(last);
        Some(idle.swap_remove(place).1)
    }

    pub(super) fn put(&self, lookup: Lookup) {
        self.lock().push((thread::current().id(), lookup));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(ThreadId, Lookup)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
