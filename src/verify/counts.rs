//! Counts of requests in memory, small enough for some hundred thousand different ones.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use crate::domain::Instant;
use crate::domain::key::KeyId;
use crate::store::usage::day_of;
use crate::store::usage_writer::{BATCH, Count, Counted};

/// A request that was accepted, or rejected for a reason, with the key that it can be attributed to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) reason: Option<&'static str>,
    pub(super) key: Option<KeyId>,
    pub(super) at: Instant,
    pub(super) from: Option<IpAddr>,
}

/// Counts by day, reason, key and source.
#[derive(Debug, Default)]
pub(super) struct Counts {
    with_key: WithKey,
    /// The requests without a key by day and reason. Of their sources only the last one is kept: there could be any number.
    without_key: WithoutKey,
    /// The number of requests so far.
    requests: u64,
    reasons: Vec<&'static str>,
}

type WithKey = HashMap<Kind, Tally>;
/// A list: there are some ten reasons.
type WithoutKey = Vec<((i64, &'static str), Count)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    key: KeyId,
    day: i32,
    /// [`ACCEPTED`], or the place of the reason among `reasons`, counted from 1: a text would take 16 bytes.
    reason: u8,
    source: Option<IpAddr>,
}

const ACCEPTED: u8 = 0;

impl Hash for Kind {
    /// In one piece: that takes the hasher a third of the time that the fields take one by one.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let address = match self.source {
            None => 0,
            Some(IpAddr::V4(address)) => u128::from(address.to_bits()),
            Some(IpAddr::V6(address)) => address.to_bits(),
        };
        let mut bytes = [0; 31];
        let (key, rest) = bytes.split_at_mut(KeyId::LENGTH);
        key.copy_from_slice(self.key.as_str().as_bytes());
        let (day, rest) = rest.split_at_mut(4);
        day.copy_from_slice(&self.day.to_ne_bytes());
        let (reason, rest) = rest.split_at_mut(1);
        reason.fill(self.reason);
        rest.copy_from_slice(&address.to_ne_bytes());
        state.write(&bytes);
    }
}

#[derive(Clone, Copy, Debug)]
struct Tally {
    count: u64,
    first: i64,
    last: i64,
    /// The number of the last of these requests: instants are whole seconds.
    number: u64,
}

impl Counts {
    /// Counts a request. Returns `false` where that would need more than `most` entries.
    pub(super) fn add(&mut self, request: &Request, most: usize) -> bool {
        let Request { reason, key, at, from } = *request;
        let reason = reason.unwrap_or_default();
        let Some(key) = key else {
            let one = Count::one((at, from));
            self.add_without_key((day_of(at), reason), &one);
            return true;
        };
        self.requests += 1;
        let at = at.timestamp();
        let day = i32::try_from(at.div_euclid(86_400)).unwrap_or(i32::MAX);
        let kind = Kind { key, day, reason: self.code(reason), source: from };
        let tally = Tally { count: 1, first: at, last: at, number: self.requests };
        self.merge(kind, &tally, most)
    }

    fn merge(&mut self, kind: Kind, tally: &Tally, most: usize) -> bool {
        if let Some(known) = self.with_key.get_mut(&kind) {
            known.count += tally.count;
            known.first = known.first.min(tally.first);
            known.last = known.last.max(tally.last);
            known.number = known.number.max(tally.number);
        } else if self.with_key.len() < most {
            self.with_key.insert(kind, *tally);
        } else {
            return false;
        }
        true
    }

    fn add_without_key(&mut self, kind: (i64, &'static str), count: &Count) {
        match self.without_key.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, known)) => known.add(count),
            None => self.without_key.push((kind, *count)),
        }
    }

    fn code(&mut self, reason: &'static str) -> u8 {
        if reason.is_empty() {
            return ACCEPTED;
        }
        let place = self.reasons.iter().position(|known| *known == reason).unwrap_or_else(|| {
            self.reasons.push(reason);
            self.reasons.len() - 1
        });
        // There are some ten reasons.
        u8::try_from(place + 1).unwrap_or(u8::MAX)
    }

    /// The number of entries.
    pub(super) fn len(&self) -> usize {
        self.with_key.len() + self.without_key.len()
    }

    /// Takes all counts. `empty` is used for the next ones.
    pub(super) fn take(&mut self, empty: Empty) -> Taken {
        let with_key = std::mem::replace(&mut self.with_key, empty.0);
        Taken {
            unsorted: with_key,
            with_key: Vec::new(),
            without_key: std::mem::take(&mut self.without_key),
            reasons: self.reasons.clone(),
        }
    }

    /// Adds counts that were taken before. Returns how many requests were too many.
    pub(super) fn give_back(&mut self, taken: &Taken, most: usize) -> u64 {
        for (kind, count) in &taken.without_key {
            self.add_without_key(*kind, count);
        }
        let lost = taken.with_key.iter().filter(|(kind, tally)| !self.merge(*kind, tally, most));
        lost.map(|(_, tally)| tally.count).sum()
    }
}

/// Space for counts, allocated before a lock is taken.
pub(super) struct Empty(WithKey);

impl Empty {
    pub(super) fn for_entries(entries: usize) -> Self {
        Self(HashMap::with_capacity(entries))
    }
}

