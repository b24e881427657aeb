//! Reading durable events, from any thread.

use super::audit::{self, Verified};
use super::chain::{Chain, LogId};
use super::damage::{Damage, What};
use super::error::LogError;
use super::fields::u32_at;
use super::group::{GROUP_HEADER_BYTES, GroupHeader};
use super::index::{ENTRY_DISTANCE_BYTES, Shared};
use super::keyed::{self, Key, KeyedScan};
use super::record::Record;
use super::walk::{SCAN_READ_BYTES, Step, Walk};
use crate::ids::{Position, Revision, StreamId, TenantId};
use bytes::Bytes;
use std::sync::Arc;

/// Reads durable events while the log is being written. Cheap to clone; needs no `&mut`.
#[derive(Clone)]
pub struct LogReader {
    pub(crate) shared: Arc<Shared>,
}

/// How much a scan checks, besides checksums and positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChainCheck {
    /// Nothing more.
    #[default]
    Skip,
    /// That the stored chain is the one that the records hash to. About three times the work.
    Verify,
}

impl LogReader {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Identity of the log.
    #[must_use]
    pub fn id(&self) -> LogId {
        self.shared.identity.log
    }

    /// Generation of the log: grows when acknowledged events were given up by a repair or restore; from 1.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.shared.identity.epoch
    }

    /// The last durable position and the chain after it.
    #[must_use]
    pub fn head(&self) -> (Position, Chain) {
        self.shared.index().head()
    }

    /// The record at `position`, verified by its checksums. It shares no buffer with other records.
    ///
    /// # Errors
    /// [`LogError::NoSuchPosition`], [`LogError::Corrupt`] or [`LogError::Storage`].
    pub fn read(&self, position: Position) -> Result<Record, LogError> {
        self.looking_again(|| {
            let mut walk = self.walk_to(position, ENTRY_DISTANCE_BYTES as usize)?;
            let header = walk.seek(&*self.shared.storage, position)?;
            Ok(self.record(&mut walk, &header, position)?)
        })
    }

    /// What `read` gives, which is tried anew when a file was replaced by a redacted one meanwhile: places had changed.
    fn looking_again<T>(&self, mut read: impl FnMut() -> Result<T, LogError>) -> Result<T, LogError> {
        loop {
            let before = self.shared.index().replacements();
            match read() {
                Err(_) if self.shared.index().replacements() != before => {}
                other => return other,
            }
        }
    }

    /// Re-reads every file of the log while it is being written; see [`audit::verify`]. A group at the end that is in flight
    /// at two looks in a row is damage.
    ///
    /// # Errors
    /// The first damage, with segment, offset and position.
    pub fn verify(&self) -> Result<Verified, Damage> {
        audit::verify_settled(&*self.shared.storage, &mut |_| ())
    }

    /// All events from `from` on, up to what is durable now.
    #[must_use]
    pub fn scan(&self, from: Position) -> Scan {
        self.scan_checked(from, ChainCheck::Skip)
    }

    /// Like [`LogReader::scan`], with a choice of what is checked.
    #[must_use]
    pub fn scan_checked(&self, from: Position, check: ChainCheck) -> Scan {
        let until = self.head().0;
        let from = from.max(Position(1));
        Scan {
            reader: self.clone(),
            check,
            next: from,
            until,
            walk: None,
            records: Vec::new().into_iter(),
            chain: None,
            replacements: self.shared.index().replacements(),
        }
    }

    /// The events of one stream from a revision on, up to what is durable now, without reading the others.
    #[must_use]
    pub fn stream(&self, stream: StreamId, from: Revision) -> KeyedScan {
        KeyedScan::new(self.clone(), Key::Stream(stream), from.0)
    }

    /// The events of one tenant from a sequence on, up to what is durable now, without reading the others'.
    #[must_use]
    pub fn tenant(&self, tenant: TenantId, from_sequence: u64) -> KeyedScan {
        KeyedScan::new(self.clone(), Key::Tenant(tenant), from_sequence)
    }

    /// Writes what [`LogReader::stream`] and [`LogReader::tenant`] look up, for every sealed segment that has it not: one
    /// file each in the folder `index/`, which may be removed at any time. Reads those segments through: for a thread that
    /// nobody waits for, and only one at a time. Gives how many were written.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] when a segment is not what was written, [`LogError::Storage`] when its file cannot be: the log
    /// is as it was, and reads take longer.
    pub fn index_segments(&self) -> Result<u32, LogError> {
        self.looking_again(|| keyed::build_missing(&self.shared))
    }

    /// The chain after `position`. Reads one group unless it is the head or 0.
    ///
    /// # Errors
    /// [`LogError::NoSuchPosition`], [`LogError::Corrupt`] or [`LogError::Storage`].
    pub fn chain_at(&self, position: Position) -> Result<Chain, LogError> {
        let (head, chain) = self.head();
        if position == head {
            return Ok(chain);
        }
        if position == Position::ZERO {
            return Ok(Chain::start(self.id()));
        }
        self.looking_again(|| self.chain_within(position))
    }

    fn chain_within(&self, position: Position) -> Result<Chain, LogError> {
        let storage = &*self.shared.storage;
        let mut walk = self.walk_to(position, ENTRY_DISTANCE_BYTES as usize)?;
        walk.seek(storage, position)?;
        let before = walk.chain_before(storage)?;
        let broken = walk.damage(What::Chain);
        let group = match walk.step(storage) {
            Step::Group(_, group) => group,
            Step::End => return Err(LogError::Corrupt(broken)),
            Step::Invalid(damage) => return Err(damage.into()),
        };
        let chains: Vec<Chain> = group.chains(before).collect();
        let index = usize::try_from(position.0 - group.header.first.0).expect("a group has fewer records than bytes");
        if chains.last() == Some(&group.chain) { Ok(chains[index]) } else { Err(LogError::Corrupt(broken)) }
    }

    /// First four bytes of the chain after `position`: for cursors. From memory for the last million positions and
    /// what was open at the start. `None`: the log has no such position, or cannot read it.
    #[must_use]
    pub fn chain_prefix(&self, position: Position) -> Option<[u8; 4]> {
        let recent = self.shared.index().prefix(position);
        recent.or_else(|| self.chain_at(position).ok().map(Chain::prefix))
    }

    /// Before a group at or before the one with `position`.
    fn walk_to(&self, position: Position, read_bytes: usize) -> Result<Walk, LogError> {
        let index = self.shared.index();
        let place = index.place(position).ok_or(LogError::NoSuchPosition { position, head: index.head().0 })?;
        Ok(Walk::at(place.segment, place.offset, place.first, read_bytes))
    }

    /// Reads one record of the group at the walk's place, without the rest of the group.
    fn record(&self, walk: &mut Walk, header: &GroupHeader, position: Position) -> Result<Record, Damage> {
        let storage = &*self.shared.storage;
        let index = usize::try_from(position.0 - header.first.0).expect("a group has fewer records than bytes");
        // The end of the record before stands in front of its own; before the first one the header does.
        let ends = walk.bytes(storage, walk.offset() + GroupHeader::ends_at(index) as u64 - 4, 8)?;
        let start = if index == 0 { 0 } else { u32_at(&ends, 0) as usize };
        let end = u32_at(&ends, 4) as usize;
        let at = walk.offset() + (header.records_at() + start) as u64;
        let damage = |what| Damage { offset: at, position, ..walk.damage(what) };
        if start > end || header.records_at() + end > GROUP_HEADER_BYTES + header.payload_bytes {
            return Err(damage(What::RecordHeader));
        }
        let bytes = walk.bytes(storage, at, end - start)?;
        let damage = |what| Damage { offset: at, position, ..walk.damage(what) };
        let record = Record::decode(&Bytes::copy_from_slice(&bytes)).map_err(damage)?;
        if record.envelope.position != position {
            return Err(damage(What::PositionGap { found: record.envelope.position }));
        }
        Ok(record)
    }
}

