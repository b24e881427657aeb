use super::hello::Phase;
use super::outbox::{Once, Slot};
use super::{Session, Stream};
use crate::ids::Time;
use tidings_wire::{CloseCode, ServerFrame, encode};

impl Session {
    /// When the session wants to be called next, whatever happens meanwhile; `None` once it has ended.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        let limits = &self.limits;
        let idle = after(self.heard, limits.idle_ms_max);
        match &self.phase {
            Phase::Hello | Phase::Proving(_) => Some(after(self.pinged, limits.hello_ms_max)),
            Phase::Admitting(greeting) | Phase::Observing(greeting) => Some(idle.min(greeting.grant.expires)),
            Phase::Open(grant) => Some(idle.min(grant.expires).min(after(self.pinged, limits.ping_ms))),
            Phase::Ended(_) => None,
        }
    }

    /// Does what is due.
    pub(super) fn keep_time(&mut self, now: Time) {
        let limits = &self.limits;
        let (idle, hello) = (after(self.heard, limits.idle_ms_max), after(self.pinged, limits.hello_ms_max));
        let ping = after(self.pinged, limits.ping_ms);
        match &self.phase {
            Phase::Hello | Phase::Proving(_) if now >= hello => self.refuse(CloseCode::HelloTimeout, "hello_timeout"),
            Phase::Admitting(greeting) | Phase::Observing(greeting) if now >= greeting.grant.expires => {
                self.refuse(CloseCode::TokenExpired, "token_expired");
            }
            Phase::Open(grant) if now >= grant.expires => self.end(CloseCode::TokenExpired),
            Phase::Admitting(_) | Phase::Observing(_) | Phase::Open(_) if now >= idle => {
                self.end(CloseCode::IdleTimeout);
            }
            Phase::Open(_) if now >= ping => {
                self.pinged = now;
                if !self.ordered.has_once(Once::Ping) {
                    self.push(Stream::Ordered, encode(&ServerFrame::Ping), Slot::Once(Once::Ping));
                }
            }
            _ => {}
        }
    }
}

fn after(time: Time, milliseconds: u64) -> Time {
    time.plus(i64::try_from(milliseconds).unwrap_or(i64::MAX))
}
