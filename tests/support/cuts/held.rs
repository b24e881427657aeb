//! What a client holds of one inbox, by the rules of the wire, and what the judge finds wrong with it.

use super::model::{Items, Look, Model, counts};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use tidings_engine::cursor::Cursor;
use tidings_engine::ids::Position;
use tidings_engine::item::{Filter, Flags};
use tidings_engine::keys::{Keys, TenantTag};
use tidings_projections::Owner;
use tidings_wire::{Change, Counts, InboxName, Item, ItemPatch, PageQuery, ServerFrame};

/// What the judge knows, and no client does.
pub(super) struct Judge<'a> {
    pub(super) model: &'a Model,
    pub(super) keys: &'a Keys,
    pub(super) tag: TenantTag,
}

impl Judge<'_> {
    /// Opens a cursor that a client was told.
    ///
    /// # Errors
    /// It is none, or it stands at what is not durable yet.
    pub(super) fn place(&self, cursor: &str) -> Result<Cursor, String> {
        let place = Cursor::open(self.keys, self.tag, cursor).ok_or("a cursor that the server did not make")?;
        if place.position > self.model.head() {
            return Err(format!("told up to {} before it was durable", place.position));
        }
        Ok(place)
    }

    fn notification(&self, id: &str) -> Position {
        self.keys.notification(self.tag, id)
    }
}

/// Where a subscription stands, as its client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing is held, and a snapshot must come.
    Void,
    /// Catching up.
    Behind,
    /// Every change comes as it happens.
    Live,
}

/// The older items, page by page: first those that are not archived, then those that are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Paging {
    /// The next page of a list is wanted.
    Wanted { archived: bool, after: Option<String> },
    /// It was asked for under this name, when so many changes were on record.
    Asked { archived: bool, name: String, since: usize },
    /// Everything is held.
    Complete,
}

/// One item with its place among arrivals.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    id: String,
    look: Look,
    rank: i64,
}

/// One inbox.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) inbox: InboxName,
    pub(super) owner: Owner,
    pub(super) phase: Phase,
    pub(super) cursor: Option<String>,
    pub(super) paging: Paging,
    pub(super) counts: Counts,
    rows: BTreeMap<Position, Row>,
    place: (Position, u64),
    /// The latest place as of which a page was read: until the cursor is there, items may be newer than it.
    pages_at: Position,
    told: HashMap<Position, Position>,
    journal: Vec<(Change, String)>,
    ranks_at: HashMap<String, i64>,
    highest: i64,
    lowest: i64,
    /// The `subscribe` that is not answered yet: what comes before the reply is the earlier subscription's.
    pub(super) asked: Option<String>,
    /// How often it had to begin anew.
    pub(super) resyncs: u64,
    /// How often it was caught up.
    pub(super) catch_ups: u64,
}

impl Held {
    pub(super) fn new(inbox: InboxName, owner: Owner) -> Self {
        Self {
            inbox,
            owner,
            phase: Phase::Void,
            cursor: None,
            paging: Paging::Complete,
            counts: Counts::default(),
            rows: BTreeMap::new(),
            place: (Position::ZERO, 0),
            pages_at: Position::ZERO,
            told: HashMap::new(),
            journal: Vec::new(),
            ranks_at: HashMap::new(),
            highest: 0,
            lowest: 0,
            asked: None,
            resyncs: 0,
            catch_ups: 0,
        }
    }

    /// The items.
    pub(super) fn items(&self) -> Items {
        self.rows.iter().map(|(position, row)| (*position, row.look.clone())).collect()
    }

    /// How it stands, in a line.
    pub(super) fn standing(&self) -> String {
        let Self { inbox, phase, place, pages_at, paging, .. } = self;
        format!("{inbox} {phase:?} at {place:?}, pages as of {pages_at}, {paging:?}")
    }

    /// Ids of the items.
    pub(super) fn ids(&self) -> Vec<String> {
        self.rows.values().map(|row| row.id.clone()).collect()
    }

    /// The connection is gone: what comes next is a catching up.
    pub(super) fn offline(&mut self) {
        if self.phase == Phase::Live {
            self.phase = Phase::Behind;
        }
        self.told.clear();
        self.ranks_at.clear();
        self.asked = None;
        if let Paging::Asked { archived, .. } = self.paging {
            self.paging = Paging::Wanted { archived, after: None };
        }
    }

