//! What may happen: pure, from the state and a request to events or a rejection.

mod access;
mod audit_read;
mod consent;
#[cfg(test)]
mod consent_tests;
mod settings;
#[cfg(test)]
mod tests;

use crate::command::{Answer, Command, Done, Inbox, Publication, Request};
use crate::event::{Audience, Content, Event};
use crate::grant::{Grant, Right};
use crate::ids::{CommandHash, Position, StreamId, TenantId, Time};
use crate::item::{Filter, Mark};
use crate::keys::{Keys, StreamKind};
use crate::rejection::Rejection;
use crate::state::{FirstAnswer, State};

/// An event to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Its tenant.
    pub tenant: TenantId,
    /// Its stream.
    pub stream: StreamId,
    /// What happened.
    pub event: Event,
    /// Its personal part.
    pub content: Option<Unsealed>,
}

/// Content that is to be sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsealed {
    /// All of it.
    pub content: Content,
    /// Whose key seals the name of the actor.
    pub actor: Option<StreamId>,
}

/// What `decide` says yes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// These happen, in this order and together. The answer is about the last one.
    Record {
        /// At least one.
        drafts: Vec<Draft>,
        /// Hash of the command's key; none when it had no key.
        command: CommandHash,
    },
    /// It is so already, or was answered before.
    Nothing(Done),
}

/// Decides a request against the state. Changes nothing.
///
/// # Errors
/// [`Rejection`], with the state as it was.
pub fn decide(state: &State, keys: &Keys, request: &Request) -> Result<Decision, Rejection> {
    let grant = &request.grant;
    permitted(grant, &request.command)?;
    not_gone(state, keys, request)?;
    if let Some(decision) = access::access(state, keys, request)? {
        return Ok(decision);
    }
    if let Some(decision) = apart(state, keys, request)? {
        return Ok(decision);
    }
    let command = command_hash(keys, request);
    let known = state.tenant(&grant.tenant);
    if let Some(done) = answered_before(state, known, command, request)? {
        return Ok(Decision::Nothing(done));
    }
    // A tenant arises with the first thing that happens in it.
    let tenant = known.unwrap_or_else(|| TenantId(state.tenants_count() + 1));
    let draft = |stream, event, content| Draft { tenant, stream, event, content };
    let wanted = Wanted { state, grant, tenant, is_keyed: request.key.is_some() };
    let decided = match &request.command {
        Command::Observe => wanted.observe().map(|event| draft(grant.stream, event, None)),
        Command::Publish(publication) => {
            let (event, content) = publish(publication)?;
            Some(draft(grant.tenant_stream, event, Some(content)))
        }
        Command::Retract { notification } => {
            wanted.retract(*notification)?.map(|event| draft(grant.tenant_stream, event, None))
        }
        Command::Mark { inbox, mark, items } => {
            let stream = wanted.stream(*inbox);
            wanted.mark(stream, *mark, items)?.map(|event| draft(stream, event, None))
        }
        Command::MarkAll { inbox, mark, filter, up_to } => {
            let stream = wanted.stream(*inbox);
            wanted.mark_all(stream, *mark, filter, *up_to).map(|event| draft(stream, event, None))
        }
        Command::Erase { subject } => {
            let event = erase(keys, known, *subject)?;
            Some(draft(grant.tenant_stream, event, None))
        }
        Command::RecordDelivered { up_to, now } => {
            wanted.delivered(*up_to, *now).map(|event| draft(grant.stream, event, None))
        }
        Command::ChangeConsent(asked) => {
            wanted.consent(asked)?.map(|(event, content)| draft(grant.tenant_stream, event, content))
        }
        Command::RecordAuditRead { .. }
        | Command::AdoptCheckpointKey { .. }
        | Command::RevokeTokens { .. }
        | Command::CreateApiKey { .. }
        | Command::RevokeApiKey { .. }
        | Command::ChangeSettings { .. } => None,
    };
    let Some(last) = decided else {
        return Ok(Decision::Nothing(Done {
            answer: unchanged(&request.command),
            position: state.position(),
            replayed: false,
        }));
    };
    let mut drafts = Vec::with_capacity(2);
    if known.is_none() {
        drafts.push(draft(grant.tenant_stream, Event::TenantCreated { name: grant.tenant.to_string() }, None));
    }
    drafts.push(last);
    Ok(Decision::Record { drafts, command })
}

