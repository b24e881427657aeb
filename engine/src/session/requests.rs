//! What a client may ask, how fast, and how much of it at once.

use super::{Output, Session, Stream};
use crate::grant::{Grant, Right};
use crate::ids::Time;
use crate::limits::Limit;
use crate::rejection::Rejection;
use std::collections::VecDeque;
use tidings_wire::{InboxName, ServerFrame};

/// Window in which `rate_limited` answers are counted: one minute.
const LIMITED_WINDOW_MS: i64 = 60_000;

/// When to try again with too many requests in flight: as soon as replies have been read.
const IN_FLIGHT_RETRY_MS: u64 = 100;

/// Which rate a frame counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Changes something.
    Command,
    /// Reads, or is about the connection.
    Query,
    /// Publishes or retracts.
    Publish,
}

impl Kind {
    const fn limit(self) -> Limit {
        match self {
            Self::Command => Limit::CommandsPerSecond,
            Self::Query => Limit::QueriesPerSecond,
            Self::Publish => Limit::TenantPublishesPerSecond,
        }
    }
}

/// Fetches whose turn has not come: one page is on its way to a stream at a time.
#[derive(Default)]
pub(super) struct Fetches {
    waiting: VecDeque<(Stream, Output)>,
    ordered_asked: bool,
    fetch_asked: bool,
}

impl Fetches {
    pub(super) fn push(&mut self, stream: Stream, output: Output) {
        self.waiting.push_back((stream, output));
    }

    /// Takes out those that wait for an inbox that `keep` is false for.
    pub(super) fn take_without(&mut self, keep: impl Fn(&InboxName) -> bool) -> Vec<(Stream, String)> {
        let mut taken = Vec::new();
        self.waiting.retain(|(stream, output)| match output {
            Output::Fetch { id, inbox, .. } if !keep(inbox) => {
                taken.push((*stream, id.clone()));
                false
            }
            _ => true,
        });
        taken
    }

    pub(super) const fn asked(&mut self, stream: Stream) -> &mut bool {
        match stream {
            Stream::Ordered => &mut self.ordered_asked,
            Stream::Fetch => &mut self.fetch_asked,
        }
    }
}

/// Whether the inbox may be followed.
pub(super) fn may_follow(grant: &Grant, inbox: &InboxName) -> Result<(), Rejection> {
    let permitted = match inbox {
        InboxName::Me => grant.permits(Right::OwnInbox),
        InboxName::Tenant => grant.permits(Right::ReadTenantInbox),
        InboxName::Platform => grant.permits(Right::PlatformInbox),
        InboxName::Audit => grant.permits(Right::Audit),
        InboxName::Topic(key) => grant.permits(Right::OwnInbox) && grant.topics.contains(key),
    };
    match inbox {
        _ if !permitted => Err(Rejection::Forbidden),
        InboxName::Me | InboxName::Tenant | InboxName::Audit => Ok(()),
        InboxName::Platform | InboxName::Topic(_) => Err(Rejection::invalid("inbox", "is not offered yet")),
    }
}

/// Whether pages of the inbox may be read.
pub(super) fn may_read(grant: &Grant, inbox: &InboxName) -> Result<(), Rejection> {
    may_follow(grant, inbox)?;
    match inbox {
        InboxName::Audit => Err(Rejection::invalid("inbox", "has no pages: read /v1/audit/events, or follow it")),
        _ => Ok(()),
    }
}

impl Session {
    /// Emits what has its turn now.
    pub(super) fn advance(&mut self) {
        if self.grant().is_none() {
            return;
        }
        self.ask_next();
        for stream in [Stream::Ordered, Stream::Fetch] {
            if self.fetches.waiting.is_empty() || *self.fetches.asked(stream) || self.outbox(stream).has_fetched() {
                continue;
            }
            let next = self.fetches.waiting.iter().position(|(of, _)| *of == stream);
            if let Some((_, output)) = next.and_then(|index| self.fetches.waiting.remove(index)) {
                *self.fetches.asked(stream) = true;
                self.outputs.push_back(output);
            }
        }
    }

    /// Takes one from the rate.
    pub(super) fn take_rate(&mut self, kind: Kind, now: Time) -> Result<(), u64> {
        let limits = &self.limits;
        match kind {
            Kind::Command => self.commands.take(limits.commands(), now),
            Kind::Query => self.queries.take(limits.queries(), now),
            Kind::Publish => self.publishes.take(limits.publishes(), now),
        }
    }

    /// Takes one from the rate for a frame that has an `id`; answers `rate_limited` and is false where it is used up.
    pub(super) fn allows(&mut self, kind: Kind, stream: Stream, id: &str, now: Time) -> bool {
        let Err(retry_after_ms) = self.take_rate(kind, now) else { return true };
        self.limit(stream, id, retry_after_ms, kind.limit(), now);
        false
    }

    /// Takes a place in flight, or answers `rate_limited`.
    pub(super) fn takes_flight(&mut self, stream: Stream, id: &str, now: Time) -> bool {
        if self.requests_in_flight >= self.limits.commands_in_flight_max {
            self.limit(stream, id, IN_FLIGHT_RETRY_MS, Limit::CommandsInFlightMax, now);
            return false;
        }
        self.requests_in_flight += 1;
        true
    }

    fn limit(&mut self, stream: Stream, id: &str, retry_after_ms: u64, limit: Limit, now: Time) {
        let error = Rejection::RateLimited { limit, retry_after_ms }.body();
        self.say(stream, &ServerFrame::refusal(id.to_owned(), error));
        self.count_limited(limit, now);
    }

    /// Counts an answer that says no for a limit's sake.
    pub(super) fn count_refusal(&mut self, rejection: &Rejection, now: Time) {
        match rejection {
            Rejection::RateLimited { limit, .. } => self.count_limited(*limit, now),
            _ => {
                if let Some(limit) = rejection.limit() {
                    self.limit_hit(limit);
                }
            }
        }
    }

    /// Counts an answer `rate_limited`; the one over the limit within a minute ends the session.
    pub(super) fn count_limited(&mut self, limit: Limit, now: Time) {
        if now.since(self.limited_since) >= LIMITED_WINDOW_MS {
            self.limited_since = now;
            self.limited_count = 0;
        }
        self.limited_count += 1;
        self.limit_hit(limit);
        if self.limited_count > self.limits.rate_limited_per_minute_max {
            self.limit_hit(Limit::RateLimitedPerMinuteMax);
            self.end(tidings_wire::CloseCode::RateLimited);
        }
    }
}
