//! Where each limit is proven: one row for each of the engine's table. A limit without a row fails.

use super::carriers::{ALL, ASKED, Ask, Carrier, FRAMES, HEADS, HTTP, SESSIONS};
use super::world::Setting;
use serde_json::{Value, json};
use tidings_engine::limits::{Limit, Told};

/// One limit.
pub(crate) enum Row {
    /// At it and one over, on these carriers.
    Proven {
        on: &'static [Carrier],
        /// Why not on the others; empty where it is on all.
        others: &'static str,
        setting: Setting,
        /// What its tenant may have less of.
        lower: &'static [(&'static str, u32)],
        proof: Proof,
    },
    /// No carrier has a part in it, or it takes longer than a test may: the test that `tests/limits/proofs.rs` names stands
    /// where it is decided.
    Inside(&'static str),
}

/// How it is shown.
pub(crate) enum Proof {
    /// Asked by this role: the first is taken, the second is not.
    Asked { role: &'static str, at: fn() -> Ask, over: fn() -> Ask, code: &'static str },
    /// A token with these claims and so many bytes: the first is taken, the second is not.
    Token { at: Claims, over: Claims },
    /// A frame.
    Frame,
    /// A body.
    Body { path: &'static str, bytes: usize },
    /// A head with so many headers more than it needs, or so many bytes.
    Head { at: [usize; 2], over: [usize; 2] },
    /// A notification as an item.
    Item,
    /// Items of a page.
    Page,
    /// Tickets.
    Tickets,
    /// Consents.
    Consents,
    /// Categories that are critical.
    Critical,
    /// A question by HTTP: the first path is answered, the second is not.
    Path { role: &'static str, at: fn() -> String, over: fn() -> String, status: u16 },
    /// Readings at once.
    Readings,
    /// A rate: so many at once, and so many a second.
    Rate { role: &'static str, ask: fn() -> Ask, burst: u32, per_second: u32 },
    /// People named within a second.
    People,
    /// Commands without their reply.
    InFlight,
    /// Answers `rate_limited`.
    Limited,
    /// Frames that are none, or tokens that are none.
    Wrong,
    /// Inboxes.
    Subscriptions,
    /// A reader who does not read, of items with so many bytes.
    Outbox { bytes: usize },
    /// Sessions of one user, or of one tenant.
    Sessions { of_one: bool },
    /// Connections that have shown a good token.
    Known(usize),
    /// Connections that have shown none.
    Strangers(usize),
    /// New connections.
    Handshakes,
    /// Silence instead of a handshake, hello, pong or body.
    Silence(Until),
}

/// What silence is instead of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    Handshake,
    Hello,
    Ping,
    Idle,
    Body,
}

/// Changes claims; gives how many bytes the token is to have, 0 for as many as it has.
pub(crate) type Claims = fn(&mut Value) -> usize;

/// As which limit somebody over it on this carrier counts in `tidings_limit_hits_total`: a burst as its rate. `None`: it counts
/// as a refusal by its reason, or nobody is told.
pub(crate) fn counts_as(limit: Limit, carrier: Carrier) -> Option<Limit> {
    use tidings_wire::{CloseCode, ReplyCode};
    let counts = match limit.describe().told {
        Told::Reply(code) => code != ReplyCode::Invalid,
        Told::NoPlace | Told::Status(408) => true,
        Told::Close(CloseCode::ProtocolError) => carrier != Carrier::Http,
        Told::Close(code) => {
            matches!(code, CloseCode::TooManyConnections | CloseCode::RateLimited | CloseCode::FrameTooLarge)
        }
        Told::Status(_) | Told::Ended | Told::Behind | Told::Oldest | Told::Nothing => false,
    };
    let as_which = match limit {
        Limit::CommandsBurst => Limit::CommandsPerSecond,
        Limit::QueriesBurst => Limit::QueriesPerSecond,
        limit => limit,
    };
    counts.then_some(as_which)
}

const NO_FRAMES: &str = "a reader of events sends nothing, and an HTTP request is no frame";
const NOT_EVENTS: &str = "a reader of events asks nothing";
const NOT_HTTP: &str = "a plain request is no session";
const BY_HTTP: &str = "it is asked by HTTP alone";
const OF_STATE: &str = "of what is stored; no carrier has a part in it";
const MANY: &str = "of the node; it takes more than a test of seconds can make";

const fn proven(on: &'static [Carrier], others: &'static str, proof: Proof) -> Row {
    Row::Proven { on, others, setting: Setting::Wide, lower: &[], proof }
}

const fn lowered(
    on: &'static [Carrier],
    others: &'static str,
    lower: &'static [(&'static str, u32)],
    proof: Proof,
) -> Row {
    Row::Proven { on, others, setting: Setting::Wide, lower, proof }
}

