//! What every carrier does for the driver: give frames, take frames, end. Nothing here decides.
//!
//! The methods poll, so that one task without any other helper reads and writes at once: a write that waits for a slow
//! peer never stops the reading, and nothing is lost when a wait is given up.

use bytes::Bytes;
use std::future::Future;
use std::task::{Context, Poll};

pub use tidings_wire::FRAME_BYTES_MAX;

/// The carriers that a connection may arrive on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CarrierKind {
    /// A TCP connection for HTTP, before anything was asked on it.
    Http,
    /// A WebSocket.
    WebSocket,
    /// A WebTransport session over HTTP/3.
    WebTransport,
    /// Our own ALPN over QUIC.
    RawQuic,
    /// Server-sent events over HTTP: server to client only.
    Events,
}

impl CarrierKind {
    /// The name in logs, metrics and `welcome`: `http`, `websocket`, `webtransport`, `quic` or `events`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::WebSocket => "websocket",
            Self::WebTransport => "webtransport",
            Self::RawQuic => "quic",
            Self::Events => "events",
        }
    }
}

/// Which of a connection's streams a frame travels on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamKind {
    /// The stream of all that is ordered; the only one on most carriers.
    Ordered,
    /// The second WebTransport stream, of lower priority: `fetch` frames and their replies only.
    Fetch,
}

/// What a carrier received.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// One whole frame, at most [`FRAME_BYTES_MAX`] bytes. Not checked to be UTF-8 or JSON.
    Frame {
        /// The stream it came on; its reply goes there too.
        stream: StreamKind,
        /// The frame.
        bytes: Bytes,
    },
    /// A sign of life of the carrier itself: a WebSocket ping or pong, or all that was sent as events has been taken.
    Alive,
    /// Something that is no frame. What follows is up to the session.
    Fault {
        /// The stream it came on.
        stream: StreamKind,
        /// What was wrong.
        fault: FrameFault,
    },
}

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameFault {
    /// Longer than [`FRAME_BYTES_MAX`]. No later frame is read from this carrier; what comes is thrown away.
    #[error("frame is {bytes} bytes, at most {FRAME_BYTES_MAX} are allowed")]
    TooLarge {
        /// The announced length, or as far as it was known.
        bytes: u64,
    },
    /// A WebSocket message that is binary, or text that is not UTF-8.
    #[error("message is not UTF-8 text")]
    NotText,
}

/// How a carrier ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CarrierEnd {
    /// The peer closed it, with its code when it gave one.
    #[error("closed by the peer")]
    Closed {
        /// WebSocket close code or QUIC application code.
        code: Option<u64>,
    },
    /// The path or the peer failed.
    #[error("lost: {cause}")]
    Lost {
        /// For the log, never for a client.
        cause: String,
    },
}

/// The last word to the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// A close code of the wire: 4000 to 4999.
    pub code: u16,
    /// Its name, such as `token_expired`. At most 123 bytes arrive on a WebSocket.
    pub reason: String,
}

/// A connection that carries frames both ways.
///
/// All methods are called from one task. `poll_receive` and `poll_write` lose nothing when the caller stops polling.
pub trait Carrier: Send + 'static {
    /// The next thing received.
    ///
    /// # Errors
    ///
    /// The carrier has ended; nothing more arrives and nothing more can be sent.
    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Result<Received, CarrierEnd>>;

    /// Whether `stream` wants frames: all that was queued on it has been handed to the network.
    ///
    /// False for a stream that the peer has not opened. True for one that it gave up: what is queued there is dropped.
    fn is_idle(&self, stream: StreamKind) -> bool;

    /// Takes all of `frames` for sending on `stream`; `poll_write` sends them.
    fn queue(&mut self, stream: StreamKind, frames: &mut Vec<Bytes>);

    /// Writes what is queued as far as the peer takes it, several frames at once, and has the task woken when it takes
    /// more. True when a stream has become idle by this call.
    ///
    /// # Errors
    ///
    /// The carrier has ended.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Result<bool, CarrierEnd>;

    /// Ends the connection in good order: writes what is queued, says `close`, and waits until the peer has left.
    ///
    /// The wait has no bound of its own: the driver gives it up after a second and drops the carrier. Without `close`
    /// the peer has already said that it leaves.
    fn shut_down(&mut self, close: Option<&Close>) -> impl Future<Output = ()> + Send;

    /// Ends the connection at once, whatever state it is in.
    fn abort(self, close: Option<&Close>);
}
