//! One group commit as bytes: the unit of atomicity and of sharing. Pure: no files here.

use super::chain::Chain;
use super::damage::What;
use super::fields::{bytes_at, put, u32_at, u64_at};
use super::record::{CONTENT_BYTES_MAX, FACTS_BYTES_MAX, RECORD_HEADER_BYTES, Record};
use crate::ids::Position;
use bytes::Bytes;

/// Most bytes a group may have, header and trailer included: 524,288.
pub const GROUP_BYTES_MAX: usize = 512 * 1024;

/// Bytes of a group before its records' ends: 48.
pub const GROUP_HEADER_BYTES: usize = 48;

const TRAILER_BYTES: usize = 32 + 4;
const END_BYTES: usize = 4;

const _: () = assert!(
    GROUP_HEADER_BYTES + END_BYTES + RECORD_HEADER_BYTES + FACTS_BYTES_MAX + CONTENT_BYTES_MAX + TRAILER_BYTES
        <= GROUP_BYTES_MAX
);

/// What a group says of itself, besides its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupContext {
    /// Ownership under which it was written.
    pub term: u64,
    /// Last position known durable before it was written.
    pub durable_through: Position,
    /// Secret of the log that tells its groups from look-alikes inside records.
    pub salt: u64,
    /// The chain before its first event.
    pub chain: Chain,
}

/// The fixed start of a group, readable alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupHeader {
    /// Bytes between header and trailer.
    pub payload_bytes: usize,
    /// How many records.
    pub count: u32,
    /// Position of the first one.
    pub first: Position,
    /// Ownership under which it was written.
    pub term: u64,
    /// Last position known durable before it was written: always before `first`.
    pub durable_through: Position,
    /// Secret of the log.
    pub salt: u64,
}

impl GroupHeader {
    /// Position of the last record.
    #[must_use]
    pub fn last(&self) -> Position {
        Position(self.first.0 + u64::from(self.count) - 1)
    }

    /// Bytes of the whole group.
    #[must_use]
    pub fn group_bytes(&self) -> usize {
        GROUP_HEADER_BYTES + self.payload_bytes + TRAILER_BYTES
    }

    /// Reads the header at the start of `bytes`. Its numbers are within their limits afterwards.
    ///
    /// # Errors
    /// [`What::GroupHeader`].
    pub fn decode(bytes: &[u8]) -> Result<Self, What> {
        if bytes.len() < GROUP_HEADER_BYTES || bytes[..4] != MAGIC {
            return Err(What::GroupHeader);
        }
        if crc32c::crc32c(&bytes[..44]) != u32_at(bytes, 44) {
            return Err(What::GroupHeader);
        }
        let header = Self {
            payload_bytes: u32_at(bytes, 4) as usize,
            count: u32_at(bytes, 8),
            first: Position(u64_at(bytes, 12)),
            term: u64_at(bytes, 20),
            durable_through: Position(u64_at(bytes, 28)),
            salt: u64_at(bytes, 36),
        };
        if header.is_plausible() { Ok(header) } else { Err(What::GroupHeader) }
    }

    fn encode(&self) -> [u8; GROUP_HEADER_BYTES] {
        let mut bytes = [0; GROUP_HEADER_BYTES];
        put(&mut bytes, 0, &MAGIC);
        put(&mut bytes, 4, &u32_of(self.payload_bytes).to_le_bytes());
        put(&mut bytes, 8, &self.count.to_le_bytes());
        put(&mut bytes, 12, &self.first.0.to_le_bytes());
        put(&mut bytes, 20, &self.term.to_le_bytes());
        put(&mut bytes, 28, &self.durable_through.0.to_le_bytes());
        put(&mut bytes, 36, &self.salt.to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[..44]);
        put(&mut bytes, 44, &checksum.to_le_bytes());
        bytes
    }

    fn is_plausible(&self) -> bool {
        let records_bytes_min = (END_BYTES + RECORD_HEADER_BYTES) * self.count as usize;
        self.count > 0
            && self.payload_bytes <= GROUP_BYTES_MAX - GROUP_HEADER_BYTES - TRAILER_BYTES
            && self.payload_bytes >= records_bytes_min
            && self.first > self.durable_through
            && self.first.0.checked_add(u64::from(self.count)).is_some()
    }

    /// Where, in the group, the ends of the record with this index and of the one before it stand: `(at, both)`.
    pub(crate) fn ends_at(index: usize) -> usize {
        GROUP_HEADER_BYTES + END_BYTES * index
    }

    /// Where, in the group, the records start.
    pub(crate) fn records_at(&self) -> usize {
        Self::ends_at(self.count as usize)
    }
}

/// A decoded group. Its records share the bytes it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The header.
    pub header: GroupHeader,
    /// The records, at consecutive positions from `header.first`.
    pub records: Vec<Record>,
    /// The chain after the last record, as it is stored: checked by checksum, not by hashing.
    pub chain: Chain,
}

