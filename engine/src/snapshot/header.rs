use crate::ids::Position;
use crate::log::{Chain, LogId};

/// What a snapshot is of: everything up to a position of one log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The log.
    pub log: LogId,
    /// Its generation when the snapshot was made.
    pub epoch: u64,
    /// The last event in it.
    pub position: Position,
    /// The chain after that event.
    pub chain: Chain,
}

/// The start of a snapshot file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) stamp: Stamp,
    /// How many parts there are: the table after the header has a line for each, and the parts follow it.
    pub(super) parts_count: u64,
    /// SHA-256 of the table, which has that of each part.
    pub(super) table_hash: [u8; 32],
}

/// A line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) tag: u8,
    pub(super) bytes: u32,
    /// SHA-256 of the part.
    pub(super) hash: [u8; 32],
}

impl Line {
    pub(super) const BYTES: usize = 37;

    pub(super) fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[0] = self.tag;
        bytes[1..5].copy_from_slice(&self.bytes.to_le_bytes());
        bytes[5..].copy_from_slice(&self.hash);
        bytes
    }

    pub(super) fn decode(bytes: &[u8; Self::BYTES]) -> Self {
        Self { tag: bytes[0], bytes: u32::from_le_bytes(field(bytes, 1)), hash: field(bytes, 5) }
    }
}

impl Header {
    pub(super) const BYTES: usize = CHECKSUM_AT + 4;

    pub(super) fn encode(&self) -> [u8; Self::BYTES] {
        let Stamp { log, epoch, position, chain } = self.stamp;
        let mut bytes = [0; Self::BYTES];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        put(0, &MAGIC);
        put(8, &KIND_STATE.to_le_bytes());
        put(12, &SCHEMA.to_le_bytes());
        put(16, &log.0);
        put(32, &epoch.to_le_bytes());
        put(40, &position.0.to_le_bytes());
        put(48, &chain.0);
        put(80, &self.parts_count.to_le_bytes());
        put(88, &self.table_hash);
        let checksum = crc32c::crc32c(&bytes[..CHECKSUM_AT]);
        bytes[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The header of these bytes; `None` when they are damaged, or of another kind or schema.
    pub(super) fn decode(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let header = Self {
            stamp: Stamp {
                log: LogId(field(bytes, 16)),
                epoch: u64::from_le_bytes(field(bytes, 32)),
                position: Position(u64::from_le_bytes(field(bytes, 40))),
                chain: Chain(field(bytes, 48)),
            },
            parts_count: u64::from_le_bytes(field(bytes, 80)),
            table_hash: field(bytes, 88),
        };
        // Whatever is not exactly what would be written now is of no use.
        (header.encode() == *bytes).then_some(header)
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

const MAGIC: [u8; 8] = *b"TIDINGSS";
/// The state that `decide` needs.
const KIND_STATE: u32 = 1;
/// Grows with every change of what the parts mean or of what `apply` does: an older snapshot is then folded anew.
const SCHEMA: u32 = 2;
const CHECKSUM_AT: usize = 120;
