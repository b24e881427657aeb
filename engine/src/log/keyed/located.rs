use super::Key;
use crate::ids::{Position, StreamId, TenantId};
use crate::log::group::GroupHeader;
use crate::log::record::Record;
use std::sync::Arc;

/// Where the events of one segment stand, in memory: 24 bytes an event, ascending.
#[derive(Clone, Debug)]
pub(crate) struct Located {
    first: Position,
    full: Vec<Arc<[Place]>>,
    last: Vec<Place>,
}

/// Where an event stands, and whose it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    stream: StreamId,
    tenant: TenantId,
    offset: u32,
}

/// Where the records of a group stand, from its start on.
pub(crate) fn places(records: &[Record]) -> Vec<Place> {
    let mut at = GroupHeader::ends_at(records.len());
    let place = |record: &Record| {
        let offset = u32::try_from(at).expect("a group is far below 4 GiB");
        at += record.encoded_bytes();
        Place { stream: record.envelope.stream, tenant: record.envelope.tenant, offset }
    };
    records.iter().map(place).collect()
}

impl Located {
    /// Of a segment whose first event has this position, and that has none yet.
    pub(crate) fn new(first: Position) -> Self {
        Self { first, full: Vec::new(), last: Vec::new() }
    }

    /// Takes in the places of the next group, which is at `offset`.
    pub(crate) fn add(&mut self, offset: u64, places: &[Place]) {
        let group = u32::try_from(offset).expect("segments are at most 1 GiB");
        for place in places {
            if self.last.len() == BLOCK_COUNT {
                self.full.push(std::mem::take(&mut self.last).into());
            }
            self.last.push(Place { offset: group + place.offset, ..*place });
        }
    }

    /// Whether it tells of every event from the first up to this one.
    pub(super) fn reaches(&self, last: Position) -> bool {
        let count = self.full.len() * BLOCK_COUNT + self.last.len();
        self.first.0 + count as u64 > last.0
    }

    /// Offsets of the events of `key`, ascending.
    pub(super) fn offsets(&self, key: Key) -> Vec<u32> {
        let places = self.full.iter().flat_map(|block| block.iter()).chain(&self.last);
        let is_wanted = |place: &&Place| match key {
            Key::Stream(stream) => place.stream == stream,
            Key::Tenant(tenant) => place.tenant == tenant,
        };
        places.filter(is_wanted).map(|place| place.offset).collect()
    }
}

/// Places that a reader shares instead of copying them: 4,096 at a time. A copy of the list costs at most so many.
const BLOCK_COUNT: usize = 4_096;