/// Decides what is about the log itself, or the settings of a tenant; `None` for anything else.
fn apart(state: &State, keys: &Keys, request: &Request) -> Result<Option<Decision>, Rejection> {
    let drafts = match &request.command {
        Command::ChangeSettings { scope, settings } => {
            return settings::settings(state, keys, request, scope, settings).map(Some);
        }
        Command::AdoptCheckpointKey { public, endorsement } => {
            let event = Event::CheckpointKeyAdopted { public: *public, endorsement: endorsement.clone() };
            let stream = keys.stream("", StreamKind::Platform, "");
            vec![Draft { tenant: TenantId::PLATFORM, stream, event, content: None }]
        }
        Command::RecordAuditRead { scope, what, subject, from, through } => {
            let read = Event::AuditRead { what: *what, subject: *subject, from: *from, through: *through };
            audit_read::audit_read(state, keys, &request.grant, scope, read)?
        }
        _ => return Ok(None),
    };
    Ok(Some(Decision::Record { drafts, command: CommandHash::NONE }))
}

/// Hash of the request's key; none when it has no key.
fn command_hash(keys: &Keys, request: &Request) -> CommandHash {
    let grant = &request.grant;
    let key = request.key.as_ref();
    key.map_or(CommandHash::NONE, |key| keys.command(&grant.tenant, grant.stream, key))
}

/// The table of what each command needs.
fn permitted(grant: &Grant, command: &Command) -> Result<(), Rejection> {
    let right = match command {
        Command::Observe => return Ok(()),
        Command::Publish(_) | Command::Retract { .. } => Right::Publish,
        Command::Mark { inbox, .. } | Command::MarkAll { inbox, .. } => match inbox {
            Inbox::Own => Right::OwnInbox,
            Inbox::Tenant => Right::MarkTenantInbox,
        },
        Command::Erase { .. } => Right::Erase,
        // What is one's own needs no more than an inbox.
        Command::ChangeConsent(asked) if asked.subject == grant.stream && grant.permits(Right::OwnInbox) => {
            return Ok(());
        }
        Command::ChangeConsent(_) => Right::ManageConsents,
        Command::ChangeSettings { .. } => Right::ManageTenant,
        Command::RecordDelivered { .. } => Right::OwnInbox,
        Command::RecordAuditRead { .. } => Right::Audit,
        Command::AdoptCheckpointKey { .. } => Right::Platform,
        // What is one's own needs no right: see `access`.
        Command::RevokeTokens { .. } => return Ok(()),
        Command::CreateApiKey { .. } | Command::RevokeApiKey { .. } => Right::ManageAccess,
    };
    if grant.permits(right) { Ok(()) } else { Err(Rejection::Forbidden) }
}

/// What was sent before a revocation is not decided after it. What was parsed before a person was erased names somebody who is
/// no more; the same names, sent again, are new people.
fn not_gone(state: &State, keys: &Keys, request: &Request) -> Result<(), Rejection> {
    if state.is_erased(request.grant.stream) || state.access().refuses(keys, &request.grant) {
        return Err(Rejection::Unauthenticated);
    }
    let (people, one) = match &request.command {
        Command::Publish(publication) => match &publication.facts.audience {
            Audience::People(people) => (people.as_slice(), publication.actor),
            _ => (&[][..], publication.actor),
        },
        Command::ChangeConsent(asked) => (&[][..], Some(asked.subject)),
        _ => return Ok(()),
    };
    if people.iter().chain(&one).any(|person| state.is_erased(*person)) {
        return Err(Rejection::Unavailable);
    }
    Ok(())
}

/// Only who is in the keyring can be erased: nobody else has anything personal in the log.
fn erase(keys: &Keys, tenant: Option<TenantId>, subject: Option<StreamId>) -> Result<Event, Rejection> {
    let subject = tenant.and(subject).ok_or(Rejection::NotFound)?;
    let key = keys.person_key(subject).ok_or(Rejection::NotFound)?;
    Ok(Event::SubjectErased { subject, key: key.id, fingerprint: key.fingerprint })
}

fn answered_before(
    state: &State,
    tenant: Option<TenantId>,
    command: CommandHash,
    request: &Request,
) -> Result<Option<Done>, Rejection> {
    if command == CommandHash::NONE {
        return Ok(None);
    }
    let Some(first) = tenant.and_then(|tenant| state.first_answer(tenant, command)) else { return Ok(None) };
    if first.fingerprint != request.fingerprint {
        return Err(Rejection::IdempotencyConflict);
    }
    let answer = match first.answer {
        FirstAnswer::Published { recipients } => Answer::Published { notification: first.position, recipients },
        FirstAnswer::Retracted => Answer::Retracted,
        FirstAnswer::Marked => Answer::Marked,
        FirstAnswer::Erased => Answer::Erased,
        FirstAnswer::TokensRevoked => Answer::TokensRevoked,
        FirstAnswer::KeyCreated => Answer::KeyCreated,
        FirstAnswer::KeyRevoked => Answer::KeyRevoked,
        FirstAnswer::ConsentChanged => Answer::ConsentChanged,
        FirstAnswer::SettingsChanged => Answer::SettingsChanged,
    };
    Ok(Some(Done { answer, position: first.position, replayed: true }))
}

