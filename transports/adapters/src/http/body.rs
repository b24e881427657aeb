//! Request bodies: bounded before and while they are read, and JSON objects only.

use super::problem::Refusal;
use super::routes::Payload;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::{Map, Value};
use std::time::Duration;
use tidings_engine::limits::Limit;
use tidings_engine::rejection::Rejection;
use tidings_wire::ReplyCode;

/// A JSON object, as a request carries it.
pub(super) type Object = Map<String, Value>;

/// Reads what a route takes: at most the bytes of `limit`, within `ms_max` milliseconds. `None` where the route takes nothing, or may and got nothing.
///
/// # Errors
/// 413 too long, 415 not JSON by its own word, 408 too slow, else 400. The rest of the body is not read then.
pub(super) async fn read(
    payload: Payload,
    limit: Limit,
    ms_max: u64,
    request: Request,
) -> Result<Option<Object>, Refusal> {
    let is_required = match payload {
        Payload::Nothing => return Ok(None),
        Payload::Optional(_) => false,
        Payload::Required(_) => true,
    };
    check_length(request.headers(), limit)?;
    let is_json = is_json(request.headers());
    if !request.body().is_end_stream() && !is_json {
        return Err(Refusal::with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be application/json"));
    }
    let bytes = collect(request.into_body(), limit, ms_max).await?;
    if bytes.is_empty() && !is_required {
        return Ok(None);
    }
    object(&bytes).map(Some)
}

fn check_length(headers: &HeaderMap, limit: Limit) -> Result<(), Rejection> {
    let told = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    match told {
        Some(found) if found > limit.describe().default => {
            Err(Rejection::TooLarge { limit, field: "body", found, allowed: limit.describe().default, unit: "bytes" })
        }
        _ => Ok(()),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(text)) = headers.get(CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    let essence = text.split_once(';').map_or(text, |(essence, _)| essence);
    essence.trim().eq_ignore_ascii_case("application/json")
}

async fn collect(body: Body, limit: Limit, ms_max: u64) -> Result<Bytes, Refusal> {
    let bytes_max = usize::try_from(limit.describe().default).unwrap_or(usize::MAX);
    match tokio::time::timeout(Duration::from_millis(ms_max), Limited::new(body, bytes_max).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::new(
            ReplyCode::TooLarge,
            format!("body is longer than the {bytes_max} bytes that are allowed"),
        )
        .with_limit(limit)),
        Ok(Err(_)) => Err(Refusal::invalid("the body did not arrive whole")),
        Err(_) => {
            let detail = format!("the body did not arrive within {ms_max} milliseconds");
            Err(Refusal::with_status(StatusCode::REQUEST_TIMEOUT, detail).with_limit(Limit::HttpBodyMsMax))
        }
    }
}

fn object(bytes: &[u8]) -> Result<Object, Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|_| Refusal::invalid("body is not UTF-8"))?;
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Refusal::invalid("body must be a JSON object")),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            Err(Refusal::invalid(format!("body is not JSON, or nests too deeply, at line {line}, column {column}")))
        }
    }
}
