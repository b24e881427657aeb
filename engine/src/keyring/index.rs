//! Where live keys stand, in memory.

use super::damage::{Damage, What};
use super::header::Header;
use super::slot::{SLOT_BYTES, Target};
use super::{KeyId, Mark};
use std::sync::Arc;

/// All live keys by id, eight bytes each.
#[derive(Debug)]
pub(super) struct Index {
    /// By number, the first of which is 1. New keys go to the last.
    pub(super) files: Vec<KeyFile>,
    pub(super) next: KeyId,
    pub(super) mark: Option<Mark>,
}

/// One file and the live keys in it.
#[derive(Debug)]
pub(super) struct KeyFile {
    pub(super) name: Arc<str>,
    pub(super) header: Header,
    /// Slots in use, the header included: the next one is free.
    pub(super) used: u32,
    /// How many of them hold a destroyed key or an erasure.
    pub(super) dead: u32,
    /// By id.
    pub(super) keys: Vec<Located>,
}

/// Where a key stands in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Located {
    pub(super) key: KeyId,
    /// 0, which is the header, once the key was destroyed.
    pub(super) slot: u16,
    /// How many slots of its batch follow it.
    pub(super) left: u16,
}

impl Located {
    pub(super) fn offset(&self) -> u64 {
        offset(self.slot.into())
    }
}

/// Offset of a slot in its file.
pub(super) fn offset(slot: u32) -> u64 {
    u64::from(slot) * SLOT_BYTES as u64
}

impl Index {
    pub(super) fn locate(&self, key: KeyId) -> Option<(&KeyFile, Located)> {
        let file = &self.files[self.file_of(key)?];
        file.locate(key).map(|index| (file, file.keys[index]))
    }

    /// The slot of a live key, as an erasure names it.
    pub(super) fn target(&self, key: KeyId) -> Option<Target> {
        let (file, Located { slot, left, .. }) = self.locate(key)?;
        let place = file.header.place;
        Some(Target { number: place.number, generation: place.generation, slot, left, key })
    }

    /// Forgets a live key.
    pub(super) fn remove(&mut self, key: KeyId) {
        let Some(file) = self.file_of(key) else { return };
        let file = &mut self.files[file];
        if let Some(index) = file.locate(key) {
            file.keys[index].slot = 0;
            file.dead += 1;
        }
    }

    pub(super) fn live_count(&self) -> u64 {
        self.files.iter().map(|file| file.live().count() as u64).sum()
    }

    /// Index of the one file that can hold this key.
    fn file_of(&self, key: KeyId) -> Option<usize> {
        self.files.partition_point(|file| file.header.first <= key).checked_sub(1)
    }
}

impl KeyFile {
    pub(super) fn live(&self) -> impl Iterator<Item = Located> {
        self.keys.iter().copied().filter(|located| located.slot != 0)
    }

    pub(super) fn damage(&self, slot: u32, key: Option<KeyId>, what: What) -> Damage {
        Damage { file: self.name.to_string(), offset: offset(slot), key, what }
    }

    fn locate(&self, key: KeyId) -> Option<usize> {
        let index = self.keys.binary_search_by_key(&key, |located| located.key).ok()?;
        (self.keys[index].slot != 0).then_some(index)
    }
}

const _: () = assert!(size_of::<Located>() == 8);
