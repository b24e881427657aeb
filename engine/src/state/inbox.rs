use super::runs::Runs;
use super::tenant::{Tenant, Wanted};
use crate::ids::Position;
use crate::item::{Flags, Mark, drops_oldest};
use crate::limits::INBOX_ITEMS_MAX;
use std::borrow::Cow;

/// The items of one inbox: those sent to its owner, 6 bytes each and ascending, and what its owner did to those of the list
/// for everyone, in runs.
///
/// It may be behind: entries of that list, and retractions, are taken over when a mark needs them or when an item could drop
/// off. Both are taken over in the order of the log, so that it makes no difference when.
#[derive(Clone, Debug, Default)]
pub(super) struct Inbox {
    items: Vec<Item>,
    /// What was taken over of the list for everyone, once anything was.
    shared: Option<Box<Runs>>,
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
    pub(super) const EMPTY: Self = Self { items: Vec::new(), shared: None, retractions: 0 };

    /// An inbox as it was.
    pub(super) fn restored(items: Vec<Item>, shared: Option<Runs>, retractions: u32) -> Self {
        Self { items, shared: shared.map(Box::new), retractions }
    }

    /// Items that were sent to the owner.
    pub(super) fn items(&self) -> &[Item] {
        &self.items
    }

    /// What was taken over of the list for everyone.
    pub(super) fn shared(&self) -> Option<&Runs> {
        self.shared.as_deref()
    }

    pub(super) fn retractions(&self) -> u32 {
        self.retractions
    }

    /// Every item that was taken over and shows, oldest first.
    pub(super) fn shown(&self, tenant: &Tenant) -> Vec<Item> {
        let mut shown: Vec<Item> = self.items.iter().copied().chain(self.shared_items(tenant)).collect();
        shown.sort_unstable_by_key(|item| item.ordinal);
        shown
    }

    fn shared_items<'a>(&'a self, tenant: &'a Tenant) -> impl Iterator<Item = Item> + 'a {
        let runs = self.shared.iter().flat_map(|runs| runs.iter());
        runs.filter_map(|(index, flags)| Some(Item { ordinal: *tenant.audience.get(index as usize)?, flags }))
    }

    /// How many items show, of those that were taken over.
    fn count(&self) -> usize {
        self.items.len() + self.shared.as_ref().map_or(0, |runs| runs.shown())
    }

    /// Adds a fresh item for the inbox's owner, the newest of the tenant. `shared` entries of the list for everyone were
    /// taken over.
    pub(super) fn insert(&mut self, ordinal: u32, tenant: &Tenant, shared: &mut u32) {
        // A list may name a person twice.
        if self.items.last().is_some_and(|newest| newest.ordinal == ordinal) {
            return;
        }
        if !fits(self.count() + waiting(tenant, *shared) + 1) {
            self.catch_up(tenant, shared);
        }
        self.make_room(1, tenant);
        self.reserve(1);
        self.items.push(Item::fresh(ordinal));
    }

    /// Drops the oldest items until so many more fit.
    fn make_room(&mut self, more: usize, tenant: &Tenant) {
        let mut excess = count((self.count() + more).saturating_sub(INBOX_ITEMS_MAX));
        let mut own = 0;
        while excess > 0 {
            if let Some(runs) = &mut self.shared {
                let oldest = self.items.get(own);
                let before = oldest.map_or(u32::MAX, |oldest| tenant.entries_before(oldest.ordinal));
                excess -= runs.drop_oldest(excess, before);
            }
            if excess > 0 {
                (own, excess) = (own + 1, excess - 1);
            }
        }
        self.items.drain(..own.min(self.items.len()));
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
        let known = self.first_that_matters(tenant, *shared);
        // Where nothing can drop off the order does not matter, and neither does it where nothing was taken back.
        if fits(self.count() + new) || known == tenant.retractions.count() {
            self.take_over(count(tenant.audience.count()), *shared);
            for retraction in tenant.retractions.iter_from(known) {
                self.take_out(retraction.ordinal, tenant);
            }
            self.make_room(0, tenant);
        } else {
            self.replay(tenant, *shared, known);
        }
        *shared = count(tenant.audience.count());
        self.retractions = count(tenant.retractions.count());
    }

