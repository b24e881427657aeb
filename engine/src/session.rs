//! The protocol conversation on one connection, as a state machine without I/O. Every carrier drives the same one.
//!
//! [`Session::handle`] takes what happened, [`Session::poll_send`] gives the next frame to write, [`Session::poll_output`]
//! gives work for the server, and [`Session::poll_timeout`] says when to be called again. After every `handle` and every
//! `poll_send` there may be new output: the driver polls until both are empty.
//!
//! A subscription is *live* or *behind*. Whatever brings it behind (a cursor it came with, an outbox that ran over) the way
//! back is the same: when the outbox has drained the session asks for one page of what changed after the last frame that was
//! written, then for the next, until it is told that it has caught up. One snapshot or page is asked for at a time, so that
//! a slow reader costs its outbox and one page.

mod answers;
mod client_frames;
mod context;
mod hello;
mod input;
mod outbox;
mod refreshing;
mod requests;
mod subscription;
#[cfg(test)]
mod tests;
mod timers;

pub use context::SessionContext;
pub use input::{Input, Output, Placed, SecurityEvent, Stream};

use crate::grant::Grant;
use crate::ids::{Position, Time};
use crate::limits::{Limit, Limits};
use crate::rate::Rate;
use bytes::Bytes;
use hello::Phase;
use outbox::{Once, Outbox, Slot};
use refreshing::Refresh;
use requests::Fetches;
use std::collections::VecDeque;
use std::sync::Arc;
use subscription::Subscriptions;
use tidings_wire::{CloseCode, ReplyCode, ServerFrame, encode};

/// How many times the outbox the frames that may not be dropped can fill before the session ends with `rate_limited`.
///
/// Replies are bounded by the commands in flight, so only a client that is refused again and again and reads nothing of it
/// comes here.
const KEPT_FACTOR: usize = 4;

/// One session. An idle one takes a few hundred bytes; its queues are allocated when first used.
pub struct Session {
    context: Arc<SessionContext>,
    /// Those in force: the node's until the token is good, then the tenant's.
    limits: Arc<Limits>,
    limits_version: u32,
    id: Box<str>,
    phase: Phase,
    ordered: Outbox,
    fetched: Outbox,
    outputs: VecDeque<Output>,
    subscriptions: Subscriptions,
    fetches: Fetches,
    refresh: Option<Box<Refresh>>,
    requests_in_flight: u32,
    commands: Rate,
    queries: Rate,
    publishes: Rate,
    limited_since: Time,
    limited_count: u32,
    protocol_errors: u32,
    heard: Time,
    pinged: Time,
    reconnect_after_ms: Option<u64>,
    /// The last event that the client said to have of its own inbox.
    acknowledged: Position,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("id", &self.id).field("phase", &self.phase.word()).finish_non_exhaustive()
    }
}

impl Session {
    /// A session on a connection that has just been established. `id` is its opaque name in `welcome` and in logs.
    #[must_use]
    pub fn new(id: &str, context: Arc<SessionContext>, now: Time) -> Self {
        let (limits_version, limits) = context.limits_of(None);
        Self {
            context,
            limits,
            limits_version,
            id: id.into(),
            phase: Phase::Hello,
            ordered: Outbox::default(),
            fetched: Outbox::default(),
            outputs: VecDeque::new(),
            subscriptions: Subscriptions::default(),
            fetches: Fetches::default(),
            refresh: None,
            requests_in_flight: 0,
            commands: Rate::default(),
            queries: Rate::default(),
            publishes: Rate::default(),
            limited_since: now,
            limited_count: 0,
            protocol_errors: 0,
            heard: now,
            pinged: now,
            reconnect_after_ms: None,
            acknowledged: Position::ZERO,
        }
    }

    /// Takes something that happened. Does nothing once the session has ended.
    pub fn handle(&mut self, input: Input<'_>, now: Time) {
        if !self.has_ended() && matches!(input, Input::Frame { .. } | Input::Alive | Input::NotText) {
            self.heard = now;
        }
        self.process(input, now);
    }

