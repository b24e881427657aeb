//! What rows of inboxes and lists hold: facts once, then numbers that are small where items are close to each other.

use crate::columns::Columns;
use crate::entry::Entry;
use crate::facets::Facets;
use crate::facts::FactsOnce;
use crate::step::{Change, Step, StepKind};
use crate::store::{BlockError, Shelf};
use crate::table::Table;
use crate::tombstones::{Tombstone, Tombstones};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;
use tidings_engine::event::Published;
use tidings_engine::ids::{Position, TenantId, Time};
use tidings_engine::item::Flags;

/// One row of an inbox. The first of its rows may be a block; all others are steps since the row before.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct InboxRow {
    /// Whose tenant.
    pub(crate) tenant: TenantId,
    /// The event with which the owner's interval began.
    pub(crate) since: Position,
    /// The items, where the row has them.
    pub(crate) block: Option<Block>,
    /// What happened to the inbox alone.
    pub(crate) steps: StoredSteps,
}

/// The items of an inbox as of a position.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Block {
    /// Every step up to here is in it: of the inbox alone, and of its tenant's list.
    pub(crate) applied: Position,
    facts: Vec<Arc<Published>>,
    items: Vec<StoredItem>,
    tombstones: Vec<Tombstone>,
    forgotten: Position,
}

/// One row of a list that inboxes share.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Part {
    /// Index of its first step, among all that ever were.
    pub(crate) first: u64,
    /// The last step that the list had let go when the row was written.
    pub(crate) let_go: Position,
    pub(crate) steps: StoredSteps,
}

/// An item. Positions and times are told by how far they are from another's.
#[derive(Debug, Serialize, Deserialize)]
struct StoredItem {
    /// From the item before.
    notification: u64,
    /// From the item before.
    created: i64,
    /// Index of its facts.
    facts: u32,
    flags: u16,
    /// From the notification.
    changed: u64,
    /// From its creation, each.
    times: [Option<i64>; 3],
}

/// Steps, ascending.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct StoredSteps {
    facts: Vec<Arc<Published>>,
    steps: Vec<StoredStep>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredStep {
    /// From the step before.
    position: u64,
    kind: StoredKind,
}

#[derive(Debug, Serialize, Deserialize)]
enum StoredKind {
    Add {
        /// From the step before that adds.
        created: i64,
        facts: u32,
    },
    Other(Change),
}

/// Facts of one row, each once.
#[derive(Default)]
struct FactsOfRow {
    facts: Vec<Arc<Published>>,
    known: HashMap<*const Published, u32>,
}

impl FactsOfRow {
    fn index(&mut self, published: &Arc<Published>) -> u32 {
        // The same facts are one copy in memory, but for those that share a hash with others: two copies are as good.
        *self.known.entry(Arc::as_ptr(published)).or_insert_with(|| {
            self.facts.push(Arc::clone(published));
            u32::try_from(self.facts.len() - 1).expect("a row has fewer steps than bytes")
        })
    }
}

impl StoredSteps {
    pub(crate) fn of<'a>(steps: impl Iterator<Item = &'a Step>) -> Self {
        let mut facts = FactsOfRow::default();
        let (mut before, mut created_before) = (Position::ZERO, Time::default());
        let stored = steps.map(|step| {
            let position = step.position.0 - before.0;
            before = step.position;
            let kind = match &step.kind {
                StepKind::Add { created, published } => {
                    let apart = created.0.wrapping_sub(created_before.0);
                    created_before = *created;
                    StoredKind::Add { created: apart, facts: facts.index(published) }
                }
                StepKind::Other(change) => StoredKind::Other((**change).clone()),
            };
            StoredStep { position, kind }
        });
        let steps = stored.collect();
        Self { facts: facts.facts, steps }
    }

    pub(crate) fn steps(self, shelf: Shelf, once: &mut FactsOnce) -> Result<Vec<Step>, BlockError> {
        let facts = all_once(&self.facts, once);
        let (mut position, mut time) = (Position::ZERO, Time::default());
        let mut steps = Vec::with_capacity(self.steps.len());
        for stored in self.steps {
            position = Position(position.0.wrapping_add(stored.position));
            steps.push(match stored.kind {
                StoredKind::Add { created, facts: index } => {
                    time = Time(time.0.wrapping_add(created));
                    Step::add(position, time, nth(&facts, index, shelf)?)
                }
                StoredKind::Other(change) => Step::other(position, change),
            });
        }
        Ok(steps)
    }
}

impl Block {
    /// The items of a table that has taken everything over up to a position.
    pub(crate) fn of(table: &Table, applied: Position) -> Self {
        let mut facts = FactsOfRow::default();
        let (mut before, mut created_before) = (0_u64, 0_i64);
        let items = table.facets.live().ones().map(|ordinal| {
            let Columns { entries, changed, read, first_seen, archived, .. } = &table.columns;
            let Entry { notification, created, published } = &entries[ordinal];
            let apart = |time: Option<Time>| time.map(|time| time.0.wrapping_sub(created.0));
            let item = StoredItem {
                notification: notification.0.wrapping_sub(before),
                created: created.0.wrapping_sub(created_before),
                facts: facts.index(published),
                flags: table.facets.flags(ordinal).0,
                changed: changed[ordinal].0.wrapping_sub(notification.0),
                times: [read[ordinal], first_seen[ordinal], archived[ordinal]].map(apart),
            };
            (before, created_before) = (notification.0, created.0);
            item
        });
        let items = items.collect();
        let tombstones = table.tombstones.iter().copied().collect();
        Self { applied, facts: facts.facts, items, tombstones, forgotten: table.tombstones.forgotten() }
    }

    /// The table again.
    pub(crate) fn table(self, shelf: Shelf, once: &mut FactsOnce) -> Result<Table, BlockError> {
        let facts = all_once(&self.facts, once);
        let mut columns = Columns::with_capacity(self.items.len());
        let mut facets = Facets::default();
        let (mut notification, mut created) = (Position::ZERO, Time::default());
        for (ordinal, item) in self.items.into_iter().enumerate() {
            notification = Position(notification.0.wrapping_add(item.notification));
            created = Time(created.0.wrapping_add(item.created));
            let published = nth(&facts, item.facts, shelf)?;
            facets.push(ordinal, Flags(item.flags), &published);
            let [read, first_seen, archived] =
                item.times.map(|apart| apart.map(|apart| Time(created.0.wrapping_add(apart))));
            columns.push(Entry { notification, created, published }, Position(notification.0 + item.changed));
            (columns.read[ordinal], columns.first_seen[ordinal], columns.archived[ordinal]) =
                (read, first_seen, archived);
        }
        Ok(Table { columns, facets, tombstones: Tombstones::of(self.tombstones, self.forgotten) })
    }
}

fn all_once(facts: &[Arc<Published>], once: &mut FactsOnce) -> Vec<Arc<Published>> {
    facts.iter().map(|published| once.of(published)).collect()
}

fn nth(facts: &[Arc<Published>], index: u32, shelf: Shelf) -> Result<Arc<Published>, BlockError> {
    let found = facts.get(index as usize).map(Arc::clone);
    found.ok_or(BlockError::Damaged { shelf, what: "a row refers to facts that it does not have" })
}
