use crate::ids::Time;
use std::collections::HashMap;
use std::hash::Hash;

/// Fewest entries at which a sweep is worth its walk.
const SWEEP_COUNT_MIN: usize = 1_024;

/// Least time between two sweeps of a full table, so that refusing stays cheap.
const SWEEP_MS_MIN: i64 = 1_000;

/// Something that need not be remembered once it is empty.
pub(super) trait Forgettable: Default {
    /// Whether it says no more than its default.
    fn is_empty(&self, now: Time) -> bool;
}

/// The table is full, and nothing in it can be forgotten yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// A table of rates that forgets what is empty: when it has doubled since the last sweep, and when it is full.
#[derive(Debug)]
pub(super) struct Rates<K, R> {
    entries: HashMap<K, R>,
    sweep_at: usize,
    swept: Time,
    count_max: usize,
}

impl<K: Eq + Hash, R: Forgettable> Rates<K, R> {
    pub(super) fn new(count_max: usize) -> Self {
        Self { entries: HashMap::new(), sweep_at: SWEEP_COUNT_MIN, swept: Time(i64::MIN), count_max }
    }

    /// What `change` gives for the entry of a key.
    pub(super) fn with<T>(&mut self, key: K, now: Time, change: impl FnOnce(&mut R) -> T) -> Result<T, Full> {
        if let Some(entry) = self.entries.get_mut(&key) {
            return Ok(change(entry));
        }
        let full = self.entries.len() >= self.count_max;
        if self.entries.len() >= self.sweep_at || (full && now.since(self.swept) >= SWEEP_MS_MIN) {
            self.entries.retain(|_, entry| !entry.is_empty(now));
            self.swept = now;
            self.sweep_at = (self.entries.len() * 2).max(SWEEP_COUNT_MIN);
        }
        if self.entries.len() >= self.count_max {
            return Err(Full);
        }
        Ok(change(self.entries.entry(key).or_default()))
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.entries.len()
    }
}
