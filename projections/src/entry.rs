use std::sync::Arc;
use tidings_engine::event::Published;
use tidings_engine::ids::{Position, Time};

/// A published notification, as every inbox that shows it shares it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) notification: Position,
    pub(crate) created: Time,
    pub(crate) published: Arc<Published>,
}

/// Something that happened to a list which inboxes take over later.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// The event. Steps of one list ascend.
    pub(crate) position: Position,
    pub(crate) kind: StepKind,
}

#[derive(Clone, Debug)]
pub(crate) enum StepKind {
    Add(Entry),
    Remove { notification: Position },
}

impl Step {
    pub(crate) fn add(entry: Entry) -> Self {
        Self { position: entry.notification, kind: StepKind::Add(entry) }
    }

    pub(crate) fn remove(position: Position, notification: Position) -> Self {
        Self { position, kind: StepKind::Remove { notification } }
    }
}
