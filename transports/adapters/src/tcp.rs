//! The TCP side: an accept loop of our own under an axum router.
//!
//! Ours because an address is admitted before anything is read from it, and because upgraded connections must be waited
//! for at shutdown.

use crate::carrier::CarrierKind;
use crate::gateway::{ConnectionPlace, Gateway, Host};
use crate::proxied::{Arrived, Proxies};
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tidings_engine::limits::{HTTP_HEAD_BYTES_MAX, HTTP_HEADERS_COUNT_MAX, HTTP_STREAMS_MAX, Limits};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;
use tracing::{debug, warn};

/// How often a silent HTTP/2 peer is asked whether it is alive, and how long its answer may take.
const HTTP2_KEEP_ALIVE: Duration = Duration::from_secs(20);

/// Most bytes of an HTTP/2 stream's answer that wait in the library: 16 KiB. A slow reader costs its outbox and no more.
const HTTP2_SEND_BYTES_MAX: usize = 16 * 1024;

/// How long the loop waits when the system has no more connections to give.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// How the TCP side is set up.
#[derive(Clone, Debug)]
pub struct TcpOptions {
    /// TLS, with ALPN `h2` and `http/1.1`; without it plain HTTP/1.1 is served.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// How long a peer may take for the TLS handshake, and for the head of each HTTP/1.1 request. Default 10 s.
    pub handshake: Duration,
    /// How long a peer may acknowledge nothing of what it was sent. Default 60 s: the idle time of a session, because a
    /// reader of events answers no ping.
    pub unacknowledged: Duration,
    /// Whose word is taken for where clients are. Default nobody's.
    pub proxies: Proxies,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            tls: None,
            handshake: Duration::from_secs(10),
            unacknowledged: Duration::from_secs(60),
            proxies: Proxies::default(),
        }
    }
}