    /// Takes over the entries from one index to before another as fresh.
    fn take_over(&mut self, end: u32, from: u32) {
        if end > from {
            self.shared.get_or_insert_with(|| Box::new(Runs::starting(from))).extend(end);
        }
    }

    /// An item was taken back.
    fn take_out(&mut self, ordinal: u32, tenant: &Tenant) {
        if let Ok(index) = self.place(ordinal) {
            self.items.remove(index);
        } else if let Some(runs) = &mut self.shared
            && let Some(index) = tenant.entry(ordinal)
        {
            runs.remove(index);
        }
    }

    /// Items may drop off, and an item that was taken back in time makes room for another.
    fn replay(&mut self, tenant: &Tenant, shared: u32, known: usize) {
        let mut retractions = tenant.retractions.iter_from(known).copied().peekable();
        // What is older than an inbox and all that was taken back drops off whatever happened between.
        let needed = INBOX_ITEMS_MAX + tenant.retractions.count().saturating_sub(known);
        let skipped = count(waiting(tenant, shared).saturating_sub(needed));
        let from = shared + skipped;
        let mut audience = (from..).zip(tenant.audience.iter_from(from as usize).copied()).peekable();
        let split = match audience.peek() {
            Some((_, first)) => self.items.partition_point(|item| { item.ordinal } < *first),
            None => self.items.len(),
        };
        let later = self.items.split_off(split);
        let mut own = later.into_iter().peekable();
        if skipped > 0 {
            self.items.clear();
            self.shared = Some(Box::new(Runs::starting(from)));
        }
        while let Some(next) = next(&mut audience, &mut own) {
            let published = tenant.position(next.ordinal());
            while let Some(retraction) = retractions.next_if(|retraction| { retraction.at } < published) {
                self.take_out(retraction.ordinal, tenant);
            }
            self.make_room(1, tenant);
            match next {
                Next::Own(item) => self.items.push(item),
                Next::Shared { index, .. } => self.take_over(index + 1, index),
            }
        }
        retractions.for_each(|retraction| self.take_out(retraction.ordinal, tenant));
    }

    /// How many retractions are of no concern: taken over, or before everything that is or could be here.
    fn first_that_matters(&self, tenant: &Tenant, shared: u32) -> usize {
        let own = self.items.first().map(|item| item.ordinal);
        let entry = self.shared.as_ref().and_then(|runs| runs.oldest()).unwrap_or(shared);
        let Some(oldest) = own.into_iter().chain(tenant.audience.get(entry as usize).copied()).min() else {
            return tenant.retractions.count();
        };
        let since = tenant.position(oldest);
        let before = tenant.retractions.partition_point(|retraction| { retraction.at } < since);
        before.max(self.retractions as usize)
    }

    /// States of an item, as they are after catching up. `shared` entries of the list for everyone were taken over.
    pub(super) fn get(&self, ordinal: u32, tenant: &Tenant, shared: u32) -> Option<Flags> {
        let found = tenant.notification(ordinal).filter(|found| !found.is_retracted());
        found?;
        let now = self.caught_up_if_overflowing(tenant, shared);
        if let Some(flags) = now.states(ordinal, tenant) {
            return Some(flags);
        }
        let waits = matches!(now, Cow::Borrowed(_)) && tenant.entry(ordinal).is_some_and(|index| index >= shared);
        waits.then(Flags::default)
    }

    /// States of an item that was taken over.
    fn states(&self, ordinal: u32, tenant: &Tenant) -> Option<Flags> {
        match self.place(ordinal) {
            Ok(index) => Some(self.items[index].flags),
            Err(_) => self.shared.as_ref()?.get(tenant.entry(ordinal)?),
        }
    }

    /// Whether a condition holds for any item, as they are after catching up.
    pub(super) fn any(&self, tenant: &Tenant, shared: u32, mut holds: impl FnMut(Item) -> bool) -> bool {
        let now = self.caught_up_if_overflowing(tenant, shared);
        now.items.iter().any(|item| holds(*item))
            || now.shared_items(tenant).any(&mut holds)
            || (matches!(now, Cow::Borrowed(_))
                && tenant.audience.iter_from(shared as usize).any(|ordinal| holds(Item::fresh(*ordinal))))
    }

