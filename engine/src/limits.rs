//! Every limit, once: name, unit, default, and how they must relate.

use crate::rate::RateLimit;
use serde::{Deserialize, Serialize};

/// Most bytes a frame may have in either direction: 65,536. The same number on every carrier.
pub const FRAME_BYTES_MAX: usize = tidings_wire::FRAME_BYTES_MAX;
/// Most bytes a token may have: 8,192.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// Most bytes an HTTP body may have: 1 MiB. Enough for a list of 10,000 recipients.
pub const HTTP_BODY_BYTES_MAX: usize = 1024 * 1024;
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

/// The limits that an operator can lower or raise: section `[limits]` of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Time to finish a transport handshake: 10,000 ms.
    pub handshake_ms_max: u64,
    /// Time to authenticate: 10,000 ms.
    pub hello_ms_max: u64,
    /// Silence that ends a session: 60,000 ms.
    pub idle_ms_max: u64,
    /// How often the server pings: 25,000 ms.
    pub ping_ms: u64,
    /// Most bytes of queued frames, without the one being written: 65,536.
    pub outbox_bytes_max: usize,
    /// Most queued frames, without the one being written: 256.
    pub outbox_frames_max: usize,
    /// Most commands of a connection without their reply: 32.
    pub commands_in_flight_max: u32,
    /// Commands a second of a connection, and of a user over HTTP: 20.
    pub commands_per_second: u32,
    /// Commands at once: 40.
    pub commands_burst: u32,
    /// Pages and subscriptions a second: 50.
    pub queries_per_second: u32,
    /// Pages and subscriptions at once: 100.
    pub queries_burst: u32,
    /// Answers `rate_limited` in a minute before the session is closed: 100.
    pub rate_limited_per_minute_max: u32,
    /// Protocol errors before the session is closed: 3.
    pub protocol_errors_max: u32,
    /// Most subscriptions of a connection: 8.
    pub subscriptions_max: u32,
    /// Most connections of one user on this node: 30.
    pub user_connections_max: u32,
    /// Most connections of one tenant on this node: 50,000.
    pub tenant_connections_max: u32,
    /// Most connections of one address that are authenticated: 10,000.
    pub address_connections_max: u32,
    /// Most connections of one address (IPv6 by /64) that are not authenticated yet: 256.
    pub address_unauthenticated_max: u32,
    /// Handshakes a second of one address: 50.
    pub address_handshakes_per_second: u32,
    /// Most connections of this node: 100,000.
    pub node_connections_max: u32,
    /// Most connections of this node that are not authenticated yet: 2,000.
    pub node_unauthenticated_max: u32,
    /// Most readings of the log by auditors that run at a time on this node: 4. Further ones wait for their turn.
    pub node_audits_running_max: u32,
    /// Most readings of the log by auditors of one tenant at a time on this node, running or waiting: 4.
    pub tenant_audits_max: u32,
    /// Longest life of a token: 86,400,000 ms.
    pub token_lifetime_ms_max: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake_ms_max: 10_000,
            hello_ms_max: 10_000,
            idle_ms_max: 60_000,
            ping_ms: 25_000,
            outbox_bytes_max: 64 * 1024,
            outbox_frames_max: 256,
            commands_in_flight_max: 32,
            commands_per_second: 20,
            commands_burst: 40,
            queries_per_second: 50,
            queries_burst: 100,
            rate_limited_per_minute_max: 100,
            protocol_errors_max: 3,
            subscriptions_max: 8,
            user_connections_max: 30,
            tenant_connections_max: 50_000,
            address_connections_max: 10_000,
            address_unauthenticated_max: 256,
            address_handshakes_per_second: 50,
            node_connections_max: 100_000,
            node_unauthenticated_max: 2_000,
            node_audits_running_max: 4,
            tenant_audits_max: 4,
            token_lifetime_ms_max: 24 * 60 * 60 * 1_000,
        }
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
    pub needed: &'static str,
}

impl Limits {
    /// Checks that the limits go together.
    ///
    /// # Errors
    /// The first that does not.
    pub fn validate(&self) -> Result<(), LimitError> {
        let check = |field, found: u64, holds: bool, needed| {
            if holds { Ok(()) } else { Err(LimitError { field, found, needed }) }
        };
        check("ping_ms", self.ping_ms, self.ping_ms * 2 <= self.idle_ms_max, "at most half of idle_ms_max is allowed")?;
        check("ping_ms", self.ping_ms, self.ping_ms >= 100, "at least 100 is needed")?;
        check("hello_ms_max", self.hello_ms_max, self.hello_ms_max >= 100, "at least 100 is needed")?;
        check("handshake_ms_max", self.handshake_ms_max, self.handshake_ms_max >= 100, "at least 100 is needed")?;
        let outbox = self.outbox_bytes_max as u64;
        check("outbox_bytes_max", outbox, self.outbox_bytes_max >= 4_096, "at least 4096 is needed")?;
        let frames = self.outbox_frames_max as u64;
        check("outbox_frames_max", frames, self.outbox_frames_max >= 8, "at least 8 is needed")?;
        for (field, found) in [
            ("commands_in_flight_max", self.commands_in_flight_max),
            ("commands_per_second", self.commands_per_second),
            ("commands_burst", self.commands_burst),
            ("queries_per_second", self.queries_per_second),
            ("queries_burst", self.queries_burst),
            ("rate_limited_per_minute_max", self.rate_limited_per_minute_max),
            ("protocol_errors_max", self.protocol_errors_max),
            ("subscriptions_max", self.subscriptions_max),
            ("user_connections_max", self.user_connections_max),
            ("tenant_connections_max", self.tenant_connections_max),
            ("address_connections_max", self.address_connections_max),
            ("address_unauthenticated_max", self.address_unauthenticated_max),
            ("address_handshakes_per_second", self.address_handshakes_per_second),
            ("node_connections_max", self.node_connections_max),
            ("node_unauthenticated_max", self.node_unauthenticated_max),
            ("node_audits_running_max", self.node_audits_running_max),
            ("tenant_audits_max", self.tenant_audits_max),
        ] {
            check(field, u64::from(found), found >= 1, "at least 1 is needed")?;
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
}
