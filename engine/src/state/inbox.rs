use super::tenant::{Tenant, Wanted};
use crate::ids::Position;
use crate::item::{Flags, Mark, drops_oldest};
use crate::limits::INBOX_ITEMS_MAX;
use std::borrow::Cow;
use std::collections::VecDeque;

/// The items of one inbox that have states of their own or were sent to its owner: 6 bytes an item, ascending.
///
/// It may be behind: entries of the tenant's list for everyone, and retractions, are taken over when a mark needs them or
/// when an item could drop off. Both are taken over in the order of the log, so that it makes no difference when.
#[derive(Clone, Debug, Default)]
pub(super) struct Inbox {
    items: Vec<Item>,
    /// How many retractions of the tenant were taken over.
    retractions: u32,
}

/// An item: the ordinal of its notification, and its states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(Rust, packed(2))]
pub(super) struct Item {
    pub(super) ordinal: u32,
    pub(super) flags: Flags,
}

impl Item {
    const fn fresh(ordinal: u32) -> Self {
        Self { ordinal, flags: Flags(0) }
    }
}

impl Inbox {
    /// An inbox without an item.
    pub(super) const EMPTY: Self = Self { items: Vec::new(), retractions: 0 };

    /// An inbox as it was.
    pub(super) fn restored(items: Vec<Item>, retractions: u32) -> Self {
        Self { items, retractions }
    }

    pub(super) fn items(&self) -> &[Item] {
        &self.items
    }

    pub(super) fn retractions(&self) -> u32 {
        self.retractions
    }

    /// Adds a fresh item for the inbox's owner, the newest of the tenant. `shared` entries of the list for everyone were
    /// taken over.
    pub(super) fn insert(&mut self, ordinal: u32, tenant: &Tenant, shared: &mut u32) {
        // A list may name a person twice.
        if self.items.last().is_some_and(|newest| newest.ordinal == ordinal) {
            return;
        }
        if !fits(self.items.len() + waiting(tenant, *shared) + 1) {
            self.catch_up(tenant, shared);
        }
        if drops_oldest(self.items.len()) {
            self.items.remove(0);
        }
        self.reserve(1);
        self.items.push(Item::fresh(ordinal));
    }

    /// Grows by a quarter rather than to the double: a million inboxes have little to spare.
    fn reserve(&mut self, more: usize) {
        if self.items.capacity() - self.items.len() < more {
            self.items.reserve_exact(more.max(4).max(self.items.len() / 4));
        }
    }

    /// Takes over what the tenant has for everyone and what it took back, in the order of the log.
    pub(super) fn catch_up(&mut self, tenant: &Tenant, shared: &mut u32) {
        let new = waiting(tenant, *shared);
        if fits(self.items.len() + new) {
            self.merge(tenant, *shared);
        } else {
            self.replay(tenant, *shared);
        }
        *shared = count(tenant.audience.count());
        self.retractions = count(tenant.retractions.count());
    }

    /// Nothing can drop off, so the order does not matter.
    fn merge(&mut self, tenant: &Tenant, shared: u32) {
        let new = tenant.audience.iter_from(shared as usize).map(|ordinal| Item::fresh(*ordinal));
        let (before, waiting) = (self.items.last().copied(), waiting(tenant, shared));
        self.reserve(waiting);
        let middle = self.items.len();
        self.items.extend(new);
        let ascends = before.zip(self.items.get(middle)).is_none_or(|(last, first)| { last.ordinal } < first.ordinal);
        if !ascends {
            self.items.sort_unstable_by_key(|item| item.ordinal);
        }
        if (self.retractions as usize) < tenant.retractions.count() {
            self.items.retain(|item| tenant.notification(item.ordinal).is_some_and(|found| !found.is_retracted()));
        }
    }

    /// Items may drop off, and an item that was taken back in time makes room for another.
    fn replay(&mut self, tenant: &Tenant, shared: u32) {
        let known = self.first_that_matters(tenant, shared);
        let mut retractions = tenant.retractions.iter_from(known).copied().peekable();
        // What is older than an inbox and all that was taken back drops off whatever happened between.
        let needed = INBOX_ITEMS_MAX + tenant.retractions.count().saturating_sub(known);
        let skipped = waiting(tenant, shared).saturating_sub(needed);
        let mut audience = tenant.audience.iter_from(shared as usize + skipped).copied().peekable();
        let split = match audience.peek() {
            Some(first) => self.items.partition_point(|item| { item.ordinal } < *first),
            None => self.items.len(),
        };
        let mut own = self.items.split_off(split).into_iter().peekable();
        let mut shown = VecDeque::from(std::mem::take(&mut self.items));
        while let Some(item) = next(&mut audience, &mut own) {
            let published = tenant.position(item.ordinal);
            while let Some(retraction) = retractions.next_if(|retraction| { retraction.at } < published) {
                take_out(&mut shown, retraction.ordinal);
            }
            if drops_oldest(shown.len()) {
                shown.pop_front();
            }
            shown.push_back(item);
        }
        retractions.for_each(|retraction| take_out(&mut shown, retraction.ordinal));
        self.items = shown.into();
    }

