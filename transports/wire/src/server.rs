use crate::codes::{CloseCode, ReplyCode, Retry};
use crate::inbox::InboxName;
use crate::item::{Change, Counts, Item};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One thing a server says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum ServerFrame {
    /// Answers `hello`.
    Welcome {
        /// Opaque name of the session.
        session: String,
        /// Identity of the log; another one means that old cursors are void.
        epoch: String,
        /// The token's tenant.
        tenant: String,
        /// The token's person or service.
        subject: String,
        /// The token's roles.
        roles: Vec<String>,
        /// When the session ends unless refreshed.
        expires: String,
        /// What the client should keep to.
        limits: LimitsShown,
        /// The server's clock.
        server_time: String,
    },
    /// An inbox as it stands.
    Snapshot {
        /// Which inbox.
        inbox: InboxName,
        /// Where to go on.
        cursor: String,
        /// Exact counts.
        counts: Counts,
        /// The newest page.
        items: Vec<Item>,
        /// Whether there are older ones.
        has_more: bool,
    },
    /// Changes, in commit order.
    Delta {
        /// Which inbox.
        inbox: InboxName,
        /// Where to go on.
        cursor: String,
        /// What changed.
        changes: Vec<Change>,
        /// Exact counts; absent when the change came to an audience.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        counts: Option<Counts>,
    },
    /// Exact counts where the client cannot know them.
    Counts {
        /// Which inbox.
        inbox: InboxName,
        /// Where they hold.
        cursor: String,
        /// The counts.
        counts: Counts,
    },
    /// The subscription is catching up.
    Behind {
        /// Which inbox.
        inbox: InboxName,
        /// From where.
        cursor: String,
    },
    /// The subscription is live.
    CaughtUp {
        /// Which inbox.
        inbox: InboxName,
        /// Where to go on.
        cursor: String,
    },
    /// The client's state of the inbox is void; a snapshot follows.
    Resync {
        /// Which inbox.
        inbox: InboxName,
        /// Why.
        reason: String,
    },
    /// Recorded events of the tenant, in the order of the log.
    Events {
        /// `audit`.
        inbox: InboxName,
        /// Where to go on.
        cursor: String,
        /// The events, as lines of `/v1/audit/events` have them.
        events: Vec<Value>,
    },
    /// Answers a frame with an `id`.
    Reply {
        /// The frame's `id`.
        id: String,
        /// Whether it was done.
        ok: bool,
        /// Where the log stands after it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cursor: Option<String>,
        /// What came of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        result: Option<Value>,
        /// Why it was not done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<ErrorBody>,
    },
    /// A frame that could not be tied to an `id` was wrong.
    Error {
        /// What kind of wrong.
        code: ReplyCode,
        /// A plain sentence.
        message: String,
    },
    /// This server is leaving.
    Drain {
        /// This client's own delay.
        reconnect_after_ms: u64,
    },
    /// The last frame.
    Close {
        /// The number.
        code: u16,
        /// The word.
        reason: CloseCode,
        /// Whether to return.
        retry: Retry,
        /// When to return.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
    /// Are you there.
    Ping,
    /// I am.
    Pong,
}

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    /// Stable.
    pub code: ReplyCode,
    /// A plain sentence.
    pub message: String,
    /// When to try again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// The limits that a client should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LimitsShown {
    /// Most bytes of a frame.
    pub frame_bytes_max: u64,
    /// Silence after which a session ends.
    pub idle_ms_max: u64,
    /// How often the server pings.
    pub ping_ms: u64,
    /// Most commands without their reply.
    pub commands_in_flight_max: u32,
    /// Most subscriptions.
    pub subscriptions_max: u32,
    /// Most items of a page.
    pub page_items_max: u32,
    /// Most ids of one command.
    pub bulk_ids_max: u32,
}

/// The bytes of one server frame.
///
/// # Panics
/// Never: every field of [`ServerFrame`] has a JSON form.
#[must_use]
pub fn encode(frame: &ServerFrame) -> Bytes {
    Bytes::from(serde_json::to_vec(frame).expect("strings, numbers and JSON values always have a JSON form"))
}

/// The bytes of an `events` frame whose events are JSON texts already: each keeps its text.
///
/// # Panics
/// Never: a string always has a JSON form.
#[must_use]
pub fn encode_events(cursor: &str, events: &[String]) -> Bytes {
    let cursor = serde_json::to_string(cursor).expect("a string always has a JSON form");
    let events = events.join(",");
    Bytes::from(format!(r#"{{"type":"events","inbox":"audit","cursor":{cursor},"events":[{events}]}}"#))
}

impl ServerFrame {
    /// The `close` frame of a code.
    #[must_use]
    pub fn close(code: CloseCode, retry_after_ms: Option<u64>) -> Self {
        Self::Close { code: code.number(), reason: code, retry: code.retry(), retry_after_ms }
    }

    /// The `reply` that says no.
    #[must_use]
    pub fn refusal(id: String, error: ErrorBody) -> Self {
        Self::Reply { id, ok: false, cursor: None, result: None, error: Some(error) }
    }

    /// The `reply` that says yes.
    #[must_use]
    pub fn done(id: String, cursor: Option<String>, result: Option<Value>) -> Self {
        Self::Reply { id, ok: true, cursor, result, error: None }
    }
}
