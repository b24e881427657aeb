use crate::item_state::ItemState;
use crate::table::Table;
use fixedbitset::FixedBitSet;
use tidings_engine::item::Filter;

/// A place in the order of an inbox: the order key of an item, whether or not that item is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(pub u64);

/// Some items of an inbox, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The items.
    pub items: Vec<ItemState>,
    /// Whether older ones match too.
    pub has_more: bool,
}

impl Table {
    pub(crate) fn page(&self, filter: &Filter, after: Option<Place>, limit: usize) -> Page {
        self.newest(self.matching(filter), after, limit)
    }

    /// The newest of some of the ordinals.
    pub(crate) fn newest(&self, mut matching: FixedBitSet, after: Option<Place>, limit: usize) -> Page {
        if let Some(Place(order_key)) = after {
            let end = self.ordinals_up_to(order_key.saturating_sub(1)).min(matching.len());
            matching.set_range(end.., false);
        }
        let mut newest_first = matching.ones().rev();
        let items = newest_first.by_ref().take(limit).map(|ordinal| self.item(ordinal)).collect();
        Page { items, has_more: newest_first.next().is_some() }
    }
}
