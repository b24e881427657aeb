use super::Key;
use super::blocks::{BlockError, BlockReader, file_bytes_of, in_blocks};
use crate::ids::{Position, TenantId};
use crate::log::chain::{Chain, LogId};
use crate::log::damage::Damage;
use crate::log::directory::Segment;
use crate::log::error::LogError;
use crate::log::fields::{all_zero, bytes_at, put, u32_at, u64_at};
use crate::log::group::Group;
use crate::log::index::Shared;
use crate::log::storage::{Storage, StorageError};
use crate::log::walk::{Step, Walk};

/// What a sidecar must say of itself to be of use: which segment file it tells of, byte for byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bound {
    log: LogId,
    number: u32,
    first: Position,
    events: u64,
    segment_bytes: u64,
    redactions: u32,
    /// The chain after the segment's last event.
    chain: Chain,
}

impl Bound {
    /// Of a sealed segment, from its own header and that of the one after it.
    fn of(segment: &Segment, next: &Segment) -> Self {
        let header = &segment.header;
        Self {
            log: header.identity.log,
            number: header.number,
            first: header.first,
            events: next.header.first.0 - header.first.0,
            segment_bytes: header.bytes,
            redactions: header.redactions,
            chain: next.header.chain,
        }
    }

    fn file_name(&self) -> String {
        format!("{DIRECTORY}/{:08}.sidx", self.number)
    }
}

/// Why a sidecar is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SidecarError {
    #[error(transparent)]
    Block(#[from] BlockError),
    #[error("tells of another file, or in another version")]
    Foreign,
    #[error("leads nowhere")]
    Malformed,
}

impl From<StorageError> for SidecarError {
    fn from(error: StorageError) -> Self {
        Self::Block(error.into())
    }
}

/// The events of one key in one sealed segment.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Number of the first one.
    pub(super) first: u64,
    /// Offsets of the records, ascending.
    pub(super) offsets: Vec<u32>,
}

/// Looks a key up in the sidecar of a sealed segment.
pub(super) fn look_up(
    storage: &dyn Storage,
    segment: &Segment,
    next: &Segment,
    key: Key,
) -> Result<Found, SidecarError> {
    let (mut sidecar, header) = open(storage, &Bound::of(segment, next))?;
    let (wanted, start, count) = match key {
        Key::Stream(stream) => (stream.0, HEADER_BYTES as u64, header.streams),
        Key::Tenant(tenant) => (tenant_key(tenant), header.tenants_at(), header.tenants),
    };
    let (mut low, mut high) = (0, u64::from(count));
    while low < high {
        let middle = u64::midpoint(low, high);
        let mut row = [0; ROW_BYTES];
        sidecar.read(start + middle * ROW_BYTES as u64, &mut row)?;
        let row = Row::decode(&row);
        match row.key.cmp(&wanted) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
            std::cmp::Ordering::Equal => return offsets(&mut sidecar, &header, &row),
        }
    }
    Ok(Found::default())
}

fn open<'a>(storage: &'a dyn Storage, bound: &Bound) -> Result<(BlockReader<'a>, Header), SidecarError> {
    let mut sidecar = BlockReader::open(storage, bound.file_name())?;
    let mut bytes = [0; HEADER_BYTES];
    sidecar.read(0, &mut bytes)?;
    let header = Header::decode(&bytes).filter(|header| header.bound == *bound).ok_or(SidecarError::Foreign)?;
    if sidecar.file_bytes() != file_bytes_of(header.bytes()) {
        return Err(SidecarError::Malformed);
    }
    Ok((sidecar, header))
}

fn offsets(sidecar: &mut BlockReader<'_>, header: &Header, row: &Row) -> Result<Found, SidecarError> {
    if u64::from(row.count) > header.bound.events {
        return Err(SidecarError::Malformed);
    }
    let mut found = Found { first: row.first, offsets: Vec::with_capacity(row.count as usize) };
    let (mut at, mut offset) = (header.postings_at() + u64::from(row.at), 0);
    let (mut step, mut shift) = (0_u32, 0);
    while found.offsets.len() < row.count as usize {
        let bytes = sidecar.rest_of_block(at)?;
        let mut taken = 0;
        for byte in bytes {
            taken += 1;
            step |= u32::from(byte & 0x7F).checked_shl(shift).ok_or(SidecarError::Malformed)?;
            shift += 7;
            if byte & 0x80 != 0 {
                continue;
            }
            offset = u32::checked_add(offset, step).ok_or(SidecarError::Malformed)?;
            found.offsets.push(offset);
            (step, shift) = (0, 0);
            if found.offsets.len() == row.count as usize {
                break;
            }
        }
        at += taken;
    }
    Ok(found)
}

