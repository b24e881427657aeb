//! A file's name and its first slot.

use super::damage::What;
use super::secret::WRAPPED_BYTES;
use super::slot::{Place, SLOT_BYTES, SlotBytes};
use super::{KeyId, Mark};
use crate::ids::Position;
use crate::log::fields::{bytes_at, put, u32_at, u64_at};
use crate::log::{Chain, LogId};

/// The format of the keyring that this version writes and reads: 1.
pub const FORMAT: u32 = 1;

/// Most slots of a file, header included: 65,536, which are 8 MiB.
pub(super) const SLOTS_COUNT_MAX: u32 = 65_536;

/// Name of a file that is not finished. Whatever has it is removed at open.
pub(super) const UNFINISHED_NAME: &str = "unfinished.tmp";

/// What a file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Log, number of the file (from 1, gapless) and how often it was rewritten.
    pub(super) place: Place,
    /// Slots of the file, this one included.
    pub(super) slots: u32,
    /// No key of this file has a smaller id, no key of a file before it a greater one.
    pub(super) first: KeyId,
    /// A known value wrapped by the wrapping key.
    pub(super) check: [u8; WRAPPED_BYTES],
    /// The last mark before this file; `None` in the first.
    pub(super) before: Option<Mark>,
}

impl Header {
    /// The file's name: its number in eight digits.
    pub(super) fn file_name(&self) -> String {
        file_name(self.place.number)
    }

    pub(super) fn encode(&self) -> SlotBytes {
        let mut bytes = [0; SLOT_BYTES];
        put(&mut bytes, 0, &MAGIC);
        put(&mut bytes, 8, &FORMAT.to_le_bytes());
        put(&mut bytes, 12, &self.place.number.to_le_bytes());
        put(&mut bytes, 16, &self.place.log.0);
        put(&mut bytes, 32, &self.place.generation.to_le_bytes());
        put(&mut bytes, 36, &self.slots.to_le_bytes());
        put(&mut bytes, 40, &self.first.0.to_le_bytes());
        put(&mut bytes, 44, &self.check);
        if let Some(mark) = self.before {
            put(&mut bytes, 84, &mark.position.0.to_le_bytes());
            put(&mut bytes, 92, &mark.chain.0);
        }
        let checksum = crc32c::crc32c(&bytes[..CHECKSUM_AT]);
        put(&mut bytes, CHECKSUM_AT, &checksum.to_le_bytes());
        bytes
    }

    /// Reads a header. Magic, format number and checksum keep their places in every format, so that a flipped bit is told
    /// from a newer format.
    pub(super) fn decode(bytes: &SlotBytes) -> Result<Self, What> {
        if bytes[..8] != MAGIC || crc32c::crc32c(&bytes[..CHECKSUM_AT]) != u32_at(bytes, CHECKSUM_AT) {
            return Err(What::Header);
        }
        let found = u32_at(bytes, 8);
        if found != FORMAT {
            return Err(What::Format { found });
        }
        let mark = Mark { position: Position(u64_at(bytes, 84)), chain: Chain(bytes_at(bytes, 92)) };
        let header = Self {
            place: Place { log: LogId(bytes_at(bytes, 16)), number: u32_at(bytes, 12), generation: u32_at(bytes, 32) },
            slots: u32_at(bytes, 36),
            first: KeyId(u32_at(bytes, 40)),
            check: bytes_at(bytes, 44),
            // No chain is all zeros: it is a hash.
            before: (mark.chain != Chain([0; 32])).then_some(mark),
        };
        let plausible = (1..=SLOTS_COUNT_MAX).contains(&header.slots) && header.first.0 > 0;
        if plausible { Ok(header) } else { Err(What::Header) }
    }
}

/// Name of the file with this number.
pub(super) fn file_name(number: u32) -> String {
    format!("{number:08}{SUFFIX}")
}

/// The number in a file's name; `None` for any other file.
pub(super) fn parse_name(name: &str) -> Option<u32> {
    let number = name.strip_suffix(SUFFIX)?;
    let digits = number.len() == 8 && number.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| number.parse().ok()).flatten()
}

const SUFFIX: &str = ".keys";
const MAGIC: [u8; 8] = *b"TIDINGSK";
const CHECKSUM_AT: usize = 124;
