//! From a request to a call: who asks, with which right, for which inbox, with which arguments.

use super::api::{Api, Caller, Foreign, Question, Reading};
use super::body::{self, Object};
use super::problem::Refusal;
use super::query::Query;
use super::routes::{Access, Payload, Route};
use axum::extract::Request;
use axum::http::HeaderName;
use axum::http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;
use tidings_engine::command::Done;
use tidings_engine::grant::{Grant, Right};
use tidings_engine::keys::TenantTag;
use tidings_engine::limits::{Limit, TOKEN_BYTES_MAX};
use tidings_engine::rejection::Rejection;
use tidings_engine::request::{self, Asker};
use tidings_wire::{CommandFrame, InboxName, ReplyCode};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_REPLAY: HeaderName = HeaderName::from_static("idempotency-replay");

/// A request of somebody who may make it.
pub(super) struct Call<'a, A> {
    api: &'a A,
    caller: &'a Caller,
    pub(super) grant: Arc<Grant>,
    pub(super) query: Query,
    pub(super) inbox: InboxName,
    pub(super) body: Option<Object>,
    /// The path's `{id}`; empty where it has none, or one that is not UTF-8: no notification has that id.
    pub(super) id: String,
    idempotency_key: Option<String>,
}

impl<'a, A: Api> Call<'a, A> {
    /// Checks the right of the route, and reads the arguments: the body last, when all else is in order.
    ///
    /// # Errors
    /// The first refusal.
    pub(super) async fn enter(
        api: &'a A,
        grant: Arc<Grant>,
        route: &Route,
        id: String,
        caller: &'a Caller,
        request: Request,
    ) -> Result<Self, Refusal> {
        let query = Query::parse(request.uri().query(), route.query)?;
        let inbox = query.inbox()?;
        if !needed_right(route.access, &inbox).is_none_or(|right| grant.permits(right)) {
            api.refused(ReplyCode::Forbidden, caller, Some(&grant));
            return Err(Rejection::Forbidden.into());
        }
        let idempotency_key = idempotency_key(request.headers())?;
        let body = body::read(route.payload, Limit::HttpBodyBytesMax, api.limits().http_body_ms_max, request).await?;
        Ok(Self { api, caller, grant, query, inbox, body, id, idempotency_key })
    }

    /// Who calls.
    pub(super) const fn caller(&self) -> &'a Caller {
        self.caller
    }

    /// The server.
    pub(super) const fn api(&self) -> &'a A {
        self.api
    }

    /// Has a command made durable. The request's `Idempotency-Key` makes a retry harmless.
    pub(super) async fn submit(&self, command: CommandFrame) -> Result<Done, Refusal> {
        let key = self.idempotency_key.clone();
        let request = request::command(self.api.keys(), &self.grant, command, key)?;
        if request.command.names_foreign() {
            self.api.foreign(Foreign::Notification, self.caller, &self.grant);
        }
        Ok(self.api.submit(request).await?)
    }

    /// Who asks to manage access.
    pub(super) fn asker(&self) -> Asker<'_> {
        let idempotency_key = self.idempotency_key.clone();
        Asker { keys: self.api.keys(), grant: &self.grant, now: self.api.now(), idempotency_key }
    }

    /// What ids of the named tenant are made with; of the caller's own where none is named.
    pub(super) fn tag(&self, tenant: Option<&str>) -> TenantTag {
        tenant.map_or(self.grant.tenant_tag, |tenant| self.api.keys().tenant_tag(tenant))
    }

    /// Asks the projections.
    pub(super) async fn read(&self, question: Question) -> Result<Reading, Refusal> {
        Ok(self.api.read(Arc::clone(&self.grant), question).await?)
    }
}

/// The envelope of an answer.
#[derive(Debug, Serialize)]
pub(super) struct Data<T> {
    pub(super) data: T,
}

/// Reads the body of a route that needs no token.
pub(super) async fn open_body<A: Api>(api: &A, payload: Payload, request: Request) -> Result<Object, Refusal> {
    let ms_max = api.limits().http_body_ms_max;
    Ok(body::read(payload, Limit::HttpOpenBodyBytesMax, ms_max, request).await?.unwrap_or_default())
}

/// Says of an answer whether it is the first one given again.
pub(super) fn told(done: &Done, answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    if done.replayed {
        response.headers_mut().insert(IDEMPOTENCY_REPLAY, HeaderValue::from_static("true"));
    }
    response
}

const fn needed_right(access: Access, inbox: &InboxName) -> Option<Right> {
    match (access, inbox) {
        (Access::Open | Access::Session | Access::Authenticated, _) => None,
        (Access::Holder(right), _) | (Access::Inbox { tenant: right }, InboxName::Tenant) => Some(right),
        (Access::Inbox { .. }, _) => Some(Right::OwnInbox),
    }
}

/// The token or the secret of an API key, in either scheme; `None` where there is none, two, one of another scheme,
/// or one that is too long to look at.
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    let mut found = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (found.next(), found.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let is_known = ["bearer", "apikey"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    (is_known && token.len() <= TOKEN_BYTES_MAX).then_some(token)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Rejection> {
    let mut found = headers.get_all(IDEMPOTENCY_KEY).iter();
    let wrong = || Rejection::invalid("Idempotency-Key", "must be one header of plain text");
    match (found.next(), found.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => match value.to_str() {
            Ok(text) if !text.is_empty() => Ok(Some(text.to_owned())),
            _ => Err(wrong()),
        },
        _ => Err(wrong()),
    }
}
