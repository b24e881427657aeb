use crate::ids::Time;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};

/// Fewest entries at which a sweep is worth its walk.
const SWEEP_COUNT_MIN: usize = 1_024;

/// Least time between two sweeps of a full table, so that refusing stays cheap.
const SWEEP_MS_MIN: i64 = 1_000;

/// Places that those share for whom a full table has none: 65,536.
///
/// Who floods the table with names cannot choose whom they share a place with, since the hash is keyed at random, and
/// would have to fill every place faster than its rate to keep others out.
const SHARED_COUNT: usize = 64 * 1024;

/// Something that need not be remembered once it is empty.
pub(super) trait Forgettable: Copy + Default {
    /// Whether it says no more than its default.
    fn is_empty(&self, now: Time) -> bool;
}

/// A table of rates that forgets what is empty: when it has doubled since the last sweep, and when it is full.
///
/// A full table neither lets anybody off nor locks anybody out: whoever is not in it shares a place with few others, and
/// takes over what was used there when there is room again.
#[derive(Debug)]
pub(super) struct Rates<K, R> {
    entries: HashMap<K, R>,
    /// Made when the table is full for the first time.
    shared: Vec<R>,
    hasher: RandomState,
    sweep_at: usize,
    swept: Time,
    count_max: usize,
}

impl<K: Eq + Hash, R: Forgettable> Rates<K, R> {
    pub(super) fn new(count_max: usize) -> Self {
        Self {
            entries: HashMap::new(),
            shared: Vec::new(),
            hasher: RandomState::new(),
            sweep_at: SWEEP_COUNT_MIN,
            swept: Time(i64::MIN),
            count_max,
        }
    }

    /// What `change` gives for the entry of a key.
    pub(super) fn with<T>(&mut self, key: K, now: Time, change: impl FnOnce(&mut R) -> T) -> T {
        if let Some(entry) = self.entries.get_mut(&key) {
            return change(entry);
        }
        self.sweep(now);
        if self.entries.len() < self.count_max {
            let used = self.place(&key).map_or_else(R::default, |place| self.shared[place]);
            return change(self.entries.entry(key).or_insert(used));
        }
        if self.shared.is_empty() {
            self.shared = vec![R::default(); SHARED_COUNT];
        }
        match self.place(&key) {
            Some(place) => change(&mut self.shared[place]),
            None => change(&mut R::default()),
        }
    }

    /// The entry of a key, if it has one of its own.
    pub(super) fn own(&mut self, key: &K) -> Option<&mut R> {
        self.entries.get_mut(key)
    }

    /// The shared place of a key; `None` where the table was never full.
    fn place(&self, key: &K) -> Option<usize> {
        let hash = self.hasher.hash_one(key) as usize;
        hash.checked_rem(self.shared.len())
    }

    fn sweep(&mut self, now: Time) {
        let is_full = self.entries.len() >= self.count_max;
        // A clock that was set back does not put sweeping off.
        let is_due = !(0..SWEEP_MS_MIN).contains(&now.since(self.swept));
        if self.entries.len() >= self.sweep_at || (is_full && is_due) {
            self.entries.retain(|_, entry| !entry.is_empty(now));
            self.swept = now;
            self.sweep_at = (self.entries.len() * 2).max(SWEEP_COUNT_MIN);
        }
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.entries.len() + self.shared.len()
    }
}
