//! A gateway that records what adapters ask and tell, and answers each frame with itself.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, reason = "each test file uses some of it")]

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Path, Request, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::Bytes;
use parking_lot::Mutex;
use rustls::crypto::aws_lc_rs::{default_provider, sign::any_supported_type};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tidings_adapters::carrier::{CarrierEnd, CarrierKind, Close, FrameFault, StreamKind};
use tidings_adapters::certificate::SelfSigned;
use tidings_adapters::gateway::{Admission, ConnectionPlace, Gateway, Host, Peer, Protocol, Refused};
use tidings_adapters::websocket::UpgradeRefused;
use tidings_adapters::{events, quic, tcp, websocket};
use tidings_client::{Connector, Trust};
use tidings_engine::ids::Time;
use tidings_engine::limits::Limits;
use tidings_wire::Hello;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

pub const FOREIGN: &str = "https://foreign.example";

/// What a protocol was told.
#[derive(Debug, PartialEq, Eq)]
pub enum Told {
    Opened(Peer),
    Frame(StreamKind, Bytes),
    Alive,
    Fault(StreamKind, FrameFault),
    TimedOut,
    Ended(CarrierEnd),
}

pub struct Recorder {
    start: Instant,
    told: mpsc::UnboundedSender<Told>,
    pub refuse: Mutex<Option<Refused>>,
    pub admissions: Mutex<Vec<Admission>>,
    pub places: Arc<Places>,
    /// Frames without end wait to be sent.
    pub floods: AtomicBool,
    pub timeout: Mutex<Option<Time>>,
    pub limits: Mutex<Limits>,
    /// Whether the address of a connection that has shown a good token has room for one more.
    pub crowded: AtomicBool,
}

/// How many tickets are out.
#[derive(Default)]
pub struct Places {
    taken: AtomicUsize,
    changed: Notify,
}

impl Places {
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }

    /// Waits until every ticket is back.
    pub async fn all_free(&self) {
        loop {
            let changed = self.changed.notified();
            if self.taken() == 0 {
                return;
            }
            changed.await;
        }
    }
}

#[derive(Clone)]
pub struct Ticket {
    _place: Arc<Place>,
}

pub struct Place(Arc<Places>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::SeqCst);
        self.0.changed.notify_waiters();
    }
}

pub fn recorder() -> (Arc<Recorder>, mpsc::UnboundedReceiver<Told>) {
    let (told, heard) = mpsc::unbounded_channel();
    let recorder = Recorder {
        start: Instant::now(),
        told,
        refuse: Mutex::default(),
        admissions: Mutex::default(),
        places: Arc::default(),
        floods: AtomicBool::new(false),
        timeout: Mutex::default(),
        limits: Mutex::default(),
        crowded: AtomicBool::new(false),
    };
    (Arc::new(recorder), heard)
}

pub struct Conversation {
    _ticket: Ticket,
    told: mpsc::UnboundedSender<Told>,
    floods: bool,
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Default)]
struct State {
    ordered: Vec<Bytes>,
    fetch: Vec<Bytes>,
    close: Option<Close>,
    timeout: Option<Time>,
}

impl State {
    fn close(&mut self, code: u16, reason: &str) {
        let retry = "never";
        let frame = format!(r#"{{"type":"close","code":{code},"reason":"{reason}","retry":"{retry}"}}"#);
        self.ordered = vec![Bytes::from(frame)];
        self.close = Some(Close { code, reason: reason.to_owned() });
    }
}

impl Recorder {
    pub fn ticket(&self) -> Ticket {
        self.places.taken.fetch_add(1, Ordering::SeqCst);
        Ticket { _place: Arc::new(Place(Arc::clone(&self.places))) }
    }
}

impl Gateway for Recorder {
    type Ticket = Ticket;
    type Protocol = Conversation;

    fn now(&self) -> Time {
        Time(i64::try_from(self.start.elapsed().as_millis()).unwrap())
    }

    fn admit(&self, asked: &Admission) -> Result<Ticket, Refused> {
        self.admissions.lock().push(*asked);
        let refused = *self.refuse.lock();
        refused.map_or_else(|| Ok(self.ticket()), Err)
    }

    fn limits(&self) -> Arc<Limits> {
        Arc::new(*self.limits.lock())
    }

    fn known(&self, _: &Ticket) -> Result<(), Refused> {
        if self.crowded.load(Ordering::SeqCst) { Err(Refused::TooMany) } else { Ok(()) }
    }