    /// How many retractions are of no concern: taken over, or before everything that is or could be here.
    fn first_that_matters(&self, tenant: &Tenant, shared: u32) -> usize {
        let own = self.items.first().map(|item| item.ordinal);
        let oldest = own.into_iter().chain(tenant.audience.get(shared as usize).copied()).min();
        let since = oldest.map_or(Position::ZERO, |ordinal| tenant.position(ordinal));
        let before = tenant.retractions.partition_point(|retraction| { retraction.at } < since);
        before.max(self.retractions as usize)
    }

    /// States of an item, as they are after catching up. `shared` entries of the list for everyone were taken over.
    pub(super) fn get(&self, ordinal: u32, tenant: &Tenant, shared: u32) -> Option<Flags> {
        let found = tenant.notification(ordinal).filter(|found| !found.is_retracted());
        found?;
        let now = self.caught_up_if_overflowing(tenant, shared);
        match now.place(ordinal) {
            Ok(index) => Some(now.items[index].flags),
            Err(_) => {
                let waits = matches!(now, Cow::Borrowed(_)) && is_waiting(ordinal, tenant, shared);
                waits.then(Flags::default)
            }
        }
    }

    /// Whether a condition holds for any item, as they are after catching up.
    pub(super) fn any(&self, tenant: &Tenant, shared: u32, mut holds: impl FnMut(Item) -> bool) -> bool {
        let now = self.caught_up_if_overflowing(tenant, shared);
        now.items.iter().any(|item| holds(*item))
            || (matches!(now, Cow::Borrowed(_))
                && tenant.audience.iter_from(shared as usize).any(|ordinal| holds(Item::fresh(*ordinal))))
    }

    /// The inbox itself as long as nothing can drop off, else a copy that caught up.
    fn caught_up_if_overflowing(&self, tenant: &Tenant, shared: u32) -> Cow<'_, Self> {
        if fits(self.items.len() + waiting(tenant, shared)) {
            return Cow::Borrowed(self);
        }
        let mut copy = self.clone();
        copy.catch_up(tenant, &mut shared.clone());
        Cow::Owned(copy)
    }

    /// Puts a mark on items, after catching up. Those that are not here or refuse it stay as they are.
    pub(super) fn mark(&mut self, mark: Mark, ordinals: impl Iterator<Item = u32>) {
        let mut removes = false;
        for ordinal in ordinals {
            let Ok(index) = self.place(ordinal) else { continue };
            let item = &mut self.items[index];
            let before = item.flags;
            if !before.refuses(mark) {
                item.flags = before.with(mark);
                removes |= { item.flags }.has(Flags::DELETED);
            }
        }
        if removes {
            self.items.retain(|item| !{ item.flags }.has(Flags::DELETED));
        }
    }

    /// Puts a mark on what a filter matches up to a place, after catching up.
    pub(super) fn mark_all(&mut self, mark: Mark, wanted: &Wanted<'_>, tenant: &Tenant, up_to: Position) {
        let end = self.items.partition_point(|item| tenant.position(item.ordinal) <= up_to);
        let mut removes = false;
        for item in &mut self.items[..end] {
            let before = item.flags;
            if !before.skipped_by_all(mark) && wanted.matches(item.ordinal, before) {
                item.flags = before.with(mark);
                removes |= { item.flags }.has(Flags::DELETED);
            }
        }
        if removes {
            self.items.retain(|item| !{ item.flags }.has(Flags::DELETED));
        }
    }

    fn place(&self, ordinal: u32) -> Result<usize, usize> {
        self.items.binary_search_by_key(&ordinal, |item| item.ordinal)
    }
}

/// The older of two next items.
fn next(
    audience: &mut std::iter::Peekable<impl Iterator<Item = u32>>,
    own: &mut std::iter::Peekable<impl Iterator<Item = Item>>,
) -> Option<Item> {
    match (audience.peek(), own.peek()) {
        (Some(shared), Some(direct)) if { direct.ordinal } < *shared => own.next(),
        (Some(_), _) => audience.next().map(Item::fresh),
        (None, _) => own.next(),
    }
}

fn take_out(shown: &mut VecDeque<Item>, ordinal: u32) {
    if let Ok(index) = shown.binary_search_by_key(&ordinal, |item| item.ordinal) {
        shown.remove(index);
    }
}

/// How many entries of the list for everyone wait to be taken over.
fn waiting(tenant: &Tenant, shared: u32) -> usize {
    tenant.audience.count().saturating_sub(shared as usize)
}

fn is_waiting(ordinal: u32, tenant: &Tenant, shared: u32) -> bool {
    let place = tenant.audience.partition_point(|found| *found < ordinal);
    place >= shared as usize && tenant.audience.get(place) == Some(&ordinal)
}

/// Whether so many items fit an inbox without one dropping off.
const fn fits(items_count: usize) -> bool {
    items_count == 0 || !drops_oldest(items_count - 1)
}

fn count(count: usize) -> u32 {
    u32::try_from(count).expect("fewer than 2^32 notifications: each takes 20 bytes of memory")
}
