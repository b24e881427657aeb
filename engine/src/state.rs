//! What `decide` needs, resident and minimal. It runs ahead of the sync, so nobody reads it but `decide`.
//!
//! Streams, notifications and sets of topics are known by small numbers inside, given in the order of events, which tell
//! nothing: [`State::digest`] has none of them.

mod chunks;
mod differences;
mod digest;
mod idempotency;
mod inbox;
mod interned;
mod numbers;
mod parts;
mod restoring;
mod rows;
mod runs;
mod streams;
mod tenant;
mod topics;

pub use idempotency::{First, FirstAnswer};
pub(crate) use restoring::{Piece, Restoring};

use crate::access::Access;
use crate::consent::Consents;
use crate::delivered::Delivered;
use crate::event::{Audience, Event, Published, Recorded};
use crate::grant::Role;
use crate::ids::{CommandHash, Position, Revision, StreamId, TenantId, Time};
use crate::item::{Filter, Flags, Mark};
use chunks::Chunks;
use idempotency::Idempotency;
use inbox::Inbox;
use std::collections::{BTreeMap, HashMap};
use streams::{Stream, Streams, role_bits};
use tenant::{Tenant, Wanted};
use topics::Topics;

/// The state of one log: a pure fold of its events. Reads no clock, configuration or content.
#[derive(Debug, Default)]
pub struct State {
    position: Position,
    time: Time,
    tenant_ids: HashMap<String, TenantId>,
    tenants: BTreeMap<TenantId, Tenant>,
    streams: Streams,
    topics: Topics,
    /// By the number that a stream has for it, from 1.
    inboxes: Chunks<Inbox>,
    answers: Idempotency,
    /// Streams of people who were erased, and the numbers of their destroyed keys.
    erased: BTreeMap<StreamId, u32>,
    /// The key that checkpoints are signed by, as last adopted.
    checkpoint_key: Option<[u8; 32]>,
    /// Greatest number of a key that seals something in the log.
    key_max: u32,
    access: Access,
    consents: Consents,
    delivered: Delivered,
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
        self.streams.get(stream).map(|known| known.revision).unwrap_or_default()
    }

    /// How many streams are known.
    #[must_use]
    pub fn streams_count(&self) -> usize {
        self.streams.count()
    }

    /// Whether exactly these roles and topics were recorded of a person last.
    #[must_use]
    pub fn is_observed_as(&self, stream: StreamId, roles: &[Role], topics: &[String]) -> bool {
        self.streams.get(stream).is_some_and(|known| {
            known.is(Stream::IS_OBSERVED) && known.roles == role_bits(roles) && self.topics.are(known.topics, topics)
        })
    }

    /// Whether a stream is a person's: somebody was seen under it, or was published to, and was not erased since.
    #[must_use]
    pub fn is_person(&self, stream: StreamId) -> bool {
        self.streams.get(stream).is_some_and(|known| known.is(Stream::IS_PERSON))
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

    /// Revoked tokens and keys of services.
    #[must_use]
    pub const fn access(&self) -> &Access {
        &self.access
    }

    /// What people allow.
    #[must_use]
    pub const fn consents(&self) -> &Consents {
        &self.consents
    }

    /// What reached people last, where their tenants have it recorded.
    #[must_use]
    pub const fn delivered(&self) -> &Delivered {
        &self.delivered
    }

    /// The first answer to a command that was seen before.
    #[must_use]
    pub fn first_answer(&self, tenant: TenantId, command: CommandHash) -> Option<First> {
        self.answers.get(tenant, command, self.time)
    }

    /// Whether a tenant has published a notification, and has not taken it back since.
    #[must_use]
    pub fn notification(&self, tenant: TenantId, notification: Position) -> Option<bool> {
        let tenant = self.tenants.get(&tenant)?;
        let found = tenant.notification(tenant.ordinal(notification)?)?;
        Some(!found.is_retracted())
    }

    /// States of an item in one inbox; `None` when the inbox does not show it, or shows it no more.
    #[must_use]
    pub fn item(&self, tenant: TenantId, inbox: StreamId, notification: Position) -> Option<Flags> {
        let looked = self.look(tenant, inbox)?;
        looked.inbox.get(looked.tenant.ordinal(notification)?, looked.tenant, looked.shared)
    }

    /// Whether a mark on all would change anything.
    #[must_use]
    pub fn would_mark(&self, tenant: TenantId, inbox: StreamId, mark: Mark, filter: &Filter, up_to: Position) -> bool {
        let Some(Looked { tenant, inbox, shared }) = self.look(tenant, inbox) else { return false };
        let wanted = Wanted::new(tenant, filter);
        inbox.any(tenant, shared, |item| {
            let flags = item.flags;
            !flags.skipped_by_all(mark)
                && flags.with(mark) != flags
                && tenant.position(item.ordinal) <= up_to
                && wanted.matches(item.ordinal, flags)
        })
    }

    /// Applies an event. Never fails: the event was decided, or was recorded before.
    pub fn apply(&mut self, recorded: &Recorded) {
        let envelope = &recorded.envelope;
        self.position = envelope.position;
        self.time = self.time.max(envelope.time);
        self.key_max = self.key_max.max(envelope.key_id);
        let (id, stream) = (envelope.tenant, envelope.stream);
        let number = self.streams.intern(stream, id);
        self.streams.at(number).revision = envelope.revision;
        self.tenants.entry(id).or_default().sequence = envelope.tenant_sequence;
        self.answers.apply(recorded);
        match &recorded.facts.event {
            Event::TenantCreated { name } => {
                self.tenant_ids.insert(name.clone(), id);
                self.tenants.entry(id).or_default().stream.get_or_insert(stream);
                self.access.apply(recorded);
            }
            Event::SubjectObserved { roles, topics } => self.observed(number, id, roles, topics),
            Event::NotificationPublished(published) => self.published(recorded, published),
            Event::NotificationRetracted { notification } => {
                let tenant = self.tenants.entry(id).or_default();
                tenant.stream.get_or_insert(stream);
                tenant.retract(*notification, envelope.position);
            }
            Event::ItemsMarked { mark, items } => {
                self.change(number, id, |inbox, tenant| {
                    inbox.mark(*mark, items.iter().filter_map(|item| tenant.ordinal(*item)), tenant);
                });
            }
            Event::AllItemsMarked { mark, filter, up_to } => {
                self.change(number, id, |inbox, tenant| {
                    inbox.mark_all(*mark, &Wanted::new(tenant, filter), tenant, *up_to);
                });
            }
            Event::SubjectErased { subject, key, .. } => {
                self.subject_erased(*subject, *key);
                self.delivered.forget(*subject);
                self.consents.apply(recorded);
            }
            Event::ItemsDelivered { up_to } => self.delivered.note(stream, *up_to, envelope.time),
            Event::ConsentChanged { .. } | Event::TenantSettingsChanged { .. } => {
                self.consents.apply(recorded);
            }
            Event::AuditRead { .. } => {}
            Event::CheckpointKeyAdopted { public, .. } => self.checkpoint_key = Some(*public),
            Event::TokensRevoked { .. } | Event::ApiKeyCreated { .. } | Event::ApiKeyRevoked { .. } => {
                self.access.apply(recorded);
            }
        }
    }

    fn observed(&mut self, number: usize, id: TenantId, roles: &[Role], topics: &[String]) {
        if !self.begin(number, id) {
            return;
        }
        let topics = self.topics.follow(topics);
        let stream = self.streams.at(number);
        let before = std::mem::replace(&mut stream.topics, topics);
        stream.roles = role_bits(roles);
        stream.states |= Stream::IS_OBSERVED;
        self.topics.unfollow(before);
    }

    fn published(&mut self, recorded: &Recorded, published: &Published) {
        let (id, stream, position) = (recorded.envelope.tenant, recorded.envelope.stream, recorded.envelope.position);
        let tenant = self.tenants.entry(id).or_default();
        tenant.stream.get_or_insert(stream);
        let ordinal = tenant.publish(position, recorded.envelope.time, published);
        let Audience::People(people) = &published.audience else { return };
        for person in people {
            let number = self.streams.intern(*person, id);
            if self.begin(number, id) {
                self.with_inbox(number, id, |inbox, tenant, shared| inbox.insert(ordinal, tenant, shared));
            }
        }
    }

    /// A person's interval begins with the first event that concerns them: what everyone got before is not theirs. Whether
    /// the stream is a person's of this tenant.
    fn begin(&mut self, number: usize, id: TenantId) -> bool {
        let Some(tenant) = self.tenants.get(&id) else { return false };
        let stream = self.streams.at(number);
        if stream.tenant != id || tenant.stream == Some(stream.id) {
            return false;
        }
        if !stream.is(Stream::IS_PERSON) {
            stream.states |= Stream::IS_PERSON;
            stream.shared = u32::try_from(tenant.audience.count()).expect("ordinals of notifications are u32");
        }
        true
    }

    /// Nothing is left of an erased person but that they were.
    fn subject_erased(&mut self, subject: StreamId, key: u32) {
        self.erased.insert(subject, key);
        let Some(number) = self.streams.number(subject) else { return };
        let stream = self.streams.at(number);
        let (topics, inbox) = (stream.topics, stream.inbox);
        stream.forget_person();
        self.topics.unfollow(topics);
        if let Some(inbox) = inbox.checked_sub(1).and_then(|index| self.inboxes.get_mut(index as usize)) {
            *inbox = Inbox::default();
        }
    }

    /// Changes the items of an inbox that caught up. Who has no inbox here is passed by.
    fn change(&mut self, number: usize, id: TenantId, change: impl FnOnce(&mut Inbox, &Tenant)) {
        let stream = *self.streams.at(number);
        if stream.tenant != id || !self.has_inbox(&stream) {
            return;
        }
        self.with_inbox(number, id, |inbox, tenant, shared| {
            inbox.catch_up(tenant, shared);
            change(inbox, tenant);
        });
    }

    fn with_inbox(&mut self, number: usize, id: TenantId, act: impl FnOnce(&mut Inbox, &Tenant, &mut u32)) {
        let Some(tenant) = self.tenants.get(&id) else { return };
        let stream = self.streams.at(number);
        if stream.inbox == 0 {
            self.inboxes.push(Inbox::default());
            stream.inbox = u32::try_from(self.inboxes.count()).expect("fewer inboxes than streams");
        }
        let Some(inbox) = self.inboxes.get_mut(stream.inbox as usize - 1) else { return };
        let mut shared = stream.shared;
        act(inbox, tenant, &mut shared);
        stream.shared = shared;
    }

    /// People have an inbox, and a tenant has one.
    fn has_inbox(&self, stream: &Stream) -> bool {
        stream.is(Stream::IS_PERSON)
            || self.tenants.get(&{ stream.tenant }).is_some_and(|tenant| tenant.stream == Some(stream.id))
    }

    /// The inbox of a stream that has items of its own.
    fn own_inbox(&self, stream: &Stream) -> Option<&Inbox> {
        self.inboxes.get((stream.inbox as usize).checked_sub(1)?)
    }

    /// An inbox as it stands, with its tenant.
    fn look(&self, id: TenantId, stream: StreamId) -> Option<Looked<'_>> {
        static NOTHING: Inbox = Inbox::EMPTY;
        let (tenant, stream) = (self.tenants.get(&id)?, self.streams.get(stream)?);
        if stream.tenant != id || !self.has_inbox(stream) {
            return None;
        }
        Some(Looked { tenant, inbox: self.own_inbox(stream).unwrap_or(&NOTHING), shared: stream.shared })
    }
}

/// An inbox, its tenant, and how many entries of the list for everyone it took over.
struct Looked<'a> {
    tenant: &'a Tenant,
    inbox: &'a Inbox,
    shared: u32,
}
