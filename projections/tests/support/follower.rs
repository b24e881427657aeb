use super::naive::{counts, marked};
use super::{Place, known};
use std::collections::BTreeMap;
use tidings_engine::ids::Position;
use tidings_engine::item::{Filter, Mark};
use tidings_projections::{
    ChangePlace, ChangedItem, Changes, Delta, DeltaChange, ItemChange, ItemState, Owner, Projections, Target,
};
use tidings_wire::Counts;

/// One who holds an inbox whole, and knows of it only what was sent.
#[derive(Clone, Debug, Default)]
pub struct Follower {
    pub items: BTreeMap<Position, ItemState>,
}

impl Follower {
    /// Starts from a snapshot.
    pub fn snapshot(projections: &mut Projections, owner: Owner) -> Self {
        let page = projections.page(owner, &Filter::default(), None, usize::MAX).expect("in memory");
        Self { items: page.items.iter().map(|item| (item.notification, known(item))).collect() }
    }

    /// Applies a delta, if it is for this inbox.
    pub fn receive(&mut self, delta: &Delta, place: Place) {
        let is_for = match delta.target {
            Target::User(stream) => place.person.is_some() && stream == place.stream(),
            Target::TenantInbox(stream) => place.person.is_none() && stream == place.stream(),
            Target::TenantAudience(stream) => place.person.is_some() && stream == super::tenant_stream(place.tenant),
        };
        if !is_for {
            return;
        }
        self.items.retain(|notification, _| Some(*notification) != delta.dropped);
        match &delta.change {
            DeltaChange::Added(item) => self.put(item),
            DeltaChange::Changed(items) => items.iter().for_each(|item| self.put(item)),
            DeltaChange::Removed(gone) => self.items.retain(|notification, _| !gone.contains(notification)),
            DeltaChange::MarkedAll { mark, filter, up_to } => self.mark_all(delta, (*mark, filter, *up_to)),
        }
        if let Some(told) = delta.counts {
            assert_eq!(told, self.counts(), "counts of {delta:?}");
        }
    }

    fn mark_all(&mut self, delta: &Delta, what: (Mark, &Filter, Position)) {
        let (mark, filter, up_to) = what;
        let covers = |item: &ItemState| {
            filter.matches(item.flags, item.created, &item.published)
                && item.order_key <= up_to.0
                && !item.flags.skipped_by_all(mark)
        };
        self.items.retain(|_, item| mark != Mark::Deleted || !covers(item));
        for item in self.items.values_mut().filter(|item| covers(item)) {
            marked(item, mark, delta.time);
        }
    }

    /// Takes one page of catching up; `None` when it has to start over.
    pub fn catch_up(&mut self, changes: &Changes) -> Option<(ChangePlace, bool)> {
        let Changes::Page { changes, next, done } = changes else { return None };
        for ChangedItem { change, .. } in changes {
            match change {
                ItemChange::Current { item, added_since } => {
                    assert!(!added_since || !self.items.contains_key(&item.notification), "{item:?} was known");
                    self.put(item);
                }
                ItemChange::Removed(notification) => {
                    self.items.remove(notification);
                }
            }
        }
        Some((*next, *done))
    }

    pub fn counts(&self) -> Counts {
        counts(self.items.values())
    }

    fn put(&mut self, item: &ItemState) {
        self.items.insert(item.notification, known(item));
    }
}
