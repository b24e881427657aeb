use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use tidings_engine::ids::Position;
use tidings_engine::limits::TOMBSTONES_COUNT_MAX;

/// An item that is no longer in an inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Tombstone {
    /// The event that removed it.
    pub(crate) at: Position,
    /// Where it stood in the inbox.
    pub(crate) order_key: u64,
    pub(crate) notification: Position,
}

/// The last removals of an inbox, and up to where earlier ones are forgotten.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tombstones {
    /// Ascending.
    kept: VecDeque<Tombstone>,
    forgotten: Position,
}

impl Tombstones {
    /// These removals, ascending, with earlier ones forgotten up to an event.
    pub(crate) fn of(kept: Vec<Tombstone>, forgotten: Position) -> Self {
        Self { kept: kept.into(), forgotten }
    }

    /// Remembers a removal; it is not before the last one.
    pub(crate) fn push(&mut self, tombstone: Tombstone) {
        if self.kept.len() == TOMBSTONES_COUNT_MAX
            && let Some(oldest) = self.kept.pop_front()
        {
            self.forgotten = oldest.at;
        }
        self.kept.push_back(tombstone);
    }

    /// The last event of which a removal is forgotten: whoever stands before it cannot catch up.
    pub(crate) fn forgotten(&self) -> Position {
        self.forgotten
    }

    /// Bytes that are held.
    pub(crate) fn bytes(&self) -> usize {
        self.kept.capacity() * size_of::<Tombstone>()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Tombstone> {
        self.kept.iter()
    }
}
