//! What `decide` needs, resident and minimal. It runs ahead of the sync, so nobody reads it but `decide`.

mod digest;
mod idempotency;
mod items;

pub use idempotency::{First, FirstAnswer};

use crate::event::{Audience, Event, Published, Recorded};
use crate::grant::Role;
use crate::ids::{Position, Revision, StreamId, TenantId, Time};
use crate::item::{Flags, Mark};
use idempotency::Idempotency;
use items::Items;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The state of one log: a pure fold of its events. Reads no clock, configuration or content.
#[derive(Debug, Default)]
pub struct State {
    position: Position,
    time: Time,
    tenant_ids: HashMap<String, TenantId>,
    tenants: BTreeMap<TenantId, Tenant>,
    revisions: HashMap<StreamId, Revision>,
    subjects: HashMap<StreamId, Subject>,
    inboxes: HashMap<StreamId, Items>,
    answers: Idempotency,
    /// Streams of people who were erased, and the numbers of their destroyed keys.
    erased: BTreeMap<StreamId, u32>,
    /// The key that checkpoints are signed by, as last adopted.
    checkpoint_key: Option<[u8; 32]>,
    /// Greatest number of a key that seals something in the log.
    key_max: u32,
}

/// What is known of one tenant.
#[derive(Debug, Default)]
struct Tenant {
    sequence: u64,
    /// The tenant's own stream, whose inbox holds all that was published to everyone.
    stream: StreamId,
    /// Facts of each notification, shared by all inboxes that hold it.
    notifications: BTreeMap<Position, Notification>,
    /// What was published to everyone of the tenant, ascending.
    audience: Vec<Position>,
}

#[derive(Debug)]
struct Notification {
    facts: Arc<Published>,
    created: Time,
    is_retracted: bool,
}

/// A person as last recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Roles, sorted.
    pub roles: Vec<Role>,
    /// Topics, sorted.
    pub topics: Vec<String>,
    /// Whether roles and topics were ever recorded: a person that was only published to is known without them.
    pub is_observed: bool,
    /// The event with which the person's interval in the tenant's audience begins.
    pub since: Position,
}

impl State {
    /// The last event applied.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Recorded time of the last event applied.
    #[must_use]
    pub const fn time(&self) -> Time {
        self.time
    }

    /// The number of a tenant.
    #[must_use]
    pub fn tenant(&self, name: &str) -> Option<TenantId> {
        self.tenant_ids.get(name).copied()
    }

    /// How many tenants there are: numbers are given from 1 without gaps.
    #[must_use]
    pub fn tenants_count(&self) -> u32 {
        u32::try_from(self.tenant_ids.len()).unwrap_or(u32::MAX)
    }

    /// Sequence of a tenant's last event.
    #[must_use]
    pub fn tenant_sequence(&self, tenant: TenantId) -> u64 {
        self.tenants.get(&tenant).map_or(0, |tenant| tenant.sequence)
    }

    /// Revision of a stream's last event.
    #[must_use]
    pub fn revision(&self, stream: StreamId) -> Revision {
        self.revisions.get(&stream).copied().unwrap_or_default()
    }

    /// A person as last recorded.
    #[must_use]
    pub fn subject(&self, stream: StreamId) -> Option<&Subject> {
        self.subjects.get(&stream)
    }

    /// Whether a stream was that of a person who was erased.
    #[must_use]
    pub fn is_erased(&self, stream: StreamId) -> bool {
        !self.erased.is_empty() && self.erased.contains_key(&stream)
    }

    /// Everyone who was erased: their streams, and the numbers of their destroyed keys.
    pub fn erased(&self) -> impl Iterator<Item = (StreamId, u32)> {
        self.erased.iter().map(|(stream, key)| (*stream, *key))
    }

    /// The Ed25519 public key that checkpoints are signed by, as last adopted.
    #[must_use]
    pub const fn checkpoint_key(&self) -> Option<&[u8; 32]> {
        self.checkpoint_key.as_ref()
    }

    /// Greatest number of a key that seals content in the log: a keyring that gave fewer is older than the log.
    #[must_use]
    pub const fn key_max(&self) -> u32 {
        self.key_max
    }

    /// The first answer to a command that was seen before.
    #[must_use]
    pub fn first_answer(&self, tenant: TenantId, command: crate::ids::CommandHash) -> Option<&First> {
        self.answers.get(tenant, command, self.time)
    }

    /// Whether a tenant has published a notification, and has not taken it back since.
    #[must_use]
    pub fn notification(&self, tenant: TenantId, notification: Position) -> Option<bool> {
        let found = self.tenants.get(&tenant)?.notifications.get(&notification)?;
        Some(!found.is_retracted)
    }

    /// States of an item in one inbox; `None` when the inbox does not hold it, or holds it no more.
    #[must_use]
    pub fn item(&self, tenant: TenantId, inbox: StreamId, notification: Position) -> Option<Flags> {
        if self.notification(tenant, notification) != Some(true) {
            return None;
        }
        let flags = match self.inboxes.get(&inbox).and_then(|items| items.get(notification)) {
            Some(flags) => flags,
            None => self.is_audience_item(tenant, inbox, notification).then(Flags::default)?,
        };
        (!flags.has(Flags::DELETED)).then_some(flags)
    }

