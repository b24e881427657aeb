//! The sidecar of a sealed segment: where its groups are, so that opening a log reads no record of it.
//!
//! Disposable: it is rebuilt from the segment when it is missing or does not fit, and it is never synced. Everything that it
//! says of the segment's end is checked against the header of the segment after it.

use super::chain::Chain;
use super::directory::Segment;
use super::fields::{bytes_at, put, u32_at, u64_at};
use super::group::Group;
use super::index::ENTRY_DISTANCE_BYTES;
use super::segment::{SEGMENT_BYTES_MAX, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::storage::{Storage, StorageError};
use crate::ids::{Position, Time};

/// What is known of a sealed segment without reading its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sidecar {
    /// Position of the last event; the one before the segment's first when it has none.
    pub(crate) last: Position,
    /// The chain after it.
    pub(crate) chain: Chain,
    /// Term of the last group; 0 when there is none.
    pub(crate) term: u64,
    /// Recorded time of the last event.
    pub(crate) time: Time,
    /// First position and offset of some groups, ascending, the first group among them.
    pub(crate) entries: Vec<(Position, u32)>,
}

impl Sidecar {
    /// What is known of a segment before its first group.
    pub(crate) fn before(segment: &Segment, term: u64, time: Time) -> Self {
        let SegmentHeader { first, chain, .. } = segment.header;
        Self { last: Position(first.0 - 1), chain, term, time, entries: Vec::new() }
    }

    /// Takes in a group of the segment.
    pub(crate) fn add(&mut self, offset: u64, group: &Group) {
        let offset = u32::try_from(offset).expect("segments are at most 1 GiB");
        if self.entries.last().is_none_or(|(_, known)| offset - known >= ENTRY_DISTANCE_BYTES) {
            self.entries.push((group.header.first, offset));
        }
        self.last = group.header.last();
        self.chain = group.chain;
        self.term = group.header.term;
        self.time = group.records.last().map_or(self.time, |record| record.envelope.time);
    }

    /// The sidecar of `segment`, when there is one that fits it and the header of the segment after it.
    pub(crate) fn read(storage: &dyn Storage, segment: &Segment, next: &SegmentHeader) -> Option<Self> {
        let name = file_name(&segment.name)?;
        let length = usize::try_from(storage.file_bytes(&name).ok()?).ok()?;
        if !(FIXED_BYTES..=FILE_BYTES_MAX).contains(&length) {
            return None;
        }
        let mut file = vec![0; length];
        storage.read_at(&name, 0, &mut file).ok()?;
        let found = Self::decode(&file, &segment.header)?;
        (found.last.next() == next.first && found.chain == next.chain).then_some(found)
    }

    /// Writes it beside its segment. A failure leaves no sidecar, or one that does not fit.
    ///
    /// # Errors
    /// The storage's, which nobody needs to act upon.
    pub(crate) fn write(&self, storage: &dyn Storage, segment: &Segment) -> Result<(), StorageError> {
        let Some(name) = file_name(&segment.name) else { return Ok(()) };
        let file = self.encode(&segment.header);
        storage.create(&name, file.len() as u64)?;
        storage.write_at(&name, 0, &file)
    }

    fn encode(&self, header: &SegmentHeader) -> Vec<u8> {
        let mut file = vec![0; ENTRIES_AT];
        put(&mut file, 0, &MAGIC);
        put(&mut file, 8, &VERSION.to_le_bytes());
        put(&mut file, 12, &header.number.to_le_bytes());
        put(&mut file, 16, &header.identity.log.0);
        put(&mut file, 32, &header.bytes.to_le_bytes());
        put(&mut file, 40, &header.redactions.to_le_bytes());
        let count = u32::try_from(self.entries.len()).expect("a segment has fewer groups than bytes");
        put(&mut file, 44, &count.to_le_bytes());
        put(&mut file, 48, &header.first.0.to_le_bytes());
        put(&mut file, 56, &self.last.0.to_le_bytes());
        put(&mut file, 64, &self.chain.0);
        put(&mut file, 96, &self.term.to_le_bytes());
        put(&mut file, 104, &self.time.0.to_le_bytes());
        for (first, offset) in &self.entries {
            file.extend_from_slice(&first.0.to_le_bytes());
            file.extend_from_slice(&offset.to_le_bytes());
        }
        let checksum = crc32c::crc32c(&file);
        file.extend_from_slice(&checksum.to_le_bytes());
        file
    }

    fn decode(file: &[u8], header: &SegmentHeader) -> Option<Self> {
        let checksum_at = file.len() - 4;
        let fits = file[..8] == MAGIC
            && crc32c::crc32c(&file[..checksum_at]) == u32_at(file, checksum_at)
            && u32_at(file, 8) == VERSION
            && u32_at(file, 12) == header.number
            && file[16..32] == header.identity.log.0
            && u64_at(file, 32) == header.bytes
            && u32_at(file, 40) == header.redactions
            && u64_at(file, 48) == header.first.0
            && checksum_at == ENTRIES_AT + u32_at(file, 44) as usize * ENTRY_BYTES;
        if !fits {
            return None;
        }
        let entries = file[ENTRIES_AT..checksum_at].chunks_exact(ENTRY_BYTES);
        Some(Self {
            last: Position(u64_at(file, 56)),
            chain: Chain(bytes_at(file, 64)),
            term: u64_at(file, 96),
            time: Time(i64::from_le_bytes(bytes_at(file, 104))),
            entries: entries.map(|entry| (Position(u64_at(entry, 0)), u32_at(entry, 8))).collect(),
        })
    }
}

/// Name of the sidecar of a segment file.
pub(crate) fn file_name(segment: &str) -> Option<String> {
    Some(format!("{}.idx", segment.strip_suffix(".seg")?))
}

const MAGIC: [u8; 8] = *b"TIDINGSX";
const VERSION: u32 = 1;
const ENTRIES_AT: usize = 112;
const ENTRY_BYTES: usize = 12;
const FIXED_BYTES: usize = ENTRIES_AT + 4;
#[expect(clippy::cast_possible_truncation, reason = "a gibibyte fits")]
const FILE_BYTES_MAX: usize = FIXED_BYTES
    + ENTRY_BYTES * ((SEGMENT_BYTES_MAX as usize - SEGMENT_HEADER_BYTES) / ENTRY_DISTANCE_BYTES as usize + 1);
