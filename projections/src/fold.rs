use crate::delivery::Live;
use crate::delta::{Delta, DeltaChange, Target};
use crate::entry::{Entry, Step};
use crate::inbox::Inbox;
use crate::projections::{Notification, Owner, Person, Projections, Tenant};
use std::collections::{HashMap, hash_map};
use std::sync::Arc;
use tidings_engine::event::{Audience, Event, Published, Recorded};
use tidings_engine::ids::{Position, StreamId, TenantId};
use tidings_engine::item::{Filter, Mark};
use tidings_engine::log::Envelope;

impl Projections {
    /// Applies the next event of the log. An event that was applied already changes nothing.
    pub fn apply(&mut self, recorded: &Recorded) {
        self.apply_live(recorded, &|_| false, &mut Vec::new());
    }

    /// Applies the next event of the log, and adds to `out` what it changed for each target that is `wanted`.
    ///
    /// The inboxes are the same as after [`Projections::apply`]. A publish to the tenant costs the same however many people
    /// the tenant has. One event gives at most one delta for a target.
    pub fn apply_live(&mut self, recorded: &Recorded, wanted: &dyn Fn(Target) -> bool, out: &mut Vec<Delta>) {
        let envelope = &recorded.envelope;
        if envelope.position <= self.position {
            return;
        }
        self.position = envelope.position;
        let live = Live::new(envelope, wanted, out);
        match &recorded.facts.event {
            Event::TenantCreated { .. } => {
                self.tenant_with_stream(envelope);
            }
            Event::SubjectObserved { .. } => {
                let tenant = self.tenants.entry(envelope.tenant).or_default();
                person(&mut self.people, tenant, envelope.tenant, envelope.stream);
            }
            Event::NotificationPublished(published) => self.publish(envelope, published, live),
            Event::NotificationRetracted { notification } => self.retract(envelope, *notification, live),
            Event::ItemsMarked { mark, items } => self.mark(envelope, *mark, items, live),
            Event::AllItemsMarked { mark, filter, up_to } => self.mark_all(envelope, (*mark, filter, *up_to), live),
            Event::SubjectErased { subject, .. } => self.erase(envelope, *subject),
            Event::AuditRead { .. } | Event::CheckpointKeyAdopted { .. } => {}
        }
    }

    /// Nobody has the inbox of a person who was erased: not even its counts are left.
    fn erase(&mut self, envelope: &Envelope, subject: StreamId) {
        if self.people.get(&subject).is_some_and(|person| person.tenant == envelope.tenant) {
            self.people.remove(&subject);
        }
    }

    /// The tenant of an event in the tenant's own stream.
    fn tenant_with_stream(&mut self, envelope: &Envelope) -> &mut Tenant {
        let tenant = self.tenants.entry(envelope.tenant).or_default();
        if tenant.stream.is_none() {
            tenant.stream = Some(envelope.stream);
            self.tenant_streams.entry(envelope.stream).or_insert(envelope.tenant);
        }
        tenant
    }

    fn publish(&mut self, envelope: &Envelope, published: &Published, mut live: Live<'_>) {
        self.tenant_with_stream(envelope);
        let Self { tenants, people, .. } = self;
        let tenant = tenants.entry(envelope.tenant).or_default();
        let published = Arc::new(published.clone());
        let entry =
            Entry { notification: envelope.position, created: envelope.time, published: Arc::clone(&published) };
        let step = Step::add(entry.clone());
        tenant.notifications.push(Notification { entry, is_retracted: false });
        match &published.audience {
            Audience::People(streams) => {
                for stream in streams {
                    if let Some(person) = person(people, tenant, envelope.tenant, *stream) {
                        person.take(Target::User(*stream), &step, &tenant.shared, &mut live);
                    }
                }
            }
            Audience::Tenant => tenant.take(envelope.stream, step, &mut live),
            // Nobody has an interval of these yet: `decide` refuses to publish to them.
            Audience::Topic(_) | Audience::Role(_) | Audience::Platform => {}
        }
    }

    fn retract(&mut self, envelope: &Envelope, notification: Position, mut live: Live<'_>) {
        self.tenant_with_stream(envelope);
        let Self { tenants, people, .. } = self;
        let tenant = tenants.entry(envelope.tenant).or_default();
        let Ok(index) = tenant.notifications.binary_search_by_key(&notification, |it| it.entry.notification) else {
            return;
        };
        if std::mem::replace(&mut tenant.notifications[index].is_retracted, true) {
            return;
        }
        let published = Arc::clone(&tenant.notifications[index].entry.published);
        let step = Step::remove(envelope.position, notification);
        match &published.audience {
            Audience::People(streams) => {
                for stream in streams {
                    let person = people.get_mut(stream).filter(|person| person.tenant == envelope.tenant);
                    if let Some(person) = person {
                        person.take(Target::User(*stream), &step, &tenant.shared, &mut live);
                    }
                }
            }
            Audience::Tenant => tenant.take(envelope.stream, step, &mut live),
            Audience::Topic(_) | Audience::Role(_) | Audience::Platform => {}
        }
    }

    /// The inbox whose owner's stream an event is in, and who is told.
    fn owner(&self, envelope: &Envelope) -> Option<(Owner, Target)> {
        let stream = envelope.stream;
        if self.tenant_streams.get(&stream) == Some(&envelope.tenant) {
            return Some((Owner::Tenant(stream), Target::TenantInbox(stream)));
        }
        let is_theirs = self.people.get(&stream).is_some_and(|person| person.tenant == envelope.tenant);
        is_theirs.then_some((Owner::User(stream), Target::User(stream)))
    }

    fn mark(&mut self, envelope: &Envelope, mark: Mark, items: &[Position], mut live: Live<'_>) {
        let Some((owner, target)) = self.owner(envelope) else { return };
        let Some(table) = self.table(owner) else { return };
        let marked = table.mark(mark, items, (envelope.position, envelope.time));
        if !live.wants(target) {
            return;
        }
        let change = if !marked.removed.is_empty() {
            DeltaChange::Removed(marked.removed)
        } else if !marked.changed.is_empty() {
            let ordinals = marked.changed.iter().filter_map(|notification| table.ordinal(*notification));
            DeltaChange::Changed(ordinals.map(|ordinal| table.item(ordinal)).collect())
        } else {
            return;
        };
        live.tell(target, (change, None), Some(table.counts()));
    }

    fn mark_all(&mut self, envelope: &Envelope, what: (Mark, &Filter, Position), mut live: Live<'_>) {
        let (mark, filter, up_to) = what;
        let Some((owner, target)) = self.owner(envelope) else { return };
        let Some(table) = self.table(owner) else { return };
        let changed = table.mark_all(mark, filter, up_to, (envelope.position, envelope.time));
        if changed > 0 && live.wants(target) {
            let change = DeltaChange::MarkedAll { mark, filter: filter.clone(), up_to };
            live.tell(target, (change, None), Some(table.counts()));
        }
    }
}

/// The person of a stream, who begins here when nothing told of them before: the interval in which they see what everyone
/// gets starts after the events so far. `None` when the stream is another tenant's.
fn person<'a>(
    people: &'a mut HashMap<StreamId, Person>,
    tenant: &Tenant,
    id: TenantId,
    stream: StreamId,
) -> Option<&'a mut Person> {
    let person = match people.entry(stream) {
        hash_map::Entry::Occupied(known) => known.into_mut(),
        hash_map::Entry::Vacant(new) => {
            new.insert(Person { tenant: id, inbox: Inbox::starting_after(tenant.shared.len()) })
        }
    };
    (person.tenant == id).then_some(person)
}