/// The answer to a command that changes nothing.
const fn unchanged(command: &Command) -> Answer {
    match command {
        Command::Observe | Command::Publish(_) => Answer::Observed,
        Command::Retract { .. } => Answer::Retracted,
        Command::Mark { .. } | Command::MarkAll { .. } => Answer::Marked,
        Command::Erase { .. } => Answer::Erased,
        Command::RecordAuditRead { .. } | Command::AdoptCheckpointKey { .. } => Answer::Recorded,
        Command::RevokeTokens { .. } => Answer::TokensRevoked,
        Command::CreateApiKey { .. } => Answer::KeyCreated,
        Command::RevokeApiKey { .. } => Answer::KeyRevoked,
        Command::ChangeConsent(_) => Answer::ConsentChanged,
        Command::ChangeSettings { .. } => Answer::SettingsChanged,
        Command::RecordDelivered { .. } => Answer::DeliveryRecorded,
    }
}

fn publish(publication: &Publication) -> Result<(Event, Unsealed), Rejection> {
    match publication.facts.audience {
        Audience::People(_) | Audience::Tenant => {}
        Audience::Topic(_) | Audience::Role(_) | Audience::Platform => {
            return Err(Rejection::invalid("to", "names an audience that is not offered yet"));
        }
    }
    let unsealed = Unsealed { content: publication.content.clone(), actor: publication.actor };
    Ok((Event::NotificationPublished(publication.facts.clone()), unsealed))
}

/// What is wanted, by whom, and against what.
struct Wanted<'a> {
    state: &'a State,
    grant: &'a Grant,
    tenant: TenantId,
    /// A command with a key is always recorded, so that its answer is known to whoever repeats it.
    is_keyed: bool,
}

impl Wanted<'_> {
    fn stream(&self, inbox: Inbox) -> StreamId {
        match inbox {
            Inbox::Own => self.grant.stream,
            Inbox::Tenant => self.grant.tenant_stream,
        }
    }

    fn observe(&self) -> Option<Event> {
        if !self.grant.permits(Right::OwnInbox) {
            return None;
        }
        let (roles, topics) = (&self.grant.roles, &self.grant.topics);
        let known = self.state.is_observed_as(self.grant.stream, roles, topics);
        (!known).then(|| Event::SubjectObserved { roles: roles.clone(), topics: topics.clone() })
    }

    /// Only where the tenant wants it, only news, and at most once a minute of recorded time.
    fn delivered(&self, up_to: Position, now: Time) -> Option<Event> {
        let is_wanted = self.state.consents().settings(self.grant.tenant_stream).records_delivered;
        let (up_to, time) = (up_to.min(self.state.position()), now.max(self.state.time()));
        let is_due = self.state.delivered().is_due(self.grant.stream, up_to, time);
        (is_wanted && is_due && self.state.is_person(self.grant.stream)).then_some(Event::ItemsDelivered { up_to })
    }

    fn retract(&self, notification: Position) -> Result<Option<Event>, Rejection> {
        let stands = self.state.notification(self.tenant, notification).ok_or(Rejection::NotFound)?;
        Ok((stands || self.is_keyed).then_some(Event::NotificationRetracted { notification }))
    }

    /// All or nothing: one item that is not there, or that refuses, and none is marked.
    fn mark(&self, inbox: StreamId, mark: Mark, wanted: &[Position]) -> Result<Option<Event>, Rejection> {
        let mut items = wanted.to_vec();
        items.sort_unstable();
        items.dedup();
        let mut changes = self.is_keyed;
        for item in &items {
            let flags = self.state.item(self.tenant, inbox, *item).ok_or(Rejection::NotFound)?;
            if flags.refuses(mark) {
                return Err(Rejection::Snoozed);
            }
            changes |= flags.with(mark) != flags;
        }
        Ok((changes && !items.is_empty()).then_some(Event::ItemsMarked { mark, items }))
    }

    fn mark_all(&self, inbox: StreamId, mark: Mark, filter: &Filter, up_to: Option<Position>) -> Option<Event> {
        let head = self.state.position();
        let up_to = up_to.map_or(head, |up_to| up_to.min(head));
        let changes = self.is_keyed || self.state.would_mark(self.tenant, inbox, mark, filter, up_to);
        changes.then(|| Event::AllItemsMarked { mark, filter: filter.clone(), up_to })
    }
}