    /// The inbox itself as long as nothing can drop off, else a copy that caught up.
    fn caught_up_if_overflowing(&self, tenant: &Tenant, shared: u32) -> Cow<'_, Self> {
        if fits(self.count() + waiting(tenant, shared)) {
            return Cow::Borrowed(self);
        }
        let mut copy = self.clone();
        copy.catch_up(tenant, &mut shared.clone());
        Cow::Owned(copy)
    }

    /// Puts a mark on items, after catching up. Those that are not here or refuse it stay as they are.
    pub(super) fn mark(&mut self, mark: Mark, ordinals: impl Iterator<Item = u32>, tenant: &Tenant) {
        let mut removes = false;
        for ordinal in ordinals {
            if let Ok(index) = self.place(ordinal) {
                let item = &mut self.items[index];
                let before = item.flags;
                if !before.refuses(mark) {
                    item.flags = before.with(mark);
                    removes |= { item.flags }.has(Flags::DELETED);
                }
            } else if let Some(runs) = &mut self.shared
                && let Some(index) = tenant.entry(ordinal)
                && let Some(before) = runs.get(index).filter(|before| !before.refuses(mark))
            {
                runs.set(index, before.with(mark));
            }
        }
        if removes {
            self.items.retain(|item| !{ item.flags }.has(Flags::DELETED));
        }
    }

    /// Puts a mark on what a filter matches up to a place, after catching up.
    pub(super) fn mark_all(&mut self, mark: Mark, wanted: &Wanted<'_>, tenant: &Tenant, up_to: Position) {
        let marked = |ordinal: u32, before: Flags| {
            if !before.skipped_by_all(mark) && wanted.matches(ordinal, before) { before.with(mark) } else { before }
        };
        let end = self.items.partition_point(|item| tenant.position(item.ordinal) <= up_to);
        let mut removes = false;
        for item in &mut self.items[..end] {
            item.flags = marked(item.ordinal, item.flags);
            removes |= { item.flags }.has(Flags::DELETED);
        }
        if removes {
            self.items.retain(|item| !{ item.flags }.has(Flags::DELETED));
        }
        if let Some(runs) = &mut self.shared {
            let end = tenant.audience.partition_point(|ordinal| tenant.position(*ordinal) <= up_to);
            let whole = |before: Flags| {
                if before.skipped_by_all(mark) || before.with(mark) == before {
                    return Some(before);
                }
                // What was taken back shows no more.
                let matches = wanted.matches_all_of(before)?;
                Some(if matches { before.with(mark) } else { before })
            };
            let each = |index: u32, before| match tenant.audience.get(index as usize) {
                Some(ordinal) => marked(*ordinal, before),
                None => before,
            };
            runs.change(count(end), whole, each);
        }
    }

    fn place(&self, ordinal: u32) -> Result<usize, usize> {
        self.items.binary_search_by_key(&ordinal, |item| item.ordinal)
    }
}

/// What comes next in the order of the log.
enum Next {
    Own(Item),
    Shared { index: u32, ordinal: u32 },
}

impl Next {
    const fn ordinal(&self) -> u32 {
        match self {
            Self::Own(item) => item.ordinal,
            Self::Shared { ordinal, .. } => *ordinal,
        }
    }
}

/// The older of two next items.
fn next(
    audience: &mut std::iter::Peekable<impl Iterator<Item = (u32, u32)>>,
    own: &mut std::iter::Peekable<impl Iterator<Item = Item>>,
) -> Option<Next> {
    let is_own = match (audience.peek(), own.peek()) {
        (Some((_, shared)), Some(direct)) => *shared > direct.ordinal,
        (shared, _) => shared.is_none(),
    };
    if is_own {
        own.next().map(Next::Own)
    } else {
        audience.next().map(|(index, ordinal)| Next::Shared { index, ordinal })
    }
}

/// How many entries of the list for everyone wait to be taken over.
fn waiting(tenant: &Tenant, shared: u32) -> usize {
    tenant.audience.count().saturating_sub(shared as usize)
}

/// Whether so many items fit an inbox without one dropping off.
const fn fits(items_count: usize) -> bool {
    items_count == 0 || !drops_oldest(items_count - 1)
}

fn count(count: usize) -> u32 {
    u32::try_from(count).expect("fewer than 2^32 notifications: each takes 20 bytes of memory")
}
