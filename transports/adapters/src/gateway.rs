//! The seam to the server: all that adapters ask instead of deciding.

use crate::carrier::{CarrierEnd, CarrierKind, Close, FrameFault, StreamKind};
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use tidings_engine::admission::ComesFrom;
use tidings_engine::ids::Time;
use tidings_engine::limits::Limits;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The server as adapters see it.
pub trait Gateway: Send + Sync + 'static {
    /// A place taken by a connection; dropping the last copy gives the place back.
    type Ticket: Clone + Send + Sync + 'static;
    /// The conversation on one connection.
    type Protocol: Protocol;

    /// The wall clock.
    fn now(&self) -> Time;

    /// Takes a place for a connection, before any handshake work is done for it.
    ///
    /// # Errors
    ///
    /// There is no place, or the address must prove first that it is the sender's (QUIC only).
    fn admit(&self, asked: &Admission) -> Result<Self::Ticket, Refused>;

    /// Whether a session may stand in the place that its HTTP connection holds already.
    ///
    /// # Errors
    /// The node takes no more sessions, whoever has a place.
    fn stands_in(&self, _asked: &Admission) -> Result<(), Refused> {
        Ok(())
    }

    /// Whether a page of this origin may connect. Logs its own refusal. `None`: not a browser.
    fn origin_allowed(&self, peer: &Peer) -> bool;

    /// The limits of the node, as they are now.
    fn limits(&self) -> Arc<Limits> {
        Arc::default()
    }

    /// Counts an HTTP connection, or a request that a proxy brings, no longer as unauthenticated: it has shown a good token.
    ///
    /// # Errors
    /// The address has as many connections as it may: this one is to end.
    fn known(&self, _ticket: &Self::Ticket) -> Result<(), Refused> {
        Ok(())
    }

    /// Logs that a peer was sent away before it asked for anything, and why, in a word.
    fn sent_away(&self, _peer: SocketAddr, _carrier: CarrierKind, _why: &'static str) {}

    /// Begins the conversation. The ticket lives as long as the protocol does.
    fn open(&self, ticket: Self::Ticket, peer: Peer) -> Self::Protocol;
}

/// A question to [`Gateway::admit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Where the connection comes from.
    pub address: SocketAddr,
    /// What it arrives on.
    pub carrier: CarrierKind,
    /// Whether the address is proven. False for the first packet of a QUIC connection: any address can be written there.
    pub address_validated: bool,
    /// Whose limits it counts against.
    pub comes_from: ComesFrom,
}

impl Admission {
    /// A client whose address is proven.
    #[must_use]
    pub const fn of_client(address: SocketAddr, carrier: CarrierKind) -> Self {
        Self { address, carrier, address_validated: true, comes_from: ComesFrom::Address(address.ip()) }
    }

    /// One request of a client, which a trusted proxy brings.
    #[must_use]
    pub const fn of_request(address: SocketAddr) -> Self {
        Self { comes_from: ComesFrom::Request(address.ip()), ..Self::of_client(address, CarrierKind::Http) }
    }

    /// A trusted proxy that brings requests of others.
    #[must_use]
    pub const fn of_proxy(address: SocketAddr) -> Self {
        Self { comes_from: ComesFrom::Proxy, ..Self::of_client(address, CarrierKind::Http) }
    }
}

/// Why a connection gets no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The address must be proven first: a QUIC retry packet is sent. Elsewhere the same as `TooMany`.
    #[error("the address must be validated first")]
    ValidateFirst,
    /// Too many connections or handshakes from this address: 429 where a status can be told.
    #[error("too many connections from this address")]
    TooMany,
    /// The node is full: 503 where a status can be told.
    #[error("the server is full")]
    Full,
    /// The node is leaving and takes no more sessions: 503 where a status can be told.
    #[error("the server is leaving")]
    Leaving {
        /// When to try again: milliseconds.
        retry_after_ms: u64,
    },
}

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address as the server sees it.
    pub address: SocketAddr,
    /// What it arrived on.
    pub carrier: CarrierKind,
    /// The `Origin` header: absent for clients that are no browser.
    pub origin: Option<String>,
    /// The `User-Agent` header, as far as it is text.
    pub user_agent: Option<String>,
}

/// The place of an HTTP connection. The first session on the connection stands in it; a further one needs its own.
///
/// Each request of the connection carries it among its extensions.
#[derive(Debug)]
pub struct ConnectionPlace<T> {
    ticket: T,
    standing: Arc<Standing>,
}

/// What an HTTP connection has shown of itself.
#[derive(Debug, Default)]
struct Standing {
    is_lent: AtomicBool,
    is_known: AtomicBool,
    refusals: AtomicU32,
    leave: CancellationToken,
}

impl<T: Clone> ConnectionPlace<T> {
    /// The place of a connection that nobody stands in yet.
    pub fn new(ticket: T) -> Self {
        Self { ticket, standing: Arc::default() }
    }

    /// Lends the place, once. It is given back when both the session and the connection have ended.
    #[must_use]
    pub fn lend(&self) -> Option<T> {
        (!self.standing.is_lent.swap(true, Ordering::Relaxed)).then(|| self.ticket.clone())
    }