    /// Everything is void: a snapshot is asked for.
    pub(super) fn start_over(&mut self) {
        self.cursor = None;
        self.phase = Phase::Void;
    }

    /// Takes a frame of this inbox.
    ///
    /// # Errors
    /// What the server did that it must not.
    pub(super) fn receive(&mut self, frame: &ServerFrame, judge: &Judge<'_>) -> Result<(), String> {
        if self.asked.is_some() {
            return Ok(());
        }
        match frame {
            ServerFrame::Snapshot { cursor, counts, items, .. } => self.snapshot(cursor, *counts, items, judge),
            ServerFrame::Delta { cursor, changes, counts, .. } => self.delta(cursor, changes, *counts, judge),
            ServerFrame::Counts { cursor, counts, .. } => {
                self.counts = *counts;
                self.advance(cursor, judge)?;
                self.check_counts(judge)
            }
            ServerFrame::Behind { cursor, .. } => {
                let place = judge.place(cursor)?;
                if self.phase != Phase::Void && (place.position, place.place) != self.place {
                    return Err(format!("behind from {place:?}, but the client stands at {:?}", self.place));
                }
                self.phase = Phase::Behind;
                self.told.clear();
                self.ranks_at.clear();
                Ok(())
            }
            ServerFrame::CaughtUp { cursor, .. } => {
                self.advance(cursor, judge)?;
                self.phase = Phase::Live;
                self.catch_ups += 1;
                self.check_items(judge)?;
                self.check_counts(judge)
            }
            ServerFrame::Resync { .. } => {
                self.resyncs += 1;
                self.start_over();
                Ok(())
            }
            other => Err(format!("{other:?} is no frame of an inbox")),
        }
    }

    fn snapshot(&mut self, cursor: &str, counts: Counts, items: &[Item], judge: &Judge<'_>) -> Result<(), String> {
        let (phase, resyncs, catch_ups) = (Phase::Live, self.resyncs, self.catch_ups);
        *self = Self { phase, resyncs, catch_ups, counts, ..Self::new(self.inbox.clone(), self.owner) };
        self.advance(cursor, judge)?;
        for item in items {
            self.lowest -= 1;
            self.rows
                .insert(judge.notification(&item.id), Row { id: item.id.clone(), look: look(item), rank: self.lowest });
        }
        self.paging = Paging::Wanted { archived: false, after: None };
        let all = judge.model.at(self.owner, self.place.0);
        let mut shown = all.iter().rev().filter(|(_, look)| !look.flags.has(Flags::ARCHIVED));
        if !self.rows.iter().rev().all(|(position, row)| shown.next() == Some((position, &row.look))) {
            return Err(format!("the snapshot at {} is not the newest of the inbox", self.place.0));
        }
        self.check_counts(judge)
    }

    fn delta(
        &mut self,
        cursor: &str,
        changes: &[Change],
        counts: Option<Counts>,
        judge: &Judge<'_>,
    ) -> Result<(), String> {
        if self.phase == Phase::Void {
            return Err("a delta where a snapshot is owed".to_owned());
        }
        let (before, place) = (self.place, judge.place(cursor)?);
        if (place.position, place.place) <= before {
            return Err(format!("a delta to {place:?} after {before:?}: doubled or out of order"));
        }
        let end = if place.place == 0 { place.position } else { place.position.next() };
        if self.phase == Phase::Live
            && let Some(lost) = judge.model.change_between(self.owner, before.0, end)
            // The event in the midst of which the client stands.
            && (before.1 == 0 || lost != before.0.next())
        {
            return Err(format!("event {lost} changed the inbox, and the next delta is of {}", place.position));
        }
        let mut arrived = Vec::new();
        for change in changes {
            self.check_once(change, place.position, judge)?;
            if matches!(self.paging, Paging::Asked { .. }) {
                self.journal.push((change.clone(), cursor.to_owned()));
            }
            arrived.extend(self.apply(change, cursor, None, judge));
        }
        self.counts = counts.unwrap_or_else(|| added(self.counts, &arrived));
        let was_live = self.phase == Phase::Live;
        self.advance(cursor, judge)?;
        if was_live && place.place == 0 {
            self.check_items(judge)?;
            let are_known = counts.is_some() || changes.iter().all(|one| matches!(one, Change::Added { .. }));
            if are_known {
                self.check_counts(judge)?;
            }
        }
        Ok(())
    }

