//! WebTransport: HTTP/3 sessions on connections of our own QUIC endpoint.

use crate::carrier::CarrierKind;
use crate::driver::drive;
use crate::gateway::{Gateway, Host, Peer};
use crate::quic_streams::{NextStream, QuicCarrier};
use quinn::VarInt;
use std::time::Duration;
use tracing::debug;
use wtransport::endpoint::{IncomingSessionFuture, SessionRequest};
use wtransport::{Connection, RecvStream, SendStream};

/// The path of WebTransport sessions.
pub const PATH: &str = "/v1/connect/webtransport";

/// Priority of the `fetch` stream. The ordered stream has 0: live frames go before pages.
const FETCH_PRIORITY: i32 = -1;

type Streams = (SendStream, RecvStream);

/// Serves one HTTP/3 connection whose QUIC handshake is under way.
///
/// `handshake` bounds the time until a session is asked for and accepted, and again until its stream is open.
pub(crate) async fn serve<G: Gateway>(
    connecting: quinn::Connecting,
    ticket: G::Ticket,
    host: Host<G>,
    handshake: Duration,
) {
    let address = connecting.remote_address();
    // The library waits for ever for a peer that completes QUIC and then only pings. Boxed, so that an open session does
    // not carry the room that its handshake took.
    let accepted = Box::pin(tokio::time::timeout(handshake, accept(connecting, &host))).await;
    let (connection, peer) = match accepted {
        Ok(Some(accepted)) => accepted,
        Ok(None) => return,
        Err(_) => {
            debug!(%address, "no WebTransport session within the handshake time");
            return;
        }
    };
    let quic = connection.quic_connection().clone();
    let Ok(Ok(ordered)) = Box::pin(tokio::time::timeout(handshake, connection.accept_bi())).await else {
        debug!(%address, "no stream on the WebTransport session within the handshake time");
        quic.close(VarInt::from_u32(0), b"no stream");
        return;
    };
    let protocol = host.gateway.open(ticket, peer);
    let carrier = QuicCarrier::new(quic, ordered, move || next_stream(connection.clone()));
    drive(carrier, protocol, host.gateway).await;
}

async fn accept<G: Gateway>(connecting: quinn::Connecting, host: &Host<G>) -> Option<(Connection, Peer)> {
    let request = match IncomingSessionFuture::with_quic_connecting(connecting).await {
        Ok(request) => request,
        Err(error) => {
            debug!(%error, "no WebTransport session");
            return None;
        }
    };
    let peer = Peer {
        address: request.remote_address(),
        carrier: CarrierKind::WebTransport,
        origin: request.origin().map(str::to_owned),
        user_agent: request.user_agent().map(str::to_owned),
    };
    // A query string is no part of the path, and nothing in it is read: no token is accepted in a URL.
    if request.path().split('?').next() != Some(PATH) {
        request.not_found().await;
        return None;
    }
    if !host.gateway.origin_allowed(&peer) {
        request.forbidden().await;
        return None;
    }
    answer(request).await.map(|connection| (connection, peer))
}

async fn answer(request: SessionRequest) -> Option<Connection> {
    match request.accept().await {
        Ok(connection) => Some(connection),
        Err(error) => {
            debug!(%error, "WebTransport session ended before it began");
            None
        }
    }
}

/// Waits for a further bidirectional stream. Unidirectional streams have no use here and are refused meanwhile.
fn next_stream(connection: Connection) -> NextStream<Streams> {
    Box::pin(async move {
        loop {
            tokio::select! {
                opened = connection.accept_bi() => {
                    let streams = opened.ok()?;
                    streams.0.set_priority(FETCH_PRIORITY);
                    return Some(streams);
                }
                opened = connection.accept_uni() => opened.ok()?.stop(wtransport::VarInt::from_u32(0)),
            }
        }
    })
}
