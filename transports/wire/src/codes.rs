use serde::{Deserialize, Serialize};

/// What a client does after a `close`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// Connect again at once.
    Now,
    /// Connect again after `retryAfterMs`, or with backoff where it is absent.
    After,
    /// Stay away until something changes: a new token, a new version.
    Never,
}

/// Why a session ended. 4000 to 4499 come back, 4500 to 4999 stay away. Numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseCode {
    /// This server is leaving.
    ServerDraining,
    /// Nothing was heard for the idle time.
    IdleTimeout,
    /// Something of ours failed; the log of the server has the place.
    Internal,
    /// Too many `rate_limited` answers.
    RateLimited,
    /// The node holds as many connections as it may.
    ServerFull,
    /// The user, tenant or address holds as many connections as it may.
    TooManyConnections,
    /// A newer session of the same user took the place.
    Replaced,
    /// No `hello` within the time to authenticate.
    HelloTimeout,
    /// Too many frames that are none of the protocol.
    ProtocolError,
    /// A bad token, or a frame before `hello`.
    Unauthenticated,
    /// The token is past its time, at `hello` or later.
    TokenExpired,
    /// The token was revoked.
    TokenRevoked,
    /// Origin, tenant or role do not permit this.
    Forbidden,
    /// A frame was larger than the limit.
    FrameTooLarge,
    /// The client speaks a version that this server does not.
    VersionUnsupported,
}

impl CloseCode {
    /// Every code, in the order of their numbers.
    pub const ALL: [Self; 15] = [
        Self::ServerDraining,
        Self::IdleTimeout,
        Self::Internal,
        Self::RateLimited,
        Self::ServerFull,
        Self::TooManyConnections,
        Self::Replaced,
        Self::HelloTimeout,
        Self::ProtocolError,
        Self::Unauthenticated,
        Self::TokenExpired,
        Self::TokenRevoked,
        Self::Forbidden,
        Self::FrameTooLarge,
        Self::VersionUnsupported,
    ];

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::ServerDraining => 4000,
            Self::IdleTimeout => 4001,
            Self::Internal => 4002,
            Self::RateLimited => 4003,
            Self::ServerFull => 4004,
            Self::TooManyConnections => 4005,
            Self::Replaced => 4006,
            Self::HelloTimeout => 4007,
            Self::ProtocolError => 4500,
            Self::Unauthenticated => 4501,
            Self::TokenExpired => 4502,
            Self::TokenRevoked => 4503,
            Self::Forbidden => 4504,
            Self::FrameTooLarge => 4505,
            Self::VersionUnsupported => 4506,
        }
    }

    /// The word on the wire.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::ServerDraining => "server_draining",
            Self::IdleTimeout => "idle_timeout",
            Self::Internal => "internal",
            Self::RateLimited => "rate_limited",
            Self::ServerFull => "server_full",
            Self::TooManyConnections => "too_many_connections",
            Self::Replaced => "replaced",
            Self::HelloTimeout => "hello_timeout",
            Self::ProtocolError => "protocol_error",
            Self::Unauthenticated => "unauthenticated",
            Self::TokenExpired => "token_expired",
            Self::TokenRevoked => "token_revoked",
            Self::Forbidden => "forbidden",
            Self::FrameTooLarge => "frame_too_large",
            Self::VersionUnsupported => "version_unsupported",
        }
    }

    /// What the client does next.
    #[must_use]
    pub const fn retry(self) -> Retry {
        match self {
            Self::IdleTimeout | Self::HelloTimeout => Retry::Now,
            Self::ServerDraining
            | Self::Internal
            | Self::RateLimited
            | Self::ServerFull
            | Self::TooManyConnections
            | Self::Replaced => Retry::After,
            _ => Retry::Never,
        }
    }
}

/// Why a request was not done. Each has one HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyCode {
    /// The request is not well formed, or a value is out of its range.
    Invalid,
    /// No token, or one that does not verify.
    Unauthenticated,
    /// The token does not permit this.
    Forbidden,
    /// There is no such thing, or it is another's.
    NotFound,
    /// The state does not allow this.
    Conflict,
    /// The item is snoozed and refuses this mark.
    Snoozed,
    /// The log is open for reading only.
    ReadOnly,
    /// Something is larger than its limit.
    TooLarge,
    /// The same key came with another body.
    IdempotencyConflict,
    /// More than the rate allows.
    RateLimited,
    /// Whether it happened cannot be told: retry with the same key.
    OutcomeUnknown,
    /// Something of ours failed.
    Internal,
    /// The queue is full; nothing was done.
    Overloaded,
    /// The server is starting or leaving; nothing was done.
    Unavailable,
}

impl ReplyCode {
    /// Every code.
    pub const ALL: [Self; 14] = [
        Self::Invalid,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::Snoozed,
        Self::ReadOnly,
        Self::TooLarge,
        Self::IdempotencyConflict,
        Self::RateLimited,
        Self::OutcomeUnknown,
        Self::Internal,
        Self::Overloaded,
        Self::Unavailable,
    ];

    /// The HTTP status that says the same.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict | Self::Snoozed => 409,
            Self::TooLarge => 413,
            Self::IdempotencyConflict => 422,
            Self::RateLimited => 429,
            Self::OutcomeUnknown | Self::Internal => 500,
            Self::ReadOnly | Self::Overloaded | Self::Unavailable => 503,
        }
    }

    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Snoozed => "snoozed",
            Self::ReadOnly => "read_only",
            Self::TooLarge => "too_large",
            Self::IdempotencyConflict => "idempotency_conflict",
            Self::RateLimited => "rate_limited",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Internal => "internal",
            Self::Overloaded => "overloaded",
            Self::Unavailable => "unavailable",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CloseCode, ReplyCode, Retry};

    #[test]
    fn close_codes_are_pinned_and_their_range_says_whether_to_return() {
        let pinned = [
            (4000, "server_draining"),
            (4001, "idle_timeout"),
            (4002, "internal"),
            (4003, "rate_limited"),
            (4004, "server_full"),
            (4005, "too_many_connections"),
            (4006, "replaced"),
            (4007, "hello_timeout"),
            (4500, "protocol_error"),
            (4501, "unauthenticated"),
            (4502, "token_expired"),
            (4503, "token_revoked"),
            (4504, "forbidden"),
            (4505, "frame_too_large"),
            (4506, "version_unsupported"),
        ];
        assert_eq!(CloseCode::ALL.map(|code| (code.number(), code.reason())), pinned);
        for code in CloseCode::ALL {
            assert_eq!(code.retry() == Retry::Never, code.number() >= 4500, "{code:?}");
            assert_eq!(serde_json::to_value(code).unwrap(), code.reason());
        }
    }

    #[test]
    fn reply_codes_are_pinned() {
        for code in ReplyCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.word());
        }
        let statuses = [400, 401, 403, 404, 409, 409, 503, 413, 422, 429, 500, 500, 503, 503];
        assert_eq!(ReplyCode::ALL.map(ReplyCode::http_status), statuses);
    }
}
