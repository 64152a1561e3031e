//! The keys that were found.

use crate::domain::application::Application;
use crate::domain::key::Key;
use crate::store::attention::{DeletedInUse, FoundKeys};
use crate::store::usage::Source;

/// Maximum number of keys of one group.
pub(super) const MAX_LISTED: usize = 1_000;
/// A key that was not used for this many days is idle.
pub(super) const IDLE_DAYS: i64 = 90;

/// Keys, each with the name of its Application.
#[derive(Default)]
pub(super) struct Group {
    pub(super) keys: Vec<(Key, String)>,
    pub(super) more: bool,
}

impl Group {
    pub(super) fn add(&mut self, application: &Application, found: FoundKeys) {
        self.more |= found.more;
        self.keys.extend(found.keys.into_iter().map(|key| (key, application.name.to_string())));
    }

    /// Number of keys that can still be added.
    pub(super) fn remaining(&self) -> usize {
        MAX_LISTED.saturating_sub(self.keys.len())
    }
}

/// A canary key that was used.
pub(super) struct UsedCanary {
    pub(super) key: Key,
    /// The name of its Application.
    pub(super) application: String,
    /// Those of the uses that were not acknowledged, the latest first.
    pub(super) sources: Vec<Source>,
}

#[derive(Default)]
pub(super) struct Report {
    pub(super) canaries: Vec<UsedCanary>,
    pub(super) expiring: Group,
    pub(super) still_used: Group,
    /// Predecessors near their expiration date that wait for the first use of their successor.
    pub(super) stalled: Group,
    pub(super) deleted_in_use: Vec<(DeletedInUse, String)>,
    pub(super) rotating: Group,
    pub(super) idle: Group,
    pub(super) undelivered: Group,
}

impl Report {
    pub(super) fn is_ok(&self) -> bool {
        let groups = [&self.expiring, &self.still_used, &self.stalled];
        self.canaries.is_empty()
            && groups.into_iter().all(|group| group.keys.is_empty())
            && self.deleted_in_use.is_empty()
    }
}
