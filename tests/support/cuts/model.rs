use std::collections::BTreeMap;
use std::rc::Rc;
use tidings_engine::audience::is_visible;
use tidings_engine::event::{Audience, Event, Recorded};
use tidings_engine::ids::{Position, Time};
use tidings_engine::item::{Filter, Flags, Mark};
use tidings_projections::Owner;
use tidings_wire::{Counts, Severity};

/// One item as anybody can see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) flags: Flags,
    pub(super) created: String,
    pub(super) read: Option<String>,
    pub(super) first_seen: Option<String>,
    pub(super) archived: Option<String>,
    pub(super) severity: Severity,
    pub(super) body: String,
}

impl Look {
    /// Puts a mark on it.
    pub(super) fn mark(&mut self, mark: Mark, time: &str) {
        self.flags = self.flags.with(mark);
        let time = || time.to_owned();
        let (read, archived) = (self.flags.has(Flags::READ), self.flags.has(Flags::ARCHIVED));
        self.read = read.then(|| self.read.take().unwrap_or_else(time));
        self.archived = archived.then(|| self.archived.take().unwrap_or_else(time));
        if self.flags.has(Flags::SEEN) {
            self.first_seen.get_or_insert_with(time);
        }
    }

    /// Whether a mark on all covers it, as far as its states go.
    pub(super) fn is_covered(&self, mark: Mark, filter: &Filter) -> bool {
        !self.flags.skipped_by_all(mark) && filter.matches_states(self.flags, Time(0))
    }
}

/// An inbox at one event.
pub(super) type Items = BTreeMap<Position, Look>;

/// One inbox, the plain way, with what it was after every event that changed it.
#[derive(Debug, Default)]
struct History {
    began: Option<Position>,
    items: Items,
    changes: Vec<(Position, Position)>,
    states: Vec<(Position, Rc<Items>)>,
}

/// What the log says of every inbox: a list, and loops over it. Knows durable events only.
#[derive(Debug, Default)]
pub(super) struct Model {
    head: Position,
    inboxes: BTreeMap<Owner, History>,
}

impl Model {
    /// The last durable event.
    pub(super) const fn head(&self) -> Position {
        self.head
    }

    /// Takes an event that is durable, with the text it was published with.
    pub(super) fn apply(&mut self, recorded: &Recorded, body: &str) {
        let envelope = &recorded.envelope;
        self.head = envelope.position;
        match &recorded.facts.event {
            Event::SubjectObserved { .. } => {
                self.inbox(Owner::User(envelope.stream)).began.get_or_insert(envelope.position);
            }
            Event::NotificationPublished(published) => {
                self.inbox(Owner::Tenant(envelope.stream));
                let look = Look {
                    flags: Flags::default(),
                    created: envelope.time.rfc3339(),
                    read: None,
                    first_seen: None,
                    archived: None,
                    severity: published.severity,
                    body: body.to_owned(),
                };
                if let Audience::People(people) = &published.audience {
                    for person in people {
                        self.inbox(Owner::User(*person)).began.get_or_insert(envelope.position);
                    }
                }
                let at = envelope.position;
                for (owner, inbox) in &mut self.inboxes {
                    if is_for(*owner, inbox.began, &published.audience, at) {
                        inbox.items.insert(at, look.clone());
                        inbox.note(at, &[at]);
                    }
                }
            }
            Event::NotificationRetracted { notification } => {
                for inbox in self.inboxes.values_mut() {
                    if inbox.items.remove(notification).is_some() {
                        inbox.note(envelope.position, &[*notification]);
                    }
                }
            }
            Event::ItemsMarked { mark, items } => {
                self.mark(recorded, *mark, |position, look| items.contains(&position) && !look.flags.refuses(*mark));
            }
            Event::AllItemsMarked { mark, filter, up_to } => {
                self.mark(recorded, *mark, |position, look| position <= *up_to && look.is_covered(*mark, filter));
            }
            _ => {}
        }
    }

    fn inbox(&mut self, owner: Owner) -> &mut History {
        self.inboxes.entry(owner).or_default()
    }

    fn mark(&mut self, recorded: &Recorded, mark: Mark, covers: impl Fn(Position, &Look) -> bool) {
        let (stream, at) = (recorded.envelope.stream, recorded.envelope.position);
        let owners = [Owner::User(stream), Owner::Tenant(stream)];
        let Some(owner) = owners.into_iter().find(|owner| self.inboxes.contains_key(owner)) else { return };
        let inbox = self.inbox(owner);
        let time = recorded.envelope.time.rfc3339();
        let covered: Vec<_> =
            inbox.items.iter().filter(|(position, look)| covers(**position, look)).map(|(at, _)| *at).collect();
        let mut changed = Vec::new();
        for position in covered {
            let look = inbox.items.get_mut(&position).expect("it was found just now");
            let before = look.clone();
            look.mark(mark, &time);
            if *look != before {
                changed.push(position);
            }
        }
        inbox.items.retain(|_, look| !look.flags.has(Flags::DELETED));
        if !changed.is_empty() {
            inbox.note(at, &changed);
        }
    }

    /// The inbox as it was after an event.
    pub(super) fn at(&self, owner: Owner, position: Position) -> Rc<Items> {
        let Some(inbox) = self.inboxes.get(&owner) else { return Rc::default() };
        let index = inbox.states.partition_point(|(at, _)| *at <= position);
        index.checked_sub(1).map(|index| Rc::clone(&inbox.states[index].1)).unwrap_or_default()
    }

    /// The first event after `from` and before `before` that changed the inbox.
    pub(super) fn change_between(&self, owner: Owner, from: Position, before: Position) -> Option<Position> {
        let inbox = self.inboxes.get(&owner)?;
        inbox.states.iter().map(|(at, _)| *at).find(|at| *at > from && *at < before)
    }

    /// Whether an item of the inbox changed after an event.
    pub(super) fn changed_after(&self, owner: Owner, notification: Position, event: Position) -> bool {
        let inbox = self.inboxes.get(&owner);
        inbox.is_some_and(|inbox| inbox.changes.iter().any(|(at, item)| *at > event && *item == notification))
    }
}

impl History {
    fn note(&mut self, at: Position, changed: &[Position]) {
        self.changes.extend(changed.iter().map(|notification| (at, *notification)));
        self.states.push((at, Rc::new(self.items.clone())));
    }
}

fn is_for(owner: Owner, began: Option<Position>, audience: &Audience, at: Position) -> bool {
    match (owner, audience) {
        (Owner::User(person), Audience::People(people)) => people.contains(&person),
        (Owner::User(_), Audience::Tenant) => began.is_some_and(|began| is_visible(began, at)),
        (Owner::Tenant(_), Audience::Tenant) => true,
        _ => false,
    }
}

/// Counts of items, one by one.
pub(super) fn counts<'a>(items: impl IntoIterator<Item = &'a Look>) -> Counts {
    let mut counts = Counts::default();
    for look in items {
        if look.flags.has(Flags::ARCHIVED) {
            continue;
        }
        counts.total += 1;
        counts.unseen += u32::from(!look.flags.has(Flags::SEEN));
        if !look.flags.has(Flags::READ) {
            counts.unread += 1;
            *match look.severity {
                Severity::High => &mut counts.severity.high,
                Severity::Medium => &mut counts.severity.medium,
                Severity::Low => &mut counts.severity.low,
                Severity::None => &mut counts.severity.none,
            } += 1;
        }
    }
    counts
}
