//! Where each position stands: durable events only, shared by the writer with all readers.

use super::chain::Chain;
use super::directory::Segment;
use super::keyed::{self, Located};
use super::segment::Identity;
use super::sidecar::Sidecar;
use super::storage::Storage;
use crate::ids::Position;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// What the writer and its readers have in common.
pub(crate) struct Shared {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) identity: Identity,
    index: RwLock<Index>,
}

impl Shared {
    pub(crate) fn new(storage: Arc<dyn Storage>, identity: Identity, index: Index) -> Self {
        Self { storage, identity, index: RwLock::new(index) }
    }

    /// The index, for a moment. It is whole at every step, so a panic elsewhere leaves nothing half-done.
    pub(crate) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The index, for the writer, after a sync returned.
    pub(crate) fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the groups are. Not every group has an entry: from the entry before, group headers lead to it.
pub(crate) struct Index {
    segments: Vec<Segment>,
    entries: Vec<Entry>,
    head: Position,
    chain: Chain,
    /// First four bytes of the chain after each of the last positions, up to the head.
    prefixes: VecDeque<[u8; 4]>,
    /// How many segment files were replaced: whoever read meanwhile looks the place up again.
    replacements: u64,
    /// Places of single events, by number of the segment: of the last one, and of those before that have no sidecar yet.
    located: BTreeMap<u32, Located>,
}

/// A group whose place is known.
#[derive(Clone, Copy, Debug)]
struct Entry {
    first: Position,
    segment: u32,
    offset: u32,
}

/// A known place at or before a position.
pub(crate) struct Place {
    /// The segment.
    pub(crate) segment: Segment,
    /// Offset of a group.
    pub(crate) offset: u64,
    /// Position of its first event.
    pub(crate) first: Position,
}

impl Index {
    /// The index of a log that has no segment yet and starts with this chain.
    pub(crate) fn new(chain: Chain) -> Self {
        Self {
            segments: Vec::new(),
            entries: Vec::new(),
            head: Position::ZERO,
            chain,
            prefixes: VecDeque::new(),
            replacements: 0,
            located: BTreeMap::new(),
        }
    }

    /// The last durable position and the chain after it.
    pub(crate) fn head(&self) -> (Position, Chain) {
        (self.head, self.chain)
    }

    /// A new last segment, which has no group yet.
    pub(crate) fn add_segment(&mut self, segment: Segment) {
        let header = &segment.header;
        self.located.insert(header.number, Located::new(header.first));
        if self.located.len() > LOCATED_COUNT_MAX {
            self.located.pop_first();
        }
        self.segments.push(segment);
    }

    /// A sealed segment, the next after those that are known, with the places that its sidecar tells.
    pub(crate) fn add_sealed(&mut self, segment: Segment, sidecar: &Sidecar) {
        let number = u32::try_from(self.segments.len()).expect("segment numbers are u32");
        self.segments.push(segment);
        let entries = sidecar.entries.iter();
        self.entries.extend(entries.map(|(first, offset)| Entry { first: *first, segment: number, offset: *offset }));
        self.head = sidecar.last;
        self.chain = sidecar.chain;
        self.prefixes.clear();
    }

    /// The known places of the last segment's groups.
    pub(crate) fn last_places(&self) -> Vec<(Position, u32)> {
        let last = u32::try_from(self.segments.len().saturating_sub(1)).expect("segment numbers are u32");
        let start = self.entries.partition_point(|entry| entry.segment < last);
        self.entries[start..].iter().map(|entry| (entry.first, entry.offset)).collect()
    }

    /// The segments but for the last one: nothing is appended to them any more.
    pub(crate) fn sealed(&self) -> &[Segment] {
        self.segments.split_last().map_or(&[], |(_, sealed)| sealed)
    }

    /// How many segment files were replaced so far.
    pub(crate) fn replacements(&self) -> u64 {
        self.replacements
    }