    /// In catching up an item is told once, unless it changed again meanwhile; live, an item arrives once.
    fn check_once(&mut self, change: &Change, next: Position, judge: &Judge<'_>) -> Result<(), String> {
        let item = match change {
            Change::Added { item } => judge.notification(&item.id),
            Change::Changed { id, .. } | Change::Removed { id } => judge.notification(id),
            Change::MarkedAll { .. } => return Ok(()),
        };
        if self.phase != Phase::Behind {
            return Ok(());
        }
        match self.told.insert(item, next) {
            Some(earlier) if !judge.model.changed_after(self.owner, item, earlier) => {
                Err(format!("item {item} was told twice in one catching up, at {earlier} and at {next}"))
            }
            _ => Ok(()),
        }
    }

    /// Applies one change; the look of an item that arrived. `only` confines it to items that a page brought.
    fn apply(&mut self, change: &Change, cursor: &str, only: Option<&[Position]>, judge: &Judge<'_>) -> Option<Look> {
        let is_meant = |item: Position| only.is_none_or(|only| only.contains(&item));
        match change {
            Change::Added { item } => {
                let (position, look) = (judge.notification(&item.id), look(item));
                if !is_meant(position) {
                    return None;
                }
                let held = self.rows.get(&position).map(|row| row.rank);
                // Live, whatever a page brought ahead of its time arrives now.
                let rank = held.filter(|_| self.phase == Phase::Behind).unwrap_or_else(|| {
                    self.highest += 1;
                    self.highest
                });
                self.rows.insert(position, Row { id: item.id.clone(), look: look.clone(), rank });
                // Each arrival is told live once, so that it counts, whether or not a page was ahead of it.
                (self.phase == Phase::Live).then_some(look)
            }
            Change::Changed { id, item } => {
                let position = judge.notification(id);
                match self.rows.get_mut(&position) {
                    Some(row) if is_meant(position) => patch(&mut row.look, item),
                    Some(_) => {}
                    // It may come into a list whose page was read before.
                    None if only.is_none() => self.page_again(),
                    None => {}
                }
                None
            }
            Change::Removed { id } => {
                let position = judge.notification(id);
                if is_meant(position) {
                    self.rows.remove(&position);
                }
                None
            }
            Change::MarkedAll { mark, up_to, at, filter } => {
                let ceiling = if up_to == cursor { Some(i64::MAX) } else { self.ranks_at.get(up_to).copied() };
                let Some(ceiling) = ceiling else {
                    self.start_over();
                    return None;
                };
                if only.is_none() && self.paging != Paging::Complete {
                    self.page_again();
                }
                let (filter, time) = (wanted(filter.as_ref()), at.clone().unwrap_or_default());
                for (position, row) in &mut self.rows {
                    if is_meant(*position) && row.rank <= ceiling && row.look.is_covered(*mark, &filter) {
                        row.look.mark(*mark, &time);
                    }
                }
                self.rows.retain(|_, row| !row.look.flags.has(Flags::DELETED));
                None
            }
        }
    }

    fn page_again(&mut self) {
        if self.paging != Paging::Complete || self.phase != Phase::Void {
            self.paging = Paging::Wanted { archived: false, after: None };
        }
    }

    /// The frame that asks for the next page, if one is wanted.
    pub(super) fn ask_page(&mut self, name: &str, limit: u32) -> Option<PageQuery> {
        let Paging::Wanted { archived, after } = self.paging.clone() else { return None };
        if self.phase == Phase::Void {
            return None;
        }
        self.journal.clear();
        self.paging = Paging::Asked { archived, name: name.to_owned(), since: self.journal.len() };
        Some(PageQuery { limit: Some(limit), after, archived: Some(archived), ..PageQuery::default() })
    }

    /// Takes a page; `None` where it could not be read on from where it was.
    pub(super) fn page(&mut self, name: &str, page: Option<(Vec<Item>, bool, Position)>, judge: &Judge<'_>) {
        let Paging::Asked { archived, name: asked, since } = &self.paging else { return };
        if asked != name {
            return;
        }
        let (archived, missed) = (*archived, self.journal.split_off(*since));
        let Some((items, has_more, as_of)) = page else {
            self.paging = Paging::Wanted { archived, after: None };
            return;
        };
        self.pages_at = self.pages_at.max(as_of);
        self.ranks_at.clear();
        let mut only = Vec::new();
        for item in &items {
            let position = judge.notification(&item.id);
            if !self.rows.contains_key(&position) {
                self.lowest -= 1;
                self.rows.insert(position, Row { id: item.id.clone(), look: look(item), rank: self.lowest });
                only.push(position);
            }
        }
        self.paging = match (has_more, archived) {
            (true, _) => Paging::Wanted { archived, after: items.last().map(|item| item.id.clone()) },
            (false, false) => Paging::Wanted { archived: true, after: None },
            (false, true) => Paging::Complete,
        };
        for (change, cursor) in missed {
            self.apply(&change, &cursor, Some(&only), judge);
        }
    }

