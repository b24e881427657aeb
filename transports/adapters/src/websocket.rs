//! WebSocket: one text message a frame, subprotocol `tidings.v1`.
//!
//! tungstenite reads (masks, fragments, control frames) and answers pings; frames of ours go out past its write buffer,
//! headers and shared payloads in one vectored write, so that nothing is copied and an idle connection keeps no buffer.

use crate::carrier::{Carrier, CarrierEnd, CarrierKind, Close, FRAME_BYTES_MAX, FrameFault, Received, StreamKind};
use crate::driver::drive;
use crate::gateway::{Admission, ConnectionPlace, Gateway, Host, Peer, Refused};
use crate::websocket_output::WebSocketOutput;
use axum::extract::Request;
use axum::http::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use axum::response::Response;
use bytes::Bytes;
use hyper_util::rt::TokioIo;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tidings_wire::PROTOCOL;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tracing::debug;

/// The path of WebSockets.
pub const PATH: &str = "/v1/connect/websocket";

/// Bytes of the read buffer that each connection holds: 1 KiB. The library's own is 128 KiB.
///
/// Clients send little; a longer frame gets a buffer of its own size while it arrives.
const READ_BUFFER_BYTES: usize = 1024;

/// Only pongs and close frames pass through the library's write buffer: none of them waits for another.
const WRITE_BUFFER_BYTES: usize = 0;

/// Most bytes of unsent pongs that a peer can pile up by pinging without reading.
const WRITE_BUFFER_BYTES_MAX: usize = 4 * 1024;

/// Most bytes of a close frame's reason (RFC 6455, section 5.5).
const REASON_BYTES_MAX: usize = 123;

/// How long the upgrade may take once it was answered.
const UPGRADE: Duration = Duration::from_secs(10);

/// Why a request does not become a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpgradeRefused {
    /// The request is no WebSocket handshake: 400.
    #[error("not a WebSocket handshake: {0}")]
    NotAHandshake(String),
    /// The subprotocol is not offered: 400.
    #[error("subprotocol {PROTOCOL} is not offered")]
    Subprotocol,
    /// The page's origin is not allowed: 403. The gateway has logged it.
    #[error("origin is not allowed")]
    Origin,
    /// There is no place: 429 or 503.
    #[error(transparent)]
    Place(#[from] Refused),
}

/// Answers a WebSocket handshake and runs the connection in a task of its own. All of `Origin`, place and subprotocol
/// are decided before the answer. The session stands in the place that the request's connection holds.
///
/// # Errors
///
/// The connection stays an HTTP connection; the caller puts the refusal into words.
pub fn upgrade<G: Gateway>(host: &Host<G>, peer: Peer, mut request: Request) -> Result<Response, UpgradeRefused> {
    let mut response = create_response_with_body(&request, axum::body::Body::empty)
        .map_err(|error| UpgradeRefused::NotAHandshake(error.to_string()))?;
    if !host.gateway.origin_allowed(&peer) {
        return Err(UpgradeRefused::Origin);
    }
    if !offers_subprotocol(&request) {
        return Err(UpgradeRefused::Subprotocol);
    }
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    let place = request.extensions_mut().remove::<ConnectionPlace<G::Ticket>>();
    let asked = Admission::of_client(peer.address, CarrierKind::WebSocket);
    let ticket = ConnectionPlace::of_session(place, host.gateway.as_ref(), &asked)?;
    let upgraded = hyper::upgrade::on(&mut request);
    let gateway = std::sync::Arc::clone(&host.gateway);
    host.tasks.spawn(async move {
        match tokio::time::timeout(UPGRADE, upgraded).await {
            Ok(Ok(upgraded)) => {
                let carrier = WebSocketCarrier::new(TokioIo::new(upgraded));
                let protocol = gateway.open(ticket, peer);
                drive(carrier, protocol, gateway).await;
            }
            Ok(Err(error)) => debug!(address = %peer.address, %error, "WebSocket upgrade failed"),
            Err(_) => debug!(address = %peer.address, "no WebSocket upgrade within its time"),
        }
    });
    Ok(response)
}

fn offers_subprotocol(request: &Request) -> bool {
    let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|name| name.trim() == PROTOCOL)
}

/// A WebSocket on a byte stream whose handshake is done.
pub struct WebSocketCarrier<S> {
    io: S,
    context: WebSocketContext,
    output: WebSocketOutput,
    /// Whether the library stands in the middle of writing a control frame: then nothing of ours may come between.
    control_unfinished: bool,
    /// Why reading has failed, if it has: what still comes is thrown away.
    unreadable: Option<FrameFault>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> WebSocketCarrier<S> {
    /// Takes over `io`, as the server.
    pub fn new(io: S) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(WRITE_BUFFER_BYTES)
            .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
            .max_message_size(Some(FRAME_BYTES_MAX))
            .max_frame_size(Some(FRAME_BYTES_MAX));
        let context = WebSocketContext::new(Role::Server, Some(config));
        Self { io, context, output: WebSocketOutput::default(), control_unfinished: false, unreadable: None }
    }

