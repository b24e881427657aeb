//! Opening connections.

use crate::client::{Client, Transport};
use crate::discovery::Places;
use crate::error::ClientError;
use crate::frame_stream::{FrameStream, Streams};
use crate::http::{ANSWER_BYTES_MAX, wrong};
use hyper::Uri;
use rustls::RootCertStore;
use rustls::client::danger::ServerCertVerifier;
use rustls_pki_types::{CertificateDer, ServerName};
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tidings_wire::{FRAME_BYTES_MAX, PROTOCOL};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::{ORIGIN, SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::{Error, protocol::WebSocketConfig};
use tokio_util::either::Either;
use wtransport::endpoint::{ConnectOptions, endpoint_side};
use wtransport::error::ConnectingError;
use wtransport::tls::client::{NoServerVerification, ServerHashVerification, build_default_tls_config};
use wtransport::tls::{Sha256Digest, build_native_cert_store};
use wtransport::{ClientConfig, Endpoint};

/// How long connecting may take unless told otherwise.
const CONNECT: Duration = Duration::from_secs(10);

/// Above the idle time of a session, which ends with a close code.
const QUIC_IDLE: Duration = Duration::from_secs(75);

/// The protocol of raw QUIC.
const ALPN: &[u8] = b"tidings/1";

/// A WebSocket reads little at a time and holds no more buffer than that while idle.
const WEBSOCKET_BUFFER_BYTES: usize = 4096;

/// A TCP connection, plain or under TLS.
pub(crate) type TcpOrTls = Either<TcpStream, TlsStream<TcpStream>>;

/// Which certificates a client accepts.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Those that the system trusts.
    System,
    /// Those that one of these signed.
    Roots(Vec<CertificateDer<'static>>),
    /// Exactly those with one of these SHA-256 hashes, self-signed and at most 14 days valid.
    Hashes(Vec<[u8; 32]>),
    /// Any. For development on one's own machine.
    Anything,
}

/// Opens connections to servers.
#[derive(Clone)]
pub struct Connector {
    tls: rustls::ClientConfig,
    origin: Option<String>,
    timeout: Duration,
    pub(crate) answer_bytes_max: usize,
    endpoint: Arc<OnceLock<Arc<Endpoint<endpoint_side::Client>>>>,
    quic: Arc<OnceLock<quinn::Endpoint>>,
}

impl Connector {
    /// A connector that accepts the certificates of `trust`.
    #[must_use]
    pub fn new(trust: &Trust) -> Self {
        Self {
            tls: tls(trust),
            origin: None,
            timeout: CONNECT,
            answer_bytes_max: ANSWER_BYTES_MAX,
            endpoint: Arc::default(),
            quic: Arc::default(),
        }
    }

    /// Says `origin` as a browser would.
    #[must_use]
    pub fn with_origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// Gives connecting this much time instead of 10 s.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Reads at most so many bytes of an answer instead of 8 MiB; a longer one fails.
    #[must_use]
    pub const fn with_answer_bytes_max(mut self, bytes: usize) -> Self {
        self.answer_bytes_max = bytes;
        self
    }

    /// Connects to the carrier of `transport` among `places`, with the certificate hashes that they name.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), or the server does not offer the carrier.
    pub async fn connect_to(&self, places: &Places, transport: Transport) -> Result<Client, ClientError> {
        match transport {
            Transport::WebSocket => {
                let place = places.websocket.as_ref().ok_or(ClientError::NotOffered("WebSocket"))?;
                self.connect(&place.url, transport).await
            }
            // Raw QUIC is at the same port with the same certificate.
            Transport::WebTransport | Transport::Quic => {
                let name = if transport == Transport::Quic { "raw QUIC" } else { "WebTransport" };
                let place = places.webtransport.as_ref().ok_or(ClientError::NotOffered(name))?;
                if place.certificate_hashes.is_empty() {
                    return self.connect(&place.url, transport).await;
                }
                let hashes = place.certificate_hashes.iter().map(|hash| parse_hash(hash)).collect::<Result<_, _>>()?;
                let tls = tls(&Trust::Hashes(hashes));
                let pinned = Self { tls, endpoint: Arc::default(), quic: Arc::default(), ..self.clone() };
                pinned.connect(&place.url, transport).await
            }
        }
    }

    /// Connects to `url`: `ws://` or `wss://` for WebSocket, `https://` for WebTransport, and for raw QUIC
    /// `quic://` or `https://`, of which host and port count.
    ///
    /// # Errors
    ///
    /// The address cannot be used, the server refuses, its certificate is not trusted, or it takes too long.
    pub async fn connect(&self, url: &str, transport: Transport) -> Result<Client, ClientError> {
        // Boxed: TLS handshakes are large, and what waits for one should not be.
        match transport {
            Transport::WebSocket => Box::pin(self.within(self.open_websocket(url))).await,
            Transport::WebTransport => Box::pin(self.within(self.open_webtransport(url))).await,
            Transport::Quic => Box::pin(self.within(self.open_quic(url))).await,
        }
    }

    pub(crate) async fn within<T>(&self, work: impl Future<Output = Result<T, ClientError>>) -> Result<T, ClientError> {
        tokio::time::timeout(self.timeout, work).await.unwrap_or(Err(ClientError::TimedOut(self.timeout)))
    }

    /// A TCP connection to the host of `uri`, under TLS when its scheme says so.
    pub(crate) async fn open_tcp(&self, uri: &Uri) -> Result<TcpOrTls, ClientError> {
        let url = uri.to_string();
        let host = uri.host().ok_or_else(|| wrong(&url, &"it names no host"))?.trim_matches(['[', ']']).to_owned();
        let is_tls = match uri.scheme_str() {
            Some("http" | "ws") => false,
            Some("https" | "wss") => true,
            _ => return Err(wrong(&url, &"its scheme is none of http, https, ws, wss")),
        };
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let stream = TcpStream::connect((host.as_str(), port)).await.map_err(ClientError::failed)?;
        stream.set_nodelay(true).map_err(ClientError::failed)?;
        if !is_tls {
            return Ok(Either::Left(stream));
        }
        let name = ServerName::try_from(host).map_err(|error| wrong(&url, &error))?;
        let mut tls = self.tls.clone();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let stream = TlsConnector::from(Arc::new(tls)).connect(name, stream).await.map_err(ClientError::failed)?;
        Ok(Either::Right(stream))
    }

    async fn open_websocket(&self, url: &str) -> Result<Client, ClientError> {
        let mut request = url.into_client_request().map_err(|error| wrong(url, &error))?;
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
        if let Some(origin) = &self.origin {
            let origin = HeaderValue::from_str(origin).map_err(|error| wrong(origin, &error))?;
            request.headers_mut().insert(ORIGIN, origin);
        }
        let stream = self.open_tcp(request.uri()).await?;
        let config = WebSocketConfig::default()
            .read_buffer_size(WEBSOCKET_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(FRAME_BYTES_MAX))
            .max_frame_size(Some(FRAME_BYTES_MAX));
        match tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await {
            Ok((socket, _)) => Ok(Client::websocket(socket)),
            Err(Error::Http(response)) => Err(ClientError::Refused { status: Some(response.status().as_u16()) }),
            Err(error) => Err(ClientError::failed(error)),
        }
    }

    async fn open_webtransport(&self, url: &str) -> Result<Client, ClientError> {
        let mut options = ConnectOptions::builder(url);
        if let Some(origin) = &self.origin {
            options = options.add_header("origin", origin);
        }
        let connection = self.endpoint()?.connect(options.build()).await.map_err(|error| match error {
            ConnectingError::SessionRejected => ClientError::Refused { status: None },
            ConnectingError::InvalidUrl(cause) => wrong(url, &cause),
            error => ClientError::failed(error),
        })?;
        let opening = connection.open_bi().await.map_err(ClientError::failed)?;
        let (send, receive) = opening.await.map_err(ClientError::failed)?;
        Ok(Client::webtransport(connection, FrameStream::new(Streams::WebTransport(send, receive))))
    }

    async fn open_quic(&self, url: &str) -> Result<Client, ClientError> {
        let uri: Uri = url.parse().map_err(|error| wrong(url, &error))?;
        let host = uri.host().ok_or_else(|| wrong(url, &"it names no host"))?.trim_matches(['[', ']']);
        let addresses = tokio::net::lookup_host((host, uri.port_u16().unwrap_or(443)));
        let addresses = addresses.await.map_err(ClientError::failed)?;
        let endpoint = self.quic_endpoint()?;
        let mut failure = wrong(url, &"its host has no address");
        for address in addresses {
            let connecting = endpoint.connect(address, host).map_err(|error| wrong(url, &error))?;
            match connecting.await {
                Ok(connection) => {
                    let (send, receive) = connection.open_bi().await.map_err(ClientError::failed)?;
                    return Ok(Client::quic(connection, FrameStream::new(Streams::Quic(send, receive))));
                }
                Err(error) => failure = ClientError::failed(error),
            }
        }
        Err(failure)
    }

    /// One UDP socket for all raw QUIC of this connector.
    fn quic_endpoint(&self) -> Result<quinn::Endpoint, ClientError> {
        if let Some(endpoint) = self.quic.get() {
            return Ok(endpoint.clone());
        }
        let mut tls = self.tls.clone();
        tls.alpn_protocols = vec![ALPN.to_vec()];
        let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls).map_err(ClientError::failed)?;
        let mut transport = quinn::TransportConfig::default();
        transport.max_idle_timeout(Some(QUIC_IDLE.try_into().map_err(ClientError::failed)?));
        let mut config = quinn::ClientConfig::new(Arc::new(crypto));
        config.transport_config(Arc::new(transport));
        // A machine without IPv6 has no socket for both.
        let mut endpoint = quinn::Endpoint::client((Ipv6Addr::UNSPECIFIED, 0).into())
            .or_else(|_| quinn::Endpoint::client((Ipv4Addr::UNSPECIFIED, 0).into()))
            .map_err(ClientError::failed)?;
        endpoint.set_default_client_config(config);
        Ok(self.quic.get_or_init(|| endpoint).clone())
    }

    /// One UDP socket for all connections of this connector.
    fn endpoint(&self) -> Result<Arc<Endpoint<endpoint_side::Client>>, ClientError> {
        if let Some(endpoint) = self.endpoint.get() {
            return Ok(Arc::clone(endpoint));
        }
        let endpoint = Arc::new(self.bind().map_err(ClientError::failed)?);
        Ok(Arc::clone(self.endpoint.get_or_init(|| endpoint)))
    }

    fn bind(&self) -> io::Result<Endpoint<endpoint_side::Client>> {
        let config = |any| {
            let config = ClientConfig::builder().with_bind_config(any).with_custom_tls(self.tls.clone());
            config.max_idle_timeout(Some(QUIC_IDLE)).map(|config| config.build()).map_err(io::Error::other)
        };
        // A machine without IPv6 has no socket for both.
        Endpoint::client(config(wtransport::config::IpBindConfig::InAddrAnyDual)?)
            .or_else(|_| Endpoint::client(config(wtransport::config::IpBindConfig::InAddrAnyV4)?))
    }
}

fn tls(trust: &Trust) -> rustls::ClientConfig {
    let mut roots = RootCertStore::empty();
    let verifier: Option<Arc<dyn ServerCertVerifier>> = match trust {
        Trust::System => {
            roots = build_native_cert_store();
            None
        }
        Trust::Roots(certificates) => {
            roots.add_parsable_certificates(certificates.iter().cloned());
            None
        }
        Trust::Hashes(hashes) => {
            Some(Arc::new(ServerHashVerification::new(hashes.iter().copied().map(Sha256Digest::new))))
        }
        Trust::Anything => Some(Arc::new(NoServerVerification::new())),
    };
    build_default_tls_config(Arc::new(roots), verifier)
}

fn parse_hash(hash: &str) -> Result<[u8; 32], ClientError> {
    let bad = || ClientError::Failed(format!("certificate hash is not 64 hexadecimal digits: {hash}"));
    let mut bytes = [0; 32];
    if hash.len() != 64 || !hash.is_ascii() {
        return Err(bad());
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hash[2 * index..2 * index + 2], 16).map_err(|_| bad())?;
    }
    Ok(bytes)
}
