//! Every limit, once: name, unit, default, scope, what one is told who is over it, and how they must relate.
//!
//! [`Limit`] is the one table. The struct [`Limits`], the checks of a configuration, `docs/limits.md` and the tests at and
//! one over each limit are made from it.

mod lowered;
mod table;
#[cfg(test)]
mod tests;

pub use lowered::{LimitSet, LoweringError};
pub use table::{Limit, Limits};

use crate::rate::{PER_SECOND_MAX, RateLimit};
use std::fmt;
use tidings_wire::{CloseCode, ReplyCode};

/// Most bytes a frame may have in either direction: 65,536. The same number on every carrier.
pub const FRAME_BYTES_MAX: usize = tidings_wire::FRAME_BYTES_MAX;
/// Most bytes a token may have: 8,192.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// Most bytes an HTTP body may have: 1 MiB. Enough for a list of 10,000 recipients.
pub const HTTP_BODY_BYTES_MAX: usize = 1024 * 1024;
/// Most bytes of an HTTP body from somebody who has shown no token: 4 KiB.
pub const HTTP_OPEN_BODY_BYTES_MAX: usize = 4 * 1024;
/// Most bytes of the head of an HTTP request: 16 KiB.
pub const HTTP_HEAD_BYTES_MAX: usize = 16 * 1024;
/// Most headers of an HTTP/1.1 request: 100. HTTP/2 has the bytes of the head alone.
pub const HTTP_HEADERS_COUNT_MAX: usize = 100;
/// Most requests that an HTTP/2 connection may have open at once: 64.
pub const HTTP_STREAMS_MAX: u32 = 64;
/// Most people one publish may name: 10,000.
pub const RECIPIENTS_COUNT_MAX: usize = 10_000;
/// Most ids one command may name: 500.
pub const BULK_IDS_COUNT_MAX: usize = 500;
/// Most bytes of a subject: 512.
pub const SUBJECT_BYTES_MAX: usize = 512;
/// Most bytes of a body: 16,384.
pub const BODY_BYTES_MAX: usize = 16 * 1024;
/// Most bytes of `data` as JSON: 32,768.
pub const DATA_BYTES_MAX: usize = 32 * 1024;
/// Deepest nesting of `data`: 16.
pub const DATA_DEPTH_MAX: usize = 16;
/// Most bytes of an item as JSON: 49,152, so that it fits a frame with its envelope.
pub const ITEM_BYTES_MAX: usize = 48 * 1024;
/// Most bytes of the items of one page or snapshot as JSON: 49,152.
pub const PAGE_BYTES_MAX: usize = 48 * 1024;
/// Most filters of one question for counts: 32. A bell asks for four, and a list of tabs for one each.
pub const COUNT_FILTERS_MAX: usize = 32;
/// Most items of one page: 100.
pub const PAGE_ITEMS_MAX: usize = 100;
/// Items of a page when the caller does not say: 10.
pub const PAGE_ITEMS_DEFAULT: usize = 10;
/// Most events of one reading by an auditor: 10,000.
pub const AUDIT_EVENTS_MAX: usize = 10_000;
/// Events of a reading when the auditor does not say: 1,000.
pub const AUDIT_EVENTS_DEFAULT: usize = 1_000;
/// Most labels of an item: 32.
pub const TAGS_COUNT_MAX: usize = 32;
/// Most bytes of a label, category, tenant, subject id or topic key: 128.
pub const NAME_BYTES_MAX: usize = 128;
/// Most bytes of `commandId`, `Idempotency-Key` and `transactionId`: 64.
pub const COMMAND_ID_BYTES_MAX: usize = 64;
/// Most bytes of a URL: 2,048.
pub const URL_BYTES_MAX: usize = 2 * 1024;
/// Most roles of a token: 32.
pub const ROLES_COUNT_MAX: usize = 32;
/// Most topics of a token: 200.
pub const TOPICS_COUNT_MAX: usize = 200;
/// Items an inbox shows: the newest 10,000.
pub const INBOX_ITEMS_MAX: usize = 10_000;
/// Removals an inbox remembers for those who return: 256.
pub const TOMBSTONES_COUNT_MAX: usize = 256;
/// How long an idempotency key is remembered: 24 h of recorded time.
pub const IDEMPOTENCY_MS_MAX: i64 = 24 * 60 * 60 * 1_000;
/// Most idempotency keys of one tenant: 1,000,000.
pub const IDEMPOTENCY_KEYS_TENANT_MAX: u32 = 1_000_000;
/// Most idempotency keys of all tenants together: 8,000,000. About 80 bytes of memory each.
pub const IDEMPOTENCY_KEYS_NODE_MAX: u32 = 8_000_000;
/// Most revocations of one tenant's tokens that are remembered at a time: 50,000. One of all the tokens of a person, or of the
/// tenant, is one.
pub const REVOCATIONS_TENANT_MAX: usize = 50_000;
/// Most revocations of all tenants together: 200,000. About 200 bytes of memory each, twice.
pub const REVOCATIONS_NODE_MAX: usize = 200_000;
/// Most API keys of one tenant: 1,000.
pub const API_KEYS_TENANT_MAX: usize = 1_000;
/// Most API keys of all tenants together: 100,000.
pub const API_KEYS_NODE_MAX: usize = 100_000;
/// Most categories that a tenant calls critical: 32.
pub const CRITICAL_COUNT_MAX: usize = 32;
/// Most consents of one person: 64, one a channel and category.
pub const CONSENTS_PERSON_MAX: usize = 64;
/// Most consents of one tenant's people: 250,000.
pub const CONSENTS_TENANT_MAX: usize = 250_000;
/// Most consents of all tenants together: 1,000,000. About 150 bytes of memory each, twice.
pub const CONSENTS_NODE_MAX: usize = 1_000_000;
/// Leeway of `exp`: 5 s.
pub const TOKEN_LEEWAY_MS: i64 = 5_000;
/// Life of a connect ticket: 30 s.
pub const TICKET_MS_MAX: i64 = 30_000;
/// Most connect tickets of one user that wait to be used: 32.
pub const TICKETS_OF_ONE_MAX: u32 = 32;
/// Most connect tickets that a node issues within the life of one: 65,536. About 100 bytes of memory each.
pub const TICKETS_COUNT_MAX: usize = 65_536;

