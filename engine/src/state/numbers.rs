use super::chunks::Chunks;
use crate::parallel;
use hashbrown::HashTable;

/// Numbers of things in a list, found by a hash that is as even as a keyed one.
///
/// The table is in parts that grow one by one: no event waits until places for a million are found anew.
#[derive(Debug)]
pub(super) struct Numbers {
    parts: Vec<HashTable<u32>>,
}

const PARTS_COUNT: usize = 256;

/// Parts that are filled as one piece of work.
const FILLED_COUNT: usize = 32;

impl Default for Numbers {
    fn default() -> Self {
        Self { parts: vec![HashTable::new(); PARTS_COUNT] }
    }
}

impl Numbers {
    /// Every number of a list, each by the hash of what stands there.
    pub(super) fn of<T: Sync>(items: &Chunks<T>, hash: impl Fn(&T) -> u64 + Sync) -> Self {
        let pieces = parallel::each(PARTS_COUNT / FILLED_COUNT, |piece| {
            let room = items.count() / PARTS_COUNT * 17 / 16;
            let mut hashes: Vec<_> = (0..FILLED_COUNT).map(|_| Vec::with_capacity(room)).collect();
            for (number, item) in (0_u32..).zip(items.iter()) {
                let hash = hash(item);
                let place = part(hash);
                if place / FILLED_COUNT == piece {
                    hashes[place % FILLED_COUNT].push((hash, number));
                }
            }
            let tables = hashes.into_iter().map(|hashes| {
                let mut table = HashTable::with_capacity(hashes.len());
                for (hash, number) in hashes {
                    table.insert_unique(hash, number, |_| hash);
                }
                table
            });
            tables.collect::<Vec<_>>()
        });
        Self { parts: pieces.into_iter().flatten().collect() }
    }

    /// The number with this hash that is meant.
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        self.parts[part(hash)].find(hash, |number| is_it(*number)).copied()
    }

    /// Adds a number that is not there. `rehash` tells the hash of any number.
    pub(super) fn insert(&mut self, hash: u64, number: u32, rehash: impl Fn(u32) -> u64) {
        self.parts[part(hash)].insert_unique(hash, number, |number| rehash(*number));
    }

    /// Takes out a number, if it is there.
    pub(super) fn remove(&mut self, hash: u64, number: u32) {
        if let Ok(entry) = self.parts[part(hash)].find_entry(hash, |found| *found == number) {
            entry.remove();
        }
    }
}

/// By bits that the table itself uses last.
const fn part(hash: u64) -> usize {
    (hash >> 40) as usize % PARTS_COUNT
}
