//! Erasing a person, and the receipt of it.

use super::api::Api;
use super::calling::{Call, Data, told};
use super::problem::Refusal;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tidings_engine::rejection::Rejection;
use tidings_wire::{CommandFrame, Erase};

/// `POST /v1/privacy/erasures`: the answer comes when the key is destroyed.
pub(super) async fn erased<A: Api>(mut call: Call<'_, A>) -> Result<Response, Refusal> {
    let subscriber_id = match call.body.take().unwrap_or_default().remove("subscriberId") {
        Some(Value::String(name)) => name,
        Some(_) => return Err(Rejection::invalid("subscriberId", "must be a string").into()),
        None => return Err(Rejection::invalid("subscriberId", "is required").into()),
    };
    let done = call.submit(CommandFrame::Erase(Erase { subscriber_id })).await?;
    let data = call.api().receipt(&call.grant, done.position).await?;
    Ok(told(&done, (StatusCode::CREATED, Json(Data { data }))))
}

/// `GET /v1/privacy/erasures/{id}`.
pub(super) async fn receipt<A: Api>(call: Call<'_, A>) -> Result<Response, Refusal> {
    let event = call.api().keys().notification(call.grant.tenant_tag, &call.id);
    let data = call.api().receipt(&call.grant, event).await?;
    Ok(Json(Data { data }).into_response())
}