    /// Whether a mark on all would change anything.
    #[must_use]
    pub fn would_mark(
        &self,
        tenant: TenantId,
        inbox: StreamId,
        mark: Mark,
        filter: &crate::item::Filter,
        up_to: Position,
    ) -> bool {
        let Some(known) = self.tenants.get(&tenant) else { return false };
        let own = self.inboxes.get(&inbox);
        let changes = |position: Position, flags: Flags| {
            let Some(notification) = known.notifications.get(&position) else { return false };
            position <= up_to
                && !notification.is_retracted
                && !flags.skipped_by_all(mark)
                && flags.with(mark) != flags
                && filter.matches(flags, notification.created, &notification.facts)
        };
        let untouched = self.unmaterialised(known, inbox);
        own.is_some_and(|items| items.iter().any(|(position, flags)| changes(position, flags)))
            || untouched.iter().any(|position| changes(*position, Flags::default()))
    }

    /// Applies an event. Never fails: the event was decided, or was recorded before.
    pub fn apply(&mut self, recorded: &Recorded) {
        let envelope = &recorded.envelope;
        self.position = envelope.position;
        self.time = self.time.max(envelope.time);
        self.revisions.insert(envelope.stream, envelope.revision);
        self.tenants.entry(envelope.tenant).or_default().sequence = envelope.tenant_sequence;
        self.answers.apply(recorded);
        self.key_max = self.key_max.max(envelope.key_id);
        let (tenant, stream) = (envelope.tenant, envelope.stream);
        match &recorded.facts.event {
            Event::TenantCreated { name } => {
                self.tenant_ids.insert(name.clone(), tenant);
                self.tenants.entry(tenant).or_default().stream = stream;
            }
            Event::SubjectObserved { roles, topics } => {
                let subject = self.begin(stream, envelope.position);
                subject.roles.clone_from(roles);
                subject.topics.clone_from(topics);
                subject.is_observed = true;
            }
            Event::NotificationPublished(published) => self.published(recorded, published),
            Event::NotificationRetracted { notification } => {
                let tenant = self.tenants.entry(tenant).or_default();
                if let Some(notification) = tenant.notifications.get_mut(notification) {
                    notification.is_retracted = true;
                }
            }
            Event::ItemsMarked { mark, items } => {
                self.materialise(tenant, stream);
                let inbox = self.inboxes.entry(stream).or_default();
                for item in items {
                    inbox.mark(*item, *mark);
                }
            }
            Event::AllItemsMarked { mark, filter, up_to } => {
                self.materialise(tenant, stream);
                let (Some(known), Some(inbox)) = (self.tenants.get(&tenant), self.inboxes.get_mut(&stream)) else {
                    return;
                };
                inbox.mark_where(*mark, *up_to, |position, flags| {
                    known.notifications.get(&position).is_some_and(|notification| {
                        !notification.is_retracted && filter.matches(flags, notification.created, &notification.facts)
                    })
                });
            }
            Event::SubjectErased { subject, key, .. } => {
                self.subjects.remove(subject);
                self.inboxes.remove(subject);
                self.erased.insert(*subject, *key);
            }
            Event::AuditRead { .. } => {}
            Event::CheckpointKeyAdopted { public, .. } => self.checkpoint_key = Some(*public),
        }
    }

    fn published(&mut self, recorded: &Recorded, published: &Published) {
        let (position, created) = (recorded.envelope.position, recorded.envelope.time);
        let tenant = self.tenants.entry(recorded.envelope.tenant).or_default();
        let facts = Arc::new(Published { audience: Audience::Tenant, ..published.clone() });
        tenant.notifications.insert(position, Notification { facts, created, is_retracted: false });
        match &published.audience {
            Audience::People(people) => {
                for person in people {
                    self.begin(*person, position);
                    self.inboxes.entry(*person).or_default().insert(position);
                }
            }
            Audience::Tenant | Audience::Platform => tenant.audience.push(position),
            Audience::Topic(_) | Audience::Role(_) => {}
        }
    }

    /// A person's interval begins with the first event that concerns them.
    fn begin(&mut self, person: StreamId, position: Position) -> &mut Subject {
        let subject = self.subjects.entry(person).or_default();
        if subject.since == Position::ZERO {
            subject.since = position;
        }
        subject
    }

    fn is_audience_item(&self, tenant: TenantId, inbox: StreamId, notification: Position) -> bool {
        self.tenants
            .get(&tenant)
            .is_some_and(|known| self.unmaterialised(known, inbox).binary_search(&notification).is_ok())
    }

    /// Audience items that an inbox sees and has no states of its own for yet.
    fn unmaterialised<'a>(&self, tenant: &'a Tenant, inbox: StreamId) -> &'a [Position] {
        let seen = self.inboxes.get(&inbox).map_or(0, Items::absorbed);
        let from = seen.max(self.first_visible(tenant, inbox));
        &tenant.audience[from.min(tenant.audience.len())..]
    }

    /// A person sees the audience's items from the beginning of their interval on, and none without one; a tenant's own
    /// inbox holds all of them.
    fn first_visible(&self, tenant: &Tenant, inbox: StreamId) -> usize {
        if inbox == tenant.stream {
            return 0;
        }
        let since = self.subjects.get(&inbox).map_or(Position::ZERO, |subject| subject.since);
        tenant.audience.partition_point(|position| !crate::audience::is_visible(since, *position))
    }

    fn materialise(&mut self, tenant: TenantId, inbox: StreamId) {
        let Some(known) = self.tenants.get(&tenant) else { return };
        let new = self.unmaterialised(known, inbox);
        let items = self.inboxes.entry(inbox).or_default();
        items.absorb(new, known.audience.len());
    }
}
