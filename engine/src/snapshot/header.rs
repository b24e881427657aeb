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
    /// Bytes after the header.
    pub(super) body_bytes: u64,
    /// SHA-256 of them.
    pub(super) body_hash: [u8; 32],
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
        put(80, &self.body_bytes.to_le_bytes());
        put(88, &self.body_hash);
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
            body_bytes: u64::from_le_bytes(field(bytes, 80)),
            body_hash: field(bytes, 88),
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
const SCHEMA: u32 = 1;
const CHECKSUM_AT: usize = 120;
