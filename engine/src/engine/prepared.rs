//! Requests that were decided together, on their way to the disk.

use crate::command::Outcome;
use crate::event::Recorded;
use crate::log::{Encoded, Record, group_bytes};
use crate::rejection::Rejection;
use std::sync::Arc;

/// Requests that were decided and whose group is not closed yet.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) records: Vec<Record>,
    pub(super) events: Vec<Arc<Recorded>>,
    pub(super) outcomes: Vec<Outcome>,
    /// What the records take in a group.
    pub(super) bytes: usize,
}

impl Pending {
    /// Bytes of the group as it is; 0 when there is none.
    pub(super) fn group_bytes(&self) -> u64 {
        if self.records.is_empty() { 0 } else { (group_bytes(&[]) + self.bytes) as u64 }
    }
}

/// A closed group, with the outcomes that rest on it and on those before it. To be written in order; nothing of it is to be
/// told before.
pub struct Prepared {
    pub(super) group: Option<Encoded>,
    pub(super) events: Vec<Arc<Recorded>>,
    pub(super) outcomes: Vec<Outcome>,
}

impl Prepared {
    /// How many requests it answers, in their order.
    #[must_use]
    pub fn outcomes_count(&self) -> usize {
        self.outcomes.len()
    }

    /// Whether there is something to write.
    #[must_use]
    pub const fn has_events(&self) -> bool {
        self.group.is_some()
    }

    /// What is told when it, or one before it, was refused for want of room.
    #[must_use]
    pub fn refused(self) -> Vec<Outcome> {
        self.outcomes.into_iter().map(undone).collect()
    }
}

/// What is told instead of an outcome whose group was undone. Only a no that the request alone explains stands: a yes,
/// "not found" and "another body" may have rested on what was undone.
pub(super) fn undone(outcome: Outcome) -> Outcome {
    match outcome {
        Err(no @ (Rejection::Forbidden | Rejection::Invalid { .. })) => Err(no),
        _ => Err(Rejection::Unavailable),
    }
}
