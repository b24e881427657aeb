//! What a tenant decides for itself.

use super::access::{Place, place};
use super::{Decision, Draft, answered_before, command_hash};
use crate::command::{Answer, Done, Request, Scope};
use crate::event::{Event, Setting};
use crate::keys::Keys;
use crate::rejection::Rejection;
use crate::state::State;

/// Records what differs from what is so; nothing, where nothing does.
///
/// # Errors
/// `Forbidden` where it is not the caller's tenant; `NotFound` where there is no such tenant.
pub(super) fn settings(
    state: &State,
    keys: &Keys,
    request: &Request,
    scope: &Scope,
    wanted: &[Setting],
) -> Result<Decision, Rejection> {
    let Place { tenant, stream, created } = place(state, keys, &request.grant, scope)?;
    let command = command_hash(keys, request);
    if let Some(done) = answered_before(state, Some(tenant), command, request)? {
        return Ok(Decision::Nothing(done));
    }
    let standing = state.consents().settings(stream);
    let settings: Vec<Setting> = wanted.iter().filter(|setting| standing.differs(setting)).cloned().collect();
    if settings.is_empty() && request.key.is_none() {
        let (answer, position) = (Answer::SettingsChanged, state.position());
        return Ok(Decision::Nothing(Done { answer, position, replayed: false }));
    }
    let created = created.map(|name| Event::TenantCreated { name });
    let events = created.into_iter().chain([Event::TenantSettingsChanged { settings }]);
    let drafts = events.map(|event| Draft { tenant, stream, event, content: None }).collect();
    Ok(Decision::Record { drafts, command })
}
