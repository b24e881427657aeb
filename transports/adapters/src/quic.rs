//! The QUIC endpoint: one UDP port for WebTransport and for our own ALPN.

use crate::carrier::CarrierKind;
use crate::gateway::{Admission, Gateway, Host, Refused};
use crate::{raw_quic, webtransport};
use quinn::crypto::rustls::{HandshakeData, QuicServerConfig};
use quinn::{Endpoint, Incoming, TransportConfig, VarInt};
use rustls::server::ResolvesServerCert;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tidings_engine::admission::ComesFrom;
use tidings_engine::proxies::TrustedProxies;
use tracing::debug;

/// ALPN of HTTP/3, which carries WebTransport.
pub const ALPN_HTTP3: &[u8] = b"h3";

/// ALPN of raw QUIC.
pub const ALPN_TIDINGS: &[u8] = b"tidings/1";

/// How the endpoint is set up.
#[derive(Clone, Debug)]
pub struct QuicOptions {
    /// How long a peer may take for each step until its session begins: handshake, request, stream. Default 10 s.
    pub handshake: Duration,
    /// How long a silent connection lives. Default 75 s: above the session's own idle time of 60 s, which closes with a
    /// code.
    pub idle: Duration,
    /// Whether several packets are given to the kernel at once. Default true; some network cards break it.
    pub segmentation_offload: bool,
    /// Proxies that pass UDP through: clients that come by them all have the proxy's address. Default none.
    pub trusted_proxies: Arc<TrustedProxies>,
}

impl Default for QuicOptions {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            segmentation_offload: true,
            trusted_proxies: Arc::default(),
        }
    }
}

/// Why the endpoint cannot start.
#[derive(Debug, thiserror::Error)]
pub enum QuicStartError {
    /// The address cannot be bound.
    #[error("cannot bind UDP {address}: {source}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The TLS settings do not fit QUIC.
    #[error("TLS settings do not fit QUIC: {0}")]
    Tls(String),
}

/// Binds the endpoint. Certificates come from `certificates`, which may change them at any time.
///
/// # Errors
///
/// The address cannot be bound, or the crypto library offers nothing that QUIC can use.
pub fn bind(
    address: SocketAddr,
    certificates: Arc<dyn ResolvesServerCert>,
    options: &QuicOptions,
) -> Result<Endpoint, QuicStartError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| QuicStartError::Tls(error.to_string()))?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    tls.alpn_protocols = vec![ALPN_HTTP3.to_vec(), ALPN_TIDINGS.to_vec()];
    // No 0-RTT: what it carries can be replayed.
    tls.max_early_data_size = 0;
    let crypto = QuicServerConfig::try_from(tls).map_err(|error| QuicStartError::Tls(error.to_string()))?;
    let mut server = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    server.transport_config(Arc::new(transport(options)));
    server.max_incoming(4096).incoming_buffer_size(64 * 1024).incoming_buffer_size_total(16 * 1024 * 1024);
    server.migration(true);
    Endpoint::server(server, address).map_err(|source| QuicStartError::Bind { address, source })
}

/// The limits of one connection. The library's own are made for downloads: streams by the hundred, megabytes of buffer.
fn transport(options: &QuicOptions) -> TransportConfig {
    let mut transport = TransportConfig::default();
    // HTTP/3 takes one bidirectional stream for the session itself; then come the ordered one and the one for fetch. The
    // fourth exists to be refused. Of the others it takes three. These numbers are what an idle connection costs.
    transport.max_concurrent_bidi_streams(VarInt::from_u32(4));
    transport.max_concurrent_uni_streams(VarInt::from_u32(6));
    transport.stream_receive_window(VarInt::from_u32(64 * 1024));
    transport.receive_window(VarInt::from_u32(128 * 1024));
    // What a slow reader costs beside its outbox: room for two frames of the greatest length.
    transport.send_window(128 * 1024);
    // Datagrams stay on: with them off the library panics where it should refuse.
    transport.datagram_receive_buffer_size(Some(16 * 1024));
    transport.datagram_send_buffer_size(64 * 1024);
    let idle = u32::try_from(options.idle.as_millis()).unwrap_or(u32::MAX);
    transport.max_idle_timeout(Some(VarInt::from_u32(idle).into()));
    transport.enable_segmentation_offload(options.segmentation_offload);
    transport
}

/// Accepts connections until the host shuts down. Never waits for a handshake.
///
/// Connections that are open then go on until their sessions end; close the endpoint after the host's tasks are done.
pub async fn serve<G: Gateway>(endpoint: Endpoint, host: Host<G>, options: QuicOptions) {
    loop {
        let incoming = tokio::select! {
            incoming = endpoint.accept() => incoming,
            () = host.shutdown.cancelled() => None,
        };
        let Some(incoming) = incoming else { break };
        match admit(&incoming, &host, &options) {
            Ok(ticket) => {
                host.tasks.spawn(connection(incoming, ticket, host.clone(), options.handshake));
            }
            Err(refused) => turn_away(incoming, refused),
        }
    }
    // Newcomers are refused from now on.
    endpoint.set_server_config(None);
}

/// Takes a place. Whom a trusted proxy hides is held to no limit of an address, so that address must be proven first:
/// anybody could write it on a packet.
fn admit<G: Gateway>(incoming: &Incoming, host: &Host<G>, options: &QuicOptions) -> Result<G::Ticket, Refused> {
    let (address, address_validated) = (incoming.remote_address(), incoming.remote_address_validated());
    let comes_from = match options.trusted_proxies.contains(address.ip()) {
        true if !address_validated => return Err(Refused::ValidateFirst),
        true => ComesFrom::BehindProxy,
        false => ComesFrom::Address(address.ip()),
    };
    host.gateway.admit(&Admission { address, carrier: CarrierKind::WebTransport, address_validated, comes_from })
}

/// Sends one small packet, which costs less than any step of a handshake.
fn turn_away(incoming: Incoming, refused: Refused) {
    match refused {
        Refused::ValidateFirst if incoming.may_retry() => {
            if let Err(error) = incoming.retry() {
                error.into_incoming().refuse();
            }
        }
        Refused::ValidateFirst | Refused::TooMany | Refused::Full | Refused::Leaving { .. } => incoming.refuse(),
    }
}

/// Runs the handshake as far as the ALPN and gives the connection to who speaks it.
async fn connection<G: Gateway>(incoming: Incoming, ticket: G::Ticket, host: Host<G>, handshake: Duration) {
    let address = incoming.remote_address();
    let mut connecting = match incoming.accept() {
        Ok(connecting) => connecting,
        Err(error) => {
            debug!(%address, %error, "QUIC handshake failed");
            return;
        }
    };
    let Ok(Ok(data)) = tokio::time::timeout(handshake, connecting.handshake_data()).await else {
        debug!(%address, "no QUIC handshake within its time");
        return;
    };
    let protocol = data.downcast::<HandshakeData>().ok().and_then(|data| data.protocol);
    match protocol.as_deref() {
        Some(ALPN_HTTP3) => webtransport::serve(connecting, ticket, host, handshake).await,
        Some(ALPN_TIDINGS) => raw_quic::serve(connecting, ticket, host, handshake).await,
        // The handshake itself fails without a protocol that both speak; nothing is left to answer.
        _ => debug!(%address, "QUIC handshake without a protocol of ours"),
    }
}
