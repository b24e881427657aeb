//! What a tenant decides for itself.

use super::access::{answered, body};
use super::api::{AccessQuestion, Api};
use super::calling::{Call, Data, told};
use super::problem::Refusal;
use axum::Json;
use axum::response::Response;
use tidings_wire::ChangeSettings;

/// `GET /v1/tenants/{id}/settings`.
pub(super) async fn shown<A: Api>(call: Call<'_, A>) -> Result<Response, Refusal> {
    let scope = call.asker().settled(&call.id)?;
    answered(&call, AccessQuestion::Settings(scope)).await
}

/// `PATCH /v1/tenants/{id}/settings`: the answer comes when it is so, and tells what is.
pub(super) async fn changed<A: Api>(mut call: Call<'_, A>) -> Result<Response, Refusal> {
    let asked: ChangeSettings = body(call.body.take())?;
    let request = call.asker().settings(&call.id, &asked)?;
    let scope = call.asker().settled(&call.id)?;
    let done = call.api().submit(request).await?;
    let data = call.api().access(&call.grant, AccessQuestion::Settings(scope)).await?;
    Ok(told(&done, Json(Data { data })))
}