const _: () = assert!(PAGE_BYTES_MAX < FRAME_BYTES_MAX, "a snapshot frame holds its page");
const _: () = assert!(ITEM_BYTES_MAX <= PAGE_BYTES_MAX, "every item fits a page");
const _: () = assert!(SUBJECT_BYTES_MAX + BODY_BYTES_MAX + DATA_BYTES_MAX < crate::log::CONTENT_BYTES_MAX);
const _: () = assert!(RECIPIENTS_COUNT_MAX * 16 + 4_096 < crate::log::FACTS_BYTES_MAX);
const _: () = assert!(IDEMPOTENCY_KEYS_TENANT_MAX <= IDEMPOTENCY_KEYS_NODE_MAX, "one tenant's keys fit a node");
const _: () = assert!(REVOCATIONS_TENANT_MAX <= REVOCATIONS_NODE_MAX, "one tenant's revocations fit a node");
const _: () = assert!(API_KEYS_TENANT_MAX <= API_KEYS_NODE_MAX, "one tenant's keys fit a node");
const _: () = assert!(CONSENTS_PERSON_MAX <= CONSENTS_TENANT_MAX && CONSENTS_TENANT_MAX <= CONSENTS_NODE_MAX);
const _: () = assert!(TOKEN_BYTES_MAX < FRAME_BYTES_MAX, "a hello holds its token");

/// Whom a limit counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One connection, on whatever carrier.
    Connection,
    /// One request, frame or token.
    Request,
    /// One HTTP connection.
    HttpConnection,
    /// One connection, and over all of a user's connections and HTTP requests together.
    ConnectionAndUser,
    /// One user.
    User,
    /// One address; IPv6 addresses count by /64.
    Address,
    /// One tenant.
    Tenant,
    /// This node.
    Node,
    /// One inbox.
    Inbox,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connection => "connection",
            Self::Request => "request",
            Self::HttpConnection => "HTTP connection",
            Self::ConnectionAndUser => "connection, user",
            Self::User => "user",
            Self::Address => "address",
            Self::Tenant => "tenant",
            Self::Node => "node",
            Self::Inbox => "inbox",
        })
    }
}

