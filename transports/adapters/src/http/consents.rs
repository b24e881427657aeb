//! Consents: recorded, taken back and listed. The texts are judged in the engine; here they are passed on.

use super::access::{answered, body, text};
use super::api::{AccessQuestion, Api};
use super::calling::{Call, Data, told};
use super::problem::Refusal;
use axum::Json;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use tidings_engine::command::Done;
use tidings_engine::rejection::Rejection;
use tidings_wire::ChangeConsent;

/// `POST /v1/privacy/consents`: the answer comes when what is pushed is as it says.
pub(super) async fn recorded<A: Api>(mut call: Call<'_, A>) -> Result<Response, Refusal> {
    let asked: ChangeConsent = body(call.body.take())?;
    let done = submitted(&call, &asked).await?;
    let data = json!({ "id": call.api().keys().item_id(call.grant.tenant_tag, done.position) });
    Ok(told(&done, (StatusCode::CREATED, Json(Data { data }))))
}

/// `DELETE /v1/privacy/consents`: the answer comes when nothing of it is pushed any more.
pub(super) async fn withdrawn<A: Api>(call: Call<'_, A>) -> Result<Response, Refusal> {
    let asked = ChangeConsent {
        subscriber_id: text(&call, "subscriberId")?,
        channel: text(&call, "channel")?,
        category: text(&call, "category")?,
        given: Some(false),
        ..ChangeConsent::default()
    };
    let done = submitted(&call, &asked).await?;
    Ok(told(&done, StatusCode::NO_CONTENT))
}

/// `GET /v1/privacy/consents`.
pub(super) async fn listed<A: Api>(call: Call<'_, A>) -> Result<Response, Refusal> {
    let subject = noted(&call, call.asker().consents_of(text(&call, "subscriberId")?.as_deref()))?;
    answered(&call, AccessQuestion::Consents { subject }).await
}

async fn submitted<A: Api>(call: &Call<'_, A>, asked: &ChangeConsent) -> Result<Done, Refusal> {
    let request = noted(call, call.asker().consent(asked))?;
    Ok(call.api().submit(request).await?)
}

/// A refusal for want of a right is in the security log, as where the route itself needs one.
fn noted<A: Api, T>(call: &Call<'_, A>, judged: Result<T, Rejection>) -> Result<T, Rejection> {
    judged.inspect_err(|rejection| {
        if *rejection == Rejection::Forbidden {
            call.api().refused(rejection.code(), call.caller(), Some(&call.grant));
        }
    })
}
