//! The frames of `tidings.v1`: what a client may say, what a server answers, and the codes both know.
//!
//! This crate has no I/O and depends on nothing of ours, so that the engine, the Rust client and the fuzz targets share
//! one definition. Field names are camelCase on the wire, values are snake_case, times are RFC 3339 in UTC with
//! milliseconds. Unknown fields are ignored; an unknown `type` is a protocol error.

mod access;
mod client;
mod codes;
mod consent;
mod inbox;
mod item;
mod privacy;
mod publish;
mod server;
mod settings;
pub mod varint;

pub use access::{CreateKey, KeyShown, RevocationShown, Revoke, SessionShown};
pub use client::{
    BulkMark, ClientFrame, CommandFrame, Fetch, FrameError, Hello, Marked, PageQuery, Retract, SubscribeTo, decode,
};
pub use codes::{CloseCode, ReplyCode, Retry};
pub use consent::{ChangeConsent, ConsentShown};
pub use inbox::{BadInboxName, InboxName};
pub use item::{Action, Actor, Change, Counts, Item, ItemPatch, Mark, Redirect, SeverityCounts, Subscriber};
pub use privacy::{Erase, Receipt};
pub use publish::{AudienceName, Publish, Published, Recipients, Severity};
pub use server::{ErrorBody, LimitsShown, ServerFrame, encode, encode_events};
pub use settings::{ChangeSettings, RealtimeDefault, SettingsShown};

/// Name of the protocol: the WebSocket subprotocol and the version a `welcome` speaks.
pub const PROTOCOL: &str = "tidings.v1";

/// Most bytes a frame may have in either direction, as JSON text: 65,536.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;