    /// Lets the library work on the stream as far as it goes without waiting.
    fn with_context<T>(
        &mut self,
        context: &mut Context<'_>,
        work: impl FnOnce(&mut WebSocketContext, &mut Bridge<'_, '_, S>) -> Result<T, Error>,
    ) -> Poll<Result<T, Error>> {
        let mut bridge = Bridge {
            io: &mut self.io,
            context,
            may_write: self.output.is_empty() || self.control_unfinished,
            unfinished: &mut self.control_unfinished,
        };
        match work(&mut self.context, &mut bridge) {
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            done => Poll::Ready(done),
        }
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.control_unfinished {
            ready!(self.with_context(context, |library, bridge| library.flush(bridge)))?;
        }
        ready!(self.output.poll_write(&mut self.io, context)).map_err(Error::Io)?;
        // Pongs that had to wait for the frames.
        ready!(self.with_context(context, |library, bridge| library.flush(bridge)))?;
        Pin::new(&mut self.io).poll_flush(context).map_err(Error::Io)
    }

    /// Reads and throws away until the peer has closed.
    fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut space = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut space);
            match ready!(Pin::new(&mut self.io).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                Ok(()) | Err(_) => return Poll::Ready(()),
            }
        }
    }
}

/// What a message is to the session; `None` for the half of a close that needs no answer.
fn received(message: Message) -> Result<Received, CarrierEnd> {
    match message {
        Message::Text(text) => Ok(Received::Frame { stream: StreamKind::Ordered, bytes: text.into() }),
        Message::Binary(_) => Ok(Received::Fault { stream: StreamKind::Ordered, fault: FrameFault::NotText }),
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(Received::Alive),
        Message::Close(frame) => Err(CarrierEnd::Closed { code: frame.map(|frame| u16::from(frame.code).into()) }),
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Carrier for WebSocketCarrier<S> {
    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Result<Received, CarrierEnd>> {
        match self.unreadable {
            // Nothing that can be read will come any more, so the fault stands until the session has had enough of it.
            Some(fault @ FrameFault::NotText) => {
                return Poll::Ready(Ok(Received::Fault { stream: StreamKind::Ordered, fault }));
            }
            Some(FrameFault::TooLarge { .. }) => {
                ready!(self.poll_discard(context));
                return Poll::Ready(Err(CarrierEnd::Closed { code: None }));
            }
            None => {}
        }
        let fault = match ready!(self.with_context(context, |library, bridge| library.read(bridge))) {
            Ok(message) => return Poll::Ready(received(message)),
            Err(Error::Capacity(CapacityError::MessageTooLong { size, .. })) => {
                FrameFault::TooLarge { bytes: size as u64 }
            }
            Err(Error::Utf8(_)) => FrameFault::NotText,
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => {
                return Poll::Ready(Err(CarrierEnd::Closed { code: None }));
            }
            Err(error) => return Poll::Ready(Err(CarrierEnd::Lost { cause: error.to_string() })),
        };
        // After either the library's place in the stream cannot be relied upon.
        self.unreadable = Some(fault);
        Poll::Ready(Ok(Received::Fault { stream: StreamKind::Ordered, fault }))
    }

    fn is_idle(&self, stream: StreamKind) -> bool {
        stream == StreamKind::Ordered && self.output.is_empty()
    }

    fn queue(&mut self, stream: StreamKind, frames: &mut Vec<Bytes>) {
        debug_assert!(stream == StreamKind::Ordered || frames.is_empty(), "a WebSocket has one stream");
        self.output.queue(frames);
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Result<bool, CarrierEnd> {
        if self.output.is_empty() {
            return Ok(false);
        }
        match self.poll_flush(context) {
            Poll::Ready(Err(Error::ConnectionClosed)) => Err(CarrierEnd::Closed { code: None }),
            Poll::Ready(Err(error)) => Err(CarrierEnd::Lost { cause: error.to_string() }),
            Poll::Ready(Ok(())) | Poll::Pending => Ok(self.output.is_empty()),
        }
    }

    async fn shut_down(&mut self, close: Option<&Close>) {
        // Errors end the courtesies: the connection is gone.
        if poll_fn(|context| self.poll_flush(context)).await.is_err() {
            return;
        }
        let Some(close) = close else { return };
        let reason = &close.reason[..close.reason.floor_char_boundary(REASON_BYTES_MAX)];
        let frame = CloseFrame { code: close.code.into(), reason: Utf8Bytes::from(reason) };
        let mut said = Some(frame);
        let closed = poll_fn(|context| {
            self.with_context(context, |library, bridge| match said.take() {
                Some(frame) => library.close(bridge, Some(frame)),
                None => library.flush(bridge),
            })
        });
        if closed.await.is_err() {
            return;
        }
        // A socket closed with unread input is reset, and the close frame may be lost with it: read until the peer is gone.
        if self.unreadable.is_some() {
            poll_fn(|context| self.poll_discard(context)).await;
        } else {
            while poll_fn(|context| self.with_context(context, |library, bridge| library.read(bridge))).await.is_ok() {}
        }
        let _ = self.io.shutdown().await;
    }

    fn abort(self, _close: Option<&Close>) {}
}

/// The stream as the library wants to see it: reads and writes that say "would block".
struct Bridge<'a, 'c, S> {
    io: &'a mut S,
    context: &'a mut Context<'c>,
    may_write: bool,
    unfinished: &'a mut bool,
}

fn blocking<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl<S: AsyncRead + Unpin> io::Read for Bridge<'_, '_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        blocking(Pin::new(&mut *self.io).poll_read(self.context, &mut buffer))?;
        Ok(buffer.filled().len())
    }
}

impl<S: AsyncWrite + Unpin> io::Write for Bridge<'_, '_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.may_write {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let written = blocking(Pin::new(&mut *self.io).poll_write(self.context, bytes))?;
        *self.unfinished = written < bytes.len();
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        blocking(Pin::new(&mut *self.io).poll_flush(self.context))
    }
}
