//! Publishing a notification and taking it back.

use super::api::Api;
use super::calling::{Call, Data, told};
use super::problem::Refusal;
use super::publish_shape::publish;
use axum::Json;
use axum::http::StatusCode;
use axum::response::Response;
use tidings_engine::command::Answer;
use tidings_engine::rejection::Rejection;
use tidings_wire::{CommandFrame, Published, Retract};

/// `POST /v1/notifications`.
pub(super) async fn published<A: Api>(mut call: Call<'_, A>) -> Result<Response, Refusal> {
    let publish = publish(call.body.take().unwrap_or_default())?;
    let transaction_id = publish.transaction_id.clone();
    let done = call.submit(CommandFrame::Publish(Box::new(publish))).await?;
    let Answer::Published { notification, recipients } = done.answer else { return Err(Rejection::Internal.into()) };
    let id = call.api().keys().item_id(call.grant.tenant_tag, notification);
    let data = Published {
        transaction_id: transaction_id.unwrap_or_else(|| id.clone()),
        id,
        cursor: call.api().cursor(&call.grant, done.position),
        recipients,
    };
    Ok(told(&done, (StatusCode::CREATED, Json(Data { data }))))
}

/// `DELETE /v1/notifications/{id}`.
pub(super) async fn retracted<A: Api>(mut call: Call<'_, A>) -> Result<Response, Refusal> {
    let notification = std::mem::take(&mut call.id);
    let done = call.submit(CommandFrame::Retract(Retract { notification })).await?;
    Ok(told(&done, StatusCode::NO_CONTENT))
}