impl Group {
    /// The chain after each record, computed from `before`. The last one is `chain` unless history was changed.
    pub fn chains(&self, before: Chain) -> impl Iterator<Item = Chain> + '_ {
        self.records.iter().scan(before, |chain, record| {
            *chain = chain.then(&record.leaf());
            Some(*chain)
        })
    }
}

/// Where in a group's bytes something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDamage {
    /// Byte offset from the group's start.
    pub offset: usize,
    /// Index of the first record that cannot be trusted; 0 when none can.
    pub index: usize,
    /// What is wrong.
    pub what: What,
}

/// Bytes that a group of these records takes. A caller cuts its batches so that this is at most [`GROUP_BYTES_MAX`].
#[must_use]
pub fn group_bytes(records: &[Record]) -> usize {
    let records_bytes: usize = records.iter().map(|record| END_BYTES + record.encoded_bytes()).sum();
    GROUP_HEADER_BYTES + records_bytes + TRAILER_BYTES
}

/// A group of these records as bytes. They are at least one, pass [`Record::check`] and fit a group together.
///
/// # Panics
/// When they do not.
#[must_use]
pub fn encode(records: &[Record], context: &GroupContext) -> Vec<u8> {
    let mut out = Vec::new();
    encode_into(records, context, &mut out, |_| ());
    out
}

/// Replaces `out` by the group of these records and tells `each` the chain after every one. Returns the last chain.
pub(crate) fn encode_into(
    records: &[Record],
    context: &GroupContext,
    out: &mut Vec<u8>,
    mut each: impl FnMut(Chain),
) -> Chain {
    let bytes = group_bytes(records);
    assert!(bytes <= GROUP_BYTES_MAX, "a group of {bytes} bytes was to be encoded");
    let header = GroupHeader {
        payload_bytes: bytes - GROUP_HEADER_BYTES - TRAILER_BYTES,
        count: u32_of(records.len()),
        first: records.first().expect("a group has at least one record").envelope.position,
        term: context.term,
        durable_through: context.durable_through,
        salt: context.salt,
    };
    out.clear();
    out.reserve(bytes);
    out.extend_from_slice(&header.encode());
    let mut end = 0;
    for record in records {
        end += record.encoded_bytes();
        out.extend_from_slice(&u32_of(end).to_le_bytes());
    }
    let mut chain = context.chain;
    for record in records {
        record.encode_into(out);
        chain = chain.then(&record.leaf());
        each(chain);
    }
    out.extend_from_slice(&chain.0);
    let checksum = crc32c::crc32c(&out[GROUP_HEADER_BYTES..]);
    out.extend_from_slice(&checksum.to_le_bytes());
    chain
}

/// The group at the start of `bytes`; what follows it is ignored. Never panics and never allocates more than
/// [`GROUP_BYTES_MAX`] and its list of records, whatever the bytes.
///
/// Whether the group belongs here (salt, position, chain) is the caller's question.
///
/// # Errors
/// The first damage, with its place.
pub fn decode(bytes: &[u8]) -> Result<Group, GroupDamage> {
    let header = GroupHeader::decode(bytes).map_err(whole)?;
    let bytes = bytes.get(..header.group_bytes()).ok_or_else(|| whole(What::GroupCut))?;
    decode_shared(&header, &Bytes::copy_from_slice(bytes))
}

/// The group with this header, which is exactly `bytes`; its records share them.
pub(crate) fn decode_shared(header: &GroupHeader, bytes: &Bytes) -> Result<Group, GroupDamage> {
    debug_assert_eq!(header.group_bytes(), bytes.len());
    let records_at = header.records_at();
    let trailer_at = bytes.len() - TRAILER_BYTES;
    let mut records = Vec::with_capacity(header.count as usize);
    let mut start = records_at;
    for index in 0..header.count as usize {
        let end = records_at + u32_at(bytes, GroupHeader::ends_at(index)) as usize;
        let damage = |what| GroupDamage { offset: start, index, what };
        if end < start || end > trailer_at {
            return Err(damage(What::RecordHeader));
        }
        let record = Record::decode(&bytes.slice(start..end)).map_err(damage)?;
        if record.envelope.position.0 != header.first.0 + index as u64 {
            return Err(damage(What::PositionGap { found: record.envelope.position }));
        }
        records.push(record);
        start = end;
    }
    let checksum_at = bytes.len() - 4;
    if start != trailer_at || crc32c::crc32c(&bytes[GROUP_HEADER_BYTES..checksum_at]) != u32_at(bytes, checksum_at) {
        return Err(GroupDamage { offset: trailer_at, index: 0, what: What::GroupChecksum });
    }
    Ok(Group { header: *header, records, chain: Chain(bytes_at(bytes, trailer_at)) })
}

/// The chain stored at the end of the group that ends where `bytes` end.
pub(crate) const CHAIN_FROM_END: usize = TRAILER_BYTES;

/// The first four bytes of every group.
pub(crate) const MAGIC: [u8; 4] = *b"TdG1";

fn whole(what: What) -> GroupDamage {
    GroupDamage { offset: 0, index: 0, what }
}

fn u32_of(number: usize) -> u32 {
    u32::try_from(number).expect("a group is far below 4 GiB")
}
