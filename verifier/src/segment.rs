//! The name and the header of a segment file.

use crate::crc32c::crc32c;
use crate::damage::What;
use crate::fields::{bytes_at, first_not_zero, u32_at, u64_at};
use crate::sha256;

/// Bytes of a segment before its first group.
pub(crate) const HEADER_BYTES: usize = 4096;

/// Most bytes of a segment.
const SEGMENT_BYTES_MAX: u64 = 1 << 30;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    /// Number of the segment, from 1.
    pub(crate) number: u32,
    /// Identity of the log.
    pub(crate) log: [u8; 16],
    /// Generation of the log.
    pub(crate) epoch: u64,
    /// What all groups of the log carry.
    pub(crate) salt: u64,
    /// Position of the first event.
    pub(crate) first: u64,
    /// Bytes of the file.
    pub(crate) bytes: u64,
    /// The chain before the first event.
    pub(crate) chain: [u8; 32],
}

impl Header {
    /// Reads a header. The number of redactions, at 96, obliges nobody and is passed by.
    pub(crate) fn read(bytes: &[u8; HEADER_BYTES]) -> Result<Self, What> {
        if bytes[..8] != *b"TIDINGSL" || crc32c(&bytes[..4092]) != u32_at(bytes, 4092) {
            return Err(What::SegmentHeader);
        }
        match u32_at(bytes, 8) {
            1 => {}
            found => return Err(What::Format(found)),
        }
        let header = Self {
            number: u32_at(bytes, 12),
            log: bytes_at(bytes, 16),
            epoch: u64_at(bytes, 32),
            salt: u64_at(bytes, 40),
            first: u64_at(bytes, 48),
            bytes: u64_at(bytes, 56),
            chain: bytes_at(bytes, 64),
        };
        let holds = first_not_zero(&bytes[100..4092]).is_none()
            && (HEADER_BYTES as u64..=SEGMENT_BYTES_MAX).contains(&header.bytes);
        if holds { Ok(header) } else { Err(What::SegmentHeader) }
    }

    /// The name of the file.
    fn name(&self) -> String {
        format!("{:08}-{:020}.seg", self.number, self.first)
    }

    /// Whether the file `name` with this header may stand where `expected` says.
    pub(crate) fn continues(&self, expected: &Expected, name: &str) -> bool {
        let is_same_log = match &expected.before {
            Some(before) => self.log == before.log && self.salt == before.salt && self.epoch >= before.epoch,
            None => true,
        };
        let chain = expected.before.map_or_else(|| sha256(&[&self.log]), |_| expected.chain);
        is_same_log
            && self.number == expected.number
            && self.first == expected.first
            && self.chain == chain
            && self.name() == name
    }
}

/// What the next segment has to say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    /// Its number.
    pub(crate) number: u32,
    /// Position of its first event.
    pub(crate) first: u64,
    /// The chain before it; the first segment's follows from its log.
    pub(crate) chain: [u8; 32],
    /// The header of the segment before it.
    pub(crate) before: Option<Header>,
}

/// The number in a segment's file name; `None` for any other file.
pub(crate) fn number_in(name: &str) -> Option<u32> {
    let (number, first) = name.strip_suffix(".seg")?.split_once('-')?;
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = digits(number, 8) && digits(first, 20) && first.parse::<u64>().is_ok();
    is_name.then(|| number.parse().ok()).flatten()
}
