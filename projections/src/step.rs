use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tidings_engine::event::Published;
use tidings_engine::ids::{Position, Time};
use tidings_engine::item::{Filter, Mark};

/// Something that happened to one inbox, or to the list that the inboxes of a tenant share. It may wait until somebody
/// looks: steps taken over in the order of the log give the same inbox whenever they are.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// The event. Steps of one list ascend.
    pub(crate) position: Position,
    pub(crate) kind: StepKind,
}

#[derive(Clone, Debug)]
pub(crate) enum StepKind {
    /// The notification of this very event arrived.
    Add { created: Time, published: Arc<Published> },
    /// Anything else, which is rarer: boxed, so that a step takes [`STEP_BYTES`].
    Other(Box<Change>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Change {
    Remove { notification: Position },
    Mark { mark: Mark, items: Vec<Position>, time: Time },
    MarkAll { mark: Mark, filter: Filter, up_to: Position, time: Time },
}

/// Bytes of a step: an item that nobody has looked at takes as much, and nothing else.
pub(crate) const STEP_BYTES: usize = 24;

impl Step {
    pub(crate) fn add(position: Position, created: Time, published: Arc<Published>) -> Self {
        Self { position, kind: StepKind::Add { created, published } }
    }

    pub(crate) fn other(position: Position, change: Change) -> Self {
        Self { position, kind: StepKind::Other(Box::new(change)) }
    }

    /// Most items that it takes out of an inbox; `usize::MAX` where the step alone does not tell.
    pub(crate) fn removes_at_most(&self) -> usize {
        match &self.kind {
            StepKind::Add { .. } => 0,
            StepKind::Other(change) => match &**change {
                Change::Remove { .. } => 1,
                Change::Mark { mark: Mark::Deleted, items, .. } => items.len(),
                Change::MarkAll { mark: Mark::Deleted, .. } => usize::MAX,
                Change::Mark { .. } | Change::MarkAll { .. } => 0,
            },
        }
    }

    /// Bytes that it holds besides [`STEP_BYTES`].
    pub(crate) fn boxed_bytes(&self) -> usize {
        match &self.kind {
            StepKind::Add { .. } => 0,
            StepKind::Other(change) => {
                let inner = match &**change {
                    Change::Mark { items, .. } => items.capacity() * size_of::<Position>(),
                    Change::Remove { .. } | Change::MarkAll { .. } => 0,
                };
                size_of::<Change>() + inner
            }
        }
    }
}

const _: () = assert!(size_of::<Step>() == STEP_BYTES);