/// Iterator over durable events. Ends after the first error.
///
/// Its records share the buffers they were read into (up to 512 KiB each), so copy what is to be kept for long.
pub struct Scan {
    reader: LogReader,
    check: ChainCheck,
    next: Position,
    until: Position,
    walk: Option<Walk>,
    records: std::vec::IntoIter<Record>,
    /// The chain after the last group read, when it is being verified.
    chain: Option<Chain>,
    /// The files that the walk knows: see [`super::index::Index::replacements`].
    replacements: u64,
}

impl Iterator for Scan {
    type Item = Result<Record, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.records.next() {
                self.next = record.envelope.position.next();
                return Some(Ok(record));
            }
            if self.next > self.until {
                return None;
            }
            if let Err(error) = self.fill() {
                self.until = Position::ZERO;
                return Some(Err(error));
            }
        }
    }
}

impl Scan {
    /// Reads the group with the next position.
    fn fill(&mut self) -> Result<(), LogError> {
        loop {
            let replacements = self.reader.shared.index().replacements();
            if replacements != self.replacements {
                // A file was replaced by a redacted one: the place is looked up again.
                self.walk = None;
                self.replacements = replacements;
            }
            match self.read_group() {
                Err(_) if self.reader.shared.index().replacements() != replacements => {}
                other => return other,
            }
        }
    }

    fn read_group(&mut self) -> Result<(), LogError> {
        let storage = Arc::clone(&self.reader.shared.storage);
        let mut walk = match self.walk.take() {
            Some(walk) => self.onward(walk)?,
            None => {
                let mut walk = self.reader.walk_to(self.next, SCAN_READ_BYTES)?;
                walk.seek(&*storage, self.next)?;
                walk
            }
        };
        if self.check == ChainCheck::Verify && self.chain.is_none() {
            self.chain = Some(walk.chain_before(&*storage)?);
        }
        let broken = walk.damage(What::Chain);
        let group = match walk.step(&*storage) {
            Step::Group(_, group) => group,
            // Everything up to the head was there when its sync returned.
            Step::End => return Err(LogError::Corrupt(Damage { what: What::GroupHeader, ..broken })),
            Step::Invalid(damage) => return Err(damage.into()),
        };
        if let Some(before) = self.chain {
            if group.chains(before).last() != Some(group.chain) {
                return Err(LogError::Corrupt(broken));
            }
            self.chain = Some(group.chain);
        }
        let skip = usize::try_from(self.next.0 - group.header.first.0).expect("a group has fewer records than bytes");
        self.records = group.records.into_iter();
        if skip > 0 {
            self.records.nth(skip - 1);
        }
        self.walk = Some(walk);
        Ok(())
    }

    /// The walk itself, or one over the segment that goes on with the walk's position. A segment that a crash left without
    /// a group is passed over: the one after it begins with the same position.
    fn onward(&self, walk: Walk) -> Result<Walk, LogError> {
        let index = self.reader.shared.index();
        let following = (walk.segment().header.number + 1..).map_while(|number| index.segment(number));
        match following.take_while(|next| next.header.first == walk.position()).last() {
            Some(next) => {
                if self.chain.is_some_and(|chain| chain != next.header.chain) {
                    return Err(LogError::Corrupt(walk.damage(What::Chain)));
                }
                Ok(Walk::whole(next.clone()))
            }
            None => Ok(walk),
        }
    }
}
