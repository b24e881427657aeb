//! What auditors read: events, inboxes as they were, replays. The texts are judged in the engine; here they are passed on.

use super::api::{Api, AuditAnswer, AuditQuestion};
use super::body::Object;
use super::calling::Call;
use super::problem::Refusal;
use super::query::Query;
use axum::Json;
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;
use tidings_engine::rejection::Rejection;
use tidings_engine::request::{
    EventsAsked, ReplayAsked, StateAsked, audit_events, audit_replay, audit_state, audit_verify,
};

/// The JSON Schema of a line of events.
pub(super) const EVENTS_SCHEMA: &str = include_str!("../../../../docs/audit-events.schema.json");

/// Media type of lines of JSON.
pub(super) const LINES_OF_JSON: &str = "application/x-ndjson";

/// `GET /v1/audit/events.schema.json`.
pub(super) fn schema() -> Response {
    ([(CONTENT_TYPE, "application/schema+json")], EVENTS_SCHEMA).into_response()
}

/// `GET /v1/audit/events`.
pub(super) async fn events<A: Api>(call: Call<'_, A>) -> Result<Response, Refusal> {
    let query = &call.query;
    let asked = EventsAsked {
        tenant: text(query, "tenant")?,
        after: text(query, "after")?,
        limit: query.parsed("limit", "a whole number")?,
        subscriber_id: text(query, "subscriberId")?,
        stream: text(query, "stream")?,
        types: types(query)?,
        from: text(query, "from")?,
        to: text(query, "to")?,
        content: content(query)?,
    };
    let wanted = audit_events(call.api().keys(), &call.grant, asked)?;
    answered(&call, AuditQuestion::Events(wanted)).await
}

/// `GET /v1/audit/state`.
pub(super) async fn state<A: Api>(call: Call<'_, A>) -> Result<Response, Refusal> {
    let query = &call.query;
    let asked = StateAsked {
        tenant: text(query, "tenant")?,
        subscriber_id: text(query, "subscriberId")?,
        stream: text(query, "stream")?,
        at: text(query, "at")?,
        content: content(query)?,
    };
    let wanted = audit_state(call.api().keys(), &call.grant, asked)?;
    answered(&call, AuditQuestion::State(wanted)).await
}

/// `POST /v1/audit/replays`.
pub(super) async fn replay<A: Api>(mut call: Call<'_, A>) -> Result<Response, Refusal> {
    let mut body = call.body.take().unwrap_or_default();
    let asked = ReplayAsked {
        tenant: member(&mut body, "tenant", "must be a string")?,
        after: member(&mut body, "after", "must be a string")?,
        through: member(&mut body, "through", "must be a string")?,
        state: member(&mut body, "state", "must be true or false")?,
    };
    if !body.is_empty() {
        return Err(Rejection::invalid("body", "holds a field that this route does not know").into());
    }
    let wanted = audit_replay(call.api().keys(), &call.grant, asked)?;
    answered(&call, AuditQuestion::Replay(wanted)).await
}

/// `GET /v1/audit/verify`.
pub(super) async fn verify<A: Api>(call: Call<'_, A>) -> Result<Response, Refusal> {
    let scope = audit_verify(call.api().keys(), &call.grant, text(&call.query, "tenant")?)?;
    answered(&call, AuditQuestion::Verify(scope)).await
}

async fn answered<A: Api>(call: &Call<'_, A>, question: AuditQuestion) -> Result<Response, Refusal> {
    let answer = call.api().audit(Arc::clone(&call.grant), question).await?;
    let streamed = |kind, parts| ([(CONTENT_TYPE, kind)], Body::from_stream(parts)).into_response();
    let mut response = match answer {
        AuditAnswer::Json(value) => Json(value).into_response(),
        AuditAnswer::Lines(parts) => streamed(LINES_OF_JSON, parts),
        AuditAnswer::Parts(parts) => streamed("application/json", parts),
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn text(query: &Query, name: &'static str) -> Result<Option<String>, Rejection> {
    Ok(query.text(name)?.map(str::to_owned))
}

fn content(query: &Query) -> Result<bool, Rejection> {
    Ok(query.parsed("content", "true or false")?.unwrap_or_default())
}

fn types(query: &Query) -> Result<Vec<String>, Rejection> {
    let wrong = || Rejection::invalid("type", "must be names of types of events");
    match query.one_or_many("type") {
        None => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(vec![one]),
        Some(many) => serde_json::from_value(many).map_err(|_| wrong()),
    }
}

fn member<T: DeserializeOwned>(body: &mut Object, name: &'static str, what: &str) -> Result<Option<T>, Rejection> {
    match body.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => serde_json::from_value(value).map(Some).map_err(|_| Rejection::invalid(name, what)),
    }
}
