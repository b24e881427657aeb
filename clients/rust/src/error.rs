//! What can go wrong for a client.

use std::time::Duration;

/// Why a client could not connect, send or receive.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is not one that this client can use.
    #[error("cannot use {url}: {cause}")]
    Url {
        /// The address.
        url: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The server refused the connection: origin, place, path or subprotocol.
    #[error("refused by the server{}", .status.map(|status| format!(" with status {status}")).unwrap_or_default())]
    Refused {
        /// The HTTP status where the carrier tells it.
        status: Option<u16>,
    },
    /// The connection has ended.
    #[error("closed{}: {reason}", .code.map(|code| format!(" with code {code}")).unwrap_or_default())]
    Closed {
        /// The close code, from the `close` frame or from the carrier.
        code: Option<u16>,
        /// The reason in words.
        reason: String,
    },
    /// The path or the peer failed.
    #[error("connection failed: {0}")]
    Failed(String),
    /// Connecting took too long.
    #[error("no connection within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The server offers no such carrier.
    #[error("the server offers no {0}")]
    NotOffered(&'static str),
    /// What arrived is no frame of the wire.
    #[error("not a frame: {0}")]
    NotAFrame(#[from] serde_json::Error),
    /// The server announced a frame above the limit.
    #[error("frame is {bytes} bytes, at most {} are allowed", tidings_wire::FRAME_BYTES_MAX)]
    FrameTooLarge {
        /// The announced length.
        bytes: u64,
    },
}

impl ClientError {
    /// A failure below the frames.
    pub(crate) fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }
}
