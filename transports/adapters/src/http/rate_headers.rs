//! What is left of the caller's rate, on every answer to somebody who is known (draft-ietf-httpapi-ratelimit-headers, 07).

use axum::http::HeaderName;
use axum::http::header::{HeaderMap, HeaderValue};
use tidings_engine::rate::Allowance;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Sets the four headers: how many at once, how many now, in how many seconds all of them again, and in which window.
pub(super) fn set(headers: &mut HeaderMap, allowance: &Allowance) {
    let Allowance { limit, remaining, full_in_ms } = allowance;
    headers.insert(LIMIT, HeaderValue::from(limit.burst));
    headers.insert(REMAINING, HeaderValue::from(*remaining));
    headers.insert(RESET, HeaderValue::from(full_in_ms.div_ceil(1_000)));
    if let Ok(policy) = HeaderValue::from_str(&format!("{};w={}", limit.burst, limit.window_seconds())) {
        headers.insert(POLICY, policy);
    }
}
