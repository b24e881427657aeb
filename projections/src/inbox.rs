use crate::block::{Block, InboxRow, StoredSteps};
use crate::delta::DeltaChange;
use crate::entry::Entry;
use crate::facts::FactsOnce;
use crate::shared_list::SharedList;
use crate::step::{Change, STEP_BYTES, Step, StepKind};
use crate::store::{BlockError, Shelf};
use crate::table::Table;
use std::sync::Arc;
use tidings_engine::audience::is_visible;
use tidings_engine::ids::{Position, TenantId};
use tidings_engine::limits::INBOX_ITEMS_MAX;
use tidings_wire::Counts;

/// Steps of its own that an inbox leaves waiting before it takes them over unasked: 4,096.
const WAITING_COUNT_MAX: usize = 4_096;

/// Steps that room is made for at first: 2. Most people get few notifications before they look.
const STEPS_AT_FIRST: usize = 2;

/// Most items that steps which wait in memory take out of an inbox: 4,096. One with more takes them over at once.
pub(crate) const WAITING_REMOVALS_MAX: usize = 4_096;

/// Most items that the steps of one row in the store take out of an inbox: 64. More are saved as a block.
pub(crate) const ROW_REMOVALS_MAX: usize = 64;

/// One inbox: a table of items, and what it has not taken over yet.
///
/// Steps wait in the shared list of its tenant, and in a list of its own. Both are taken over in the order of the log, so
/// that it makes no difference when.
#[derive(Clone, Debug)]
pub(crate) struct Inbox {
    pub(crate) tenant: TenantId,
    /// The event with which the owner's interval began; 0 for a tenant's own inbox, which shows everything.
    since: Position,
    /// The table has every step up to here.
    applied: Position,
    /// Steps of its own that the store does not have, ascending. The first `taken` are in the table.
    steps: Vec<Step>,
    taken: usize,
    /// Bytes that the steps hold besides themselves.
    boxed_bytes: usize,
    /// Most items that the steps take out which are not in the table.
    removals: usize,
    /// Most items that all of the steps take out.
    removals_unsaved: usize,
    /// Made when the first step is taken over: most people never look.
    table: Option<Box<Table>>,
    table_bytes: usize,
    /// Whether nothing is in the store that is not here.
    pub(crate) is_whole: bool,
    /// Whether somebody asked since eviction last passed by.
    pub(crate) is_used: bool,
    /// Whether it stands among those that were changed since they were saved.
    pub(crate) is_listed: bool,
    /// Whether eviction knows of it.
    pub(crate) is_queued: bool,
    /// Bytes that were counted for it last.
    pub(crate) counted: usize,
}

/// What a follower is told of a step, and what dropped off for it; `None` when it changed nothing.
pub(crate) type Told = Option<(DeltaChange, Option<Position>)>;

impl Inbox {
    /// An inbox whose owner's interval begins with an event. `is_whole` says that the store has nothing of it.
    pub(crate) fn beginning(tenant: TenantId, since: Position, is_whole: bool) -> Self {
        Self {
            tenant,
            since,
            // The event itself may be its first item.
            applied: Position(since.0.saturating_sub(1)),
            steps: Vec::new(),
            taken: 0,
            boxed_bytes: 0,
            removals: 0,
            removals_unsaved: 0,
            table: None,
            table_bytes: 0,
            is_whole,
            is_used: false,
            is_listed: false,
            is_queued: false,
            counted: 0,
        }
    }

    /// Whether it has the step of an event already.
    pub(crate) fn knows(&self, event: Position) -> bool {
        event <= self.applied || self.steps.last().is_some_and(|last| event <= last.position)
    }

    /// Adds a step of its own, which it does not know, to be taken over later.
    pub(crate) fn push(&mut self, step: Step) {
        let removes = step.removes_at_most();
        self.boxed_bytes += step.boxed_bytes();
        self.removals = self.removals.saturating_add(removes);
        self.removals_unsaved = self.removals_unsaved.saturating_add(removes);
        if self.steps.len() == self.steps.capacity() {
            self.steps.reserve_exact(STEPS_AT_FIRST.max(self.steps.len() / 4));
        }
        self.steps.push(step);
    }

    /// Whether it is to take over what waits although nobody asks.
    pub(crate) fn is_overdue(&self) -> bool {
        self.steps.len() - self.taken >= WAITING_COUNT_MAX || self.removals >= WAITING_REMOVALS_MAX
    }

    /// Whether there are items in memory, so that somebody may need them again.
    pub(crate) fn is_loaded(&self) -> bool {
        self.is_whole && self.table.is_some()
    }

