//! Revoking tokens, and keys of services.

use super::{Decision, Draft, Unsealed, answered_before, command_hash};
use crate::command::{Command, Request, Scope};
use crate::event::{Content, Event, RevokedTokens};
use crate::grant::{Credential, Grant, Right, Role};
use crate::ids::{Position, StreamId, TenantId};
use crate::keys::{Keys, StreamKind};
use crate::rejection::Rejection;
use crate::state::State;

/// Whose tokens, keys or settings are managed.
pub(super) struct Place {
    pub(super) tenant: TenantId,
    pub(super) stream: StreamId,
    /// The tenant's name, where it arises with this.
    pub(super) created: Option<String>,
}

/// Decides a command about tokens or keys; `None` for any other.
///
/// # Errors
/// `Forbidden` where it is not the caller's to manage; `NotFound` where there is no such tenant or key; `TooLarge` where there
/// are as many as there may be.
pub(super) fn access(state: &State, keys: &Keys, request: &Request) -> Result<Option<Decision>, Rejection> {
    let grant = &request.grant;
    let (scope, is_own) = match &request.command {
        Command::RevokeTokens { scope, which, .. } => (scope, *scope == Scope::Own && is_own(keys, grant, which)),
        Command::CreateApiKey { scope, .. } | Command::RevokeApiKey { scope, .. } => (scope, false),
        _ => return Ok(None),
    };
    if !is_own && !grant.permits(Right::ManageAccess) {
        return Err(Rejection::Forbidden);
    }
    let place = place(state, keys, grant, scope)?;
    let command = command_hash(keys, request);
    if let Some(done) = answered_before(state, Some(place.tenant), command, request)? {
        return Ok(Some(Decision::Nothing(done)));
    }
    let (event, content) = event(state, &place, request)?;
    let Place { tenant, stream, created } = place;
    let created = created.map(|name| (Event::TenantCreated { name }, None));
    let drafts = created.into_iter().chain([(event, content)]);
    let drafts = drafts.map(|(event, content)| Draft { tenant, stream, event, content }).collect();
    Ok(Some(Decision::Record { drafts, command }))
}

/// Whether these are the caller's own tokens, or the very one that is shown.
fn is_own(keys: &Keys, grant: &Grant, which: &RevokedTokens) -> bool {
    match which {
        RevokedTokens::Subject { subject, .. } => *subject == grant.stream,
        RevokedTokens::Token { id } => {
            grant.token_id.as_deref().is_some_and(|jti| keys.token_id(&grant.tenant, jti) == *id)
        }
        RevokedTokens::Tenant { .. } => false,
    }
}

pub(super) fn place(state: &State, keys: &Keys, grant: &Grant, scope: &Scope) -> Result<Place, Rejection> {
    match scope {
        Scope::Own => match state.tenant(&grant.tenant) {
            Some(tenant) => Ok(Place { tenant, stream: grant.tenant_stream, created: None }),
            // A tenant arises with the first thing that happens in it.
            None => Ok(Place {
                tenant: TenantId(state.tenants_count() + 1),
                stream: grant.tenant_stream,
                created: Some(grant.tenant.to_string()),
            }),
        },
        Scope::Tenant(name) => {
            if !grant.permits(Right::Platform) {
                return Err(Rejection::Forbidden);
            }
            let tenant = state.tenant(name).ok_or(Rejection::NotFound)?;
            Ok(Place { tenant, stream: keys.stream(name, StreamKind::Tenant, ""), created: None })
        }
        Scope::Everything => Err(Rejection::Forbidden),
    }
}

fn event(state: &State, place: &Place, request: &Request) -> Result<(Event, Option<Unsealed>), Rejection> {
    let access = state.access();
    match &request.command {
        Command::RevokeTokens { which, now, remember_ms, .. } => {
            access.has_room_for_revocation(place.stream)?;
            // Recorded time is what it is forgotten by, and may be ahead of the clock.
            let until = (*now).max(state.time()).plus(*remember_ms);
            Ok((Event::TokensRevoked { which: *which, until }, None))
        }
        Command::CreateApiKey { hash, roles, expires, name, .. } => {
            may_give(&request.grant, roles)?;
            access.has_room_for_key(place.tenant)?;
            let unsealed = name.clone().map(|name| {
                let content = Content { subject: Some(name), ..Content::default() };
                Unsealed { content, actor: None }
            });
            Ok((Event::ApiKeyCreated { hash: *hash, roles: roles.clone(), expires: *expires }, unsealed))
        }
        Command::RevokeApiKey { key, .. } => revoked_key(state, place, *key).map(|event| (event, None)),
        _ => Err(Rejection::Internal),
    }
}

/// Nobody makes a key that may do what they may not.
fn may_give(grant: &Grant, roles: &[Role]) -> Result<(), Rejection> {
    let gives = |right: &Right| roles.iter().any(|role| right.is_given_by(*role));
    let may = grant.credential == Credential::Engine
        || Right::ALL.iter().filter(|right| gives(right)).all(|right| grant.permits(*right));
    if may { Ok(()) } else { Err(Rejection::Forbidden) }
}

fn revoked_key(state: &State, place: &Place, key: Position) -> Result<Event, Rejection> {
    if state.access().has_key(place.tenant, key) { Ok(Event::ApiKeyRevoked { key }) } else { Err(Rejection::NotFound) }
}
