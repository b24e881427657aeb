use crate::item_state::ItemState;
use tidings_engine::ids::{Position, StreamId, TenantId, Time};
use tidings_engine::item::{Filter, Mark};
use tidings_wire::Counts;

/// Whom a delta is for: what subscriptions are kept by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// The inbox of one person, by the person's stream.
    User(StreamId),
    /// The inboxes of everyone of a tenant, by the tenant's stream.
    TenantAudience(StreamId),
    /// The tenant's own inbox, by the tenant's stream.
    TenantInbox(StreamId),
}

/// What one event changed for one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// Whom it is for.
    pub target: Target,
    /// The tenant it is within.
    pub tenant: TenantId,
    /// The event.
    pub position: Position,
    /// When it was.
    pub time: Time,
    /// What changed.
    pub change: DeltaChange,
    /// The oldest item, where it left the full inbox for the one that was added.
    pub dropped: Option<Position>,
    /// Exact counts after it. Absent for [`Target::TenantAudience`]: each of its inboxes has others.
    pub counts: Option<Counts>,
}

/// A change to an inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeltaChange {
    /// An item arrived.
    Added(ItemState),
    /// Items have other states, ascending by order key. At least one.
    Changed(Vec<ItemState>),
    /// Items are gone, ascending. At least one.
    Removed(Vec<Position>),
    /// A mark was set on every item up to a place that a filter matches. At least one changed.
    MarkedAll {
        /// Which mark.
        mark: Mark,
        /// Which items, by their states before.
        filter: Filter,
        /// Greatest order key that is covered.
        up_to: Position,
    },
}
