//! Our own ALPN over QUIC: one bidirectional stream of frames, for clients that are no browser.

use crate::carrier::CarrierKind;
use crate::driver::drive;
use crate::gateway::{Gateway, Host, Peer};
use crate::quic_streams::{NextStream, QuicCarrier};
use quinn::{RecvStream, SendStream, VarInt};
use std::time::Duration;
use tracing::debug;

/// Serves one connection whose QUIC handshake is under way.
///
/// `handshake` bounds the time until the handshake is complete and the stream is open.
pub(crate) async fn serve<G: Gateway>(
    connecting: quinn::Connecting,
    ticket: G::Ticket,
    host: Host<G>,
    handshake: Duration,
) {
    let address = connecting.remote_address();
    let Ok(opened) = Box::pin(tokio::time::timeout(handshake, open(connecting))).await else {
        host.gateway.sent_away(address, CarrierKind::RawQuic, "no_stream");
        return;
    };
    let (connection, stream) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            debug!(%address, %error, "no session");
            return;
        }
    };
    let peer = Peer { address, carrier: CarrierKind::RawQuic, origin: None, user_agent: None };
    // No browser speaks this, so there is no origin: that is allowed, and counted.
    if !host.gateway.origin_allowed(&peer) {
        return connection.close(VarInt::from_u32(0), b"");
    }
    let protocol = host.gateway.open(ticket, peer);
    drive(QuicCarrier::new(connection, stream, no_further_stream), protocol, host.gateway).await;
}

async fn open(
    connecting: quinn::Connecting,
) -> Result<(quinn::Connection, (SendStream, RecvStream)), quinn::ConnectionError> {
    let connection = connecting.await?;
    connection.set_max_concurrent_bi_streams(VarInt::from_u32(1));
    connection.set_max_concurrent_uni_streams(VarInt::from_u32(0));
    let stream = connection.accept_bi().await?;
    Ok((connection, stream))
}

fn no_further_stream() -> NextStream<(SendStream, RecvStream)> {
    Box::pin(std::future::pending())
}
