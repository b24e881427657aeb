//! What every error looks like: RFC 9457 problem details that clients of Novu and of Knock can read too.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tidings_engine::ids::Time;
use tidings_engine::limits::Limit;
use tidings_engine::rejection::Rejection;
use tidings_wire::ReplyCode;

/// Media type of problem details.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// What a client waits where nothing more exact is known: 1,000 ms.
const RETRY_AFTER_MS: u64 = 1_000;

/// Why a request is not answered as asked. It travels as an extension of the response until [`rendered`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: ReplyCode,
    pub(super) detail: String,
    pub(super) retry_after_ms: Option<u64>,
    /// The limit that was hit, if it is about one.
    pub(super) limit: Option<Limit>,
    /// Whether a cursor was shown that the tenant was never given.
    pub(super) is_foreign: bool,
}

impl Refusal {
    /// A refusal with the status of its code.
    pub(super) fn new(code: ReplyCode, detail: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, code, detail: detail.into(), retry_after_ms: None, limit: None, is_foreign: false }
    }

    /// Something that is not well formed.
    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(ReplyCode::Invalid, detail)
    }

    /// A refusal whose status says more than its code.
    pub(super) fn with_status(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, ..Self::invalid(detail) }
    }

    /// The same, as the doing of a limit.
    pub(super) fn with_limit(self, limit: Limit) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// The refusal of an answer that came from below the routes with nothing but a status.
    fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::new(ReplyCode::NotFound, "there is no such route"),
            StatusCode::METHOD_NOT_ALLOWED => Self::with_status(status, "this route does not take this method"),
            _ if status.is_client_error() => Self::with_status(status, "the request is not well formed"),
            _ => Self { status, ..Self::from(Rejection::Internal) },
        }
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        let body = rejection.body();
        Self {
            retry_after_ms: body.retry_after_ms,
            limit: rejection.limit(),
            is_foreign: matches!(rejection, Rejection::ForeignCursor { .. }),
            ..Self::new(body.code, body.message)
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The body. `path` and `instance` are the route's template, so that an id that is another's and one that never was get
/// the same bytes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Problem<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    status_code: u16,
    message: &'a str,
    path: &'a str,
    timestamp: String,
    code: &'static str,
    request_id: &'a str,
}

/// Gives an answer that says no its body and headers; any other answer is left as it is.
pub(super) fn rendered(mut response: Response, method: &Method, path: &str, request_id: &str, now: Time) -> Response {
    let status = response.status();
    let refusal = match response.extensions_mut().remove::<Refusal>() {
        Some(refusal) => refusal,
        None if status.is_client_error() || status.is_server_error() => Refusal::of_status(status),
        None => return response,
    };
    let problem = Problem {
        r#type: format!("urn:tidings:problem:{}", refusal.code.word()),
        title: title(refusal.code),
        status: refusal.status.as_u16(),
        detail: &refusal.detail,
        instance: path,
        status_code: refusal.status.as_u16(),
        message: &refusal.detail,
        path,
        timestamp: now.rfc3339(),
        code: refusal.code.word(),
        request_id,
    };
    let bytes = serde_json::to_vec(&problem).expect("strings and numbers always have a JSON form");
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    if refusal.status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if matches!(refusal.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        let seconds = refusal.retry_after_ms.unwrap_or(RETRY_AFTER_MS).div_ceil(1_000).max(1);
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    *response.body_mut() = if method == Method::HEAD { Body::empty() } else { Body::from(bytes) };
    response
}

const fn title(code: ReplyCode) -> &'static str {
    match code {
        ReplyCode::Invalid => "The request is not valid",
        ReplyCode::Unauthenticated => "Authentication is required",
        ReplyCode::Forbidden => "Not permitted",
        ReplyCode::NotFound => "Not found",
        ReplyCode::Conflict => "The state does not allow this",
        ReplyCode::Snoozed => "The item is snoozed",
        ReplyCode::ReadOnly => "Read only",
        ReplyCode::TooLarge => "Too large",
        ReplyCode::IdempotencyConflict => "The key was used with another request",
        ReplyCode::RateLimited => "Too many requests",
        ReplyCode::OutcomeUnknown => "The outcome is unknown",
        ReplyCode::Internal => "Internal error",
        ReplyCode::Overloaded => "Overloaded",
        ReplyCode::Unavailable => "Not available",
    }
}
