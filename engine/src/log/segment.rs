//! A segment file's name and header.

use super::chain::{Chain, LogId, sha256};
use super::damage::What;
use super::fields::{all_zero, bytes_at, put, u32_at, u64_at};
use crate::ids::Position;

/// The format that this version writes and reads: 1, described byte by byte in `docs/log-format.md` and frozen.
pub const FORMAT: u32 = 1;

/// Bytes of a segment before its first group: 4,096.
pub const SEGMENT_HEADER_BYTES: usize = 4096;

/// Most bytes a segment may have: 1 GiB.
pub const SEGMENT_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Which log a file belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The log.
    pub(crate) log: LogId,
    /// Its generation: grows, with a new segment, when a repair or restore gave up acknowledged events.
    pub(crate) epoch: u64,
    /// Known to nobody outside: content that imitates a group header must not pass for one in recovery.
    pub(crate) salt: u64,
}

impl Identity {
    /// Identity of a new log. The log id, which auditors know, does not give the salt away.
    pub(crate) fn fresh(entropy: &[u8; 16]) -> Self {
        let mut seed = [0; 17];
        put(&mut seed, 1, entropy);
        let log = LogId(bytes_at(&sha256(&seed), 0));
        seed[0] = 1;
        Self { log, epoch: 1, salt: u64_at(&sha256(&seed), 0) }
    }

    /// Whether a segment with this identity may follow one with that: the same log, and no earlier generation of it.
    pub(crate) fn continues(&self, before: &Self) -> bool {
        self.log == before.log && self.salt == before.salt && self.epoch >= before.epoch
    }
}

/// What a segment file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// The log it belongs to.
    pub(crate) identity: Identity,
    /// Number of the file; from 1, gapless.
    pub(crate) number: u32,
    /// Position of its first event. Everything before was durable when the file was made.
    pub(crate) first: Position,
    /// The chain before that event.
    pub(crate) chain: Chain,
    /// Length of the file.
    pub(crate) bytes: u64,
    /// How often the file was rewritten without the content of erased people.
    pub(crate) redactions: u32,
}

impl SegmentHeader {
    /// The file's name: `NNNNNNNN-<first position, 20 digits>.seg`.
    pub(crate) fn file_name(&self) -> String {
        format!("{:08}-{:020}.seg", self.number, self.first.0)
    }

    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        put(&mut bytes, 0, &MAGIC);
        put(&mut bytes, FORMAT_AT, &FORMAT.to_le_bytes());
        put(&mut bytes, 12, &self.number.to_le_bytes());
        put(&mut bytes, 16, &self.identity.log.0);
        put(&mut bytes, 32, &self.identity.epoch.to_le_bytes());
        put(&mut bytes, 40, &self.identity.salt.to_le_bytes());
        put(&mut bytes, 48, &self.first.0.to_le_bytes());
        put(&mut bytes, 56, &self.bytes.to_le_bytes());
        put(&mut bytes, 64, &self.chain.0);
        put(&mut bytes, 96, &self.redactions.to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[..CHECKSUM_AT]);
        put(&mut bytes, CHECKSUM_AT, &checksum.to_le_bytes());
        bytes
    }

    /// Reads a header. Magic, format number and checksum keep their places in every format, so that a flipped bit is
    /// told from a newer format.
    pub(crate) fn decode(bytes: &[u8; SEGMENT_HEADER_BYTES]) -> Result<Self, What> {
        if bytes[..8] != MAGIC || crc32c::crc32c(&bytes[..CHECKSUM_AT]) != u32_at(bytes, CHECKSUM_AT) {
            return Err(What::SegmentHeader);
        }
        let found = u32_at(bytes, FORMAT_AT);
        if found != FORMAT {
            return Err(What::Format { found });
        }
        let header = Self {
            identity: Identity { log: LogId(bytes_at(bytes, 16)), epoch: u64_at(bytes, 32), salt: u64_at(bytes, 40) },
            number: u32_at(bytes, 12),
            first: Position(u64_at(bytes, 48)),
            chain: Chain(bytes_at(bytes, 64)),
            bytes: u64_at(bytes, 56),
            redactions: u32_at(bytes, 96),
        };
        let plausible = all_zero(&bytes[FIELDS_END..CHECKSUM_AT])
            && (SEGMENT_HEADER_BYTES as u64..=SEGMENT_BYTES_MAX).contains(&header.bytes);
        if plausible { Ok(header) } else { Err(What::SegmentHeader) }
    }
}

/// Number and first position in a segment file's name; `None` for any other file.
pub(crate) fn parse_name(name: &str) -> Option<(u32, Position)> {
    let (number, first) = name.strip_suffix(".seg")?.split_once('-')?;
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(number, 8) || !digits(first, 20) {
        return None;
    }
    Some((number.parse().ok()?, Position(first.parse().ok()?)))
}

const MAGIC: [u8; 8] = *b"TIDINGSL";
const FORMAT_AT: usize = 8;
const FIELDS_END: usize = 100;
const CHECKSUM_AT: usize = SEGMENT_HEADER_BYTES - 4;