    /// Whether nothing happened to it alone since it was saved.
    pub(crate) fn has_no_steps(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether the store has everything.
    pub(crate) fn is_saved(&self) -> bool {
        self.steps.is_empty() && !self.is_listed
    }

    /// Bytes that it takes, without facts.
    pub(crate) fn bytes(&self) -> usize {
        INBOX_BYTES + self.steps.capacity() * STEP_BYTES + self.boxed_bytes + self.table_bytes
    }

    /// The items, with everything taken over. What the store has must be here.
    pub(crate) fn table(&mut self, shared: &SharedList) -> &mut Table {
        assert!(self.is_whole, "an inbox is loaded before it is looked at");
        self.take_over(shared);
        self.table.get_or_insert_default()
    }

    /// Whether taking over what waits could make an item drop off.
    pub(crate) fn may_overflow(&self, shared: &SharedList) -> bool {
        let waiting = shared.count_after(self.shown_through()) + self.steps.len() - self.taken;
        let items = self.table.as_ref().map_or(0, |table| table.facets.live_count());
        !self.is_whole || items + waiting >= INBOX_ITEMS_MAX
    }

    /// The shared list counts for it after here.
    fn shown_through(&self) -> Position {
        self.applied.max(self.since)
    }

    fn take_over(&mut self, shared: &SharedList) {
        if shared.let_go_through() > self.shown_through() {
            // What the list let go drops off every inbox that has not taken it over, and all that is older with it.
            self.table = None;
        }
        let own_waits = self.taken < self.steps.len();
        let since = self.since;
        let shows = |step: &&Step| since == Position::ZERO || is_visible(since, step.position);
        let theirs = shared.after(self.shown_through()).filter(shows);
        if !own_waits && theirs.clone().next().is_none() {
            return;
        }
        let mut table = self.table.take().unwrap_or_default();
        let (mut theirs, mut own) = (theirs.peekable(), self.steps[self.taken..].iter().peekable());
        loop {
            let step = match (theirs.peek(), own.peek()) {
                (Some(their), Some(one)) if one.position < their.position => own.next(),
                (None, _) => own.next(),
                _ => theirs.next(),
            };
            let Some(step) = step else { break };
            apply(&mut table, step);
        }
        let last = self.steps.last().map(|step| step.position);
        self.applied = self.applied.max(last.unwrap_or_default()).max(shared.last().unwrap_or_default());
        (self.taken, self.removals) = (self.steps.len(), 0);
        self.table = Some(table);
        self.note_table_bytes();
    }

    /// Takes a step over at once, after everything that waits; what a follower is told of it, with the item that dropped off
    /// for it. A step of the shared list is not kept as one of its own.
    pub(crate) fn take_now(&mut self, step: Step, shared: &SharedList, is_shared: bool) -> Told {
        let at = step.position;
        let table = self.table(shared);
        let room = table.columns.entries.capacity();
        let told = told(table, &step);
        let is_grown = table.columns.entries.capacity() != room;
        if !is_shared {
            self.push(step);
            (self.taken, self.removals) = (self.steps.len(), 0);
        }
        self.applied = at;
        if is_grown {
            self.note_table_bytes();
        }
        told
    }

    /// Counts of what was taken over.
    pub(crate) fn counts(&self) -> Counts {
        self.table.as_ref().map(|table| table.counts()).unwrap_or_default()
    }

    /// Whether it has to be saved as a block: steps that wait in the store take out few items, or a list that let go of its
    /// oldest steps would no longer tell the rest.
    pub(crate) fn must_be_block(&self) -> bool {
        self.removals_unsaved > ROW_REMOVALS_MAX
    }

    /// The row that the store is to have besides what it has, or in place of it: `as_block` says so, and needs everything
    /// taken over.
    pub(crate) fn save(&mut self, as_block: bool) -> InboxRow {
        assert!(self.table.is_none() || self.taken == self.steps.len(), "a table that stays has everything");
        let block = as_block.then(|| {
            assert!(self.is_whole && self.taken == self.steps.len(), "a block has everything");
            Block::of(self.table.as_deref().unwrap_or(&Table::default()), self.applied)
        });
        let steps = if as_block { StoredSteps::default() } else { StoredSteps::of(self.steps.iter()) };
        self.steps = Vec::new();
        (self.taken, self.removals, self.removals_unsaved) = (0, 0, 0);
        (self.boxed_bytes, self.is_listed) = (0, false);
        InboxRow { tenant: self.tenant, since: self.since, block, steps }
    }

    /// Whether a block costs less than to keep the steps apart: they are a good part of the items.
    pub(crate) fn is_changed_much(&self) -> bool {
        let items = self.table.as_ref().map_or(0, |table| table.facets.live_count());
        self.is_loaded() && self.taken == self.steps.len() && self.steps.len() * 8 > items
    }

    /// Takes in what the store has: these rows in their order, all before the steps that wait here.
    pub(crate) fn load(
        &mut self,
        shelf: Shelf,
        rows: Vec<InboxRow>,
        facts: &mut FactsOnce,
        shared: &SharedList,
    ) -> Result<(), BlockError> {
        let Some(first) = rows.first() else {
            self.is_whole = true;
            return Ok(());
        };
        let own = std::mem::take(&mut self.steps);
        let is_theirs = self.tenant == first.tenant;
        let mut all = Self::beginning(first.tenant, first.since, true);
        for row in rows {
            if row.tenant != all.tenant {
                // No event of another tenant reaches an inbox.
                continue;
            }
            if let Some(block) = row.block {
                all.applied = block.applied;
                all.table = Some(Box::new(block.table(shelf, facts)?));
            }
            row.steps.steps(shelf, facts)?.into_iter().for_each(|step| all.push_new(step));
        }
        let stored_count = all.steps.len();
        all.removals_unsaved = 0;
        // What was saved ahead of the rest comes again when the rest is folded again.
        own.into_iter().filter(|_| is_theirs).for_each(|step| all.push_new(step));
        all.take_over(shared);
        all.steps.drain(..stored_count);
        all.taken = all.steps.len();
        all.boxed_bytes = all.steps.iter().map(Step::boxed_bytes).sum();
        all.note_table_bytes();
        (all.is_listed, all.is_queued, all.counted) = (self.is_listed, self.is_queued, self.counted);
        *self = all;
        Ok(())
    }

    fn push_new(&mut self, step: Step) {
        if !self.knows(step.position) {
            self.push(step);
        }
    }

    fn note_table_bytes(&mut self) {
        self.table_bytes = self.table.as_ref().map_or(0, |table| size_of::<Table>() + table.bytes());
    }
}

/// Bytes of an inbox without anything: itself, its owner, and what a hash map leaves free.
const INBOX_BYTES: usize = (size_of::<Inbox>() + size_of::<crate::projections::Owner>()) * 3 / 2;

/// Does a step to a table; what dropped off for it.
fn apply(table: &mut Table, step: &Step) -> Option<Position> {
    match &step.kind {
        StepKind::Add { created, published } => {
            let notification = step.position;
            let entry = Entry { notification, created: *created, published: Arc::clone(published) };
            table.add(entry, notification)
        }
        StepKind::Other(change) => {
            let at = step.position;
            match &**change {
                Change::Remove { notification } => {
                    table.remove(*notification, at);
                }
                Change::Mark { mark, items, time } => {
                    table.mark(*mark, items, (at, *time));
                }
                Change::MarkAll { mark, filter, up_to, time } => {
                    table.mark_all(*mark, filter, *up_to, (at, *time));
                }
            }
            None
        }
    }
}

/// Does a step to a table, and says what followers are told.
fn told(table: &mut Table, step: &Step) -> Told {
    let at = step.position;
    let StepKind::Other(change) = &step.kind else {
        let dropped = apply(table, step);
        let ordinal = table.ordinal(at)?;
        return Some((DeltaChange::Added(table.item(ordinal)), dropped));
    };
    let change = match &**change {
        Change::Remove { notification } => {
            table.remove(*notification, at).then(|| DeltaChange::Removed(vec![*notification]))
        }
        Change::Mark { mark, items, time } => {
            let marked = table.mark(*mark, items, (at, *time));
            if !marked.removed.is_empty() {
                Some(DeltaChange::Removed(marked.removed))
            } else if !marked.changed.is_empty() {
                let ordinals = marked.changed.iter().filter_map(|notification| table.ordinal(*notification));
                Some(DeltaChange::Changed(ordinals.map(|ordinal| table.item(ordinal)).collect()))
            } else {
                None
            }
        }
        Change::MarkAll { mark, filter, up_to, time } => {
            let changed = table.mark_all(*mark, filter, *up_to, (at, *time));
            let (mark, filter, up_to) = (*mark, filter.clone(), *up_to);
            (changed > 0).then_some(DeltaChange::MarkedAll { mark, filter, up_to })
        }
    };
    change.map(|change| (change, None))
}
