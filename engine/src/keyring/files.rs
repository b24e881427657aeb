//! How large files are, and how one comes to be.

use super::damage::KeyringError;
use super::header::{SLOTS_COUNT_MAX, UNFINISHED_NAME};
use super::slot::SLOT_BYTES;
use crate::log::{Storage, StorageError};

/// How many slots the files have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Of the first file. Each one after it has twice as many as the one before.
    pub(super) first_count: u32,
    /// Of a file at most, but for one that a large batch needs larger.
    pub(super) count_max: u32,
    /// Kept free for erasures when the disk has no room for another file.
    pub(super) reserve_count: u32,
}

impl Layout {
    /// 64 KiB at first, 4 MiB at most; 64 slots erase 320 keys.
    pub(super) const DEFAULT: Self = Self { first_count: 512, count_max: 32 * 1024, reserve_count: 64 };

    /// Slots of the next file: room for this many in one batch, and the reserve.
    pub(super) fn next_count(&self, before: Option<u32>, needed: u32) -> u32 {
        let planned = before.map_or(self.first_count, |before| before.saturating_mul(2).min(self.count_max));
        planned.max(needed + 1 + self.reserve_count).min(SLOTS_COUNT_MAX)
    }
}

/// Writes a file that has no name yet, durably: these bytes, and zeros up to its length.
///
/// [`KeyringError::Full`] leaves nothing behind.
pub(super) fn write_unfinished(storage: &dyn Storage, bytes: &[u8], slots: u32) -> Result<(), KeyringError> {
    match storage.create(UNFINISHED_NAME, u64::from(slots) * SLOT_BYTES as u64) {
        Err(StorageError::Full { .. }) => {
            storage.remove(UNFINISHED_NAME)?;
            return Err(KeyringError::Full);
        }
        created => created?,
    }
    storage.write_at(UNFINISHED_NAME, 0, bytes)?;
    storage.sync_data(UNFINISHED_NAME)?;
    Ok(())
}
