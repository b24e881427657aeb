//! Server-sent events, and the tickets for pages that cannot send a token with their request.

use super::api::{Api, Caller, Work};
use super::calling::{self, Call, Data};
use super::connecting::no_place;
use super::cors;
use super::problem::Refusal;
use super::query::Query;
use super::routes::Route;
use crate::carrier::CarrierKind;
use crate::events::{self, NotBegun};
use crate::gateway::{ConnectionPlace, Gateway, Host, Peer};
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderMap};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tidings_engine::rejection::Rejection;
use tidings_wire::{CloseCode, Hello, InboxName, ReplyCode, SubscribeTo};

/// Media type of server-sent events.
pub(super) const EVENT_STREAM: &str = "text/event-stream";

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Tells nginx, and those who do as it does, to hold nothing back.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Ticket {
    ticket: String,
    expires_at: String,
}

/// `POST /v1/connect/ticket`.
pub(super) fn ticket<A: Api>(call: &Call<'_, A>) -> Result<Response, Refusal> {
    let issued = call.api().ticket(&call.grant, call.caller())?;
    let ticket = Ticket { ticket: issued.text, expires_at: issued.expires.rfc3339() };
    Ok((StatusCode::CREATED, axum::Json(Data { data: ticket })).into_response())
}

/// `GET /v1/connect/events`.
pub(super) async fn stream<A: Api, G: Gateway>(
    api: &A,
    host: &Host<G>,
    route: &Route,
    caller: Caller,
    mut request: Request,
) -> Result<Response, Refusal> {
    if request.method() == Method::HEAD {
        return Err(Refusal::with_status(StatusCode::METHOD_NOT_ALLOWED, "a stream has no head alone"));
    }
    let Some(hello) = hello(route, &request)? else {
        // Logged like every other request without a token.
        let refused = api.authenticate(None, Work::Query, &caller).await.verdict.err();
        return Err(refused.unwrap_or(Rejection::Unauthenticated).into());
    };
    let place = request.extensions_mut().remove::<ConnectionPlace<G::Ticket>>();
    let origin = cors::origin(request.headers());
    let peer = Peer { address: caller.address, carrier: CarrierKind::Events, origin, user_agent: caller.user_agent };
    let body = events::begin(host, peer, place, hello).await.map_err(refusal)?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (X_ACCEL_BUFFERING, HeaderValue::from_static("no")),
    ];
    let mut response = (headers, Body::new(body)).into_response();
    if request.version() < Version::HTTP_2 {
        // The connection was this stream's, and so was its place.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// What the client would say first, if it could; `None` where it shows neither token nor ticket.
fn hello(route: &Route, request: &Request) -> Result<Option<Hello>, Refusal> {
    let headers = request.headers();
    let query = Query::parse(request.uri().query(), route.query)?;
    let inbox = query.parsed("inbox", "me, tenant or audit")?.unwrap_or(InboxName::Me);
    let from = last_event_id(headers).or(query.text("from")?.map(str::to_owned));
    let (token, ticket) = match (calling::token(headers), query.text("ticket")?) {
        (Some(_), Some(_)) => return Err(Refusal::invalid("a token and a ticket are one too many")),
        (Some(token), None) => (token.to_owned(), None),
        (None, Some(ticket)) => (String::new(), Some(ticket.to_owned())),
        (None, None) => return Ok(None),
    };
    Ok(Some(Hello { token, ticket, client: None, subscribe: vec![SubscribeTo { inbox, from }] }))
}

/// What an `EventSource` says when it comes back. It knows more than the URL that it was made with.
fn last_event_id(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(LAST_EVENT_ID)?;
    (!value.is_empty()).then(|| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn refusal(why: NotBegun) -> Refusal {
    match why {
        NotBegun::Place(refused) => no_place(refused),
        NotBegun::Inbox { code, message } => Refusal::new(code, message),
        NotBegun::Lost => Rejection::Unavailable.into(),
        NotBegun::Closed { code, retry_after_ms } => Refusal { retry_after_ms, ..closed(code) },
    }
}

/// A close code in the words of HTTP: those of the other routes, where they refuse the same.
fn closed(code: CloseCode) -> Refusal {
    match code {
        CloseCode::Unauthenticated | CloseCode::TokenExpired | CloseCode::TokenRevoked => {
            Rejection::Unauthenticated.into()
        }
        CloseCode::Forbidden => Rejection::Forbidden.into(),
        CloseCode::RateLimited => Refusal::new(ReplyCode::RateLimited, "too many requests"),
        CloseCode::TooManyConnections | CloseCode::Replaced => {
            Refusal::new(ReplyCode::RateLimited, "too many connections of this user")
        }
        CloseCode::ServerDraining | CloseCode::ServerFull | CloseCode::IdleTimeout | CloseCode::HelloTimeout => {
            Rejection::Unavailable.into()
        }
        CloseCode::FrameTooLarge => Refusal::new(ReplyCode::TooLarge, "the request is too large"),
        CloseCode::ProtocolError | CloseCode::VersionUnsupported => Refusal::invalid("the request is not well formed"),
        CloseCode::Internal => Rejection::Internal.into(),
    }
}