    fn advance(&mut self, cursor: &str, judge: &Judge<'_>) -> Result<(), String> {
        let place = judge.place(cursor)?;
        if (place.position, place.place) < self.place {
            return Err(format!("from {:?} back to {place:?}", self.place));
        }
        self.place = (place.position, place.place);
        if self.phase != Phase::Void {
            self.cursor = Some(cursor.to_owned());
            self.ranks_at.insert(cursor.to_owned(), self.highest);
        }
        Ok(())
    }

    /// Whether everything is held as of the cursor, so that it can be compared.
    pub(super) fn is_exact(&self, model: &Model) -> bool {
        let is_whole = self.phase == Phase::Live && self.paging == Paging::Complete;
        is_whole && model.change_between(self.owner, self.place.0, self.pages_at.next()).is_none()
    }

    /// Whether everything is held that there is.
    pub(super) fn is_settled(&self, model: &Model) -> bool {
        self.is_exact(model) && model.change_between(self.owner, self.place.0, model.head().next()).is_none()
    }

    fn check_items(&self, judge: &Judge<'_>) -> Result<(), String> {
        if !self.is_exact(judge.model) {
            return Ok(());
        }
        let (held, known) = (self.items(), judge.model.at(self.owner, self.place.0));
        let known = &*known;
        let both = held.keys().chain(known.keys());
        let differs = both.copied().find(|item| held.get(item) != known.get(item));
        match differs {
            None => Ok(()),
            Some(item) => Err(format!(
                "at {} item {item} is held as {:?} and is {:?}",
                self.place.0,
                held.get(&item),
                known.get(&item)
            )),
        }
    }

    fn check_counts(&self, judge: &Judge<'_>) -> Result<(), String> {
        let known = counts(judge.model.at(self.owner, self.place.0).values());
        if self.place.1 == 0 && self.counts != known {
            return Err(format!("at {} the counts are {:?} and were told as {:?}", self.place.0, known, self.counts));
        }
        Ok(())
    }
}

fn look(item: &Item) -> Look {
    let mut flags = 0;
    for (is, bit) in [(item.is_seen, Flags::SEEN), (item.is_read, Flags::READ), (item.is_archived, Flags::ARCHIVED)] {
        flags |= if is { bit } else { 0 };
    }
    Look {
        flags: Flags(flags),
        created: item.created_at.clone(),
        read: item.read_at.clone(),
        first_seen: item.first_seen_at.clone(),
        archived: item.archived_at.clone(),
        severity: item.severity,
        body: item.body.clone(),
    }
}

fn patch(look: &mut Look, patch: &ItemPatch) {
    let mut flags = 0;
    for (is, bit) in [(patch.is_seen, Flags::SEEN), (patch.is_read, Flags::READ), (patch.is_archived, Flags::ARCHIVED)]
    {
        flags |= if is { bit } else { 0 };
    }
    look.flags = Flags(flags);
    look.read.clone_from(&patch.read_at);
    look.first_seen.clone_from(&patch.first_seen_at);
    look.archived.clone_from(&patch.archived_at);
}

fn wanted(filter: Option<&Value>) -> Filter {
    let query: PageQuery = filter.and_then(|one| serde_json::from_value(one.clone()).ok()).unwrap_or_default();
    Filter { read: query.read, seen: query.seen, archived: query.archived, ..Filter::default() }
}

/// For `added` without counts the client adds one.
fn added(mut counts: Counts, arrived: &[Look]) -> Counts {
    let more = super::model::counts(arrived);
    counts.total += more.total;
    counts.unseen += more.unseen;
    counts.unread += more.unread;
    counts.severity.high += more.severity.high;
    counts.severity.medium += more.severity.medium;
    counts.severity.low += more.severity.low;
    counts.severity.none += more.severity.none;
    counts
}