    /// A place for a session: that of its connection where nobody stands in it yet, or one of its own.
    ///
    /// # Errors
    /// The node takes no more sessions, or has no further place.
    pub fn of_session<G: Gateway<Ticket = T>>(
        place: Option<Self>,
        gateway: &G,
        asked: &Admission,
    ) -> Result<T, Refused> {
        let Some(place) = place else { return gateway.admit(asked) };
        gateway.stands_in(asked)?;
        place.lend().map_or_else(|| gateway.admit(asked), Ok)
    }

    /// A request of this connection showed a good token.
    ///
    /// # Errors
    /// The address has as many connections as it may: the connection ends after the answer.
    pub fn known<G: Gateway<Ticket = T>>(&self, gateway: &G) -> Result<(), Refused> {
        if self.standing.is_known.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        gateway.known(&self.ticket).inspect_err(|_| self.standing.leave.cancel())
    }

    /// A request of this connection showed no good token. The one that makes `refusals_max` ends it after the answer: whoever
    /// tries tokens pays a handshake for so many of them.
    pub fn refused(&self, refusals_max: u32) {
        if self.standing.refusals.fetch_add(1, Ordering::Relaxed) + 1 >= refusals_max {
            self.standing.leave.cancel();
        }
    }

    /// Whether a good token was shown, or a session stands in the place and sees to its own time.
    pub(crate) fn is_settled(&self) -> bool {
        self.standing.is_known.load(Ordering::Relaxed) || self.standing.is_lent.load(Ordering::Relaxed)
    }

    /// Waits until the connection is to end.
    pub async fn leaves(&self) {
        self.standing.leave.cancelled().await;
    }
}

impl<T: Clone> Clone for ConnectionPlace<T> {
    fn clone(&self) -> Self {
        Self { ticket: self.ticket.clone(), standing: Arc::clone(&self.standing) }
    }
}

/// The conversation on one connection, driven by [`drive`](crate::driver::drive).
///
/// The methods take `&self` because another thread hands deltas to the same session: the lock is inside. None may block.
pub trait Protocol: Send + Sync + 'static {
    /// A frame arrived.
    fn on_frame(&self, stream: StreamKind, bytes: Bytes, now: Time);

    /// The peer showed a sign of life below the frames.
    fn on_alive(&self, now: Time);

    /// Something arrived that is no frame.
    fn on_fault(&self, stream: StreamKind, fault: FrameFault, now: Time);

    /// The carrier has ended: by itself, or after [`close`](Self::close) told so. Nothing is called afterwards.
    fn on_carrier_end(&self, end: &CarrierEnd, now: Time);

    /// Moves waiting frames for `stream` into `frames`: at least one when there is any, and no further one beyond `bytes_max`.
    fn take_frames(&self, stream: StreamKind, bytes_max: usize, frames: &mut Vec<Bytes>, now: Time);

    /// Whether the connection shall end. Frames that are left, the last of them `close`, are then taken and sent within a
    /// second; nothing else is called but [`on_carrier_end`](Self::on_carrier_end).
    fn close(&self) -> Option<Close>;

    /// When [`on_timeout`](Self::on_timeout) wants to be called next.
    fn timeout(&self) -> Option<Time>;

    /// The time told by [`timeout`](Self::timeout) has come.
    fn on_timeout(&self, now: Time);

    /// Told from other threads when there is something to take or to close.
    fn wake(&self) -> &Notify;
}

/// A conversation that other threads hold too, so that they can hand it deltas.
impl<P: Protocol> Protocol for Arc<P> {
    fn on_frame(&self, stream: StreamKind, bytes: Bytes, now: Time) {
        P::on_frame(self, stream, bytes, now);
    }

    fn on_alive(&self, now: Time) {
        P::on_alive(self, now);
    }

    fn on_fault(&self, stream: StreamKind, fault: FrameFault, now: Time) {
        P::on_fault(self, stream, fault, now);
    }

    fn on_carrier_end(&self, end: &CarrierEnd, now: Time) {
        P::on_carrier_end(self, end, now);
    }

    fn take_frames(&self, stream: StreamKind, bytes_max: usize, frames: &mut Vec<Bytes>, now: Time) {
        P::take_frames(self, stream, bytes_max, frames, now);
    }

    fn close(&self) -> Option<Close> {
        P::close(self)
    }

    fn timeout(&self) -> Option<Time> {
        P::timeout(self)
    }

    fn on_timeout(&self, now: Time) {
        P::on_timeout(self, now);
    }

    fn wake(&self) -> &Notify {
        P::wake(self)
    }
}

/// What the accept loops share.
#[derive(Debug)]
pub struct Host<G> {
    /// Who decides.
    pub gateway: Arc<G>,
    /// Every task of every connection runs in here, so that shutdown can wait for them.
    pub tasks: TaskTracker,
    /// Ends the accept loops. Open sessions are ended by their own `drain` and `close`.
    pub shutdown: CancellationToken,
}

impl<G> Clone for Host<G> {
    fn clone(&self) -> Self {
        Self { gateway: Arc::clone(&self.gateway), tasks: self.tasks.clone(), shutdown: self.shutdown.clone() }
    }
}

impl<G: Gateway> Host<G> {
    /// A host whose accept loops run until [`Host::shutdown`] is cancelled.
    pub fn new(gateway: Arc<G>) -> Self {
        Self { gateway, tasks: TaskTracker::new(), shutdown: CancellationToken::new() }
    }
}