const fn on_node(on: &'static [Carrier], others: &'static str, setting: Setting, proof: Proof) -> Row {
    Row::Proven { on, others, setting, lower: &[], proof }
}

/// A publish with one field as it may just be, and one over.
const fn published(at: fn() -> Ask, over: fn() -> Ask) -> Row {
    proven(ASKED, NOT_EVENTS, Proof::Asked { role: "service", at, over, code: "too_large" })
}

fn publish(field: &str, value: Value) -> Ask {
    let mut publish = json!({"to": "ada", "body": "b"});
    publish[field] = value;
    Ask::Publish(publish)
}

fn text(bytes: usize) -> Value {
    json!("x".repeat(bytes))
}

/// So many names of at most three letters.
fn names(count: usize) -> Vec<String> {
    let letter = |number: usize| char::from(b'a' + u8::try_from(number % 26).expect("below 26"));
    (0..count).map(|one| [letter(one), letter(one / 26), letter(one / 676)].iter().collect()).collect()
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |inner, _| json!([inner]))
}

fn page(limit: u32) -> Ask {
    Ask::Page { limit, tags: Vec::new() }
}

fn read(count: usize) -> Ask {
    Ask::Read { ids: vec!["nobody".to_owned(); count], key: None }
}

fn under_key(bytes: usize) -> Ask {
    Ask::Read { ids: vec!["nobody".to_owned()], key: Some("k".repeat(bytes)) }
}

fn counted(filters: usize) -> String {
    let filters = vec!["%7B%7D"; filters].join(",");
    format!("/v1/inbox/notifications/count?filters=%5B{filters}%5D")
}

fn list(claims: &mut Value, claim: &str, words: Vec<String>) -> usize {
    claims[claim] = json!(words);
    0
}

fn living(claims: &mut Value, more_seconds: i64) -> usize {
    let ends = claims["exp"].as_i64().expect("claims have an end");
    claims["exp"] = json!(ends + more_seconds);
    0
}