/// What somebody is told who is over a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// This reply, or its HTTP status.
    Reply(ReplyCode),
    /// This close code.
    Close(CloseCode),
    /// There is no place: 429 or 503 where a status can be told, otherwise the connection is closed or refused unread.
    NoPlace,
    /// This HTTP status.
    Status(u16),
    /// The connection ends without a word.
    Ended,
    /// The subscription falls behind and catches up.
    Behind,
    /// Nothing: the oldest are no longer there.
    Oldest,
    /// Nothing: it is cut, or waits for its turn.
    Nothing,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply(code) => write!(f, "`{}`, {}", code.word(), code.http_status()),
            Self::Close(code) => write!(f, "close {} `{}`", code.number(), code.reason()),
            Self::NoPlace => f.write_str("no place: 429, 503, or refused unread"),
            Self::Status(status) => write!(f, "HTTP {status}"),
            Self::Ended => f.write_str("the connection ends"),
            Self::Behind => f.write_str("`behind`, then `caught_up`"),
            Self::Oldest => f.write_str("the oldest go"),
            Self::Nothing => f.write_str("nothing"),
        }
    }
}

/// Who may set a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// Nobody: clients and the log count on it.
    Fixed,
    /// Section `[limits]`.
    Node,
    /// Section `[limits]`; and for one tenant, lower, `[[tenants]]`.
    Tenant,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// Its name in the configuration, in metrics and in the security log. The unit is its end.
    pub name: &'static str,
    /// Unless it is set.
    pub default: u64,
    /// The least that it may be set to.
    pub min: u64,
    /// Whom it counts for.
    pub scope: Scope,
    /// What somebody is told who is over it.
    pub told: Told,
    /// Who may set it.
    pub set: Set,
    /// What it is.
    pub about: &'static str,
}

impl Description {
    /// The most that it may be set to.
    #[must_use]
    pub fn max(&self) -> u64 {
        if self.name.ends_with("_per_second") { u64::from(PER_SECOND_MAX) } else { u64::from(u32::MAX / 2) }
    }
}

impl Limit {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.describe().name
    }

    /// The limit of a name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|limit| limit.name() == name)
    }
}

/// Limits that do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("limits.{field} is {found}, {needed}")]
pub struct LimitError {
    /// Which.
    pub field: &'static str,
    /// Its value.
    pub found: u64,
    /// What it must be.
    pub needed: String,
}

impl Limits {
    /// Checks that each limit is in its range, and that they go together.
    ///
    /// # Errors
    /// The first that does not.
    pub fn validate(&self) -> Result<(), LimitError> {
        for limit in Limit::ALL {
            let row = limit.describe();
            let Some(found) = self.value(*limit) else { continue };
            let wrong = |needed| Err(LimitError { field: row.name, found, needed });
            if found < row.min {
                return wrong(format!("at least {} is needed", row.min));
            }
            if found > row.max() {
                return wrong(format!("at most {} is allowed", row.max()));
            }
        }
        if self.ping_ms * 2 > self.idle_ms_max {
            let needed = "at most half of idle_ms_max is allowed".to_owned();
            return Err(LimitError { field: "ping_ms", found: self.ping_ms, needed });
        }
        Ok(())
    }

    /// The rate of commands.
    #[must_use]
    pub const fn commands(&self) -> RateLimit {
        RateLimit { per_second: self.commands_per_second, burst: self.commands_burst }
    }

    /// The rate of pages and subscriptions.
    #[must_use]
    pub const fn queries(&self) -> RateLimit {
        RateLimit { per_second: self.queries_per_second, burst: self.queries_burst }
    }

    /// The rate of publishing of a tenant.
    #[must_use]
    pub const fn publishes(&self) -> RateLimit {
        RateLimit::of_a_second(self.tenant_publishes_per_second)
    }

    /// The rate of people whom a tenant's publishes name.
    #[must_use]
    pub const fn recipients(&self) -> RateLimit {
        RateLimit::of_a_second(self.tenant_recipients_per_second)
    }

    /// The rate of handshakes of an address.
    #[must_use]
    pub const fn handshakes(&self) -> RateLimit {
        RateLimit::of_a_second(self.address_handshakes_per_second)
    }
}