    /// Takes in the file that stands for a sealed segment from now on, with the places of its groups.
    pub(crate) fn replace(&mut self, segment: Segment, groups: &[(Position, u64)]) {
        let index = segment.header.number - 1;
        let start = self.entries.partition_point(|entry| entry.segment < index);
        let end = self.entries.partition_point(|entry| entry.segment <= index);
        let mut entries: Vec<Entry> = Vec::new();
        for (first, offset) in groups {
            let offset = u32::try_from(*offset).expect("segments are at most 1 GiB");
            if entries.last().is_none_or(|entry| offset - entry.offset >= ENTRY_DISTANCE_BYTES) {
                entries.push(Entry { first: *first, segment: index, offset });
            }
        }
        self.entries.splice(start..end, entries);
        self.located.remove(&segment.header.number);
        self.segments[index as usize] = segment;
        self.replacements += 1;
    }

    /// Takes in a durable group of the last segment.
    pub(crate) fn add_group(&mut self, offset: u64, last: Position, chain: Chain) {
        let segment = u32::try_from(self.segments.len() - 1).expect("segment numbers are u32");
        let offset = u32::try_from(offset).expect("segments are at most 1 GiB");
        let known = |entry: &Entry| entry.segment == segment && offset - entry.offset < ENTRY_DISTANCE_BYTES;
        if !self.entries.last().is_some_and(known) {
            self.entries.push(Entry { first: self.head.next(), segment, offset });
        }
        self.head = last;
        self.chain = chain;
    }

    /// Takes in where the records of the last group stand, which is at `offset` itself.
    pub(crate) fn locate(&mut self, offset: u64, places: &[keyed::Place]) {
        if let Some(mut last) = self.located.last_entry() {
            last.get_mut().add(offset, places);
        }
    }

    /// Places of single events of the segment with this number, as far as they are in memory.
    pub(crate) fn located(&self, number: u32) -> Option<&Located> {
        self.located.get(&number)
    }

    /// A sidecar tells the places of a sealed segment from now on.
    pub(crate) fn forget_located(&mut self, number: u32) {
        if (number as usize) < self.segments.len() {
            self.located.remove(&number);
        }
    }

    /// Takes in the chain prefixes of the positions up to the head. They follow those before without a gap.
    pub(crate) fn add_prefixes(&mut self, prefixes: &[[u8; 4]]) {
        self.prefixes.extend(prefixes);
        let excess = self.prefixes.len().saturating_sub(PREFIXES_COUNT_MAX);
        self.prefixes.drain(..excess);
    }

    /// First four bytes of the chain after `position`, when it is recent.
    pub(crate) fn prefix(&self, position: Position) -> Option<[u8; 4]> {
        let from_end = usize::try_from(self.head.0.checked_sub(position.0)?).ok()?;
        self.prefixes.get(self.prefixes.len().checked_sub(from_end + 1)?).copied()
    }

    /// A place from which group headers lead to `position`; `None` when it is not in the log.
    pub(crate) fn place(&self, position: Position) -> Option<Place> {
        if position > self.head {
            return None;
        }
        let after = self.entries.partition_point(|entry| entry.first <= position);
        let entry = self.entries.get(after.checked_sub(1)?)?;
        let segment = self.segments[entry.segment as usize].clone();
        Some(Place { segment, offset: u64::from(entry.offset), first: entry.first })
    }

    /// The segment with this number.
    pub(crate) fn segment(&self, number: u32) -> Option<&Segment> {
        self.segments.get(number.checked_sub(1)? as usize)
    }
}

/// Least distance between two entries of one segment. What a reader has to skim at most, in one read.
pub(crate) const ENTRY_DISTANCE_BYTES: u32 = 16 * 1024;

/// Of how many segments the places of events are kept at most: sidecars are written behind the writer.
const LOCATED_COUNT_MAX: usize = 4;

/// How many chain prefixes are kept: 4 MiB of them. Older ones are computed from the log.
const PREFIXES_COUNT_MAX: usize = 1024 * 1024;
