//! What an auditor asks for: who may, which range, which events. The texts are those of query parameters.

use super::fields::name;
use super::query::cursor;
use crate::audit::EVENT_TYPES;
use crate::command::Scope;
use crate::cursor::{CURSOR_CHARACTERS, Cursor, CursorKind};
use crate::grant::{Grant, Right};
use crate::ids::{Position, StreamId, Time};
use crate::keys::{Keys, TenantTag};
use crate::limits::{AUDIT_EVENTS_DEFAULT, AUDIT_EVENTS_MAX, Limit};
use crate::rejection::Rejection;
use data_encoding::HEXLOWER;

/// A place in the log, as an auditor names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// After the last event that is durable.
    Head,
    /// After every event that was recorded at this time or before.
    Time(Time),
    /// After this event. For who may audit the platform.
    Position(Position),
    /// Where a cursor was given.
    Cursor(Cursor),
}

/// Whose actions and notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// The person with this id.
    Subscriber(String),
    /// Whose stream this is: also somebody who was erased, or the tenant itself.
    Stream(StreamId),
}

/// The parameters of `GET /v1/audit/events`, as they came.
#[derive(Clone, Debug, Default)]
pub struct EventsAsked {
    /// Name of a tenant.
    pub tenant: Option<String>,
    /// A cursor, a time or a position.
    pub after: Option<String>,
    /// Most events.
    pub limit: Option<u32>,
    /// A person.
    pub subscriber_id: Option<String>,
    /// A stream in hexadecimal.
    pub stream: Option<String>,
    /// Names of types; every type when empty.
    pub types: Vec<String>,
    /// Earliest time.
    pub from: Option<String>,
    /// Latest time.
    pub to: Option<String>,
    /// Whether content is wanted.
    pub content: bool,
}

/// Events that are wanted by somebody who may have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Events {
    /// Whose.
    pub scope: Scope,
    /// Where the reading before ended; the beginning of the log when absent.
    pub after: Option<At>,
    /// Most events: 1 to 10,000.
    pub limit: usize,
    /// Only those that concern somebody: in their stream, caused by them, or published to them by name.
    pub who: Option<Who>,
    /// Only these types, by number; every type when empty.
    pub types: Vec<u16>,
    /// Only events of this time or later.
    pub from: Option<Time>,
    /// Only events of this time or earlier.
    pub to: Option<Time>,
    /// Whether the content is shown.
    pub content: bool,
}

/// The parameters of `GET /v1/audit/state`, as they came.
#[derive(Clone, Debug, Default)]
pub struct StateAsked {
    /// Name of a tenant.
    pub tenant: Option<String>,
    /// A person.
    pub subscriber_id: Option<String>,
    /// A stream in hexadecimal.
    pub stream: Option<String>,
    /// A time, a cursor or a position.
    pub at: Option<String>,
    /// Whether content is wanted.
    pub content: bool,
}

/// An inbox as of a place, wanted by somebody who may have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateAt {
    /// Whose; never [`Scope::Everything`].
    pub scope: Scope,
    /// The inbox's owner.
    pub who: Who,
    /// As of when.
    pub at: At,
    /// Whether the content of the items is shown.
    pub content: bool,
}

/// The body of `POST /v1/audit/replays`, as it came.
#[derive(Clone, Debug, Default)]
pub struct ReplayAsked {
    /// Name of a tenant.
    pub tenant: Option<String>,
    /// Where the range begins: after this cursor, time or position.
    pub after: Option<String>,
    /// Where it ends.
    pub through: Option<String>,
    /// Whether the inboxes are folded too; they are when absent.
    pub state: Option<bool>,
}

/// A range to be verified and replayed by somebody who may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// Whose.
    pub scope: Scope,
    /// Where the range begins; the beginning of the log when absent.
    pub after: Option<At>,
    /// Where it ends.
    pub through: At,
    /// Whether the inboxes are folded too.
    pub state: bool,
}

/// Reads the parameters of a reading of events.
///
/// # Errors
/// `Forbidden` for what the grant does not permit, `Invalid` and `TooLarge` for what is not of its kind.
pub fn audit_events(keys: &Keys, grant: &Grant, asked: EventsAsked) -> Result<Events, Rejection> {
    let asking = Asking { keys, grant };
    let scope = asking.scope(asked.tenant, Scope::Everything)?;
    asking.may_see_content(asked.content)?;
    let limit = asked.limit.map_or(AUDIT_EVENTS_DEFAULT, |limit| limit as usize);
    if !(1..=AUDIT_EVENTS_MAX).contains(&limit) {
        return Err(Rejection::invalid("limit", format!("is {limit}, 1 to {AUDIT_EVENTS_MAX} are allowed")));
    }
    let after = asked.after.map(|text| asking.at("after", &text, &scope)).transpose()?;
    let moment = |field, text: Option<String>| text.map(|text| time(field, &text)).transpose();
    Ok(Events {
        after,
        limit,
        who: who(asked.subscriber_id, asked.stream)?,
        types: types(&asked.types)?,
        from: moment("from", asked.from)?,
        to: moment("to", asked.to)?,
        content: asked.content,
        scope,
    })
}

