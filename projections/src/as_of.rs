//! One inbox as it was: a fold of what concerns it, and of nothing else.

use crate::projections::{Owner, Projections};
use crate::render;
use crate::store::BlockError;
use tidings_engine::event::{Audience, Event, Facts, Published, Recorded};
use tidings_engine::ids::{Position, StreamId, TenantId, Time};
use tidings_engine::item::Filter;
use tidings_engine::keys::{Keys, TenantTag};
use tidings_engine::limits::INBOX_ITEMS_MAX;

/// An inbox of one tenant, folded apart from the others: it holds one inbox however many people the tenant has.
#[derive(Debug)]
pub struct InboxAsOf {
    tenant: TenantId,
    stream: StreamId,
    tenant_stream: Option<StreamId>,
    projections: Projections,
    is_known: bool,
    position: Position,
    sequence: u64,
    time: Time,
}

impl InboxAsOf {
    /// The inbox of a stream before every event: a person's, or the tenant's own for the tenant's stream.
    #[must_use]
    pub fn new(tenant: TenantId, stream: StreamId) -> Self {
        Self {
            tenant,
            stream,
            tenant_stream: None,
            projections: Projections::new(),
            is_known: false,
            position: Position::ZERO,
            sequence: 0,
            time: Time::default(),
        }
    }

    /// Applies the next event of the log. Those of other tenants change nothing.
    ///
    /// # Errors
    /// Never: it is all in memory.
    pub fn apply(&mut self, recorded: &Recorded) -> Result<(), BlockError> {
        let envelope = &recorded.envelope;
        if envelope.tenant != self.tenant {
            return Ok(());
        }
        (self.position, self.sequence, self.time) = (envelope.position, envelope.tenant_sequence, envelope.time);
        self.is_known |= envelope.stream == self.stream;
        if matches!(recorded.facts.event, Event::NotificationPublished(_)) {
            self.tenant_stream = Some(envelope.stream);
        }
        match &recorded.facts.event {
            Event::TenantCreated { .. } => {
                self.tenant_stream = Some(envelope.stream);
                self.projections.apply(recorded)
            }
            // Whoever else it is for is nobody here, so that a list of 10,000 makes no 10,000 inboxes.
            Event::NotificationPublished(published) => match &published.audience {
                Audience::People(people) if people.contains(&self.stream) => {
                    self.is_known = true;
                    self.projections.apply(&narrowed(recorded, published, vec![self.stream]))
                }
                Audience::People(_) => Ok(()),
                _ => self.projections.apply(recorded),
            },
            Event::SubjectErased { subject, .. } if *subject == self.stream => {
                self.is_known = false;
                self.projections.apply(recorded)
            }
            _ if envelope.stream == self.stream || Some(envelope.stream) == self.tenant_stream => {
                self.projections.apply(recorded)
            }
            _ => Ok(()),
        }
    }

    /// Whether any event told of the inbox's owner.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.is_known
    }

    /// The tenant's last event that was applied. As long as it has no other, every later place gives the same inbox.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Number of the tenant's last event that was applied, and its time; 0 before the first.
    #[must_use]
    pub const fn as_of(&self) -> (u64, Time) {
        (self.sequence, self.time)
    }

    /// The inbox now: every item, newest first, and the counts.
    ///
    /// # Errors
    /// Never: it is all in memory.
    pub fn state(&mut self, keys: &Keys, tag: TenantTag) -> Result<render::State, BlockError> {
        let is_tenants = self.tenant_stream == Some(self.stream);
        let owner = if is_tenants { Owner::Tenant(self.stream) } else { Owner::User(self.stream) };
        self.projections.state(owner, keys, tag)
    }
}

impl Projections {
    /// The state of an inbox as it stands: every item, newest first, and the counts.
    ///
    /// # Errors
    /// [`BlockError`].
    pub fn state(&mut self, owner: Owner, keys: &Keys, tag: TenantTag) -> Result<render::State, BlockError> {
        let counts = self.counts(owner)?;
        let page = self.page(owner, &Filter::default(), None, INBOX_ITEMS_MAX)?;
        let (Owner::User(stream) | Owner::Tenant(stream)) = owner;
        Ok(render::State::new(stream, counts, page.items, keys, tag))
    }
}

/// The event as if it were for these people alone.
fn narrowed(recorded: &Recorded, published: &Published, people: Vec<StreamId>) -> Recorded {
    let published = Published {
        audience: Audience::People(people),
        severity: published.severity,
        category: published.category.clone(),
        tags: published.tags.clone(),
        workflow: published.workflow.clone(),
        expires: published.expires,
        group: published.group,
    };
    let event = Event::NotificationPublished(published);
    let facts = Facts { actor: recorded.facts.actor, fingerprint: recorded.facts.fingerprint, event };
    Recorded { envelope: recorded.envelope, facts, content: recorded.content.clone() }
}
