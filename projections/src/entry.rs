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
