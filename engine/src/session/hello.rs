//! From the first byte to `welcome`: nothing is kept or learned before the token is good and there is a place.

use super::{Input, Output, SecurityEvent, Session, Stream};
use crate::grant::{Grant, Right, Role};
use crate::ids::Time;
use crate::limits::{BULK_IDS_COUNT_MAX, FRAME_BYTES_MAX, Limits, PAGE_ITEMS_MAX};
use crate::rejection::Rejection;
use crate::token::TokenError;
use std::sync::Arc;
use tidings_wire::{ClientFrame, CloseCode, Hello, LimitsShown, ServerFrame, SubscribeTo, decode};

/// Where a session stands.
pub(super) enum Phase {
    /// Nothing was heard yet.
    Hello,
    /// The token's key is being loaded.
    Proving(Box<Unproven>),
    /// The token is good; is there a place?
    Admitting(Box<Greeting>),
    /// There is a place; the person is being recorded.
    Observing(Box<Greeting>),
    /// Welcome was said.
    Open(Arc<Grant>),
    /// Over, with the code that was told to the peer.
    Ended(Option<CloseCode>),
}

impl Phase {
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Proving(_) => "proving",
            Self::Admitting(_) => "admitting",
            Self::Observing(_) => "observing",
            Self::Open(_) => "open",
            Self::Ended(_) => "ended",
        }
    }
}

/// A `hello` whose token cannot be judged yet, with the frames that did not wait.
pub(super) struct Unproven {
    hello: Hello,
    early: Early,
}

/// A `hello` on its way to `welcome`, with the frames that did not wait for it.
pub(super) struct Greeting {
    pub(super) grant: Arc<Grant>,
    client: Option<String>,
    subscribe: Vec<SubscribeTo>,
    early: Early,
}

/// Frames that came before `welcome`.
#[derive(Default)]
struct Early {
    frames: Vec<(Stream, Box<[u8]>)>,
    bytes: usize,
}

/// Most bytes of frames that are kept for somebody whose token is not proven: 4 KiB.
const UNPROVEN_BYTES_MAX: usize = 4 * 1024;

impl Early {
    /// Keeps a frame. False: it is one too many.
    fn keeps(&mut self, stream: Stream, bytes: &[u8], bytes_max: usize, frames_max: usize) -> bool {
        self.bytes += bytes.len();
        if self.bytes > bytes_max || self.frames.len() >= frames_max {
            return false;
        }
        self.frames.push((stream, bytes.into()));
        true
    }
}

impl Session {
    /// Whose token was verified, if one was.
    pub(super) fn tenant(&self) -> Option<Arc<str>> {
        match &self.phase {
            Phase::Hello | Phase::Proving(_) | Phase::Ended(_) => None,
            Phase::Admitting(greeting) | Phase::Observing(greeting) => Some(Arc::clone(&greeting.grant.tenant)),
            Phase::Open(grant) => Some(Arc::clone(&grant.tenant)),
        }
    }

    pub(super) fn on_bytes(&mut self, stream: Stream, bytes: &[u8], now: Time) {
        if bytes.len() > FRAME_BYTES_MAX {
            return self.frame_too_large();
        }
        let frames_max = self.limits.commands_in_flight_max as usize;
        let kept = match &mut self.phase {
            Phase::Hello => return self.on_hello(stream, bytes, now),
            Phase::Proving(unproven) => unproven.early.keeps(stream, bytes, UNPROVEN_BYTES_MAX, frames_max),
            Phase::Admitting(greeting) | Phase::Observing(greeting) => {
                greeting.early.keeps(stream, bytes, FRAME_BYTES_MAX, frames_max)
            }
            Phase::Open(_) => return self.on_client_bytes(stream, bytes, now),
            Phase::Ended(_) => true,
        };
        if !kept {
            self.refuse(CloseCode::ProtocolError, "frames_before_welcome");
        }
    }

    fn on_hello(&mut self, stream: Stream, bytes: &[u8], now: Time) {
        let hello = match decode(bytes, FRAME_BYTES_MAX) {
            Ok(ClientFrame::Hello(hello)) if stream == Stream::Ordered => hello,
            _ => return self.refuse(CloseCode::Unauthenticated, "frame_before_hello"),
        };
        if let Some(ticket) = &hello.ticket {
            if !hello.token.is_empty() {
                return self.refuse(CloseCode::Unauthenticated, "token_and_ticket");
            }
            return match self.context.redeem_ticket(ticket, now) {
                Some(grant) => self.on_verified(Ok(grant), hello, Early::default()),
                None => self.refuse(CloseCode::Unauthenticated, "ticket"),
            };
        }
        match self.context.authenticate(&hello.token, now) {
            Err(error) if error.source().is_some() => {
                self.outputs.extend(error.source().map(|from| Output::LoadKeys { from }));
                self.phase = Phase::Proving(Box::new(Unproven { hello, early: Early::default() }));
            }
            verified => self.on_verified(verified.map(Arc::new), hello, Early::default()),
        }
    }

