//! The bytes of one group.

use crate::crc32c::crc32c;
use crate::damage::What;
use crate::event::{Event, RECORD_HEADER_BYTES};
use crate::fields::{bytes_at, length_at, u32_at, u64_at};

/// Most bytes of a group, header and trailer included.
pub(crate) const GROUP_BYTES_MAX: usize = 524_288;

/// Bytes of a group before the ends of its records.
pub(crate) const HEADER_BYTES: usize = 48;

/// Chain and checksum.
const TRAILER_BYTES: usize = 36;

/// The fixed start of a group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    payload_bytes: usize,
    /// How many records.
    pub(crate) count: u32,
    /// Position of the first.
    pub(crate) first: u64,
    /// Number of the ownership under which it was written.
    pub(crate) term: u64,
    /// The log's salt.
    pub(crate) salt: u64,
}

impl Header {
    /// Reads a header whose magic bytes, checksum and numbers hold.
    pub(crate) fn read(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        if bytes[..4] != *b"TdG1" || crc32c(&bytes[..44]) != u32_at(bytes, 44) {
            return None;
        }
        let header = Self {
            payload_bytes: length_at(bytes, 4),
            count: u32_at(bytes, 8),
            first: u64_at(bytes, 12),
            term: u64_at(bytes, 20),
            salt: u64_at(bytes, 36),
        };
        let durable_through = u64_at(bytes, 28);
        let payload_bytes_min = u64::from(header.count) * (4 + RECORD_HEADER_BYTES as u64);
        let holds = header.count > 0
            && header.payload_bytes <= GROUP_BYTES_MAX - HEADER_BYTES - TRAILER_BYTES
            && header.payload_bytes as u64 >= payload_bytes_min
            && durable_through < header.first
            && header.first.checked_add(header.count.into()).is_some();
        holds.then_some(header)
    }

    /// Bytes of the whole group.
    pub(crate) fn group_bytes(&self) -> usize {
        HEADER_BYTES + self.payload_bytes + TRAILER_BYTES
    }
}

/// What is wrong inside a group.
#[derive(Debug)]
pub(crate) struct Inside {
    /// Offset from the group's start.
    pub(crate) offset: usize,
    /// Index of the record; 0 when the group as a whole is meant.
    pub(crate) index: u32,
    /// What is wrong.
    pub(crate) what: What,
}

/// Reads the events of the group that is exactly `bytes`, and the chain stored at its end.
pub(crate) fn read(header: &Header, bytes: &[u8]) -> Result<(Vec<Event>, [u8; 32]), Inside> {
    let table = &bytes[HEADER_BYTES..HEADER_BYTES + 4 * header.count as usize];
    let records_at = HEADER_BYTES + table.len();
    let trailer_at = bytes.len() - TRAILER_BYTES;
    let mut events = Vec::with_capacity(header.count as usize);
    let mut start = records_at;
    for index in 0..header.count {
        let inside = |what| Inside { offset: start, index, what };
        let end = records_at.saturating_add(length_at(table, 4 * index as usize));
        if end < start || end > trailer_at {
            return Err(inside(What::RecordHeader));
        }
        let event = Event::read(&bytes[start..end]).map_err(inside)?;
        if event.position != header.first + u64::from(index) {
            return Err(inside(What::PositionGap(event.position)));
        }
        events.push(event);
        start = end;
    }
    let checksum_at = bytes.len() - 4;
    if start != trailer_at || crc32c(&bytes[HEADER_BYTES..checksum_at]) != u32_at(bytes, checksum_at) {
        return Err(Inside { offset: trailer_at, index: 0, what: What::GroupChecksum });
    }
    Ok((events, bytes_at(bytes, trailer_at)))
}