    /// [`Session::handle`] but for the sign of life: frames that waited for `welcome` were heard when they came.
    fn process(&mut self, input: Input<'_>, now: Time) {
        if self.has_ended() {
            return;
        }
        self.renew_limits();
        self.keep_time(now);
        if self.has_ended() {
            return;
        }
        match input {
            Input::Frame { stream, bytes } => self.on_bytes(stream, bytes, now),
            Input::TooLarge => self.frame_too_large(),
            Input::NotText => self.protocol_error("message is not UTF-8 text"),
            Input::Alive | Input::Timeout => {}
            Input::CarrierEnded => self.abandon(),
            Input::KeysLoaded => self.on_keys_loaded(now),
            Input::Admitted(result) => self.on_admitted(result, now),
            Input::Observed(result) => self.on_observed(result, now),
            Input::Replied { id, stream, result } => self.on_replied(id, stream, result, now),
            Input::Fetched { id, stream, result } => self.on_fetched(id, stream, result, now),
            Input::Snapshot { inbox, frame, at } => self.on_snapshot(inbox, frame, at),
            Input::Delta { inbox, frame, at } => self.on_delta(inbox, frame, at),
            Input::CatchUpPage { inbox, frames, next, done } => self.on_page(inbox, frames, next, done),
            Input::Resync { inbox, reason } => self.on_resync(inbox, reason),
            Input::SubscribeFailed { inbox, rejection } => self.on_subscribe_failed(inbox, &rejection, now),
            Input::Drain { reconnect_after_ms } => self.on_drain(reconnect_after_ms),
            Input::Close(code) => self.end(code),
        }
        self.advance();
    }