/// Writes the sidecar of every sealed segment that has none, or one that is of no use; how many.
///
/// Reads each such segment through. Its file appears whole or not at all.
pub(in crate::log) fn build_missing(shared: &Shared) -> Result<u32, LogError> {
    let storage = &*shared.storage;
    let mut built = 0;
    for number in 1.. {
        let index = shared.index();
        let (Some(segment), Some(next)) = (index.segment(number).cloned(), index.segment(number + 1).cloned()) else {
            break;
        };
        drop(index);
        let bound = Bound::of(&segment, &next);
        if open(storage, &bound).is_ok() {
            shared.index_mut().forget_located(number);
            continue;
        }
        let bytes = in_blocks(&content(storage, segment, &bound)?);
        save(storage, &bound.file_name(), &bytes)?;
        shared.index_mut().forget_located(number);
        built += 1;
    }
    Ok(built)
}

fn save(storage: &dyn Storage, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
    let draft = format!("{name}.tmp");
    storage.create(&draft, bytes.len() as u64)?;
    storage.write_at(&draft, 0, bytes)?;
    storage.sync_data(&draft)?;
    storage.rename(&draft, name)?;
    storage.sync_directory(DIRECTORY)
}

/// One event in both tables: the key, its number there, and where it stands.
type Entry = ([u8; 16], u64, u32);

fn content(storage: &dyn Storage, segment: Segment, bound: &Bound) -> Result<Vec<u8>, LogError> {
    let (mut streams, mut tenants): (Vec<Entry>, Vec<Entry>) = (Vec::new(), Vec::new());
    let mut walk = Walk::whole(segment);
    loop {
        match walk.step(storage) {
            Step::Group(offset, group) => {
                for (offset, envelope) in places(offset, &group) {
                    streams.push((envelope.stream.0, envelope.revision.0, offset));
                    tenants.push((tenant_key(envelope.tenant), envelope.tenant_sequence, offset));
                }
            }
            Step::End => break,
            Step::Invalid(damage) => return Err(damage.into()),
        }
    }
    if streams.len() as u64 != bound.events {
        return Err(LogError::Corrupt(walk.damage(crate::log::What::GroupHeader)));
    }
    let (mut rows, mut postings) = (Vec::new(), Vec::new());
    let counts = [&mut streams, &mut tenants].map(|entries| table(entries, &mut rows, &mut postings));
    let header = Header {
        bound: *bound,
        streams: counts[0],
        tenants: counts[1],
        postings_bytes: u32::try_from(postings.len()).expect("a segment is at most 1 GiB"),
    };
    let mut bytes = header.encode().to_vec();
    bytes.extend_from_slice(&rows);
    bytes.extend_from_slice(&postings);
    Ok(bytes)
}

/// Adds the rows and postings of one table; how many rows.
fn table(entries: &mut [Entry], rows: &mut Vec<u8>, postings: &mut Vec<u8>) -> u32 {
    entries.sort_unstable_by_key(|(key, _, offset)| (*key, *offset));
    let mut count = 0;
    for run in entries.chunk_by(|(a, ..), (b, ..)| a == b) {
        let (key, first, _) = run[0];
        let at = u32::try_from(postings.len()).expect("a segment is at most 1 GiB");
        rows.extend_from_slice(&Row { key, first, count: u32_of(run.len()), at }.encode());
        let mut before = 0;
        for (.., offset) in run {
            let mut step = offset - before;
            while step >= 0x80 {
                postings.push(step.to_le_bytes()[0] | 0x80);
                step >>= 7;
            }
            postings.push(step.to_le_bytes()[0]);
            before = *offset;
        }
        count += 1;
    }
    count
}

/// Where each record of a group stands, and its envelope.
pub(super) fn places(offset: u64, group: &Group) -> impl Iterator<Item = (u32, &crate::log::Envelope)> {
    let mut at = offset + group.header.records_at() as u64;
    group.records.iter().map(move |record| {
        let offset = u32::try_from(at).expect("segments are at most 1 GiB");
        at += record.encoded_bytes() as u64;
        (offset, &record.envelope)
    })
}

