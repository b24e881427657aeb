//! What happens round every request, whatever its route: who calls, from which page, and what every answer carries.

use super::api::{Api, Caller};
use super::cors;
use super::problem::{Refusal, rendered};
use super::security_headers;
use crate::proxied::Forwarded;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::HeaderName;
use axum::http::header::{HeaderMap, HeaderValue, ORIGIN, USER_AGENT};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::SocketAddr;
use std::sync::Arc;
use tidings_engine::rejection::Rejection;
use tidings_wire::ReplyCode;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Most characters of a `User-Agent` that go to logs: 256.
const USER_AGENT_CHARACTERS_MAX: usize = 256;

/// Most characters of a path that no route has, in its refusal: 256.
const PATH_CHARACTERS_MAX: usize = 256;

/// Goes round every route, and round the answer that there is none.
pub(super) async fn surround<A: Api>(State(api): State<Arc<A>>, mut request: Request, next: Next) -> Response {
    let request_id = api.request_id();
    let method = request.method().clone();
    let path = shown_path(&request);
    let guarded = cors::guards(request.uri().path());
    let origin = request.headers().get(ORIGIN).cloned().filter(|_| guarded);
    let is_forwarded_secure = request.extensions().get::<Forwarded>().and_then(|said| said.is_secure);
    let asked = match caller(&request, request_id.clone()) {
        None => {
            tracing::error!(request_id, "a request came without the address of its peer");
            Err(Refusal::from(Rejection::Internal))
        }
        Some(caller) if guarded && !api.origin_allowed(cors::origin(request.headers()).as_deref(), &caller) => {
            Err(Refusal::new(ReplyCode::Forbidden, "pages of this origin are not allowed"))
        }
        Some(caller) => Ok(caller),
    };
    let allowed_origin = origin.filter(|_| asked.is_ok());
    let response = match asked {
        Err(refusal) => refusal.into_response(),
        Ok(_) if guarded && cors::is_preflight(&method, request.headers()) => cors::preflight(),
        Ok(caller) => {
            request.extensions_mut().insert(caller.clone());
            let response = next.run(request).await;
            if let Some(refusal) = response.extensions().get::<Refusal>() {
                if let Some(limit) = refusal.limit {
                    api.limit_hit(limit, &caller);
                }
                if matches!(refusal.code, ReplyCode::Invalid | ReplyCode::TooLarge) {
                    api.refused(refusal.code, &caller, None);
                }
            }
            response
        }
    };
    let mut response = rendered(response, &method, &path, &request_id, api.now());
    finish(response.headers_mut(), &request_id, is_forwarded_secure.unwrap_or_else(|| api.is_secure()));
    if guarded {
        cors::allow(response.headers_mut(), allowed_origin.as_ref());
    }
    response
}

fn finish(headers: &mut HeaderMap, request_id: &str, is_secure: bool) {
    security_headers::set(headers, is_secure);
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(X_REQUEST_ID, value);
    }
}

/// `None` when the accept loop told no address, which it always does.
fn caller(request: &Request, request_id: String) -> Option<Caller> {
    let ConnectInfo(address) = *request.extensions().get::<ConnectInfo<SocketAddr>>()?;
    let user_agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
    let user_agent = user_agent.map(|text| text.chars().take(USER_AGENT_CHARACTERS_MAX).collect());
    Some(Caller { address, user_agent, request_id })
}

/// The template of the route, which holds no id; of a path without a route, what was asked.
fn shown_path(request: &Request) -> String {
    match request.extensions().get::<MatchedPath>() {
        Some(matched) => matched.as_str().to_owned(),
        None => request.uri().path().chars().take(PATH_CHARACTERS_MAX).collect(),
    }
}
