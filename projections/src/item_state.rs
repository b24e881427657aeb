use std::sync::Arc;
use tidings_engine::event::Published;
use tidings_engine::ids::{Position, Time};
use tidings_engine::item::Flags;

/// One notification as it stands in one inbox, without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemState {
    /// The notification.
    pub notification: Position,
    /// Position of its last delivery: what an inbox sorts by.
    pub order_key: u64,
    /// Its states here.
    pub flags: Flags,
    /// When it was published.
    pub created: Time,
    /// Time of the last mark as read; absent while unread.
    pub read: Option<Time>,
    /// Time of the first sight. It stays when the item is marked unseen again.
    pub first_seen: Option<Time>,
    /// Time of archiving; absent while not archived.
    pub archived: Option<Time>,
    /// The event that changed it last in this inbox.
    pub changed: Position,
    /// The facts it was published with. Their audience stands as `Tenant`, whoever it was for.
    pub published: Arc<Published>,
}
