use crate::event::{Audience, Event, Recorded};
use crate::ids::{StreamId, TenantId, Time};

/// Which events a reading shows. Every part that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Those of one tenant. A tenant's auditors always have it.
    pub tenant: Option<TenantId>,
    /// Those that concern somebody.
    pub stream: Option<StreamId>,
    /// Those of these types, by number; any when empty.
    pub types: Vec<u16>,
    /// Those of this time or later.
    pub from: Option<Time>,
    /// Those of this time or earlier.
    pub to: Option<Time>,
}

impl Selection {
    /// Whether an event is shown.
    #[must_use]
    pub fn matches(&self, recorded: &Recorded) -> bool {
        let envelope = &recorded.envelope;
        self.tenant.is_none_or(|tenant| tenant == envelope.tenant)
            && (self.types.is_empty() || self.types.contains(&envelope.event_type))
            && self.from.is_none_or(|from| envelope.time >= from)
            && self.to.is_none_or(|to| envelope.time <= to)
            && self.stream.is_none_or(|stream| concerns(recorded, stream))
    }
}

/// Whether an event is in somebody's stream, was caused by them, or names them.
fn concerns(recorded: &Recorded, stream: StreamId) -> bool {
    let names = match &recorded.facts.event {
        Event::NotificationPublished(published) => match &published.audience {
            Audience::People(people) => people.contains(&stream),
            _ => false,
        },
        Event::SubjectErased { subject, .. }
        | Event::ConsentChanged { subject, .. }
        | Event::AuditRead { subject: Some(subject), .. } => *subject == stream,
        _ => false,
    };
    names || recorded.envelope.stream == stream || recorded.facts.actor == stream
}
