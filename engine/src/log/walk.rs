//! Reading a segment group by group.

use super::chain::Chain;
use super::damage::{Damage, What};
use super::directory::Segment;
use super::fields::{all_zero, bytes_at};
use super::group::{self, CHAIN_FROM_END, GROUP_HEADER_BYTES, Group, GroupHeader};
use super::segment::SEGMENT_HEADER_BYTES;
use super::storage::Storage;
use crate::ids::Position;
use bytes::{Bytes, BytesMut};

/// A place in a segment at which a group starts, or at which they end.
pub(crate) struct Walk {
    segment: Segment,
    offset: u64,
    position: Position,
    read_bytes: usize,
    buffer: Bytes,
    buffer_at: u64,
}

/// What stands at a place.
pub(crate) enum Step {
    /// A group that belongs there, at this offset. The walk is behind it now.
    Group(u64, Group),
    /// Nothing but zeros up to the segment's end.
    End,
    /// Something else. The walk stays where it is.
    Invalid(Damage),
}

impl Walk {
    /// Before the first group of a segment, for reading all of it.
    pub(crate) fn whole(segment: Segment) -> Self {
        let position = segment.header.first;
        Self::at(segment, SEGMENT_HEADER_BYTES as u64, position, SCAN_READ_BYTES)
    }

    /// Before the group that starts at `offset` with `position`, reading at least `read_bytes` at a time.
    pub(crate) fn at(segment: Segment, offset: u64, position: Position, read_bytes: usize) -> Self {
        Self { segment, offset, position, read_bytes, buffer: Bytes::new(), buffer_at: 0 }
    }

    /// The same place, with nothing read yet.
    pub(crate) fn again(&self) -> Self {
        Self::at(self.segment.clone(), self.offset, self.position, self.read_bytes)
    }

    /// Where the next group starts.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Position of the next group's first event.
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// The segment being read.
    pub(crate) fn segment(&self) -> &Segment {
        &self.segment
    }

    /// Forgets what was read ahead, so that the next step sees what a writer did since.
    pub(crate) fn refresh(&mut self) {
        self.buffer = Bytes::new();
    }

    /// Reads what stands here, and goes behind it when it is a group.
    pub(crate) fn step(&mut self, storage: &dyn Storage) -> Step {
        match self.read(storage) {
            Ok(Some(group)) => {
                let offset = self.offset;
                self.pass(&group.header);
                Step::Group(offset, group)
            }
            Ok(None) => Step::End,
            Err(damage) => Step::Invalid(damage),
        }
    }

    /// Goes to the group that holds `target`, reading headers only. The caller knows that it is in this segment.
    pub(crate) fn seek(&mut self, storage: &dyn Storage, target: Position) -> Result<GroupHeader, Damage> {
        loop {
            let header = self.header(storage)?.ok_or_else(|| self.damage(What::GroupHeader))?;
            if header.last() >= target {
                return Ok(header);
            }
            self.pass(&header);
        }
    }

    /// The chain before the group here, as it is stored: by the group before it, or by the segment's header.
    pub(crate) fn chain_before(&mut self, storage: &dyn Storage) -> Result<Chain, Damage> {
        if self.offset == SEGMENT_HEADER_BYTES as u64 {
            return Ok(self.segment.header.chain);
        }
        let bytes = self.bytes(storage, self.offset - CHAIN_FROM_END as u64, CHAIN_FROM_END)?;
        Ok(Chain(bytes_at(&bytes, 0)))
    }

    /// `count` bytes of the segment from `at` on.
    pub(crate) fn bytes(&mut self, storage: &dyn Storage, at: u64, count: usize) -> Result<Bytes, Damage> {
        let inside = |walk: &Self| {
            let start = usize::try_from(at.checked_sub(walk.buffer_at)?).ok()?;
            (start + count <= walk.buffer.len()).then(|| walk.buffer.slice(start..start + count))
        };
        if let Some(bytes) = inside(self) {
            return Ok(bytes);
        }
        let left = usize::try_from(self.segment.header.bytes.saturating_sub(at)).unwrap_or(usize::MAX);
        if count > left {
            return Err(self.damage(What::GroupCut));
        }
        let wanted = count.max(self.read_bytes).min(left);
        // The buffer is used again when no record of it is alive any more.
        let mut buffer = std::mem::take(&mut self.buffer).try_into_mut().unwrap_or_else(|_| BytesMut::new());
        buffer.resize(wanted, 0);
        let read = storage.read_at(&self.segment.name, at, &mut buffer);
        read.map_err(|error| self.damage(What::Unreadable(error)))?;
        self.buffer = buffer.freeze();
        self.buffer_at = at;
        Ok(self.buffer.slice(..count))
    }

    fn pass(&mut self, header: &GroupHeader) {
        self.offset += header.group_bytes() as u64;
        self.position = header.last().next();
    }

    fn read(&mut self, storage: &dyn Storage) -> Result<Option<Group>, Damage> {
        let Some(header) = self.header(storage)? else { return Ok(None) };
        let bytes = self.bytes(storage, self.offset, header.group_bytes())?;
        let group = group::decode_shared(&header, &bytes).map_err(|damage| Damage {
            segment: self.segment.name.to_string(),
            offset: self.offset + damage.offset as u64,
            position: Position(self.position.0 + damage.index as u64),
            what: damage.what,
        })?;
        Ok(Some(group))
    }

    /// The header here, when it belongs here; `None` at the end.
    fn header(&mut self, storage: &dyn Storage) -> Result<Option<GroupHeader>, Damage> {
        if self.left() < GROUP_HEADER_BYTES as u64 {
            return self.zeros(storage).map(|()| None);
        }
        let bytes = self.bytes(storage, self.offset, GROUP_HEADER_BYTES)?;
        let header = match GroupHeader::decode(&bytes) {
            Ok(header) => header,
            Err(_) if all_zero(&bytes) => return self.zeros(storage).map(|()| None),
            Err(what) => return Err(self.damage(what)),
        };
        if header.salt != self.segment.header.identity.salt {
            return Err(self.damage(What::GroupForeign));
        }
        if header.first != self.position {
            return Err(self.damage(What::PositionGap { found: header.first }));
        }
        if header.group_bytes() as u64 > self.left() {
            return Err(self.damage(What::GroupCut));
        }
        Ok(Some(header))
    }

    /// Checks that all that is left is zero.
    fn zeros(&self, storage: &dyn Storage) -> Result<(), Damage> {
        let up_to = |left: u64| usize::try_from(left).map_or(self.read_bytes, |left| left.min(self.read_bytes));
        let mut chunk = vec![0; up_to(self.left())];
        let mut at = self.offset;
        while at < self.segment.header.bytes {
            let count = up_to(self.segment.header.bytes - at);
            let read = storage.read_at(&self.segment.name, at, &mut chunk[..count]);
            read.map_err(|error| self.damage(What::Unreadable(error)))?;
            if !all_zero(&chunk[..count]) {
                let inside = chunk.iter().position(|byte| *byte != 0).unwrap_or(0);
                return Err(Damage { offset: at + inside as u64, ..self.damage(What::NotZero) });
            }
            at += count as u64;
        }
        Ok(())
    }

    fn left(&self) -> u64 {
        self.segment.header.bytes - self.offset
    }

    /// Damage to the group here as a whole.
    pub(crate) fn damage(&self, what: What) -> Damage {
        Damage { segment: self.segment.name.to_string(), offset: self.offset, position: self.position, what }
    }
}

/// Read at a time when everything is read.
pub(crate) const SCAN_READ_BYTES: usize = 256 * 1024;
