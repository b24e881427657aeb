//! Events and requests that look like a notification of 250 bytes.

use bytes::Bytes;
use std::sync::Arc;
use tidings_engine::command::{Command, Inbox, Publication, Request};
use tidings_engine::event::{Audience, Content, Event, Facts, Published, Recorded};
use tidings_engine::grant::{Grant, Role};
use tidings_engine::ids::{CommandHash, Position, Revision, StreamId, TenantId, Time};
use tidings_engine::item::Mark;
use tidings_engine::keys::{Keys, StreamKind};
use tidings_engine::log::Envelope;
use tidings_wire::Severity;

/// Time of the first event.
pub const START: Time = Time(1_800_000_000_000);

/// Bytes of facts and content together.
pub const EVENT_BYTES: usize = 250;

/// The tenant of all samples.
pub const TENANT: &str = "acme";

/// The keys of all samples.
#[must_use]
pub fn keys() -> Arc<Keys> {
    Arc::new(Keys::new(&[7; 32]))
}

/// The stream of the person with a number.
#[must_use]
pub fn person(keys: &Keys, number: u64) -> StreamId {
    keys.stream(TENANT, StreamKind::User, &format!("user-{number}"))
}

/// The grant of a person or service.
#[must_use]
pub fn grant(keys: &Keys, subject: &str, role: Role) -> Arc<Grant> {
    Arc::new(Grant {
        tenant: TENANT.into(),
        tenant_stream: keys.stream(TENANT, StreamKind::Tenant, ""),
        tenant_tag: keys.tenant_tag(TENANT),
        subject: subject.into(),
        stream: keys.stream(TENANT, StreamKind::User, subject),
        roles: vec![role],
        topics: Vec::new(),
        token_id: None,
        issued: None,
        expires: START.plus(86_400_000),
        credential: tidings_engine::grant::Credential::Token,
    })
}

/// A publication whose record is [`EVENT_BYTES`] for one recipient.
#[must_use]
pub fn publication(audience: Audience) -> Publication {
    let facts = Published {
        audience,
        severity: Severity::Medium,
        category: Some("build".to_owned()),
        tags: vec!["ci".to_owned()],
        workflow: None,
        expires: None,
        group: None,
    };
    let mut content = Content { subject: Some("Build finished".to_owned()), ..Content::default() };
    let recorded =
        Facts { actor: StreamId::default(), fingerprint: [0; 16], event: Event::NotificationPublished(facts.clone()) };
    let other = recorded.encode().len() + content.encode().len() + 1;
    content.body = "x".repeat(EVENT_BYTES.saturating_sub(other));
    Publication { facts, content, actor: None }
}

/// A request to publish to one person.
#[must_use]
pub fn publish(keys: &Keys, service: &Arc<Grant>, to: u64, key: Option<String>) -> Request {
    let publication = publication(Audience::People(vec![person(keys, to)]));
    let fingerprint = if key.is_some() { [1; 16] } else { [0; 16] };
    Request { grant: Arc::clone(service), key, fingerprint, command: Command::Publish(Box::new(publication)) }
}

/// A request of a person to set a mark on items of the own inbox.
#[must_use]
pub fn mark(grant: &Arc<Grant>, mark: Mark, items: Vec<Position>) -> Request {
    let command = Command::Mark { inbox: Inbox::Own, mark, items };
    Request { grant: Arc::clone(grant), key: None, fingerprint: [0; 16], command }
}

/// The event of a position, as the log gives it back.
#[must_use]
pub fn recorded(position: u64, stream: StreamId, event: Event, content: Bytes) -> Recorded {
    let envelope = Envelope {
        position: Position(position),
        tenant: TenantId(1),
        tenant_sequence: position,
        stream,
        revision: Revision(position),
        event_type: event.type_number(),
        event_version: event.version(),
        command: CommandHash::NONE,
        command_index: 0,
        time: START.plus(i64::try_from(position).unwrap_or_default()),
        key_id: 0,
    };
    Recorded {
        envelope,
        facts: Facts { actor: StreamId::default(), fingerprint: [0; 16], event },
        content: content.into(),
    }
}