/// Reads the parameters of a reading of an inbox.
///
/// # Errors
/// As [`audit_events`].
pub fn audit_state(keys: &Keys, grant: &Grant, asked: StateAsked) -> Result<StateAt, Rejection> {
    let asking = Asking { keys, grant };
    let scope = asking.scope(asked.tenant, Scope::Own)?;
    asking.may_see_content(asked.content)?;
    let at = asked.at.map_or(Ok(At::Head), |text| asking.at("at", &text, &scope))?;
    let who = who(asked.subscriber_id, asked.stream)?;
    let who = who.ok_or_else(|| Rejection::invalid("subscriberId", "or stream must be given"))?;
    Ok(StateAt { scope, who, at, content: asked.content })
}

/// Reads the body of a replay.
///
/// # Errors
/// As [`audit_events`].
pub fn audit_replay(keys: &Keys, grant: &Grant, asked: ReplayAsked) -> Result<Replay, Rejection> {
    let asking = Asking { keys, grant };
    let scope = asking.scope(asked.tenant, Scope::Everything)?;
    let after = asked.after.map(|text| asking.at("after", &text, &scope)).transpose()?;
    let through = asked.through.map_or(Ok(At::Head), |text| asking.at("through", &text, &scope))?;
    Ok(Replay { scope, after, through, state: asked.state.unwrap_or(true) })
}

/// Reads whose events are to be verified.
///
/// # Errors
/// As [`audit_events`].
pub fn audit_verify(keys: &Keys, grant: &Grant, tenant: Option<String>) -> Result<Scope, Rejection> {
    Asking { keys, grant }.scope(tenant, Scope::Everything)
}

/// What seals the cursors of a scope: a tenant's auditors and the platform's are given the same ones for it.
#[must_use]
pub fn scope_tag(keys: &Keys, grant: &Grant, scope: &Scope) -> TenantTag {
    match scope {
        Scope::Own | Scope::Everything => grant.tenant_tag,
        Scope::Tenant(tenant) => keys.tenant_tag(tenant),
    }
}

struct Asking<'a> {
    keys: &'a Keys,
    grant: &'a Grant,
}

impl Asking<'_> {
    /// Whoever may not audit the platform sees their own tenant and cannot name another, be there one or not.
    fn scope(&self, tenant: Option<String>, whole: Scope) -> Result<Scope, Rejection> {
        if !self.grant.permits(Right::Audit) {
            return Err(Rejection::Forbidden);
        }
        match (tenant, self.grant.permits(Right::Platform)) {
            (None, false) => Ok(Scope::Own),
            (None, true) => Ok(whole),
            (Some(_), false) => Err(Rejection::Forbidden),
            (Some(tenant), true) => {
                name("tenant", &tenant, Limit::NameBytesMax)?;
                Ok(Scope::Tenant(tenant))
            }
        }
    }

    fn may_see_content(&self, content: bool) -> Result<(), Rejection> {
        if content && !self.grant.permits(Right::ReadContent) { Err(Rejection::Forbidden) } else { Ok(()) }
    }

    fn at(&self, field: &'static str, text: &str, scope: &Scope) -> Result<At, Rejection> {
        let what = "is no time and no cursor of this log's changes";
        let wrong = || Rejection::invalid(field, what);
        if text.contains(':') {
            return Time::parse(text).map(At::Time).ok_or_else(wrong);
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) && self.grant.permits(Right::Platform) {
            return text.parse().map(|position| At::Position(Position(position))).map_err(|_| wrong());
        }
        // A time that is written wrong is no attempt at what is another tenant's.
        if text.len() != CURSOR_CHARACTERS {
            return Err(wrong());
        }
        let tenant = scope_tag(self.keys, self.grant, scope);
        cursor(self.keys, tenant, CursorKind::Changes, text, (field, what)).map(At::Cursor)
    }
}

fn time(field: &'static str, text: &str) -> Result<Time, Rejection> {
    Time::parse(text).ok_or_else(|| Rejection::invalid(field, "must be a time such as 2026-01-31T09:00:00Z"))
}

fn who(subscriber: Option<String>, stream: Option<String>) -> Result<Option<Who>, Rejection> {
    match (subscriber, stream) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(Rejection::invalid("stream", "must not be given with subscriberId")),
        (Some(subscriber), None) => {
            name("subscriberId", &subscriber, Limit::NameBytesMax)?;
            Ok(Some(Who::Subscriber(subscriber)))
        }
        (None, Some(stream)) => {
            let wrong = || Rejection::invalid("stream", "must be 32 hexadecimal digits");
            let bytes = HEXLOWER.decode(stream.as_bytes()).map_err(|_| wrong())?;
            Ok(Some(Who::Stream(StreamId(bytes.try_into().map_err(|_| wrong())?))))
        }
    }
}

fn types(names: &[String]) -> Result<Vec<u16>, Rejection> {
    if names.len() > EVENT_TYPES.len() {
        return Err(Rejection::invalid("type", "is given more often than there are types"));
    }
    let number = |name: &String| EVENT_TYPES.iter().find(|(_, known)| known == name).map(|(number, _)| *number);
    let wrong = || Rejection::invalid("type", "is no type of event");
    names.iter().map(|name| number(name).ok_or_else(wrong)).collect()
}
