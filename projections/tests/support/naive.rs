use super::Place;
use std::sync::Arc;
use tidings_engine::audience::is_visible;
use tidings_engine::event::{Audience, Event, Published, Recorded};
use tidings_engine::ids::{Position, TenantId};
use tidings_engine::item::{Filter, Flags, Mark};
use tidings_engine::limits::INBOX_ITEMS_MAX;
use tidings_projections::ItemState;
use tidings_wire::{Counts, Severity};

/// One inbox, folded from the whole log the plain way: a list, and loops over it.
#[derive(Clone, Debug, Default)]
pub struct Naive {
    /// Ascending by order key.
    pub items: Vec<ItemState>,
    /// The event of every removal, ascending.
    pub removals: Vec<Position>,
    /// The event after which it shows what everyone gets.
    pub began: Option<Position>,
    retracted: Vec<Position>,
}

impl Naive {
    pub fn of(log: &[Recorded], place: Place) -> Self {
        let began = place.person.is_none().then_some(Position::ZERO);
        let mut inbox = Self { began, ..Self::default() };
        for recorded in log.iter().filter(|recorded| recorded.envelope.tenant == TenantId(place.tenant)) {
            inbox.apply(recorded, place);
        }
        inbox
    }

    fn apply(&mut self, recorded: &Recorded, place: Place) {
        let envelope = &recorded.envelope;
        let is_own = envelope.stream == place.stream();
        match &recorded.facts.event {
            Event::TenantCreated { .. }
            | Event::AuditRead { .. }
            | Event::CheckpointKeyAdopted { .. }
            | Event::TokensRevoked { .. }
            | Event::ApiKeyCreated { .. }
            | Event::ApiKeyRevoked { .. }
            | Event::ConsentChanged { .. }
            | Event::TenantSettingsChanged { .. }
            | Event::ItemsDelivered { .. } => {}
            Event::SubjectErased { subject, .. } => {
                if place.person.is_some() && *subject == place.stream() {
                    *self = Self::default();
                }
            }
            Event::SubjectObserved { .. } => {
                if is_own {
                    self.began.get_or_insert(envelope.position);
                }
            }
            Event::NotificationPublished(published) => {
                let is_for = match &published.audience {
                    Audience::People(people) => place.person.is_some() && people.contains(&place.stream()),
                    Audience::Tenant => {
                        place.person.is_none() || self.began.is_some_and(|began| is_visible(began, envelope.position))
                    }
                    _ => false,
                };
                if is_for {
                    self.began.get_or_insert(envelope.position);
                    // Whom else it was for is nobody's to know.
                    let published = Published { audience: Audience::Tenant, ..published.clone() };
                    self.add(recorded, Arc::new(published));
                }
            }
            Event::NotificationRetracted { notification } => {
                if !self.retracted.contains(notification) {
                    self.retracted.push(*notification);
                    self.remove_if(envelope.position, |item| item.notification == *notification);
                }
            }
            Event::ItemsMarked { mark, items } if is_own && self.began.is_some() => {
                for notification in items {
                    self.mark_if(*mark, recorded, |item| {
                        item.notification == *notification && !item.flags.refuses(*mark)
                    });
                }
            }
            Event::AllItemsMarked { mark, filter, up_to } if is_own && self.began.is_some() => {
                self.mark_if(*mark, recorded, |item| {
                    filter.matches(item.flags, item.created, &item.published)
                        && item.order_key <= up_to.0
                        && !item.flags.skipped_by_all(*mark)
                });
            }
            Event::ItemsMarked { .. } | Event::AllItemsMarked { .. } => {}
        }
    }

    fn add(&mut self, recorded: &Recorded, published: Arc<Published>) {
        let envelope = &recorded.envelope;
        self.items.push(ItemState {
            notification: envelope.position,
            order_key: envelope.position.0,
            flags: Flags::default(),
            created: envelope.time,
            read: None,
            first_seen: None,
            archived: None,
            changed: envelope.position,
            published,
        });
        if self.items.len() > INBOX_ITEMS_MAX {
            self.items.remove(0);
            self.removals.push(envelope.position);
        }
    }

    fn remove_if(&mut self, at: Position, gone: impl Fn(&ItemState) -> bool) {
        let before = self.items.len();
        self.items.retain(|item| !gone(item));
        self.removals.extend(std::iter::repeat_n(at, before - self.items.len()));
    }

    fn mark_if(&mut self, mark: Mark, recorded: &Recorded, covered: impl Fn(&ItemState) -> bool) {
        let at = &recorded.envelope;
        if mark == Mark::Deleted {
            return self.remove_if(at.position, covered);
        }
        for item in self.items.iter_mut().filter(|item| covered(item)) {
            if marked(item, mark, at.time) {
                item.changed = at.position;
            }
        }
    }

    pub fn matching(&self, filter: &Filter) -> Vec<ItemState> {
        let matches = |item: &&ItemState| filter.matches(item.flags, item.created, &item.published);
        self.items.iter().rev().filter(matches).cloned().collect()
    }

    pub fn counts(&self) -> Counts {
        counts(&self.items)
    }
}

/// Puts a mark on one item; whether it changed.
pub fn marked(item: &mut ItemState, mark: Mark, time: tidings_engine::ids::Time) -> bool {
    let before = item.flags;
    item.flags = before.with(mark);
    let (read, archived) = (item.flags.has(Flags::READ), item.flags.has(Flags::ARCHIVED));
    item.read = read.then(|| item.read.unwrap_or(time));
    item.archived = archived.then(|| item.archived.unwrap_or(time));
    if item.flags.has(Flags::SEEN) {
        item.first_seen = item.first_seen.or(Some(time));
    }
    item.flags != before
}

/// Counts of items, one by one.
pub fn counts<'a>(items: impl IntoIterator<Item = &'a ItemState>) -> Counts {
    let mut counts = Counts::default();
    for item in items {
        if item.flags.has(Flags::ARCHIVED) || item.flags.has(Flags::SNOOZED) {
            continue;
        }
        counts.total += 1;
        counts.unseen += u32::from(!item.flags.has(Flags::SEEN));
        if !item.flags.has(Flags::READ) {
            counts.unread += 1;
            *match item.published.severity {
                Severity::High => &mut counts.severity.high,
                Severity::Medium => &mut counts.severity.medium,
                Severity::Low => &mut counts.severity.low,
                Severity::None => &mut counts.severity.none,
            } += 1;
        }
    }
    counts
}