/// Serves `router` on `listener` until the host shuts down. Requests under way are finished then; the host's tasks end
/// with the last of them.
///
/// Each request carries the address of its client as [`ConnectInfo`]: the peer's, or what a trusted proxy says of it.
pub async fn serve<G: Gateway>(listener: TcpListener, router: Router, host: Host<G>, options: TcpOptions) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = host.shutdown.cancelled() => return,
        };
        match accepted {
            Ok((stream, address)) => {
                if let Some(arrived) = options.proxies.arrive(host.gateway.as_ref(), address) {
                    host.tasks.spawn(connection(stream, arrived, router.clone(), host.clone(), options.clone()));
                }
            }
            Err(error) if is_of_one_connection(&error) => debug!(%error, "connection ended before it was accepted"),
            Err(error) => {
                warn!(%error, "cannot accept TCP connections");
                tokio::time::sleep(EXHAUSTED).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// The version of HTTP that both sides agreed upon. Never guessed from the first bytes: that wait would have no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Http1,
    Http2,
}

async fn connection<G: Gateway>(
    mut stream: TcpStream,
    arrived: Arrived<G::Ticket>,
    router: Router,
    host: Host<G>,
    options: TcpOptions,
) {
    let address = arrived.address;
    if let Err(error) = prepare(&stream, options.unacknowledged) {
        debug!(%address, %error, "connection ended before it was served");
        return;
    }
    let announced = options.proxies.announced(host.gateway.as_ref(), &mut stream, arrived, options.handshake).await;
    let arrived = match announced {
        Ok(arrived) => arrived,
        Err(error) => {
            host.gateway.sent_away(address, CarrierKind::Http, "proxy_header");
            debug!(%address, %error, "connection closed unread");
            return;
        }
    };
    let address = arrived.address;
    let served = match options.tls.clone() {
        None => serve_http(stream, Version::Http1, arrived, router, &host, &options).await,
        Some(tls) => match tokio::time::timeout(options.handshake, TlsAcceptor::from(tls).accept(stream)).await {
            Ok(Ok(stream)) => {
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let version = if is_http2 { Version::Http2 } else { Version::Http1 };
                serve_http(stream, version, arrived, router, &host, &options).await
            }
            Ok(Err(error)) => Err(error.into()),
            Err(elapsed) => Err(elapsed.into()),
        },
    };
    if let Err(error) = served {
        if error.downcast_ref::<Silent>().is_some() {
            host.gateway.sent_away(address, CarrierKind::Http, "head_timeout");
        } else if let Some(SentAway(why)) = error.downcast_ref() {
            host.gateway.sent_away(address, CarrierKind::Http, why);
        }
        debug!(%address, error, "HTTP connection failed");
    }
}

/// Deltas are small and must not wait for an acknowledgement of what went before; and who acknowledges nothing is gone.
fn prepare(stream: &TcpStream, unacknowledged: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    rustix::net::sockopt::set_tcp_user_timeout(stream, u32::try_from(unacknowledged.as_millis()).unwrap_or(u32::MAX))?;
    Ok(())
}

/// A peer that has asked for nothing within its time. One that has asked before may be silent as long as it likes.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no request within the handshake time")]
struct Silent;

/// A peer that was sent away, and why in a word.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("sent away: {0}")]
struct SentAway(&'static str);

type ServeError = Box<dyn std::error::Error + Send + Sync>;

async fn serve_http<G: Gateway>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    version: Version,
    arrived: Arrived<G::Ticket>,
    router: Router,
    host: &Host<G>,
    options: &TcpOptions,
) -> Result<(), ServeError> {
    let limits = host.gateway.limits();
    let asked = Arc::new(AtomicBool::new(false));
    let has_asked = Arc::clone(&asked);
    let (place, proxies) = (arrived.place(), options.proxies.clone());
    let standing = place.clone();
    let unsettled = pin!(unsettled(host, standing.as_ref(), Duration::from_millis(limits.hello_ms_max)));
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        has_asked.store(true, Ordering::Relaxed);
        let mut request: Request = request.map(Body::new);
        let (client, forwarded) = proxies.client(arrived.address, request.headers());
        let extensions = request.extensions_mut();
        extensions.insert(ConnectInfo(client));
        place.clone().map(|place| extensions.insert(place));
        forwarded.map(|forwarded| extensions.insert(forwarded));
        router.clone().oneshot(request)
    });
    let io = TokioIo::new(stream);
    match version {
        Version::Http1 => {
            let mut builder = hyper::server::conn::http1::Builder::new();
            builder
                .timer(TokioTimer::new())
                .header_read_timeout(options.handshake)
                .max_headers(HTTP_HEADERS_COUNT_MAX)
                .max_buf_size(HTTP_HEAD_BYTES_MAX);
            let mut served = pin!(builder.serve_connection(io, service).with_upgrades());
            tokio::select! {
                result = served.as_mut() => {
                    result.map_err(|error| match error.is_timeout() && !asked.load(Ordering::Relaxed) {
                        true => Silent.into(),
                        false => error.into(),
                    })
                }
                ends = unsettled => {
                    served.as_mut().graceful_shutdown();
                    rest(served, ends, &limits).await
                }
            }
        }
        Version::Http2 => {
            let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            builder
                .timer(TokioTimer::new())
                .max_concurrent_streams(HTTP_STREAMS_MAX)
                .max_send_buf_size(HTTP2_SEND_BYTES_MAX)
                .max_header_list_size(HTTP_HEAD_BYTES_MAX as u32)
                .keep_alive_interval(HTTP2_KEEP_ALIVE)
                .keep_alive_timeout(HTTP2_KEEP_ALIVE);
            let mut served = pin!(builder.serve_connection(io, service));
            tokio::select! {
                result = served.as_mut() => Ok(result?),
                ends = unsettled => {
                    served.as_mut().graceful_shutdown();
                    rest(served, ends, &limits).await
                }
            }
        }
    }
}

/// Why a connection takes no further request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// The server leaves.
    Shutdown,
    /// It showed no good token in time, or bad ones too often.
    SentAway(&'static str),
}

/// Waits until the connection is to take no further request; for ever where nothing ends it. A trusted proxy has no place of its
/// own and brings whoever it brings for as long as it likes.
async fn unsettled<G: Gateway>(host: &Host<G>, place: Option<&ConnectionPlace<G::Ticket>>, time: Duration) -> Ends {
    let Some(place) = place else {
        host.shutdown.cancelled().await;
        return Ends::Shutdown;
    };
    let late = async {
        tokio::time::sleep(time).await;
        if place.is_settled() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = host.shutdown.cancelled() => Ends::Shutdown,
        () = place.leaves() => Ends::SentAway("unauthenticated"),
        () = late => Ends::SentAway("hello_timeout"),
    }
}

/// Lets the requests under way be finished; of somebody who is sent away only as long as a body may take.
async fn rest<E>(served: impl Future<Output = Result<(), E>>, ends: Ends, limits: &Limits) -> Result<(), ServeError>
where
    ServeError: From<E>,
{
    match ends {
        Ends::Shutdown => Ok(served.await?),
        Ends::SentAway(why) => {
            let time = Duration::from_millis(limits.http_body_ms_max);
            // However it ends: a head or body that never came is no better reason than the one there is.
            let _ = tokio::time::timeout(time, served).await;
            Err(SentAway(why).into())
        }
    }
}
