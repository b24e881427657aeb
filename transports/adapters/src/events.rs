//! Server-sent events: what a session says, as the body of an HTTP answer. Nothing comes back but signs of life.
//!
//! The carrier says the `hello` of a request, since the client cannot. A `ping` becomes a comment, and what stands for the
//! `pong` is that the connection takes what it is given: a peer that acknowledges nothing for the idle time loses its
//! TCP connection ([`tcp`](crate::tcp)), and one that takes nothing for that time its session.

use crate::carrier::{Carrier, CarrierEnd, CarrierKind, Close, Received, StreamKind};
use crate::driver::drive;
use crate::events_pipe::{Pipe, pipe};
use crate::events_text;
use crate::gateway::{Admission, ConnectionPlace, Gateway, Host, Peer, Refused};
use bytes::Bytes;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use tidings_wire::{ClientFrame, CloseCode, Hello, ReplyCode, ServerFrame};
use tokio::sync::oneshot;

pub use crate::events_pipe::EventsBody;

/// The path of event streams.
pub const PATH: &str = "/v1/connect/events";

/// Why a request does not become a stream of events.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBegun {
    /// There is no place: 429 or 503.
    #[error(transparent)]
    Place(#[from] Refused),
    /// The session ended before `welcome`.
    #[error("closed with {code:?}")]
    Closed {
        /// Its code.
        code: CloseCode,
        /// When to come back, where that was said.
        retry_after_ms: Option<u64>,
    },
    /// The inbox may not be followed.
    #[error("{message}")]
    Inbox {
        /// What kind of wrong.
        code: ReplyCode,
        /// A plain sentence.
        message: String,
    },
    /// The session went away without a word.
    #[error("the session was lost")]
    Lost,
}

/// Opens a session that is told `hello`, and gives its events once it has said `welcome`.
///
/// The session stands in `place` when nobody else does, and needs a place of its own otherwise.
///
/// # Errors
/// [`NotBegun`]: nothing was sent, and the caller puts it into words.
pub async fn begin<G: Gateway>(
    host: &Host<G>,
    peer: Peer,
    place: Option<ConnectionPlace<G::Ticket>>,
    hello: Hello,
) -> Result<EventsBody, NotBegun> {
    let asked = Admission::of_client(peer.address, CarrierKind::Events);
    let ticket = ConnectionPlace::of_session(place, host.gateway.as_ref(), &asked)?;
    let hello = serde_json::to_vec(&ClientFrame::Hello(hello)).expect("a hello always has a JSON form");
    // Dropped with the request when the client leaves early, and then the session ends.
    let (pipe, body) = pipe();
    let (begun, has_begun) = oneshot::channel();
    let carrier = EventsCarrier { pipe, hello: Some(hello.into()), begun: Some(begun), is_refused: false };
    let protocol = host.gateway.open(ticket, peer);
    host.tasks.spawn(drive(carrier, protocol, Arc::clone(&host.gateway)));
    match has_begun.await {
        Ok(Ok(())) => Ok(body),
        Ok(Err(refused)) => Err(refused),
        Err(_) => Err(NotBegun::Lost),
    }
}

struct EventsCarrier {
    pipe: Pipe,
    /// What the client would say, until it is said.
    hello: Option<Bytes>,
    /// Whoever waits to hear how it begins.
    begun: Option<oneshot::Sender<Result<(), NotBegun>>>,
    is_refused: bool,
}

impl EventsCarrier {
    /// Tells how it begins, by the frames that the session says at once: `welcome`, and what it refuses to follow.
    fn begin(&mut self, frames: &[Bytes]) {
        let Some(begun) = self.begun.take() else { return };
        let refused = frames.iter().find_map(|frame| refusal(frame));
        self.is_refused = refused.is_some();
        // Whoever waited may have left, which ends the session by itself.
        let _ = begun.send(refused.map_or(Ok(()), Err));
    }
}

fn refusal(frame: &[u8]) -> Option<NotBegun> {
    let head = events_text::head(frame)?;
    if !matches!(&*head.r#type, "close" | "error") {
        return None;
    }
    match serde_json::from_slice(frame).ok()? {
        ServerFrame::Close { reason, retry_after_ms, .. } => Some(NotBegun::Closed { code: reason, retry_after_ms }),
        ServerFrame::Error { code, message } => Some(NotBegun::Inbox { code, message }),
        _ => None,
    }
}

impl Carrier for EventsCarrier {
    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Result<Received, CarrierEnd>> {
        if let Some(bytes) = self.hello.take() {
            return Poll::Ready(Ok(Received::Frame { stream: StreamKind::Ordered, bytes }));
        }
        if self.pipe.is_gone(context) || self.is_refused {
            return Poll::Ready(Err(CarrierEnd::Closed { code: None }));
        }
        match self.pipe.was_taken() {
            true => Poll::Ready(Ok(Received::Alive)),
            false => Poll::Pending,
        }
    }

    fn is_idle(&self, stream: StreamKind) -> bool {
        stream == StreamKind::Ordered && self.pipe.is_empty()
    }

    fn queue(&mut self, stream: StreamKind, frames: &mut Vec<Bytes>) {
        if stream == StreamKind::Fetch || frames.is_empty() {
            return frames.clear();
        }
        self.begin(frames);
        if self.is_refused {
            return frames.clear();
        }
        self.pipe.push(|unwritten| {
            for frame in frames.drain(..) {
                events_text::write(&frame, unwritten);
            }
        });
    }

    fn poll_write(&mut self, _: &mut Context<'_>) -> Result<bool, CarrierEnd> {
        // The connection's own task writes; that it took all is told as a sign of life.
        Ok(false)
    }

    async fn shut_down(&mut self, _: Option<&Close>) {
        poll_fn(|context| self.pipe.poll_end(context)).await;
    }

    fn abort(self, _: Option<&Close>) {}
}
