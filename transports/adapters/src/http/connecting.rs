//! Where the carriers are, and the one of them that an HTTP request becomes.

use super::api::{Api, Caller, Reached};
use super::cors;
use super::problem::Refusal;
use crate::carrier::CarrierKind;
use crate::gateway::{Gateway, Host, Peer, Refused};
use crate::proxied::Forwarded;
use crate::websocket::{self, UpgradeRefused};
use axum::Json;
use axum::extract::Request;
use axum::http::header::HOST;
use axum::response::{IntoResponse, Response};
use tidings_wire::ReplyCode;

/// `GET /v1/connect`.
pub(super) fn discovery<A: Api>(api: &A, request: &Request) -> Response {
    let forwarded = request.extensions().get::<Forwarded>();
    // HTTP/2 tells the host in the URI.
    let authority = || request.uri().authority().map(|authority| authority.as_str());
    let header = || request.headers().get(HOST).and_then(|value| value.to_str().ok());
    let host = forwarded.and_then(|said| said.host.as_deref()).or_else(authority).or_else(header);
    Json(api.discovery(Reached { host, is_secure: forwarded.and_then(|said| said.is_secure) })).into_response()
}

/// `GET /v1/connect/websocket`.
pub(super) fn upgrade<G: Gateway>(host: &Host<G>, caller: Caller, request: Request) -> Result<Response, Refusal> {
    let origin = cors::origin(request.headers());
    let carrier = CarrierKind::WebSocket;
    let peer = Peer { address: caller.address, carrier, origin, user_agent: caller.user_agent };
    websocket::upgrade(host, peer, request).map_err(refusal)
}

fn refusal(refused: UpgradeRefused) -> Refusal {
    match refused {
        UpgradeRefused::NotAHandshake(_) => Refusal::invalid("a WebSocket handshake of version 13 is expected here"),
        UpgradeRefused::Subprotocol => Refusal::invalid(format!("{refused}")),
        UpgradeRefused::Origin => Refusal::new(ReplyCode::Forbidden, "pages of this origin are not allowed"),
        UpgradeRefused::Place(refused) => no_place(refused),
    }
}

/// The refusal of a session that gets no place.
pub(super) fn no_place(refused: Refused) -> Refusal {
    match refused {
        Refused::TooMany | Refused::ValidateFirst => {
            Refusal::new(ReplyCode::RateLimited, "too many connections from this address")
        }
        Refused::Full => Refusal::new(ReplyCode::Unavailable, "the server is full"),
        Refused::Leaving { retry_after_ms } => {
            let leaving = Refusal::new(ReplyCode::Unavailable, "the server is leaving");
            Refusal { retry_after_ms: Some(retry_after_ms), ..leaving }
        }
    }
}