    /// Judges the token of `hello` by the keys that there are now: it does not wait a second time.
    pub(super) fn prove(&mut self, now: Time) {
        if !matches!(self.phase, Phase::Proving(_)) {
            return;
        }
        let Phase::Proving(unproven) = std::mem::replace(&mut self.phase, Phase::Hello) else { return };
        let Unproven { hello, early } = *unproven;
        let verified = self.context.authenticate(&hello.token, now);
        self.on_verified(verified.map(Arc::new), hello, early);
    }

    fn on_verified(&mut self, verified: Result<Arc<Grant>, TokenError>, hello: Hello, early: Early) {
        let Hello { client, subscribe, .. } = hello;
        let grant = match verified {
            Ok(grant) => grant,
            Err(error) => return self.refuse(error.close_code(), error.word()),
        };
        (self.limits_version, self.limits) = self.context.limits_of(Some(&*grant.tenant));
        self.outputs.push_back(Output::Admit(Arc::clone(&grant)));
        self.phase = Phase::Admitting(Box::new(Greeting { grant, client, subscribe, early }));
    }

    pub(super) fn on_admitted(&mut self, result: Result<(), CloseCode>, now: Time) {
        if !matches!(self.phase, Phase::Admitting(_)) {
            return;
        }
        if let Err(code) = result {
            return self.refuse(code, "no_place");
        }
        let Phase::Admitting(greeting) = std::mem::replace(&mut self.phase, Phase::Hello) else { return };
        if greeting.grant.permits(Right::OwnInbox) {
            self.outputs.push_back(Output::Observe(Arc::clone(&greeting.grant)));
            self.phase = Phase::Observing(greeting);
        } else {
            self.open(*greeting, now);
        }
    }

    pub(super) fn on_observed(&mut self, result: Result<(), Rejection>, now: Time) {
        if !matches!(self.phase, Phase::Observing(_)) {
            return;
        }
        match result {
            // Where nothing can be recorded, what is recorded can still be read.
            Ok(()) | Err(Rejection::ReadOnly) => {}
            Err(Rejection::RateLimited { .. }) => return self.refuse(CloseCode::RateLimited, "observe_rate_limited"),
            Err(Rejection::Forbidden) => return self.refuse(CloseCode::Forbidden, "observe_forbidden"),
            // Revoked, or erased, since the token was looked at.
            Err(Rejection::Unauthenticated) => return self.refuse(CloseCode::TokenRevoked, "token_revoked"),
            Err(_) => return self.refuse(CloseCode::Internal, "observe_failed"),
        }
        let Phase::Observing(greeting) = std::mem::replace(&mut self.phase, Phase::Hello) else { return };
        self.open(*greeting, now);
    }

    fn open(&mut self, greeting: Greeting, now: Time) {
        let Greeting { grant, client, subscribe, early, .. } = greeting;
        // Whoever ends the sessions of a revoked token looks at open ones: this one was not, a moment ago.
        if self.context.refuses(&grant) {
            return self.refuse(CloseCode::TokenRevoked, "token_revoked");
        }
        self.phase = Phase::Open(Arc::clone(&grant));
        self.pinged = now;
        let welcome = ServerFrame::Welcome {
            session: self.id.to_string(),
            epoch: format!("{:016x}", self.context.epoch),
            tenant: grant.tenant.to_string(),
            subject: grant.subject.to_string(),
            roles: grant.roles.iter().map(|role| Role::word(*role).to_owned()).collect(),
            expires: rfc3339(grant.expires),
            limits: shown(&self.limits),
            server_time: rfc3339(now),
        };
        self.say(Stream::Ordered, &welcome);
        self.say_drain();
        self.outputs.push_back(Output::Security(SecurityEvent::Authenticated { grant, client }));
        self.subscribe_from_hello(subscribe);
        // `process` and not `on_client_bytes`: each of them may end the session.
        for (stream, bytes) in early.frames {
            self.process(Input::Frame { stream, bytes: &bytes }, now);
        }
    }
}

fn shown(limits: &Limits) -> LimitsShown {
    LimitsShown {
        frame_bytes_max: FRAME_BYTES_MAX as u64,
        idle_ms_max: limits.idle_ms_max,
        ping_ms: limits.ping_ms,
        commands_in_flight_max: limits.commands_in_flight_max,
        subscriptions_max: limits.subscriptions_max,
        page_items_max: PAGE_ITEMS_MAX as u32,
        bulk_ids_max: BULK_IDS_COUNT_MAX as u32,
    }
}

/// RFC 3339 in UTC with milliseconds.
pub(super) fn rfc3339(time: Time) -> String {
    let timestamp = jiff::Timestamp::from_millisecond(time.0).unwrap_or(jiff::Timestamp::MAX);
    timestamp.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
