//! A session between any client and a server that is honest or hostile, as the first byte says.

use crate::conversation::{Manner, World, decode};

/// Every kind of frame that a session says, and how it can end.
pub const MARKS: &[&str] = &[
    "welcome",
    "snapshot",
    "delta",
    "behind",
    "caught_up",
    "resync",
    "reply",
    "error",
    "drain",
    "pong",
    "ping",
    "close rate_limited",
    "close protocol_error",
    "close idle_timeout",
    "close hello_timeout",
    "close token_expired",
    "close unauthenticated",
    "close frame_too_large",
    "close internal",
];

/// Reads the bytes as a script and plays it.
pub fn run(data: &[u8]) {
    let Some((first, script)) = data.split_first() else { return };
    let manner = if first % 2 == 0 { Manner::Honest } else { Manner::Hostile };
    World::play(decode(script), manner);
}