    /// The next piece of work for the server.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        if self.outputs.is_empty() && self.outputs.capacity() > 4 {
            self.outputs.shrink_to(4);
        }
        output
    }

    /// The next frame to write on `stream`; taking it removes it from the outbox. New output may follow.
    pub fn poll_send(&mut self, stream: Stream, now: Time) -> Option<Bytes> {
        if !self.has_ended() {
            self.keep_time(now);
        }
        let (frame, slot) = self.outbox(stream).take()?;
        match slot {
            Slot::Reply { .. } => self.requests_in_flight = self.requests_in_flight.saturating_sub(1),
            Slot::Delta { key, at } => self.subscriptions.written(key, at),
            Slot::Kept | Slot::Once(_) | Slot::Page { .. } | Slot::Word { .. } => {}
        }
        self.advance();
        Some(frame)
    }

    const fn outbox(&mut self, stream: Stream) -> &mut Outbox {
        match stream {
            Stream::Ordered => &mut self.ordered,
            Stream::Fetch => &mut self.fetched,
        }
    }

    /// The code, once the `close` frame is queued: the carrier then writes what is left and ends.
    #[must_use]
    pub const fn close(&self) -> Option<CloseCode> {
        match self.phase {
            Phase::Ended(code) => code,
            _ => None,
        }
    }

    /// The session's opaque name.
    #[must_use]
    pub const fn id(&self) -> &str {
        &self.id
    }

    /// What the session may do; `None` before `welcome` and after the end.
    #[must_use]
    pub const fn grant(&self) -> Option<&Arc<Grant>> {
        match &self.phase {
            Phase::Open(grant) => Some(grant),
            _ => None,
        }
    }

    /// When the client was last heard of.
    #[must_use]
    pub const fn heard(&self) -> Time {
        self.heard
    }

    /// Bytes of the frames that wait to be written.
    #[must_use]
    pub const fn queued_bytes(&self) -> usize {
        self.ordered.bytes() + self.fetched.bytes()
    }

    /// How many subscriptions are behind.
    #[must_use]
    pub fn behind_count(&self) -> usize {
        self.subscriptions.behind_count()
    }

    const fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended(_))
    }

    /// Queues the one `close` frame. What the client can ask for again by its cursors is dropped, so that the reason
    /// arrives also where the reader is slow.
    fn end(&mut self, code: CloseCode) {
        if self.has_ended() {
            return;
        }
        self.clear();
        self.fetched.clear();
        self.ordered.drop_subscriptions();
        let after = self.reconnect_after_ms.filter(|_| code == CloseCode::ServerDraining);
        self.ordered.push(encode(&ServerFrame::close(code, after)), Slot::Kept);
        self.phase = Phase::Ended(Some(code));
    }

    /// Ends without a word: nobody is there to hear it.
    fn abandon(&mut self) {
        self.clear();
        self.ordered.clear();
        self.fetched.clear();
        self.phase = Phase::Ended(None);
    }

    /// Work that nobody waits for any more. What happened to security stays told.
    fn clear(&mut self) {
        self.outputs.retain(|output| matches!(output, Output::Security(_)));
        self.subscriptions = Subscriptions::default();
        self.fetches = Fetches::default();
        self.refresh = None;
    }

    fn refuse(&mut self, code: CloseCode, why: &'static str) {
        self.outputs.push_back(Output::Security(SecurityEvent::Refused { code, why }));
        self.end(code);
    }

    /// Queues a frame that is never dropped.
    fn say(&mut self, stream: Stream, frame: &ServerFrame) {
        self.push(stream, encode(frame), Slot::Kept);
    }

    fn push(&mut self, stream: Stream, frame: Bytes, slot: Slot) {
        if self.has_ended() {
            return;
        }
        let limits = &self.limits;
        let bytes_max = limits.outbox_bytes_max.max(crate::limits::FRAME_BYTES_MAX) * KEPT_FACTOR;
        let frames_max = limits.outbox_frames_max * KEPT_FACTOR;
        let outbox = self.outbox(stream);
        if outbox.kept_bytes() + frame.len() > bytes_max || outbox.kept_frames() >= frames_max {
            self.end(CloseCode::RateLimited);
            return;
        }
        outbox.push(frame, slot);
    }

    fn protocol_error(&mut self, what: &str) {
        if !matches!(self.phase, Phase::Open(_)) {
            return self.refuse(CloseCode::Unauthenticated, "frame_before_hello");
        }
        self.say(Stream::Ordered, &ServerFrame::Error { code: ReplyCode::Invalid, message: what.to_owned() });
        self.protocol_errors += 1;
        if self.protocol_errors >= self.limits.protocol_errors_max {
            self.limit_hit(Limit::ProtocolErrorsMax);
            self.end(CloseCode::ProtocolError);
        }
    }

    fn frame_too_large(&mut self) {
        if !matches!(self.phase, Phase::Open(_)) {
            return self.refuse(CloseCode::FrameTooLarge, "frame_too_large");
        }
        self.limit_hit(Limit::FrameBytesMax);
        self.end(CloseCode::FrameTooLarge);
    }

    fn limit_hit(&mut self, limit: Limit) {
        self.outputs.push_back(Output::Security(SecurityEvent::LimitHit { limit }));
    }

    /// Takes the limits that were put in force meanwhile, for what is checked from now on.
    fn renew_limits(&mut self) {
        if self.limits_version != self.context.limits_version() {
            let tenant = self.tenant();
            (self.limits_version, self.limits) = self.context.limits_of(tenant.as_deref());
        }
    }

    fn on_drain(&mut self, reconnect_after_ms: u64) {
        self.reconnect_after_ms = Some(reconnect_after_ms);
        self.say_drain();
    }

    /// Tells an open session that the server is leaving, if it is.
    fn say_drain(&mut self) {
        if let (Some(reconnect_after_ms), Phase::Open(_)) = (self.reconnect_after_ms, &self.phase) {
            self.ordered.drop_once(Once::Drain);
            self.push(Stream::Ordered, encode(&ServerFrame::Drain { reconnect_after_ms }), Slot::Once(Once::Drain));
        }
    }
}