/// Counts that are about to be written.
#[derive(Debug)]
pub(super) struct Taken {
    unsorted: WithKey,
    with_key: Vec<(Kind, Tally)>,
    without_key: WithoutKey,
    reasons: Vec<&'static str>,
}

impl Taken {
    /// Sorts them by key, so that neighbors share pages of the database, and those of a key by their last request.
    pub(super) fn sort(mut self) -> Self {
        self.with_key = std::mem::take(&mut self.unsorted).into_iter().collect();
        self.with_key.sort_unstable_by_key(|(kind, tally)| (kind.key, kind.reason, kind.day, tally.number));
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.with_key.is_empty() && self.without_key.is_empty()
    }

    /// The number of entries.
    pub(super) fn len(&self) -> usize {
        self.with_key.len() + self.without_key.len()
    }

    /// The number of requests.
    pub(super) fn requests(&self) -> u64 {
        self.all().map(|counted| counted.count.count).sum()
    }

    /// The counts to write next.
    pub(super) fn batch(&self) -> Vec<Counted<'static>> {
        let rest = self.with_key.len().saturating_sub(BATCH);
        let without_key = self.without_key.iter().filter(|_| rest == 0).map(without_key);
        self.with_key.iter().skip(rest).map(|entry| self.counted(entry)).chain(without_key).collect()
    }

    /// Removes the counts of the last call of [`Self::batch`].
    pub(super) fn remove_batch(&mut self) {
        if self.with_key.len() <= BATCH {
            self.without_key.clear();
        }
        self.with_key.truncate(self.with_key.len().saturating_sub(BATCH));
    }

    pub(super) fn all(&self) -> impl Iterator<Item = Counted<'static>> {
        self.with_key.iter().map(|entry| self.counted(entry)).chain(self.without_key.iter().map(without_key))
    }

    fn counted(&self, (kind, tally): &(Kind, Tally)) -> Counted<'static> {
        let seen = |at| (Instant::from_timestamp(at, 0).unwrap_or_default(), kind.source);
        Counted {
            day: kind.day.into(),
            reason: match usize::from(kind.reason).checked_sub(1) {
                Some(place) => self.reasons.get(place).copied().unwrap_or_default(),
                None => "",
            },
            key: Some(kind.key),
            count: Count { count: tally.count, first: seen(tally.first), last: seen(tally.last) },
        }
    }
}

fn without_key((kind, count): &((i64, &'static str), Count)) -> Counted<'static> {
    Counted { day: kind.0, reason: kind.1, key: None, count: *count }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(reason: Option<&'static str>, key: Option<&str>, at: i64, from: u8) -> Request {
        let key = key.and_then(|key| key.parse().ok());
        let at = Instant::from_timestamp(at, 0).unwrap();
        Request { reason, key, at, from: Some([10, 0, 0, from].into()) }
    }

    const KEY: Option<&str> = Some("7Qm2x9KdPa");

    #[test]
    fn requests_are_counted_by_day_reason_key_and_source() {
        let mut counts = Counts::default();
        for request in [
            request(None, KEY, 100, 1),
            request(None, KEY, 90, 1),
            request(None, KEY, 90_000, 1),
            request(None, KEY, 100, 2),
            request(Some("deleted"), KEY, 100, 1),
            request(Some("unknown"), None, 100, 1),
            request(Some("unknown"), None, 101, 2),
        ] {
            assert!(counts.add(&request, 10));
        }
        assert_eq!(counts.len(), 5);
        let taken = counts.take(Empty::for_entries(0)).sort();
        assert_eq!((counts.len(), taken.len(), taken.requests()), (0, 5, 7));
        let seen: Vec<_> = taken
            .batch()
            .iter()
            .map(|Counted { day, reason, count, .. }| {
                (*day, *reason, count.count, count.first.0.timestamp(), count.last.0.timestamp())
            })
            .collect();
        assert_eq!(
            seen,
            [
                (0, "", 2, 90, 100),
                (0, "", 1, 100, 100),
                (1, "", 1, 90_000, 90_000),
                (0, "deleted", 1, 100, 100),
                (0, "unknown", 2, 100, 101),
            ]
        );
    }

    #[test]
    fn what_is_given_back_is_counted_again_up_to_the_maximum() {
        let mut counts = Counts::default();
        (0..100).for_each(|from| assert!(counts.add(&request(None, KEY, 100, from), 1_000)));
        let taken = counts.take(Empty::for_entries(0)).sort();
        (0..2).for_each(|from| assert!(counts.add(&request(None, KEY, 101, from), 50)));
        assert_eq!(counts.give_back(&taken, 50), 50);
        assert_eq!(counts.take(Empty::for_entries(0)).sort().requests(), 52);
        assert!(counts.add(&request(None, KEY, 100, 1), 1));
        assert!(!counts.add(&request(None, KEY, 100, 2), 1));
    }

    #[test]
    fn batches_contain_everything_once() {
        let mut counts = Counts::default();
        for number in 0..2_500_u32 {
            let key = format!("{number:010}");
            counts.add(&request(None, Some(&key), 100, 1), 10_000);
        }
        counts.add(&request(Some("unknown"), None, 100, 1), 10_000);
        let mut taken = counts.take(Empty::for_entries(0)).sort();
        let mut sizes = Vec::new();
        while !taken.is_empty() {
            sizes.push(taken.batch().len());
            taken.remove_batch();
        }
        assert_eq!(sizes, [1_000, 1_000, 501]);
    }
}
