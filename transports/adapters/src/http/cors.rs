//! Which pages may read answers: those of an allowed origin, echoed exactly.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue,
    ORIGIN, VARY,
};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PATCH, DELETE");

/// All that clients send on every call: each missing one would fail the call.
const HEADERS: HeaderValue = HeaderValue::from_static(
    "Content-Type, Novu-API-Version, Novu-Client-Version, Authorization, Novu-Application-Identifier, Idempotency-Key, \
     Last-Event-ID",
);

const EXPOSED: HeaderValue = HeaderValue::from_static(
    "X-Request-Id, Idempotency-Replay, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, RateLimit-Policy",
);

/// How long a browser keeps a preflight's answer: 7,200 s, the most that Chromium honours.
const MAX_AGE_SECONDS: HeaderValue = HeaderValue::from_static("7200");

/// The `Origin` of a request. One that is no text, or is given twice, comes out as text that no list allows.
pub(super) fn origin(headers: &HeaderMap) -> Option<String> {
    let values: Vec<_> =
        headers.get_all(ORIGIN).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// Whether a page's origin matters on this path. Health checks and the files of the demo page are for everybody.
pub(super) fn guards(path: &str) -> bool {
    path.starts_with("/v1/") || path.starts_with("/dev/")
}

/// Whether the request only asks what it may ask.
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Answers a preflight of an allowed origin.
pub(super) fn preflight() -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Lets pages of an allowed origin read the answer.
pub(super) fn allow(headers: &mut HeaderMap, origin: Option<&HeaderValue>) {
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}