    fn origin_allowed(&self, peer: &Peer) -> bool {
        peer.origin.as_deref() != Some(FOREIGN)
    }

    fn open(&self, ticket: Ticket, peer: Peer) -> Conversation {
        let _ = self.told.send(Told::Opened(peer));
        Conversation {
            _ticket: ticket,
            told: self.told.clone(),
            floods: self.floods.load(Ordering::SeqCst),
            state: Mutex::new(State { timeout: *self.timeout.lock(), ..State::default() }),
            wake: Notify::new(),
        }
    }
}

impl Protocol for Conversation {
    fn on_frame(&self, stream: StreamKind, bytes: Bytes, _: Time) {
        let _ = self.told.send(Told::Frame(stream, bytes.clone()));
        let mut state = self.state.lock();
        match stream {
            _ if &bytes[..] == b"\"close\"" => state.close(4502, "token_expired"),
            StreamKind::Ordered => state.ordered.push(bytes),
            StreamKind::Fetch => state.fetch.push(bytes),
        }
    }

    fn on_alive(&self, _: Time) {
        let _ = self.told.send(Told::Alive);
    }

    fn on_fault(&self, stream: StreamKind, fault: FrameFault, _: Time) {
        let _ = self.told.send(Told::Fault(stream, fault));
        match fault {
            FrameFault::TooLarge { .. } => self.state.lock().close(4505, "frame_too_large"),
            FrameFault::NotText => self.state.lock().close(4500, "protocol_error"),
        }
    }

    fn on_carrier_end(&self, end: &CarrierEnd, _: Time) {
        let _ = self.told.send(Told::Ended(end.clone()));
    }

    fn take_frames(&self, stream: StreamKind, bytes_max: usize, frames: &mut Vec<Bytes>, _: Time) {
        let mut state = self.state.lock();
        match stream {
            StreamKind::Ordered if self.floods && state.close.is_none() => {
                state.ordered.clear();
                frames.push(Bytes::from(vec![b'x'; bytes_max.min(16 * 1024)]));
            }
            StreamKind::Ordered => frames.append(&mut state.ordered),
            StreamKind::Fetch => frames.append(&mut state.fetch),
        }
    }

    fn close(&self) -> Option<Close> {
        self.state.lock().close.clone()
    }

    fn timeout(&self) -> Option<Time> {
        self.state.lock().timeout
    }

    fn on_timeout(&self, _: Time) {
        let _ = self.told.send(Told::TimedOut);
        let mut state = self.state.lock();
        state.timeout = None;
        state.close(4001, "idle_timeout");
    }

    fn wake(&self) -> &Notify {
        &self.wake
    }
}

/// A server on loopback with both accept loops.
pub struct Server {
    pub recorder: Arc<Recorder>,
    pub heard: mpsc::UnboundedReceiver<Told>,
    pub host: Host<Recorder>,
    pub http: SocketAddr,
    pub quic: SocketAddr,
    pub certificate_hash: [u8; 32],
}

impl Server {
    pub async fn start() -> Self {
        Self::launch(Duration::from_secs(10), false).await
    }

    /// Starts with a time to handshake other than the default.
    pub async fn start_with(handshake: Duration) -> Self {
        Self::launch(handshake, false).await
    }

    /// Starts with TLS on the TCP side.
    pub async fn start_with_tls() -> Self {
        Self::launch(Duration::from_secs(10), true).await
    }