/// Reads a segment through for the events of one key that have at least the number `from`.
pub(super) fn read_through(
    storage: &dyn Storage,
    segment: &Segment,
    key: Key,
    from: u64,
    until: Position,
) -> Result<Found, Damage> {
    let mut walk = Walk::whole(segment.clone());
    let mut found = Found { first: from, offsets: Vec::new() };
    while walk.position() <= until {
        match walk.step(storage) {
            Step::Group(offset, group) => {
                for (offset, envelope) in places(offset, &group) {
                    let Some(number) = key.number(envelope).filter(|number| *number >= from) else { continue };
                    if found.offsets.is_empty() {
                        found.first = number;
                    }
                    found.offsets.push(offset);
                }
            }
            Step::End => break,
            Step::Invalid(damage) => return Err(damage),
        }
    }
    Ok(found)
}

#[derive(Debug)]
struct Header {
    bound: Bound,
    streams: u32,
    tenants: u32,
    postings_bytes: u32,
}

impl Header {
    fn tenants_at(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.streams) * ROW_BYTES as u64
    }

    fn postings_at(&self) -> u64 {
        self.tenants_at() + u64::from(self.tenants) * ROW_BYTES as u64
    }

    fn bytes(&self) -> u64 {
        self.postings_at() + u64::from(self.postings_bytes)
    }

    fn encode(&self) -> [u8; HEADER_BYTES] {
        let Bound { log, number, first, events, segment_bytes, redactions, chain } = self.bound;
        let mut bytes = [0; HEADER_BYTES];
        put(&mut bytes, 0, &MAGIC);
        put(&mut bytes, 8, &VERSION.to_le_bytes());
        put(&mut bytes, 12, &number.to_le_bytes());
        put(&mut bytes, 16, &log.0);
        put(&mut bytes, 32, &first.0.to_le_bytes());
        put(&mut bytes, 40, &events.to_le_bytes());
        put(&mut bytes, 48, &segment_bytes.to_le_bytes());
        put(&mut bytes, 56, &redactions.to_le_bytes());
        put(&mut bytes, 60, &chain.0);
        put(&mut bytes, 92, &self.streams.to_le_bytes());
        put(&mut bytes, 96, &self.tenants.to_le_bytes());
        put(&mut bytes, 100, &self.postings_bytes.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        if bytes[..8] != MAGIC || u32_at(bytes, 8) != VERSION || !all_zero(&bytes[FIELDS_END..]) {
            return None;
        }
        Some(Self {
            bound: Bound {
                log: LogId(bytes_at(bytes, 16)),
                number: u32_at(bytes, 12),
                first: Position(u64_at(bytes, 32)),
                events: u64_at(bytes, 40),
                segment_bytes: u64_at(bytes, 48),
                redactions: u32_at(bytes, 56),
                chain: Chain(bytes_at(bytes, 60)),
            },
            streams: u32_at(bytes, 92),
            tenants: u32_at(bytes, 96),
            postings_bytes: u32_at(bytes, 100),
        })
    }
}

/// A key in a segment: number of its first event there, how many, and where in the postings their offsets begin.
struct Row {
    key: [u8; 16],
    first: u64,
    count: u32,
    at: u32,
}

impl Row {
    fn encode(&self) -> [u8; ROW_BYTES] {
        let mut bytes = [0; ROW_BYTES];
        put(&mut bytes, 0, &self.key);
        put(&mut bytes, 16, &self.first.to_le_bytes());
        put(&mut bytes, 24, &self.count.to_le_bytes());
        put(&mut bytes, 28, &self.at.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; ROW_BYTES]) -> Self {
        Self { key: bytes_at(bytes, 0), first: u64_at(bytes, 16), count: u32_at(bytes, 24), at: u32_at(bytes, 28) }
    }
}

/// Tenants in the order of their numbers.
fn tenant_key(tenant: TenantId) -> [u8; 16] {
    let mut key = [0; 16];
    put(&mut key, 0, &tenant.0.to_be_bytes());
    key
}

fn u32_of(count: usize) -> u32 {
    u32::try_from(count).expect("a segment of at most 1 GiB holds fewer records")
}

/// Folder of the sidecars in the log's.
const DIRECTORY: &str = "index";
const MAGIC: [u8; 8] = *b"TIDINGSK";
/// Grows when the bytes mean something else: an older file is then of no use and is written anew.
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 128;
const FIELDS_END: usize = 104;
const ROW_BYTES: usize = 32;
