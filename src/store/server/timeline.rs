//! Which of several primaries is the newest one.
//!
//! A standby that is promoted begins a new timeline, with a higher number than that of the primary that it followed. An old
//! primary that continues after a failover still calls itself a primary, but stays on its timeline. So what it answers does
//! not count once a later one was seen.

use std::fmt;
use std::sync::Mutex;

use super::fault::{Fault, FaultKind};
use super::wait::lock;

/// The number of the timeline that a primary writes, null on a standby. It is part of the name of a WAL file: see "Timelines"
/// in the manual of PostgreSQL. Every role may ask for it, and it is read from memory.
macro_rules! timeline_number {
    () => {
        "CASE WHEN NOT pg_is_in_recovery() \
         THEN ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::bigint END"
    };
}
pub(in crate::store) use timeline_number;

/// The timeline that a server writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeline {
    /// The identifier of the servers that follow each other. Those of others are not comparable: after an upgrade with
    /// `pg_upgrade`, or the restoration of a dump, numbers begin at 1 again.
    pub(in crate::store) cluster: i64,
    pub(in crate::store) number: i64,
}

/// The latest timeline that was seen of a database, shared by all connections to it.
#[derive(Debug, Default)]
pub(in crate::store) struct LatestTimeline(Mutex<Option<Timeline>>);

impl LatestTimeline {
    /// Judges the timeline of a new connection, which counts from now on.
    ///
    /// # Errors
    /// When a later one was seen.
    pub(in crate::store) fn admit(&self, found: Timeline) -> Result<(), Fault> {
        let mut latest = lock(&self.0);
        match *latest {
            Some(known) if known.cluster == found.cluster && known.number > found.number => {
                Err(old_primary(found, known))
            }
            _ => {
                *latest = Some(found);
                Ok(())
            }
        }
    }

    /// Remembers a later timeline, which connections to the present server do not show.
    pub(in crate::store) fn learn(&self, found: Timeline) {
        let mut latest = lock(&self.0);
        if latest.is_some_and(|known| known.cluster == found.cluster && known.number < found.number) {
            *latest = Some(found);
        }
    }

    /// Whether a later one was seen, or that of other servers.
    pub(in crate::store) fn is_after(&self, known: Timeline) -> bool {
        lock(&self.0).is_some_and(|latest| latest.cluster != known.cluster || latest.number > known.number)
    }

    /// Judges the timeline of an answer over a connection, which was admitted before.
    ///
    /// # Errors
    /// When another connection has seen a later one, or that of other servers.
    pub(in crate::store) fn confirm(&self, found: Timeline) -> Result<(), Fault> {
        let mut latest = lock(&self.0);
        match *latest {
            Some(known) if known.cluster != found.cluster || known.number > found.number => {
                Err(old_primary(found, known))
            }
            _ => {
                *latest = Some(found);
                Ok(())
            }
        }
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number)
    }
}

fn old_primary(found: Timeline, known: Timeline) -> Fault {
    let reason = if found.cluster == known.cluster {
        format!(
            "it is an old primary: it is on timeline {found}, and another server was promoted to timeline {known}"
        )
    } else {
        "another server has taken its place".to_owned()
    };
    Fault::new(FaultKind::OldPrimary, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cluster: i64, number: i64) -> Timeline {
        Timeline { cluster, number }
    }

    #[test]
    fn an_earlier_timeline_does_not_count_once_a_later_one_was_seen() {
        let latest = LatestTimeline::default();
        latest.admit(of(7, 2)).unwrap();
        latest.confirm(of(7, 2)).unwrap();
        // A pooler may lead the same connection to the new primary.
        latest.confirm(of(7, 3)).unwrap();
        for fault in [latest.confirm(of(7, 2)), latest.admit(of(7, 2))].map(Result::unwrap_err) {
            assert_eq!(fault.kind(), FaultKind::OldPrimary);
            assert_eq!(
                fault.to_string(),
                "it is an old primary: it is on timeline 2, and another server was promoted to timeline 3"
            );
        }
        latest.admit(of(7, 3)).unwrap();
    }

    #[test]
    fn only_a_later_timeline_of_the_same_servers_is_learned() {
        let latest = LatestTimeline::default();
        latest.learn(of(7, 9));
        latest.admit(of(7, 2)).unwrap();
        latest.learn(of(8, 3));
        latest.learn(of(7, 1));
        assert!(!latest.is_after(of(7, 2)));
        latest.learn(of(7, 3));
        assert!(latest.is_after(of(7, 2)));
        latest.confirm(of(7, 2)).unwrap_err();
    }

    #[test]
    fn numbers_of_other_servers_are_not_compared() {
        let latest = LatestTimeline::default();
        latest.admit(of(7, 3)).unwrap();
        let old = latest.confirm(of(8, 4)).unwrap_err();
        assert_eq!(old.kind(), FaultKind::OldPrimary, "not over a connection to the others");
        latest.admit(of(8, 1)).unwrap();
        latest.confirm(of(8, 1)).unwrap();
        latest.confirm(of(7, 3)).unwrap_err();
    }
}