    async fn launch(handshake: Duration, is_tls: bool) -> Self {
        let _ = default_provider().install_default();
        let (recorder, heard) = recorder();
        let host = Host::new(Arc::clone(&recorder));
        let own = SelfSigned::generate(&["localhost", "127.0.0.1"]).unwrap();
        let key = any_supported_type(&own.key).unwrap();
        let resolver = Arc::new(SingleCertAndKey::from(CertifiedKey::new(vec![own.certificate], key)));
        let options = quic::QuicOptions { handshake, ..quic::QuicOptions::default() };
        let endpoint = quic::bind("127.0.0.1:0".parse().unwrap(), resolver.clone(), &options).unwrap();
        let quic = endpoint.local_addr().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http = listener.local_addr().unwrap();
        let router = router(host.clone());
        let tls = is_tls.then(|| {
            let mut tls = rustls::ServerConfig::builder().with_no_client_auth().with_cert_resolver(resolver);
            tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            Arc::new(tls)
        });
        tokio::spawn(tcp::serve(
            listener,
            router,
            host.clone(),
            tcp::TcpOptions { tls, handshake, ..tcp::TcpOptions::default() },
        ));
        tokio::spawn(quic::serve(endpoint, host.clone(), options));
        let mut certificate_hash = [0; 32];
        for (index, byte) in certificate_hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&own.sha256[2 * index..2 * index + 2], 16).unwrap();
        }
        Self { recorder, heard, host, http, quic, certificate_hash }
    }

    pub fn websocket_url(&self) -> String {
        format!("ws://{}{}", self.http, websocket::PATH)
    }

    pub fn webtransport_url(&self) -> String {
        format!("https://{}{}", self.quic, tidings_adapters::webtransport::PATH)
    }

    /// A TLS stream upon which both sides agreed to speak HTTP/2; nothing was said yet.
    pub async fn http2_stream(&self) -> TlsStream<TcpStream> {
        let verifier = wtransport::tls::client::ServerHashVerification::new([self.certificate_hash.into()]);
        let roots = Arc::new(rustls::RootCertStore::empty());
        let mut tls = wtransport::tls::client::build_default_tls_config(roots, Some(Arc::new(verifier)));
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let stream = TcpStream::connect(self.http).await.unwrap();
        let name = rustls_pki_types::ServerName::try_from("localhost").unwrap();
        tokio_rustls::TlsConnector::from(Arc::new(tls)).connect(name, stream).await.unwrap()
    }

    pub fn connector(&self) -> Connector {
        Connector::new(&Trust::Hashes(vec![self.certificate_hash]))
    }

    /// What the protocol was told next.
    pub async fn hear(&mut self) -> Told {
        self.heard.recv().await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.host.shutdown.cancel();
    }
}

fn router(host: Host<Recorder>) -> Router {
    let websocket_host = host.clone();
    let recorder = Arc::clone(&host.gateway);
    let connect = move |ConnectInfo(address): ConnectInfo<SocketAddr>, request: Request| async move {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let peer = Peer {
            address,
            carrier: CarrierKind::WebSocket,
            origin: header("origin"),
            user_agent: header("user-agent"),
        };
        websocket::upgrade(&websocket_host, peer, request).unwrap_or_else(|refused| status(&refused).into_response())
    };
    let events_host = host;
    let follow = move |ConnectInfo(address): ConnectInfo<SocketAddr>, mut request: Request| async move {
        let peer = Peer { address, carrier: CarrierKind::Events, origin: None, user_agent: None };
        let place = request.extensions_mut().remove::<ConnectionPlace<Ticket>>();
        let token = request.uri().query().unwrap_or_default().to_owned();
        let hello = Hello { token, ticket: None, client: None, subscribe: Vec::new() };
        match events::begin(&events_host, peer, place, hello).await {
            Ok(body) => Response::new(Body::new(body)),
            Err(_) => StatusCode::UNAUTHORIZED.into_response(),
        }
    };
    let places = r#"{"websocket":{"url":"ws://127.0.0.1:1/v1/connect/websocket"},"events":{"url":"http://127.0.0.1:1/"},
        "webtransport":{"url":"https://127.0.0.1:1/v1/connect/webtransport","certificateHashes":["00"]}}"#;
    Router::new()
        .route("/v1/connect", any(move || async move { places }))
        .route(websocket::PATH, any(connect))
        .route(events::PATH, any(follow))
        .route("/", any(|| async { Response::new("hello".to_owned()) }))
        .route("/token/{word}", any(token))
        .with_state(recorder)
}

/// `good` or `bad`, as a request whose token is one.
async fn token(
    Path(word): Path<String>,
    Shared(recorder): Shared<Arc<Recorder>>,
    request: Request,
) -> Response<String> {
    let place = request.extensions().get::<ConnectionPlace<Ticket>>().unwrap();
    match word.as_str() {
        "good" if place.known(recorder.as_ref()).is_ok() => Response::new("known".to_owned()),
        "good" => Response::new("crowded".to_owned()),
        _ => {
            place.refused(2);
            Response::new("refused".to_owned())
        }
    }
}

fn status(refused: &UpgradeRefused) -> StatusCode {
    match refused {
        UpgradeRefused::NotAHandshake(_) | UpgradeRefused::Subprotocol => StatusCode::BAD_REQUEST,
        UpgradeRefused::Origin => StatusCode::FORBIDDEN,
        UpgradeRefused::Place(Refused::Full) => StatusCode::SERVICE_UNAVAILABLE,
        UpgradeRefused::Place(_) => StatusCode::TOO_MANY_REQUESTS,
    }
}