/// The row of each limit.
const ROWS: &[(Limit, Row)] = &[
    (Limit::FrameBytesMax, proven(FRAMES, NO_FRAMES, Proof::Frame)),
    (Limit::TokenBytesMax, proven(ALL, "", Proof::Token { at: |_| 8_192, over: |_| 8_193 })),
    (Limit::RolesCountMax, {
        let at: Claims = |claims| list(claims, "roles", vec!["user".to_owned(); 32]);
        proven(ALL, "", Proof::Token { at, over: |claims| list(claims, "roles", vec!["user".to_owned(); 33]) })
    }),
    (Limit::TopicsCountMax, {
        let at: Claims = |claims| list(claims, "topics", names(200));
        proven(ALL, "", Proof::Token { at, over: |claims| list(claims, "topics", names(201)) })
    }),
    (Limit::TokenLifetimeMsMax, {
        let at: Claims = |claims| living(claims, 0);
        proven(ALL, "", Proof::Token { at, over: |claims| living(claims, 1) })
    }),
    (Limit::HttpBodyBytesMax, proven(HTTP, BY_HTTP, Proof::Body { path: "/v1/notifications", bytes: 1024 * 1024 })),
    (Limit::HttpOpenBodyBytesMax, proven(HTTP, BY_HTTP, Proof::Body { path: "/dev/token", bytes: 4_096 })),
    (
        Limit::HttpHeadBytesMax, // The library looks at what it has read each time: the end of a head that is a little longer can come through.
        proven(HEADS, "QUIC has the bounds of its own library", Proof::Head { at: [0, 16_384], over: [0, 32_768] }),
    ),
    (
        Limit::HttpHeadersCountMax,
        proven(HEADS, "HTTP/3 and raw QUIC have bytes alone", Proof::Head { at: [100, 0], over: [101, 0] }),
    ),
    (
        Limit::RecipientsCountMax,
        published(|| publish("to", json!(names(10_000))), || publish("to", json!(names(10_001)))),
    ),
    (Limit::BulkIdsCountMax, {
        let proof = Proof::Asked { role: "user", at: || read(500), over: || read(501), code: "too_large" };
        proven(ASKED, NOT_EVENTS, proof)
    }),
    (Limit::SubjectBytesMax, published(|| publish("subject", text(512)), || publish("subject", text(513)))),
    (Limit::BodyBytesMax, published(|| publish("body", text(16_384)), || publish("body", text(16_385)))),
    (Limit::DataBytesMax, published(|| publish("data", text(32_766)), || publish("data", text(32_767)))),
    (Limit::DataDepthMax, published(|| publish("data", nested(16)), || publish("data", nested(17)))),
    (Limit::ItemBytesMax, proven(ASKED, NOT_EVENTS, Proof::Item)),
    (Limit::TagsCountMax, published(|| publish("tags", json!(names(32))), || publish("tags", json!(names(33))))),
    (Limit::NameBytesMax, published(|| publish("category", text(128)), || publish("category", text(129)))),
    (Limit::CommandIdBytesMax, {
        let proof = Proof::Asked { role: "user", at: || under_key(64), over: || under_key(65), code: "too_large" };
        proven(ASKED, NOT_EVENTS, proof)
    }),
    (
        Limit::UrlBytesMax,
        published(
            || publish("redirect", json!({"url": format!("/{}", "x".repeat(2_047))})),
            || publish("redirect", json!({"url": format!("/{}", "x".repeat(2_048))})),
        ),
    ),
    (Limit::TicketsOfOneMax, proven(HTTP, BY_HTTP, Proof::Tickets)),
    (Limit::CriticalCountMax, proven(HTTP, BY_HTTP, Proof::Critical)),
    (Limit::ConsentsPersonMax, proven(HTTP, BY_HTTP, Proof::Consents)),
    (Limit::ConsentsTenantMax, Row::Inside(MANY)),
    (Limit::ConsentsNodeMax, Row::Inside(MANY)),
    (Limit::PageItemsMax, {
        let proof = Proof::Asked { role: "user", at: || page(100), over: || page(101), code: "invalid" };
        proven(ASKED, NOT_EVENTS, proof)
    }),
    (Limit::PageBytesMax, proven(ASKED, "the snapshot of a reader of events is such a page", Proof::Page)),
    (Limit::CountFiltersMax, {
        let proof = Proof::Path { role: "user", at: || counted(32), over: || counted(33), status: 413 };
        proven(HTTP, BY_HTTP, proof)
    }),
    (Limit::AuditEventsMax, {
        let at: fn() -> String = || "/v1/audit/events?limit=10000".to_owned();
        let over: fn() -> String = || "/v1/audit/events?limit=10001".to_owned();
        proven(HTTP, BY_HTTP, Proof::Path { role: "auditor", at, over, status: 400 })
    }),
    (
        Limit::HandshakeMsMax,
        on_node(
            &[Carrier::Http, Carrier::Quic],
            "WebSocket and events begin as HTTP; of WebTransport see the tests of the adapters",
            Setting::Hasty,
            Proof::Silence(Until::Handshake),
        ),
    ),
    (
        Limit::HelloMsMax,
        on_node(ASKED, "a reader of events has its token in its request", Setting::Hasty, Proof::Silence(Until::Hello)),
    ),
    (Limit::IdleMsMax, on_node(FRAMES, NO_FRAMES, Setting::Hasty, Proof::Silence(Until::Idle))),
    (Limit::PingMs, on_node(SESSIONS, NOT_HTTP, Setting::Hasty, Proof::Silence(Until::Ping))),
    (Limit::HttpBodyMsMax, on_node(HTTP, BY_HTTP, Setting::Hasty, Proof::Silence(Until::Body))),
    (
        Limit::OutboxBytesMax,
        lowered(SESSIONS, NOT_HTTP, &[("outbox_bytes_max", 32_768)], Proof::Outbox { bytes: 16_000 }),
    ),
    (Limit::OutboxFramesMax, lowered(SESSIONS, NOT_HTTP, &[("outbox_frames_max", 8)], Proof::Outbox { bytes: 7_000 })),
    (
        Limit::CommandsInFlightMax,
        lowered(FRAMES, "a request of HTTP is one at a time", &[("commands_in_flight_max", 1)], Proof::InFlight),
    ),
    (
        Limit::CommandsPerSecond,
        lowered(
            ASKED,
            NOT_EVENTS,
            &[("commands_per_second", 4), ("commands_burst", 5)],
            Proof::Rate { role: "user", ask: || Ask::ReadAll, burst: 5, per_second: 4 },
        ),
    ),
    (
        Limit::CommandsBurst,
        lowered(
            ASKED,
            NOT_EVENTS,
            &[("commands_per_second", 4), ("commands_burst", 5)],
            Proof::Rate { role: "user", ask: || Ask::ReadAll, burst: 5, per_second: 4 },
        ),
    ),
    (
        Limit::QueriesPerSecond,
        lowered(
            ASKED,
            NOT_EVENTS,
            &[("queries_per_second", 4), ("queries_burst", 5)],
            Proof::Rate { role: "user", ask: || page(1), burst: 5, per_second: 4 },
        ),
    ),
    (
        Limit::QueriesBurst,
        lowered(
            ASKED,
            NOT_EVENTS,
            &[("queries_per_second", 4), ("queries_burst", 5)],
            Proof::Rate { role: "user", ask: || page(1), burst: 5, per_second: 4 },
        ),
    ),
    (
        Limit::RateLimitedPerMinuteMax,
        lowered(
            FRAMES,
            "each request of HTTP is answered for itself",
            &[("rate_limited_per_minute_max", 3), ("commands_per_second", 1), ("commands_burst", 1)],
            Proof::Limited,
        ),
    ),
    (Limit::ProtocolErrorsMax, proven(ASKED, "a reader of events sends nothing", Proof::Wrong)),
    (
        Limit::SubscriptionsMax,
        lowered(FRAMES, "a stream of events is one subscription", &[("subscriptions_max", 1)], Proof::Subscriptions),
    ),
    (
        Limit::UserConnectionsMax,
        lowered(SESSIONS, NOT_HTTP, &[("user_connections_max", 2)], Proof::Sessions { of_one: true }),
    ),
    (
        Limit::TenantConnectionsMax,
        lowered(SESSIONS, NOT_HTTP, &[("tenant_connections_max", 2)], Proof::Sessions { of_one: false }),
    ),
    (
        Limit::TenantPublishesPerSecond,
        lowered(
            ASKED,
            NOT_EVENTS,
            &[("tenant_publishes_per_second", 3)],
            Proof::Rate { role: "service", ask: || publish("body", json!("b")), burst: 3, per_second: 3 },
        ),
    ),
    (
        Limit::TenantRecipientsPerSecond,
        lowered(ASKED, NOT_EVENTS, &[("tenant_recipients_per_second", 10)], Proof::People),
    ),
    (Limit::TenantAuditsMax, lowered(HTTP, BY_HTTP, &[("tenant_audits_max", 1)], Proof::Readings)),
    (Limit::AddressConnectionsMax, on_node(ALL, "", Setting::AddressConnections, Proof::Known(2))),
    (Limit::NodeConnectionsMax, on_node(ALL, "", Setting::FewConnections, Proof::Known(3))),
    (Limit::AddressUnauthenticatedMax, on_node(ALL, "", Setting::AddressUnauthenticated, Proof::Strangers(2))),
    (Limit::NodeUnauthenticatedMax, on_node(ALL, "", Setting::FewUnauthenticated, Proof::Strangers(2))),
    (Limit::AddressHandshakesPerSecond, on_node(ALL, "", Setting::AddressHandshakes, Proof::Handshakes)),
    (Limit::HttpStreamsMax, Row::Inside("HTTP/2 is spoken under TLS alone: see the tests of the adapters")),
    (Limit::TicketMsMax, Row::Inside("it takes half a minute: see the tests in virtual time")),
    (Limit::NodeAuditsRunningMax, Row::Inside("nobody is told: further readings wait")),
    (Limit::InboxItemsMax, Row::Inside(OF_STATE)),
    (Limit::TombstonesCountMax, Row::Inside(OF_STATE)),
    (Limit::IdempotencyMsMax, Row::Inside(OF_STATE)),
    (Limit::IdempotencyKeysTenantMax, Row::Inside(OF_STATE)),
    (Limit::IdempotencyKeysNodeMax, Row::Inside(OF_STATE)),
    (Limit::ApiKeysTenantMax, Row::Inside(OF_STATE)),
    (Limit::RevocationsTenantMax, Row::Inside(OF_STATE)),
    (Limit::TicketsCountMax, Row::Inside(MANY)),
    (Limit::ApiKeysNodeMax, Row::Inside(MANY)),
    (Limit::RevocationsNodeMax, Row::Inside(MANY)),
];

/// The row of a limit, which every limit has once.
pub(crate) fn row(limit: Limit) -> &'static Row {
    let rows: Vec<_> = ROWS.iter().filter(|(of, _)| *of == limit).collect();
    let [(_, row)] = rows[..] else { panic!("{} has {} rows", limit.name(), rows.len()) };
    row
}
