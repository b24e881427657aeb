use crate::delta::DeltaChange;
use crate::entry::{Step, StepKind};
use crate::table::Table;
use tidings_engine::ids::Position;
use tidings_engine::limits::{INBOX_ITEMS_MAX, TOMBSTONES_COUNT_MAX};
use tidings_wire::Counts;

/// Steps of its own that an inbox leaves waiting before it takes them over unasked: 4,096.
const WAITING_COUNT_MAX: usize = 4_096;

/// Waiting steps beyond which it pays to look for a later start: 40,000.
const SKIPPING_COUNT_MIN: usize = 4 * INBOX_ITEMS_MAX;

/// One inbox: a table of items, and what it has not taken over yet.
///
/// Steps wait in the shared list of its tenant, and in a list of its own. Both are taken over in the order of the log, so
/// that it makes no difference when.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inbox {
    /// Steps of the shared list that were taken over, or came before the inbox began.
    shared_count: usize,
    own: Vec<Step>,
    /// Made when the first step is taken over: most people never look.
    table: Option<Box<Table>>,
}

impl Inbox {
    /// An inbox that shows nothing of the first `shared_count` steps of the shared list.
    pub(crate) fn starting_after(shared_count: usize) -> Self {
        Self { shared_count, ..Self::default() }
    }

    /// Adds a step of its own, to be taken over later.
    pub(crate) fn push(&mut self, step: Step, shared: &[Step]) {
        self.own.push(step);
        if self.own.len() >= WAITING_COUNT_MAX {
            self.take_over(shared);
        }
    }

    /// The items after everything that waits was taken over.
    pub(crate) fn table(&mut self, shared: &[Step]) -> &mut Table {
        self.take_over(shared);
        self.table.get_or_insert_default()
    }

    /// Whether taking over what waits could make an item drop off.
    pub(crate) fn may_overflow(&self, shared: &[Step]) -> bool {
        let waiting = shared.len().saturating_sub(self.shared_count) + self.own.len();
        let items = self.table.as_ref().map_or(0, |table| table.facets.live_count());
        items + waiting >= INBOX_ITEMS_MAX
    }

    /// Takes over everything that waits; the last item that dropped off for it.
    pub(crate) fn take_over(&mut self, shared: &[Step]) -> Option<Position> {
        if self.own.is_empty() && self.shared_count >= shared.len() {
            return None;
        }
        let own = std::mem::take(&mut self.own);
        let waiting = Waiting { shared: shared.get(self.shared_count..).unwrap_or_default(), own: &own };
        self.shared_count = self.shared_count.max(shared.len());
        let waiting = match waiting.that_matters() {
            Some(later) => {
                self.table = None;
                later
            }
            None => waiting,
        };
        let table = self.table.get_or_insert_default();
        waiting.filter_map(|step| take(table, step)).last()
    }

    /// Whether the newest item it was given is of this event.
    pub(crate) fn has_just(&self, event: Position) -> bool {
        let newest = self.own.last().map(|step| step.position);
        let taken = self.table.as_ref().and_then(|table| table.columns.changed.last().copied());
        newest.or(taken) == Some(event)
    }

    /// Takes a step over at once, after everything that waits; what it changed, and what dropped off for it.
    pub(crate) fn take_now(&mut self, step: &Step, shared: &[Step]) -> Option<(DeltaChange, Option<Position>)> {
        let table = self.table(shared);
        match &step.kind {
            StepKind::Add(entry) => {
                let dropped = take(table, step);
                let ordinal = table.ordinal(entry.notification)?;
                Some((DeltaChange::Added(table.item(ordinal)), dropped))
            }
            StepKind::Remove { notification } => {
                table.ordinal(*notification)?;
                take(table, step);
                Some((DeltaChange::Removed(vec![*notification]), None))
            }
        }
    }

    /// Counts of what was taken over.
    pub(crate) fn counts(&self) -> Counts {
        self.table.as_ref().map(|table| table.counts()).unwrap_or_default()
    }

    /// The last step of the shared list, now `shared_count` long, was taken over from elsewhere.
    pub(crate) fn skip_shared(&mut self, shared_count: usize) {
        self.shared_count = shared_count;
    }
}

/// Does a step to a table; what dropped off for it.
fn take(table: &mut Table, step: &Step) -> Option<Position> {
    match &step.kind {
        StepKind::Add(entry) => table.add(entry.clone(), step.position),
        StepKind::Remove { notification } => {
            table.remove(*notification, step.position);
            None
        }
    }
}

/// Steps of both lists in the order of the log.
#[derive(Clone, Copy)]
struct Waiting<'a> {
    shared: &'a [Step],
    own: &'a [Step],
}

impl<'a> Iterator for Waiting<'a> {
    type Item = &'a Step;

    fn next(&mut self) -> Option<&'a Step> {
        let from = match (self.shared.first(), self.own.first()) {
            (Some(shared), Some(own)) if own.position < shared.position => &mut self.own,
            (None, _) => &mut self.own,
            _ => &mut self.shared,
        };
        let (first, rest) = from.split_first()?;
        *from = rest;
        Some(first)
    }
}

impl Waiting<'_> {
    /// The last steps, when they alone decide what the inbox holds: they add a full inbox and all that it remembers of
    /// removals, beyond what they remove. Everything before drops off whatever it is.
    fn that_matters(self) -> Option<Self> {
        if self.shared.len() + self.own.len() < SKIPPING_COUNT_MIN {
            return None;
        }
        let needed = i64::try_from(INBOX_ITEMS_MAX + TOMBSTONES_COUNT_MAX + 1).expect("two small limits");
        let (mut shared, mut own, mut surplus) = (self.shared.len(), self.own.len(), 0);
        while surplus < needed {
            let (from, index) = match (shared.checked_sub(1), own.checked_sub(1)) {
                (Some(a), Some(b)) if self.own[b].position > self.shared[a].position => (&self.own[b], &mut own),
                (Some(a), _) => (&self.shared[a], &mut shared),
                (None, Some(b)) => (&self.own[b], &mut own),
                (None, None) => return None,
            };
            surplus += if matches!(from.kind, StepKind::Add(_)) { 1 } else { -1 };
            *index -= 1;
        }
        Some(Self { shared: &self.shared[shared..], own: &self.own[own..] })
    }
}
