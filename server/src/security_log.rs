//! The security log: every line about who came, who was let in, who was refused and why goes through here.
//!
//! `docs/security-events.md` is the schema. Lines hold no token, no content, no key and no path of this machine: what is written
//! is ours, or was said by a client about itself and is cut to a length. A flood is counted and not written (`sampling`).

mod address;
mod sampling;
mod who;

pub(crate) use who::Who;

use crate::config::Addresses;
use address::Neighbourhood;
use parking_lot::Mutex;
use sampling::{Kind, Sampling, Source};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use tidings_engine::admission::Refusal;
use tidings_engine::ids::Time;
use tidings_engine::limits::Limit;
use tidings_engine::session::SecurityEvent;
use tidings_wire::{CloseCode, ReplyCode};
use tracing::{info, warn};

/// Target of the lines.
pub const SECURITY: &str = "security";

/// What a refused peer is told, and why it was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The close code of a session, or the HTTP status where there is none; 0 where nothing can be told.
    pub(crate) code: u16,
    /// The word for it on the wire.
    pub(crate) answer: &'static str,
    /// Why, in a stable word: the peer does not learn it.
    pub(crate) reason: &'static str,
}

/// How a connection came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// The close code that this server gave.
    pub(crate) code: Option<u16>,
    /// `closed_by_server`, `closed_by_peer` or `lost`.
    pub(crate) end: &'static str,
    /// How long it was open.
    pub(crate) duration_ms: i64,
    /// Bytes of the frames received.
    pub(crate) bytes_in: u64,
    /// Bytes of the frames sent.
    pub(crate) bytes_out: u64,
}

/// Writes the lines, and counts what they tell for `/metrics`.
#[derive(Debug)]
pub(crate) struct SecurityLog {
    addresses: Addresses,
    sampling: Mutex<Sampling>,
    authentications: AtomicU64,
    refusals: AtomicU64,
}

/// One line. The first fields are those that all events share; a field without a value is left out.
macro_rules! write_line {
    ($level:ident, $event:expr, $who:expr, $address:expr $(, $field:ident = $value:expr)* $(,)?) => {
        $level!(target: SECURITY, event = $event, connection = $who.connection, request = $who.request,
            carrier = $who.carrier, address = $address, user_agent = $who.user_agent, tenant = $who.tenant,
            subject = $who.subject $(, $field = $value)*)
    };
}

impl SecurityLog {
    /// A log that writes addresses this way.
    pub(crate) fn new(addresses: Addresses) -> Self {
        Self { addresses, sampling: Mutex::default(), authentications: AtomicU64::new(0), refusals: AtomicU64::new(0) }
    }

    /// A connection has a place and may say hello.
    pub(crate) fn opened(&self, who: &Who<'_>, origin: Option<&str>, now: Time) {
        if let Some(left_out) = self.sampled(who, "opened", "", now) {
            let origin = origin.map(who::cut);
            write_line!(info, "opened", who, self.address(who.address), origin = origin, left_out = some(left_out));
        }
    }

    /// A session is open. Never left out.
    pub(crate) fn authenticated(&self, who: &Who<'_>, client: Option<&str>) {
        self.authentications.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("tidings_authentications_total", "carrier" => who.carrier).increment(1);
        let client = client.map(who::cut);
        write_line!(info, "authenticated", who, self.address(who.address), client = client);
    }

    /// A connection has ended. Of one that was authenticated never left out.
    pub(crate) fn ended(&self, who: &Who<'_>, ended: Ended, now: Time) {
        let Ended { code, end, duration_ms, bytes_in, bytes_out } = ended;
        let left_out = match who.subject {
            Some(_) => Some(0),
            None => self.sampled(who, "ended", end, now),
        };
        if let Some(left_out) = left_out {
            write_line!(
                info,
                "ended",
                who,
                self.address(who.address),
                code = code,
                end = end,
                duration_ms = duration_ms,
                bytes_in = bytes_in,
                bytes_out = bytes_out,
                left_out = some(left_out)
            );
        }
    }

    /// Somebody was sent away: a handshake, a hello, a later token or a request.
    pub(crate) fn refused(&self, who: &Who<'_>, refused: Refused, origin: Option<&str>, now: Time) {
        let Refused { code, answer, reason } = refused;
        self.refusals.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("tidings_refusals_total", "carrier" => who.carrier, "code" => answer).increment(1);
        if let Some(what) = foreign(reason) {
            self.cross_tenant(who, what, now);
        }
        if let Some(left_out) = self.sampled(who, "refused", reason, now) {
            let (origin, code) = (origin.map(who::cut), Some(code).filter(|code| *code > 0));
            write_line!(
                warn,
                "refused",
                who,
                self.address(who.address),
                code = code,
                answer = answer,
                reason = reason,
                origin = origin,
                left_out = some(left_out)
            );
        }
    }

