use crate::columns::Columns;
use crate::entry::Entry;
use crate::facets::{Facets, count};
use crate::item_state::ItemState;
use crate::tombstones::{Tombstone, Tombstones};
use fixedbitset::FixedBitSet;
use std::sync::Arc;
use tidings_engine::ids::Position;
use tidings_engine::item::{Filter, Flags, drops_oldest};
use tidings_wire::Counts;

/// Holes beyond as many as there are items that make an inbox compact itself: 64.
const HOLES_SPARED: usize = 64;

/// The items of one inbox, the newest ones; what is older dropped off and does not come back (see [`drops_oldest`]).
///
/// An item has an ordinal, ascending by order key. Removing leaves a hole; holes are closed when they outnumber the items,
/// so that adding and removing cost the same however long the inbox lives.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) columns: Columns,
    pub(crate) facets: Facets,
    pub(crate) tombstones: Tombstones,
}

impl Table {
    /// Bytes that are held, without facts.
    pub(crate) fn bytes(&self) -> usize {
        self.columns.bytes() + self.facets.bytes() + self.tombstones.bytes()
    }

    /// Adds an item that is newer than every other, and gives the oldest one when it had to go for it. An item that is not
    /// newer is here already or was: it is passed by.
    pub(crate) fn add(&mut self, entry: Entry, at: Position) -> Option<Position> {
        if self.columns.order_keys.last().is_some_and(|newest| entry.notification.0 <= *newest) {
            return None;
        }
        let dropped = if drops_oldest(self.facets.live_count()) { self.drop_oldest(at) } else { None };
        self.facets.push(self.columns.count(), Flags::default(), &entry.published);
        self.columns.push(entry, at);
        dropped
    }

    fn drop_oldest(&mut self, at: Position) -> Option<Position> {
        let oldest = self.facets.live().minimum()?;
        let notification = self.columns.entries[oldest].notification;
        self.bury(oldest, at);
        self.close_holes();
        Some(notification)
    }

    /// Takes an item out; whether it was there.
    pub(crate) fn remove(&mut self, notification: Position, at: Position) -> bool {
        let Some(ordinal) = self.ordinal(notification) else { return false };
        self.bury(ordinal, at);
        self.close_holes();
        true
    }

    /// Takes out what has an ordinal and leaves a hole. The caller closes holes once it holds no ordinals any more.
    pub(crate) fn bury(&mut self, ordinal: usize, at: Position) {
        self.facets.remove(ordinal);
        let (order_key, notification) = (self.columns.order_keys[ordinal], self.columns.entries[ordinal].notification);
        self.tombstones.push(Tombstone { at, order_key, notification });
    }

    /// Compacts when holes outnumber items. Every ordinal may be another's afterwards.
    pub(crate) fn close_holes(&mut self) {
        let items = self.facets.live_count();
        if self.columns.count() - items <= items + HOLES_SPARED {
            return;
        }
        let (mut columns, mut facets) = (Columns::default(), Facets::default());
        // The newest ordinal stays even when it is a hole: it tells which items were here already.
        let newest = self.columns.count() - 1;
        for ordinal in (0..newest).filter(|ordinal| self.facets.live().contains(*ordinal)).chain([newest]) {
            facets.push(columns.count(), self.facets.flags(ordinal), &self.columns.entries[ordinal].published);
            columns.push_from(&self.columns, ordinal);
        }
        if !self.facets.live().contains(newest) {
            facets.remove(columns.count() - 1);
        }
        (self.columns, self.facets) = (columns, facets);
    }

    /// The ordinal of an item that is here.
    pub(crate) fn ordinal(&self, notification: Position) -> Option<usize> {
        // Nothing is delivered twice yet, so an item's order key is its notification.
        let ordinal = self.columns.order_keys.binary_search(&notification.0).ok()?;
        self.facets.live().contains(ordinal).then_some(ordinal)
    }

    /// How many ordinals have an order key of at most `order_key`.
    pub(crate) fn ordinals_up_to(&self, order_key: u64) -> usize {
        self.columns.order_keys.partition_point(|key| *key <= order_key)
    }

    pub(crate) fn item(&self, ordinal: usize) -> ItemState {
        let entry = &self.columns.entries[ordinal];
        ItemState {
            notification: entry.notification,
            order_key: self.columns.order_keys[ordinal],
            flags: self.facets.flags(ordinal),
            created: entry.created,
            read: self.columns.read[ordinal],
            first_seen: self.columns.first_seen[ordinal],
            archived: self.columns.archived[ordinal],
            changed: self.columns.changed[ordinal],
            published: Arc::clone(&entry.published),
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.facets.counts()
    }

    pub(crate) fn count(&self, filter: &Filter) -> u32 {
        count(self.matching(filter).count_ones(..))
    }

    /// Ordinals that a filter matches: the same items that [`Filter::matches`] tells one by one.
    pub(crate) fn matching(&self, filter: &Filter) -> FixedBitSet {
        let mut set = self.facets.live().clone();
        for (wanted, bit) in [
            (filter.read, Flags::READ),
            (filter.seen, Flags::SEEN),
            (filter.archived, Flags::ARCHIVED),
            (filter.snoozed, Flags::SNOOZED),
        ] {
            match wanted {
                Some(true) => set.intersect_with(self.facets.state(bit)),
                Some(false) => set.difference_with(self.facets.state(bit)),
                None => {}
            }
        }
        for any in &filter.tags {
            set.intersect_with(&self.facets.tagged(any));
        }
        if !filter.severity.is_empty() {
            set.intersect_with(&self.facets.of_severity(&filter.severity));
        }
        if let Some(category) = &filter.category {
            set.intersect_with(&self.facets.of_category(category));
        }
        if filter.created_from.is_some() || filter.created_to.is_some() {
            self.keep_created_within(&mut set, filter);
        }
        set
    }

    fn keep_created_within(&self, set: &mut FixedBitSet, filter: &Filter) {
        let from = filter.created_from.map_or(i64::MIN, |time| time.0);
        let to = filter.created_to.map_or(i64::MAX, |time| time.0);
        let is_outside = |ordinal: &usize| !(from..=to).contains(&self.columns.entries[*ordinal].created.0);
        let outside: Vec<usize> = set.ones().filter(is_outside).collect();
        outside.into_iter().for_each(|ordinal| set.remove(ordinal));
    }
}
