use crate::block::{self, StoredSteps};
use crate::facts::FactsOnce;
use crate::inbox::{ROW_REMOVALS_MAX, WAITING_REMOVALS_MAX};
use crate::kept::ROWS_COUNT_MAX;
use crate::row::{self, RowHash};
use crate::step::{STEP_BYTES, Step};
use crate::store::{Batch, BlockError, BlockStore, Edit, Shelf};
use std::collections::VecDeque;
use tidings_engine::ids::{Position, TenantId};
use tidings_engine::limits::{INBOX_ITEMS_MAX, TOMBSTONES_COUNT_MAX};

/// Steps of one row of a list: 512.
const PART_STEPS: u64 = 512;

/// Items that a list adds beyond those it removes, after which what came before them decides nothing any more: they fill an
/// inbox and all that it remembers of removals, whatever waits for it besides.
const SURPLUS_KEPT: i64 =
    (INBOX_ITEMS_MAX + TOMBSTONES_COUNT_MAX + 1 + WAITING_REMOVALS_MAX + ROWS_COUNT_MAX as usize * ROW_REMOVALS_MAX)
        as i64;

/// What was published to everyone of a tenant and taken back: the one list behind every inbox of the tenant. It lets go of
/// its oldest steps once everything before the others drops off every inbox.
#[derive(Debug)]
pub(crate) struct SharedList {
    steps: VecDeque<Step>,
    /// Index of the first step that is held, among all that ever were: a multiple of [`PART_STEPS`].
    first: u64,
    /// The last step that was let go; 0 for none.
    let_go: Position,
    surplus: i64,
    /// How many steps, among all that ever were, are in the store.
    saved: u64,
    /// Rows that the store has, ascending by number.
    rows: VecDeque<(u64, RowHash)>,
}

/// The list of a tenant that published nothing to everyone.
pub(crate) static EMPTY_LIST: SharedList = SharedList::new();

impl Default for SharedList {
    fn default() -> Self {
        Self::new()
    }
}

impl SharedList {
    /// A list without steps.
    pub(crate) const fn new() -> Self {
        Self { steps: VecDeque::new(), first: 0, let_go: Position::ZERO, surplus: 0, saved: 0, rows: VecDeque::new() }
    }

    /// Adds the step of the next event, unless it has it from the store already.
    pub(crate) fn push(&mut self, step: Step) {
        if !self.has(step.position) {
            self.surplus += gain(&step);
            self.steps.push_back(step);
            self.let_go();
        }
    }

    /// Whether it has, or had, the step of an event.
    fn has(&self, event: Position) -> bool {
        self.steps.back().is_some_and(|last| event <= last.position)
    }

    /// Whole rows go at once, so that the store can follow.
    fn let_go(&mut self) {
        while self.surplus > SURPLUS_KEPT + PART_STEPS as i64 {
            let count = PART_STEPS as usize;
            let gained: i64 = self.steps.iter().take(count).map(gain).sum();
            if count >= self.steps.len() || self.surplus - gained < SURPLUS_KEPT {
                return;
            }
            for step in self.steps.drain(..count) {
                self.let_go = step.position;
            }
            (self.first, self.surplus) = (self.first + count as u64, self.surplus - gained);
        }
    }

    /// The last step that was let go: an inbox that knows no later one starts from what is held.
    pub(crate) fn let_go_through(&self) -> Position {
        self.let_go
    }

    /// Steps after a position, ascending.
    pub(crate) fn after(&self, position: Position) -> impl Iterator<Item = &Step> + Clone {
        self.steps.range(self.steps.partition_point(|step| step.position <= position)..)
    }

    /// How many steps are after a position.
    pub(crate) fn count_after(&self, position: Position) -> usize {
        self.steps.len() - self.steps.partition_point(|step| step.position <= position)
    }

    /// The last step.
    pub(crate) fn last(&self) -> Option<Position> {
        self.steps.back().map(|step| step.position)
    }

    /// Bytes that it holds, without facts.
    pub(crate) fn bytes(&self) -> usize {
        self.steps.capacity() * STEP_BYTES
    }

    /// Puts what is not in the store yet into a batch, and takes out what was let go; by how much the hashes of its rows add
    /// up to more.
    pub(crate) fn save(&mut self, tenant: TenantId, batch: &mut Batch) -> RowHash {
        let shelf = Shelf::List(tenant);
        let mut sum = RowHash::default();
        while let Some((number, hash)) = self.rows.front().copied().filter(|(row, _)| *row < self.first / PART_STEPS) {
            batch.edits.push(Edit::Drop { shelf, number });
            self.rows.pop_front();
            sum = sum.minus(hash);
        }
        let end = self.first + self.steps.len() as u64;
        let mut from = self.saved.max(self.first) / PART_STEPS * PART_STEPS;
        while self.saved < end && from < end {
            let number = from / PART_STEPS;
            let until = ((number + 1) * PART_STEPS).min(end);
            let steps = self.steps.range((from - self.first) as usize..(until - self.first) as usize);
            let part = block::Part { first: from, let_go: self.let_go, steps: StoredSteps::of(steps) };
            let (row, hash) = row::seal(shelf, number, row::encode(&part));
            if let Some((_, old)) = self.rows.pop_back_if(|(last, _)| *last == number) {
                sum = sum.minus(old);
            }
            self.rows.push_back((number, hash));
            sum = sum.plus(hash);
            batch.put(shelf, number, row);
            from = until;
        }
        self.saved = end;
        sum
    }

    /// The list as it was saved, and what the hashes of its rows add up to.
    pub(crate) fn load(
        store: &dyn BlockStore,
        tenant: TenantId,
        facts: &mut FactsOnce,
    ) -> Result<(Self, RowHash), BlockError> {
        let shelf = Shelf::List(tenant);
        let mut list = Self::new();
        let mut sum = RowHash::default();
        for (index, (number, row)) in store.rows(shelf)?.into_iter().enumerate() {
            let (bytes, hash) = row::open(shelf, number, &row)?;
            let part: block::Part = row::decode(shelf, bytes)?;
            if index == 0 {
                list.first = part.first;
            }
            list.let_go = list.let_go.max(part.let_go);
            for step in part.steps.steps(shelf, facts)? {
                list.surplus += gain(&step);
                list.steps.push_back(step);
            }
            list.rows.push_back((number, hash));
            sum = sum.plus(hash);
        }
        list.saved = list.first + list.steps.len() as u64;
        Ok((list, sum))
    }
}

fn gain(step: &Step) -> i64 {
    if step.removes_at_most() == 0 { 1 } else { -1 }
}
