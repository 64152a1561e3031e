//! A cache of limited size from which entries leave one by one.
//!
//! The second-chance algorithm: a hand goes round the entries, passes those that were used since its last visit once, and
//! removes the first other one. A hit writes one flag, and entries in use stay while many others come and go.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};

/// `S` hashes the keys. Where clients choose what is added, it must be the default.
#[derive(Debug)]
pub(crate) struct SecondChance<K, V, S = RandomState> {
    /// The place of each key in `entries`, in 4 bytes: with those of an ID, a cache line holds four.
    places: HashMap<K, u32, S>,
    entries: Vec<(K, V)>,
    /// Whether each entry was used since the last visit of the hand.
    used: Vec<Cell<bool>>,
    hand: usize,
    most: usize,
}

/// For the IDs of keys that exist: they are drawn at random.
pub(crate) type ByKeyId = BuildHasherDefault<KeyIdHasher>;

/// Mixes the first and the last 8 bytes of an ID.
#[derive(Debug, Default)]
pub(crate) struct KeyIdHasher(u64);

impl Hasher for KeyIdHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (first, last) = (bytes.first_chunk(), bytes.last_chunk());
        let [first, last] = [first, last].map(|chunk| chunk.copied().map_or(0, u64::from_ne_bytes));
        // 2^64 divided by the golden ratio.
        self.0 ^= (first ^ last.rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    /// The length, which is always the same.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

impl<K: Copy + Eq + Hash, V, S: BuildHasher + Default> SecondChance<K, V, S> {
    pub(crate) fn new(most: usize) -> Self {
        Self { places: HashMap::default(), entries: Vec::new(), used: Vec::new(), hand: 0, most }
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        let place = self.place(key)?;
        if let Some(used) = self.used.get(place) {
            used.set(true);
        }
        self.entries.get(place).map(|(_, value)| value)
    }

    /// Removes entries until there is space for `more`. [`Self::insert`] removes none, so that what was found after this
    /// call is still there.
    pub(crate) fn evict_for(&mut self, more: usize) {
        while !self.entries.is_empty() && self.entries.len() + more > self.most {
            if self.hand >= self.entries.len() {
                self.hand = 0;
            }
            match self.used.get(self.hand) {
                Some(used) if used.replace(false) => self.hand += 1,
                _ => self.remove_at(self.hand),
            }
        }
    }

    /// Adds or replaces an entry.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        if let Some(entry) = self.place(&key).and_then(|place| self.entries.get_mut(place)) {
            entry.1 = value;
            return;
        }
        self.set_place(key, self.entries.len());
        self.entries.push((key, value));
        self.used.push(Cell::new(false));
    }

    pub(crate) fn remove(&mut self, key: &K) {
        if let Some(place) = self.place(key) {
            self.remove_at(place);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.places.clear();
        self.entries.clear();
        self.used.clear();
    }

    /// Fills the place with the last entry.
    fn remove_at(&mut self, place: usize) {
        let (key, _) = self.entries.swap_remove(place);
        self.used.swap_remove(place);
        self.places.remove(&key);
        if let Some((moved, _)) = self.entries.get(place) {
            self.set_place(*moved, place);
        }
    }

    fn place(&self, key: &K) -> Option<usize> {
        self.places.get(key).and_then(|place| usize::try_from(*place).ok())
    }

    /// There are some ten thousand places. One that does not fit would not be found.
    fn set_place(&mut self, key: K, place: usize) {
        if let Ok(place) = u32::try_from(place) {
            self.places.insert(key, place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn put(cache: &mut SecondChance<u16, u32>, key: u16, value: u32) {
        cache.evict_for(1);
        cache.insert(key, value);
    }

    #[test]
    fn an_entry_in_use_stays_while_others_come_and_go() {
        let mut cache = SecondChance::<_, _>::new(8);
        put(&mut cache, 0, 0);
        for key in 1..1_000 {
            assert_eq!(cache.get(&0), Some(&0), "{key}");
            put(&mut cache, key, 1);
            assert!(cache.entries.len() <= 8);
        }
        assert!(cache.get(&1).is_none());
    }

    #[test]
    fn entries_leave_one_by_one() {
        let mut cache = SecondChance::<_, _>::new(8);
        (0..8).for_each(|key| put(&mut cache, key, 0));
        (0..8).for_each(|key| assert!(cache.get(&key).is_some()));
        put(&mut cache, 8, 0);
        assert_eq!(cache.entries.len(), 8);
        assert_eq!((0..8).filter(|key| cache.get(key).is_none()).count(), 1);
    }

    proptest! {
        /// What is there is the latest value of its key.
        #[test]
        fn it_never_returns_another_value(steps in prop::collection::vec((0_u8..4, 0_u16..20, any::<u32>()), 0..200)) {
            let mut cache = SecondChance::<_, _>::new(8);
            let mut model = HashMap::new();
            for (what, key, value) in steps {
                match what {
                    0 => { put(&mut cache, key, value); model.insert(key, value); }
                    1 => { cache.remove(&key); model.remove(&key); }
                    2 => cache.evict_for(3),
                    _ => { if let Some(found) = cache.get(&key) { prop_assert_eq!(Some(found), model.get(&key)); } }
                }
                prop_assert!(cache.entries.len() <= 8);
                prop_assert_eq!(cache.entries.len(), cache.places.len());
                prop_assert_eq!(cache.entries.len(), cache.used.len());
                for (key, place) in &cache.places {
                    prop_assert_eq!(*key, cache.entries[*place as usize].0);
                }
            }
        }
    }
}
