//! What needs no token and changes nothing: health, readiness, and the development server's tokens.

use super::api::Api;
use super::body::Object;
use super::problem::Refusal;
use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tidings_engine::rejection::Rejection;
use tidings_wire::ReplyCode;

/// `GET /healthz`.
pub(super) fn health() -> Response {
    Json(json!({ "status": "ok" })).into_response()
}

/// `GET /readyz`. Warnings do not make a server unready: they are for whoever looks.
pub(super) fn readiness<A: Api>(api: &A) -> Result<Response, Refusal> {
    api.ready().map_err(|why| Refusal::new(ReplyCode::Unavailable, why))?;
    Ok(Json(json!({ "status": "ok", "warnings": api.warnings() })).into_response())
}

/// `POST /dev/token`.
pub(super) fn dev_token<A: Api>(api: &A, body: &Object) -> Result<Response, Refusal> {
    let tenant: String = field(body, "tenant", "must be a string")?;
    let user: String = field(body, "user", "must be a string")?;
    let roles: Option<Vec<String>> = field(body, "roles", "must be a list of strings")?;
    let signed = api.dev_token(&tenant, &user, &roles.unwrap_or_default()).ok_or(Rejection::NotFound)?;
    Ok(Json(json!({ "token": signed? })).into_response())
}

fn field<T: for<'a> Deserialize<'a>>(body: &Object, name: &'static str, what: &str) -> Result<T, Rejection> {
    T::deserialize(body.get(name).unwrap_or(&Value::Null)).map_err(|_| Rejection::invalid(name, what))
}
