//! Counted requests.

use std::net::IpAddr;

use crate::domain::Instant;
use crate::domain::key::KeyId;

/// The key of a count: accepted requests of a key, or rejections for a reason, on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// As of [`day_of`](crate::store::usage::day_of).
    pub day: i64,
    /// Why requests were rejected; none for accepted ones.
    pub reason: Option<&'static str>,
    /// The key, if known. Accepted requests without one are not written.
    pub key: Option<KeyId>,
    /// The source address, where the key is known: without one, sources could be any number.
    pub source: Option<IpAddr>,
}

/// The time of a request, and its source address.
pub type Seen = (Instant, Option<IpAddr>);

/// The number of requests, the first and the last one, all on the day of the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    pub count: u64,
    pub first: Seen,
    pub last: Seen,
}

impl Count {
    #[must_use]
    pub fn one(seen: Seen) -> Self {
        Self { count: 1, first: seen, last: seen }
    }

    /// Adds two counts of one entry.
    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        if other.first.0 < self.first.0 {
            self.first = other.first;
        }
        if other.last.0 >= self.last.0 {
            self.last = other.last;
        }
    }
}

/// Requests with one key, for one reason, on one day, from one source where the key is known.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'a> {
    /// As of [`day_of`](crate::store::usage::day_of).
    pub day: i64,
    /// Why they were rejected; empty for accepted ones.
    pub reason: &'a str,
    pub key: Option<KeyId>,
    pub count: Count,
}

impl Counted<'_> {
    #[must_use]
    pub fn of(entry: &Entry, count: Count) -> Self {
        Self { day: entry.day, reason: entry.reason.unwrap_or_default(), key: entry.key, count }
    }
}

/// The number of sources that are listed of a key and a reason.
pub(super) const SOURCES_KEPT: i64 = 64;

/// How long counts are kept, in days. The details of a key show 30.
pub const DAYS_KEPT: i64 = 90;

/// Maximum number of counts to add in a transaction, to limit how long others wait for the lock.
pub const BATCH: usize = 1_000;

/// Requests that came faster than they could be added to the tables of use, as they are in the backlog.
#[derive(Debug)]
pub struct Spilled {
    /// The number of the row.
    pub(super) number: i64,
    pub(super) key: Option<KeyId>,
    pub(super) reason: String,
    pub(super) count: Count,
}
