use crate::facts::FactsOnce;
use crate::inbox::Inbox;
use crate::kept::{Kept, ROWS_COUNT_MAX};
use crate::projections::Owner;
use crate::shared_list::SharedList;
use crate::step::Step;
use crate::store::{Batch, BlockError, Shelf};
use std::collections::{HashMap, VecDeque, hash_map};
use tidings_engine::ids::{Position, TenantId};

/// Inboxes in memory, and those that are in the store alone.
#[derive(Debug, Default)]
pub(crate) struct Inboxes {
    resident: HashMap<Owner, Inbox>,
    pub(crate) facts: FactsOnce,
    /// Where those go that are evicted; nowhere when absent, and then none is.
    pub(crate) kept: Option<Kept>,
    bytes: usize,
    /// Inboxes with items in memory, in the order in which eviction looks at them.
    queue: VecDeque<Owner>,
}

impl Inboxes {
    pub(crate) fn new(kept: Option<Kept>) -> Self {
        Self { kept, ..Self::default() }
    }

    /// Bytes of the inboxes in memory and of facts.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.facts.bytes()
    }

    /// An inbox that is in memory, whole or not.
    pub(crate) fn resident(&self, owner: Owner) -> Option<&Inbox> {
        self.resident.get(&owner)
    }

    /// Adds a step to the inbox of somebody whose interval begins here when nothing told of them before. Nothing is read for
    /// it, however cold the inbox is. Whether it waits with so many others that they are to be taken over.
    pub(crate) fn push(&mut self, owner: Owner, tenant: TenantId, step: Step) -> bool {
        let Self { resident, kept, bytes, .. } = self;
        let inbox = match resident.entry(owner) {
            hash_map::Entry::Occupied(known) => known.into_mut(),
            hash_map::Entry::Vacant(new) => {
                let since = if matches!(owner, Owner::Tenant(_)) { Position::ZERO } else { step.position };
                new.insert(Inbox::beginning(tenant, since, kept.is_none()))
            }
        };
        if inbox.tenant != tenant || inbox.knows(step.position) {
            return false;
        }
        inbox.push(step);
        if let Some(kept) = kept {
            kept.list(owner, inbox);
        }
        recount(bytes, inbox);
        inbox.is_overdue()
    }

    /// Has a person's interval begin with an event, unless it began before.
    pub(crate) fn begin(&mut self, owner: Owner, tenant: TenantId, since: Position) -> Result<(), BlockError> {
        if self.exists(owner)? {
            return Ok(());
        }
        let mut inbox = Inbox::beginning(tenant, since, true);
        if let Some(kept) = &mut self.kept {
            kept.list(owner, &mut inbox);
        }
        recount(&mut self.bytes, &mut inbox);
        self.resident.insert(owner, inbox);
        Ok(())
    }

    /// Whether anything told of an owner.
    pub(crate) fn exists(&mut self, owner: Owner) -> Result<bool, BlockError> {
        if self.resident.contains_key(&owner) {
            return Ok(true);
        }
        self.kept.as_mut().map_or(Ok(false), |kept| kept.has(owner))
    }

    /// An inbox with everything that the store has of it, used just now; `None` when nothing told of its owner.
    pub(crate) fn whole<'a>(
        &mut self,
        owner: Owner,
        shared: &dyn Fn(TenantId) -> &'a SharedList,
    ) -> Result<Option<&mut Inbox>, BlockError> {
        self.load(owner, shared)?;
        let Self { resident, kept, bytes, queue, .. } = self;
        let Some(inbox) = resident.get_mut(&owner) else { return Ok(None) };
        inbox.is_used = true;
        if kept.is_some() && !std::mem::replace(&mut inbox.is_queued, true) {
            queue.push_back(owner);
        }
        recount(bytes, inbox);
        Ok(Some(inbox))
    }

    /// Has everything of an inbox in memory, if anything told of its owner.
    fn load<'a>(&mut self, owner: Owner, shared: &dyn Fn(TenantId) -> &'a SharedList) -> Result<(), BlockError> {
        let Self { resident, facts, kept: Some(kept), bytes, .. } = self else { return Ok(()) };
        if resident.get(&owner).is_some_and(|inbox| inbox.is_whole) {
            return Ok(());
        }
        let rows = kept.rows(owner)?;
        let inbox = match (resident.entry(owner), rows.first()) {
            (hash_map::Entry::Occupied(known), _) => known.into_mut(),
            (hash_map::Entry::Vacant(new), Some(first)) => {
                new.insert(Inbox::beginning(first.tenant, first.since, false))
            }
            (hash_map::Entry::Vacant(_), None) => return Ok(()),
        };
        let tenant = rows.first().map_or(inbox.tenant, |first| first.tenant);
        let loaded = inbox.load(Shelf::Inbox(owner), rows, facts, shared(tenant));
        recount(bytes, inbox);
        loaded
    }

    /// Keeps count of an inbox that was changed by the caller, and has it saved with the next snapshot.
    pub(crate) fn changed(&mut self, owner: Owner, is_to_be_saved: bool) {
        let Self { resident, kept, bytes, .. } = self;
        let Some(inbox) = resident.get_mut(&owner) else { return };
        recount(bytes, inbox);
        if is_to_be_saved && let Some(kept) = kept {
            kept.list(owner, inbox);
        }
    }

    /// Puts the changed inboxes of one part into a batch; how many there were.
    pub(crate) fn save_part<'a>(
        &mut self,
        part: usize,
        shared: &dyn Fn(TenantId) -> &'a SharedList,
        batch: &mut Batch,
    ) -> Result<usize, BlockError> {
        let Some(kept) = &mut self.kept else { return Ok(0) };
        let owners = kept.take_changed(part);
        for owner in &owners {
            self.save(*owner, shared, batch)?;
        }
        if let (Some(kept), false) = (&mut self.kept, owners.is_empty()) {
            kept.put_ledger(part, batch);
        }
        Ok(owners.len())
    }

    fn save<'a>(
        &mut self,
        owner: Owner,
        shared: &dyn Fn(TenantId) -> &'a SharedList,
        batch: &mut Batch,
    ) -> Result<(), BlockError> {
        let Some(inbox) = self.resident.get(&owner) else { return Ok(()) };
        let must_be_block = inbox.must_be_block();
        let Some(kept) = &mut self.kept else { return Ok(()) };
        let rows = kept.rows_count(owner)?;
        let as_block = must_be_block || rows >= ROWS_COUNT_MAX || (rows > 0 && inbox.is_changed_much());
        let was_loaded = inbox.is_loaded();
        if as_block {
            self.load(owner, shared)?;
        }
        let Self { resident, kept: Some(kept), bytes, .. } = self else { return Ok(()) };
        let Some(inbox) = resident.get_mut(&owner) else { return Ok(()) };
        if as_block || inbox.is_loaded() {
            // What goes to the store stays in memory only as far as it is in the table.
            inbox.table(shared(inbox.tenant));
        }
        let says_nothing = inbox.has_no_steps() && rows > 0 && !as_block;
        let row = inbox.save(as_block);
        if !says_nothing {
            kept.put(owner, &row, as_block, batch)?;
        }
        recount(bytes, inbox);
        if !was_loaded {
            // Nobody has looked at it, or not since it was evicted: the store has all of it.
            *bytes -= inbox.counted;
            resident.remove(&owner);
        }
        Ok(())
    }

    /// Lets go of inboxes that the store has, those first that were not used for longest, until no more than `bytes_max` are
    /// held. Those that are `held` stay.
    pub(crate) fn evict(&mut self, bytes_max: usize, held: &dyn Fn(Owner) -> bool) {
        // Each is looked at twice: what was used since the first look is let go at the second.
        let mut looks = 2 * self.queue.len();
        while self.bytes() > bytes_max && looks > 0 {
            looks -= 1;
            let Some(owner) = self.queue.pop_front() else { return };
            let hash_map::Entry::Occupied(mut entry) = self.resident.entry(owner) else { continue };
            let inbox = entry.get_mut();
            if std::mem::take(&mut inbox.is_used) || !inbox.is_saved() || held(owner) {
                self.queue.push_back(owner);
                continue;
            }
            self.bytes -= inbox.counted;
            entry.remove();
        }
    }

    /// Nobody has the inbox of a person who was erased: not even its counts are left. The store follows with its next batch.
    pub(crate) fn erase(&mut self, owner: Owner, tenant: TenantId) -> Result<(), BlockError> {
        let is_theirs = |its: TenantId| its == tenant;
        if self.resident.get(&owner).is_some_and(|inbox| is_theirs(inbox.tenant))
            && let Some(inbox) = self.resident.remove(&owner)
        {
            self.bytes -= inbox.counted;
        }
        let Some(kept) = &mut self.kept else { return Ok(()) };
        if kept.rows(owner)?.first().is_some_and(|row| is_theirs(row.tenant)) {
            kept.erase(owner)?;
        }
        Ok(())
    }

    /// Every owner that anything told of, in a canonical order.
    pub(crate) fn owners(&mut self) -> Result<Vec<Owner>, BlockError> {
        let mut owners: Vec<Owner> = self.resident.keys().copied().collect();
        if let Some(kept) = &mut self.kept {
            owners.extend(kept.owners()?);
        }
        owners.sort_unstable();
        owners.dedup();
        Ok(owners)
    }

    /// A copy of an inbox with everything that the store has of it, which leaves memory as it is.
    pub(crate) fn copy<'a>(
        &mut self,
        owner: Owner,
        shared: &dyn Fn(TenantId) -> &'a SharedList,
    ) -> Result<Option<Inbox>, BlockError> {
        let Self { resident, facts, kept, .. } = self;
        let known = resident.get(&owner).cloned();
        if known.as_ref().is_some_and(|inbox| inbox.is_whole) {
            return Ok(known);
        }
        let rows = kept.as_mut().map_or(Ok(Vec::new()), |kept| kept.rows(owner))?;
        let stored = rows.first().map(|first| Inbox::beginning(first.tenant, first.since, false));
        let Some(mut inbox) = known.or(stored) else { return Ok(None) };
        let tenant = rows.first().map_or(inbox.tenant, |first| first.tenant);
        inbox.load(Shelf::Inbox(owner), rows, facts, shared(tenant))?;
        Ok(Some(inbox))
    }
}

fn recount(bytes: &mut usize, inbox: &mut Inbox) {
    let now = inbox.bytes();
    *bytes = *bytes - inbox.counted + now;
    inbox.counted = now;
}
