use crate::item_state::ItemState;
use crate::table::Table;
use tidings_engine::ids::Position;

/// Where a follower stands in the changes of an inbox.
///
/// It knows every change up to the event `position`, and of the event after that one the changes of items whose order key
/// is at most `place`. So a place within the changes of one event has the position before that event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangePlace {
    /// Every event up to here is known.
    pub position: Position,
    /// Greatest order key that is known of the event after it; 0 for none.
    pub place: u64,
}

impl ChangePlace {
    /// Everything up to an event is known.
    #[must_use]
    pub const fn at(position: Position) -> Self {
        Self { position, place: 0 }
    }

    /// The place right after one item's change by one event.
    #[must_use]
    pub const fn after(event: Position, order_key: u64) -> Self {
        Self { position: Position(event.0.saturating_sub(1)), place: order_key }
    }

    fn knows(self, event: Position, order_key: u64) -> bool {
        event <= self.position || (event == self.position.next() && order_key <= self.place)
    }
}

/// What changed in an inbox since a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changes {
    /// The next changes, ascending by event and order key.
    Page {
        /// Each item that changed, once, as it stands now.
        changes: Vec<ChangedItem>,
        /// Where the follower stands after them.
        next: ChangePlace,
        /// Whether there are no more: `next` is the head.
        done: bool,
    },
    /// It can no longer be told; the follower takes a snapshot.
    Resync(ResyncReason),
}

/// Why changes cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResyncReason {
    /// Removals since then are forgotten: more than the inbox remembers.
    TooFarBehind,
    /// The place is after the last event: it is of another log.
    AheadOfTheLog,
}

impl ResyncReason {
    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::TooFarBehind => "too_far_behind",
            Self::AheadOfTheLog => "ahead_of_the_log",
        }
    }
}

/// One item that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedItem {
    /// Where a follower stands that knows this change and all before it.
    pub place: ChangePlace,
    /// What it is now.
    pub change: ItemChange,
}

/// What an item that changed is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemChange {
    /// In the inbox, in this state.
    Current {
        /// The state.
        item: ItemState,
        /// Whether it arrived after the place that was asked from. A follower in the midst of catching up may lack older
        /// ones too, so it is told the whole item either way.
        added_since: bool,
    },
    /// No longer in the inbox.
    Removed(Position),
}

/// A change before its item is looked up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    event: Position,
    order_key: u64,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Item { ordinal: usize },
    Gone(Position),
}

impl Table {
    /// Changes since a place, at most `limit` and at least one; `head` is the last event that was applied.
    pub(crate) fn changes(&self, since: ChangePlace, limit: usize, head: Position) -> Changes {
        if since.position > head {
            return Changes::Resync(ResyncReason::AheadOfTheLog);
        }
        if since.position < self.tombstones.forgotten() {
            return Changes::Resync(ResyncReason::TooFarBehind);
        }
        let mut found = self.found(since);
        let limit = limit.max(1);
        let done = found.len() <= limit;
        if !done {
            found.select_nth_unstable(limit);
            found.truncate(limit);
        }
        found.sort_unstable();
        let changes: Vec<ChangedItem> = found.iter().map(|found| self.changed(found, since)).collect();
        let next = match changes.last() {
            Some(last) if !done => last.place,
            _ => ChangePlace::at(head),
        };
        Changes::Page { changes, next, done }
    }

    fn found(&self, since: ChangePlace) -> Vec<Found> {
        let changed = self.columns.changed.iter().zip(&self.columns.order_keys).enumerate();
        let items = changed
            .filter(|(_, (event, order_key))| !since.knows(**event, **order_key))
            .filter(|(ordinal, _)| self.facets.live().contains(*ordinal))
            .map(|(ordinal, (event, order_key))| Found {
                event: *event,
                order_key: *order_key,
                what: What::Item { ordinal },
            });
        // Also what arrived after the place: a page that was read later may have shown it to the follower.
        let gone = self.tombstones.iter().filter(|gone| !since.knows(gone.at, gone.order_key)).map(|gone| Found {
            event: gone.at,
            order_key: gone.order_key,
            what: What::Gone(gone.notification),
        });
        items.chain(gone).collect()
    }

    fn changed(&self, found: &Found, since: ChangePlace) -> ChangedItem {
        let change = match found.what {
            What::Item { ordinal } => {
                // An item arrives with the event that its order key names.
                let added_since = !since.knows(Position(found.order_key), found.order_key);
                ItemChange::Current { item: self.item(ordinal), added_since }
            }
            What::Gone(notification) => ItemChange::Removed(notification),
        };
        ChangedItem { place: ChangePlace::after(found.event, found.order_key), change }
    }
}