    /// A connection got no place.
    pub(crate) fn not_admitted(&self, who: &Who<'_>, refusal: Refusal, now: Time) {
        let (code, answer, reason) = match refusal {
            Refusal::NodeFull(_) => (503, CloseCode::ServerFull, "node_full"),
            Refusal::TooManyConnections(_) => (429, CloseCode::TooManyConnections, "address_connections"),
            Refusal::TooManyHandshakes { .. } => (429, CloseCode::RateLimited, "address_handshakes"),
        };
        count_hit(refusal.limit());
        self.refused(who, Refused { code, answer: answer.reason(), reason }, None, now);
    }

    /// A request was refused, over HTTP or within a session.
    pub(crate) fn request_refused(&self, who: &Who<'_>, code: ReplyCode, reason: &'static str, now: Time) {
        self.refused(who, Refused { code: code.http_status(), answer: code.word(), reason }, None, now);
    }

    /// A session, request or tenant has reached a limit of the configuration.
    pub(crate) fn limit_hit(&self, who: &Who<'_>, limit: Limit, now: Time) {
        count_hit(limit);
        let limit = limit.name();
        if let Some(left_out) = self.sampled(who, "limit_hit", limit, now) {
            write_line!(warn, "limit_hit", who, self.address(who.address), limit = limit, left_out = some(left_out));
        }
    }

    /// Somebody used what is not of the own tenant, or of none: `token`, `refresh`, `cursor` or `notification`.
    pub(crate) fn cross_tenant(&self, who: &Who<'_>, what: &'static str, now: Time) {
        metrics::counter!("tidings_cross_tenant_total", "what" => what).increment(1);
        if let Some(left_out) = self.sampled(who, "cross_tenant", what, now) {
            write_line!(warn, "cross_tenant", who, self.address(who.address), what = what, left_out = some(left_out));
        }
    }

    /// What a session stood on was taken away, so it ends: by an `erasure`. Never left out.
    pub(crate) fn revoked(&self, who: &Who<'_>, by: &'static str) {
        metrics::counter!("tidings_sessions_revoked_total", "by" => by).increment(1);
        write_line!(warn, "revoked", who, self.address(who.address), by = by);
    }

    /// What a session tells.
    pub(crate) fn session(&self, who: &Who<'_>, event: &SecurityEvent, now: Time) {
        match event {
            SecurityEvent::Authenticated { client, .. } => self.authenticated(who, client.as_deref()),
            SecurityEvent::Refused { code, why } => {
                let refused = Refused { code: code.number(), answer: code.reason(), reason: why };
                self.refused(who, refused, None, now);
            }
            SecurityEvent::NotPermitted => {
                let code = ReplyCode::Forbidden;
                self.request_refused(who, code, code.word(), now);
            }
            SecurityEvent::LimitHit { limit } => self.limit_hit(who, *limit, now),
            SecurityEvent::ForeignCursor => self.cross_tenant(who, "cursor", now),
        }
    }

    /// Tells what was left out and not told yet. To be called about once a second.
    pub(crate) fn tell_left_out(&self, now: Time) {
        let told = self.sampling.lock().left_out(now);
        for (Source { kind, neighbourhood }, left_out) in told {
            let Kind { event, carrier, reason } = kind;
            let address = neighbourhood.filter(|_| self.addresses != Addresses::None).map(|place| place.to_string());
            let reason = Some(reason).filter(|reason| !reason.is_empty());
            warn!(target: SECURITY, event = "left_out", of = event, carrier, reason, address, left_out);
        }
    }

    /// Sessions that were opened, and refusals, since the start.
    pub(crate) fn counted(&self) -> (u64, u64) {
        (self.authentications.load(Ordering::Relaxed), self.refusals.load(Ordering::Relaxed))
    }

    fn sampled(&self, who: &Who<'_>, event: &'static str, reason: &'static str, now: Time) -> Option<u64> {
        let kind = Kind { event, carrier: who.carrier, reason };
        self.sampling.lock().take(kind, Neighbourhood::of(who.address), now)
    }

    fn address(&self, address: IpAddr) -> Option<String> {
        match self.addresses {
            Addresses::Truncated => Some(Neighbourhood::of(address).to_string()),
            Addresses::Full => Some(address.to_canonical().to_string()),
            Addresses::None => None,
        }
    }
}

/// An address as anybody may be shown it: without its end.
pub(crate) fn neighbourhood(address: IpAddr) -> String {
    Neighbourhood::of(address).to_string()
}

/// Counts that somebody was over a limit.
pub(crate) fn count_hit(limit: Limit) {
    metrics::counter!("tidings_limit_hits_total", "limit" => limit.name()).increment(1);
}

/// A number of lines left out, where there were any.
fn some(left_out: u64) -> Option<u64> {
    Some(left_out).filter(|count| *count > 0)
}

/// What of another tenant's was shown, where a refusal is for that.
fn foreign(reason: &str) -> Option<&'static str> {
    match reason {
        "tenant_not_allowed" => Some("token"),
        "refresh_of_another" => Some("refresh"),
        _ => None,
    }
}
