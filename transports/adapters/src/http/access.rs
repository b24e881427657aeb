//! Who is let in: revoked tokens, keys of services, sessions. The texts are judged in the engine; here they are passed on.

use super::api::{AccessQuestion, Api, ListOf};
use super::body::Object;
use super::calling::{Call, Data, told};
use super::problem::Refusal;
use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tidings_engine::access::secret_hash;
use tidings_engine::limits::PAGE_ITEMS_MAX;
use tidings_engine::rejection::Rejection;
use tidings_engine::request::managed;
use tidings_wire::{CreateKey, KeyShown, Revoke};

/// `POST /v1/revocations`: the answer comes when the tokens are refused everywhere.
pub(super) async fn revoked<A: Api>(mut call: Call<'_, A>) -> Result<Response, Refusal> {
    let asked: Revoke = body(call.body.take())?;
    let request = call.asker().revoke(&asked, call.api().token_lifetime_ms_max())?;
    let tag = call.tag(asked.tenant.as_deref());
    let done = call.api().submit(request).await?;
    let data = json!({ "id": call.api().keys().item_id(tag, done.position) });
    Ok(told(&done, (StatusCode::CREATED, Json(Data { data }))))
}

/// `GET /v1/revocations`.
pub(super) async fn revocations<A: Api>(call: Call<'_, A>) -> Result<Response, Refusal> {
    let list = list(&call)?;
    answered(&call, AccessQuestion::Revocations(list)).await
}

/// `POST /v1/keys`: the one answer that holds the secret.
pub(super) async fn key_created<A: Api>(mut call: Call<'_, A>) -> Result<Response, Refusal> {
    let asked: CreateKey = body(call.body.take())?;
    let secret = call.api().new_secret()?;
    let request = call.asker().create_key(&asked, secret_hash(&secret))?;
    let tag = call.tag(asked.tenant.as_deref());
    let done = call.api().submit(request).await?;
    let id = call.api().keys().item_id(tag, done.position);
    let data = KeyShown {
        id,
        roles: asked.roles.unwrap_or_else(|| vec!["service".to_owned()]),
        name: asked.name,
        created_at: None,
        expires_at: asked.expires_at,
        // An answer that is given again is about the first secret, of which nothing is kept but its hash.
        secret: (!done.replayed).then_some(secret),
    };
    Ok(told(&done, (StatusCode::CREATED, unstored(Json(Data { data })))))
}

/// `GET /v1/keys`.
pub(super) async fn keys<A: Api>(call: Call<'_, A>) -> Result<Response, Refusal> {
    let list = list(&call)?;
    answered(&call, AccessQuestion::Keys(list)).await
}

/// `DELETE /v1/keys/{id}`: the answer comes when the key is refused everywhere.
pub(super) async fn key_revoked<A: Api>(call: Call<'_, A>) -> Result<Response, Refusal> {
    let tenant = call.query.text("tenant")?.map(str::to_owned);
    let request = call.asker().revoke_key(&call.id, tenant.as_ref())?;
    let done = call.api().submit(request).await?;
    Ok(told(&done, StatusCode::NO_CONTENT))
}

/// `GET /v1/sessions`.
pub(super) async fn sessions<A: Api>(call: Call<'_, A>) -> Result<Response, Refusal> {
    let subscriber_id = text(&call, "subscriberId")?;
    let current = text(&call, "current")?;
    answered(&call, AccessQuestion::Sessions { subscriber_id, current }).await
}

/// `DELETE /v1/sessions`.
pub(super) async fn sessions_ended<A: Api>(call: Call<'_, A>) -> Result<Response, Refusal> {
    let subscriber_id = text(&call, "subscriberId")?;
    let except = text(&call, "except")?;
    answered(&call, AccessQuestion::EndSessions { subscriber_id, except }).await
}

/// `DELETE /v1/sessions/{id}`.
pub(super) async fn session_ended<A: Api>(mut call: Call<'_, A>) -> Result<Response, Refusal> {
    let id = std::mem::take(&mut call.id);
    call.api().access(&call.grant, AccessQuestion::EndSession { id }).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn answered<A: Api>(call: &Call<'_, A>, question: AccessQuestion) -> Result<Response, Refusal> {
    let data: Value = call.api().access(&call.grant, question).await?;
    Ok(unstored(Json(Data { data })))
}

/// Who is where, and with which key, is for nobody's cache.
fn unstored(answer: Json<Data<impl Serialize>>) -> Response {
    let mut response = answer.into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub(super) fn text<A: Api>(call: &Call<'_, A>, name: &'static str) -> Result<Option<String>, Rejection> {
    Ok(call.query.text(name)?.map(str::to_owned))
}

fn list<A: Api>(call: &Call<'_, A>) -> Result<ListOf, Rejection> {
    let limit = call.query.parsed("limit", "a whole number")?.unwrap_or(PAGE_ITEMS_MAX);
    if !(1..=PAGE_ITEMS_MAX).contains(&limit) {
        return Err(Rejection::invalid("limit", "must be 1 to 100"));
    }
    let scope = managed(&call.grant, call.query.text("tenant")?)?;
    Ok(ListOf { scope, limit, after: text(call, "after")? })
}

/// The fields that a route knows, and no others.
pub(super) fn body<T: DeserializeOwned>(body: Option<Object>) -> Result<T, Rejection> {
    let wrong =
        |_| Rejection::invalid("body", "holds a field that this route does not know, or one that is not of its kind");
    serde_json::from_value(Value::Object(body.unwrap_or_default())).map_err(wrong)
}
