//! `decide`'s "no": expected, with a stable code, and nothing has changed.

use crate::limits::Limit;
use tidings_wire::{ErrorBody, ReplyCode};

/// Why a request is not done. The texts go to clients: they tell what was found and what is allowed, and nothing of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A value is not of its kind or out of its range.
    #[error("{field} {what}")]
    Invalid {
        /// The field, as the wire names it.
        field: &'static str,
        /// What is wrong, as the end of a sentence.
        what: String,
    },
    /// A text is no cursor that the caller's tenant was ever given: another tenant's, or made up. Told as [`Self::Invalid`].
    #[error("{field} {what}")]
    ForeignCursor {
        /// The field, as the wire names it.
        field: &'static str,
        /// What is wrong, as the end of a sentence.
        what: &'static str,
    },
    /// Something is larger than its limit.
    #[error("{field} is {found} {unit}, at most {allowed} are allowed")]
    TooLarge {
        /// Which limit.
        limit: Limit,
        /// The field, as the wire names it.
        field: &'static str,
        /// Found.
        found: u64,
        /// Allowed.
        allowed: u64,
        /// `bytes`, `items`, `levels`…
        unit: &'static str,
    },
    /// No token, or one that does not verify.
    #[error("authentication is required")]
    Unauthenticated,
    /// The grant does not permit it.
    #[error("this token does not permit that")]
    Forbidden,
    /// There is no such thing in the caller's reach.
    #[error("not found")]
    NotFound,
    /// The item is snoozed.
    #[error("the item is snoozed")]
    Snoozed,
    /// The key came with another body before.
    #[error("this key was used with another request")]
    IdempotencyConflict,
    /// More than the rate allows.
    #[error("too many requests")]
    RateLimited {
        /// Which limit.
        limit: Limit,
        /// When to try again.
        retry_after_ms: u64,
    },
    /// Whether it happened cannot be told.
    #[error("the outcome is unknown; retry with the same key")]
    OutcomeUnknown,
    /// The queue is full.
    #[error("the server is overloaded; nothing was done")]
    Overloaded,
    /// The server is starting or leaving, or the disk is full.
    #[error("the server is not available; nothing was done")]
    Unavailable,
    /// The log is open for reading only.
    #[error("the log is read only")]
    ReadOnly,
    /// Something of ours failed.
    #[error("internal error")]
    Internal,
}

impl Rejection {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> ReplyCode {
        match self {
            Self::Invalid { .. } | Self::ForeignCursor { .. } => ReplyCode::Invalid,
            Self::TooLarge { .. } => ReplyCode::TooLarge,
            Self::Unauthenticated => ReplyCode::Unauthenticated,
            Self::Forbidden => ReplyCode::Forbidden,
            Self::NotFound => ReplyCode::NotFound,
            Self::Snoozed => ReplyCode::Snoozed,
            Self::IdempotencyConflict => ReplyCode::IdempotencyConflict,
            Self::RateLimited { .. } => ReplyCode::RateLimited,
            Self::OutcomeUnknown => ReplyCode::OutcomeUnknown,
            Self::Overloaded => ReplyCode::Overloaded,
            Self::Unavailable => ReplyCode::Unavailable,
            Self::ReadOnly => ReplyCode::ReadOnly,
            Self::Internal => ReplyCode::Internal,
        }
    }

    /// The body for a reply.
    #[must_use]
    pub fn body(&self) -> ErrorBody {
        let retry_after_ms = match self {
            Self::RateLimited { retry_after_ms, .. } => Some(*retry_after_ms),
            Self::Overloaded => Some(1_000),
            _ => None,
        };
        ErrorBody { code: self.code(), message: self.to_string(), retry_after_ms }
    }

    /// The limit that was hit, if it is about one.
    #[must_use]
    pub const fn limit(&self) -> Option<Limit> {
        match self {
            Self::TooLarge { limit, .. } | Self::RateLimited { limit, .. } => Some(*limit),
            _ => None,
        }
    }

    /// A value that is not of its kind.
    pub fn invalid(field: &'static str, what: impl Into<String>) -> Self {
        Self::Invalid { field, what: what.into() }
    }
}
