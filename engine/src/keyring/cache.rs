//! The few data keys that are kept in the clear.

use super::KeyId;
use super::secret::DataKey;

/// Most data keys that are in memory in the clear at any time, beside those that a caller holds: 4,096.
pub const UNWRAPPED_COUNT_MAX: usize = SETS_COUNT * WAYS_COUNT;

/// Unwrapped keys by id, in sets of four. A key that is taken out, by another or by [`Cache::remove`], is zeroised.
pub(super) struct Cache {
    entries: Vec<Option<(KeyId, DataKey)>>,
    /// The way that goes next, a set.
    next: Vec<u8>,
}

impl Cache {
    pub(super) fn new() -> Self {
        Self { entries: std::iter::repeat_with(|| None).take(UNWRAPPED_COUNT_MAX).collect(), next: vec![0; SETS_COUNT] }
    }

    pub(super) fn find(&self, key: KeyId) -> Option<DataKey> {
        let set = Self::set(key) * WAYS_COUNT;
        let found = self.entries[set..set + WAYS_COUNT].iter().flatten().find(|(id, _)| *id == key);
        found.map(|(_, data_key)| data_key.copy())
    }

    pub(super) fn insert(&mut self, key: KeyId, data_key: DataKey) {
        self.remove(key);
        let set = Self::set(key);
        let way = usize::from(self.next[set]);
        self.next[set] = u8::try_from((way + 1) % WAYS_COUNT).expect("a set has four ways");
        // The entry that stood here is zeroised as it drops.
        self.entries[set * WAYS_COUNT + way] = Some((key, data_key));
    }

    pub(super) fn remove(&mut self, key: KeyId) {
        let set = Self::set(key) * WAYS_COUNT;
        let ways = &mut self.entries[set..set + WAYS_COUNT];
        if let Some(found) = ways.iter_mut().find(|entry| entry.as_ref().is_some_and(|(id, _)| *id == key)) {
            *found = None;
        }
    }

    /// Ids are given in order, so their low bits spread them evenly.
    const fn set(key: KeyId) -> usize {
        key.0 as usize % SETS_COUNT
    }
}

const SETS_COUNT: usize = 1024;
const WAYS_COUNT: usize = 4;

#[cfg(test)]
mod tests {
    use super::{Cache, KeyId, SETS_COUNT, UNWRAPPED_COUNT_MAX, WAYS_COUNT};
    use crate::keyring::DataKey;

    fn filled(count: u32) -> Cache {
        let mut cache = Cache::new();
        for id in 1..=count {
            cache.insert(KeyId(id), DataKey::new([u8::try_from(id % 251).unwrap(); 32]));
        }
        cache
    }

    #[test]
    fn the_cache_holds_4096_keys_and_no_more() {
        let count = u32::try_from(UNWRAPPED_COUNT_MAX).unwrap();
        let cache = filled(count);
        assert!((1..=count).all(|id| cache.find(KeyId(id)).is_some()));
        let cache = filled(3 * count);
        let kept: Vec<u32> = (1..=3 * count).filter(|id| cache.find(KeyId(*id)).is_some()).collect();
        assert_eq!(kept, (2 * count + 1..=3 * count).collect::<Vec<_>>());
        assert!(kept.iter().all(|id| cache.find(KeyId(*id)).unwrap().bytes()[0] == u8::try_from(id % 251).unwrap()));
    }

    #[test]
    fn a_key_is_replaced_and_removed_wherever_it_stands() {
        let mut cache = filled(u32::try_from(SETS_COUNT * WAYS_COUNT).unwrap());
        cache.insert(KeyId(7), DataKey::new([255; 32]));
        assert_eq!(cache.find(KeyId(7)).unwrap().bytes()[0], 255);
        cache.remove(KeyId(7));
        assert!(cache.find(KeyId(7)).is_none());
        assert!(cache.find(KeyId(8)).is_some());
    }
}
