//! The watermark: how far the log was known durable, in a file of its own that no sync ever waits for.
//!
//! It is written after a group's sync and may reach the disk late or never. So it proves nothing by its absence; but a log
//! that ends before it has lost acknowledged events, which a torn tail alone never does.

use super::chain::Chain;
use super::fields::{all_zero, bytes_at, put, u32_at, u64_at};
use super::storage::{Storage, StorageError};
use crate::ids::Position;

/// Name of the file within the log's folder.
pub(crate) const WATERMARK: &str = "watermark";

/// The last position known durable, as the watermark file has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermark {
    /// Grows by one with each writing; its last bit chooses the slot.
    pub sequence: u64,
    /// The position.
    pub position: Position,
    /// The chain after it.
    pub chain: Chain,
}

impl Watermark {
    fn encode(&self) -> [u8; SLOT_BYTES] {
        let mut slot = [0; SLOT_BYTES];
        put(&mut slot, 0, &MAGIC);
        put(&mut slot, 8, &self.sequence.to_le_bytes());
        put(&mut slot, 16, &self.position.0.to_le_bytes());
        put(&mut slot, 24, &self.chain.0);
        let checksum = crc32c::crc32c(&slot[..CHECKSUM_AT]);
        put(&mut slot, CHECKSUM_AT, &checksum.to_le_bytes());
        slot
    }

    fn decode(slot: &[u8]) -> Option<Self> {
        let is_sound = slot[..8] == MAGIC
            && crc32c::crc32c(&slot[..CHECKSUM_AT]) == u32_at(slot, CHECKSUM_AT)
            && all_zero(&slot[FIELDS_END..CHECKSUM_AT]);
        is_sound.then(|| Self {
            sequence: u64_at(slot, 8),
            position: Position(u64_at(slot, 16)),
            chain: Chain(bytes_at(slot, 24)),
        })
    }

    /// The newer of the two slots that is sound; `None` when neither is, or there is no such file.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub(crate) fn read(storage: &dyn Storage) -> Result<Option<Self>, StorageError> {
        if !storage.list("")?.iter().any(|name| name == WATERMARK) {
            return Ok(None);
        }
        let mut file = [0; FILE_BYTES];
        let length = usize::try_from(storage.file_bytes(WATERMARK)?).map_or(FILE_BYTES, |bytes| bytes.min(FILE_BYTES));
        storage.read_at(WATERMARK, 0, &mut file[..length])?;
        let slots = file.chunks_exact(SLOT_BYTES).filter_map(Self::decode);
        Ok(slots.max_by_key(|slot| slot.sequence))
    }

    /// Sets the file anew, durably, with both slots at this position: for a repair, which may go back.
    ///
    /// # Errors
    /// When it cannot be written: the file may be as it was, or hold the new position.
    pub(crate) fn reset(storage: &dyn Storage, position: Position, chain: Chain) -> Result<(), StorageError> {
        let before = Self::read(storage)?.map_or(0, |before| before.sequence);
        let is_there = storage.list("")?.iter().any(|name| name == WATERMARK);
        if !is_there || storage.file_bytes(WATERMARK)? != FILE_BYTES as u64 {
            storage.create(WATERMARK, FILE_BYTES as u64)?;
        }
        // Whichever of the two is lost in a crash, the other is the newest: neither goes beyond `position`.
        for sequence in before + 1..=before + 2 {
            let slot = Self { sequence, position, chain };
            storage.write_at(WATERMARK, slot.offset(), &slot.encode())?;
        }
        storage.sync_data(WATERMARK)?;
        storage.sync_directory("")
    }

    fn offset(&self) -> u64 {
        self.sequence % 2 * SLOT_BYTES as u64
    }
}

/// Keeps the watermark up. Without a file it keeps nothing, and the log is only less strict at its next opening.
#[derive(Debug, Default)]
pub(crate) struct WatermarkKeeper {
    sequence: u64,
    is_there: bool,
}

impl WatermarkKeeper {
    /// Goes on where `found` is, and makes the file when there is none.
    pub(crate) fn start(storage: &dyn Storage, found: Option<Watermark>) -> Self {
        let sequence = found.map_or(0, |found| found.sequence);
        let has_length = || storage.file_bytes(WATERMARK).is_ok_and(|bytes| bytes == FILE_BYTES as u64);
        let is_there = (found.is_some() && has_length()) || storage.create(WATERMARK, FILE_BYTES as u64).is_ok();
        Self { sequence, is_there }
    }

    /// Tells what is durable now. A failure costs strictness alone, so nobody needs to hear of it.
    pub(crate) fn raise(&mut self, storage: &dyn Storage, position: Position, chain: Chain) {
        if !self.is_there {
            return;
        }
        self.sequence += 1;
        let slot = Watermark { sequence: self.sequence, position, chain };
        self.is_there = storage.write_at(WATERMARK, slot.offset(), &slot.encode()).is_ok();
    }
}

const SLOT_BYTES: usize = 512;
const FILE_BYTES: usize = 2 * SLOT_BYTES;
const MAGIC: [u8; 8] = *b"TIDINGSW";
const FIELDS_END: usize = 56;
const CHECKSUM_AT: usize = SLOT_BYTES - 4;
