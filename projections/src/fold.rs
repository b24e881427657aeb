use crate::delivery::Live;
use crate::delta::{Delta, Target};
use crate::projections::{Owner, Projections, Tenant};
use crate::step::{Change, Step};
use crate::store::BlockError;
use tidings_engine::event::{Audience, Event, Published, Recorded};
use tidings_engine::ids::Position;
use tidings_engine::log::Envelope;

impl Projections {
    /// Applies the next event of the log. An event that was applied already changes nothing.
    ///
    /// # Errors
    /// [`BlockError`]; the event may be applied in part.
    pub fn apply(&mut self, recorded: &Recorded) -> Result<(), BlockError> {
        self.apply_live(recorded, &|_| false, &mut Vec::new())
    }

    /// Applies the next event of the log, and adds to `out` what it changed for each target that is `wanted`.
    ///
    /// The inboxes are the same as after [`Projections::apply`]. A publish to the tenant costs the same however many people
    /// the tenant has, and one to a person the same however cold the inbox is. One event gives at most one delta for a target.
    ///
    /// # Errors
    /// [`BlockError`]; the event may be applied in part.
    pub fn apply_live(
        &mut self,
        recorded: &Recorded,
        wanted: &dyn Fn(Target) -> bool,
        out: &mut Vec<Delta>,
    ) -> Result<(), BlockError> {
        let envelope = &recorded.envelope;
        if envelope.position <= self.position {
            return Ok(());
        }
        self.position = envelope.position;
        let live = &mut Live::new(envelope, wanted, out);
        let (at, time) = (envelope.position, envelope.time);
        match &recorded.facts.event {
            Event::TenantCreated { .. } => {
                self.tenant_with_stream(envelope);
                Ok(())
            }
            Event::SubjectObserved { .. } => {
                self.tenants.entry(envelope.tenant).or_default();
                self.inboxes.begin(Owner::User(envelope.stream), envelope.tenant, at)
            }
            Event::NotificationPublished(published) => self.publish(envelope, published, live),
            Event::NotificationRetracted { notification } => self.retract(envelope, *notification, live),
            Event::ItemsMarked { mark, items } => {
                let change = Change::Mark { mark: *mark, items: items.clone(), time };
                self.mark(envelope, Step::other(at, change), live)
            }
            Event::AllItemsMarked { mark, filter, up_to } => {
                let change = Change::MarkAll { mark: *mark, filter: filter.clone(), up_to: *up_to, time };
                self.mark(envelope, Step::other(at, change), live)
            }
            Event::SubjectErased { subject, .. } => self.inboxes.erase(Owner::User(*subject), envelope.tenant),
            Event::AuditRead { .. }
            | Event::CheckpointKeyAdopted { .. }
            | Event::TokensRevoked { .. }
            | Event::ApiKeyCreated { .. }
            | Event::ApiKeyRevoked { .. }
            | Event::ConsentChanged { .. }
            | Event::TenantSettingsChanged { .. }
            | Event::ItemsDelivered { .. } => Ok(()),
        }
    }

    /// The tenant of an event in the tenant's own stream.
    fn tenant_with_stream(&mut self, envelope: &Envelope) -> &mut Tenant {
        let tenant = self.tenants.entry(envelope.tenant).or_default();
        if tenant.stream.is_none() {
            (tenant.stream, tenant.is_saved) = (Some(envelope.stream), false);
            self.tenant_streams.entry(envelope.stream).or_insert(envelope.tenant);
        }
        tenant
    }

    fn publish(&mut self, envelope: &Envelope, published: &Published, live: &mut Live<'_>) -> Result<(), BlockError> {
        self.tenant_with_stream(envelope);
        let (at, tenant) = (envelope.position, envelope.tenant);
        self.audiences.note(at, tenant, &published.audience);
        let step = Step::add(at, envelope.time, self.inboxes.facts.of(published));
        match &published.audience {
            Audience::People(streams) => {
                for stream in streams {
                    self.take(Owner::User(*stream), step.clone(), live)?;
                }
                Ok(())
            }
            Audience::Tenant => self.take_for_all(tenant, envelope.stream, step, live),
            // Nobody has an interval of these yet: `decide` refuses to publish to them.
            Audience::Topic(_) | Audience::Role(_) | Audience::Platform => Ok(()),
        }
    }

    fn retract(&mut self, envelope: &Envelope, notification: Position, live: &mut Live<'_>) -> Result<(), BlockError> {
        self.tenant_with_stream(envelope);
        let tenant = envelope.tenant;
        let step = Step::other(envelope.position, Change::Remove { notification });
        match self.audiences.of(notification, tenant)? {
            Some(Audience::People(streams)) => {
                for stream in streams {
                    // A person that was erased meanwhile does not begin anew.
                    if self.inboxes.exists(Owner::User(stream))? {
                        self.take(Owner::User(stream), step.clone(), live)?;
                    }
                }
                Ok(())
            }
            Some(Audience::Tenant) => self.take_for_all(tenant, envelope.stream, step, live),
            Some(Audience::Topic(_) | Audience::Role(_) | Audience::Platform) | None => Ok(()),
        }
    }

    /// Puts a mark into the inbox whose owner's stream the event is in.
    fn mark(&mut self, envelope: &Envelope, step: Step, live: &mut Live<'_>) -> Result<(), BlockError> {
        let stream = envelope.stream;
        let is_tenants = self.tenant_streams.get(&stream) == Some(&envelope.tenant);
        let owner = if is_tenants { Owner::Tenant(stream) } else { Owner::User(stream) };
        if is_tenants || self.inboxes.exists(owner)? { self.take(owner, step, live) } else { Ok(()) }
    }
}
