use super::issuer::KeySource;
use crate::grant::Role;
use crate::limits::{NAME_BYTES_MAX, ROLES_COUNT_MAX, TOKEN_BYTES_MAX, TOPICS_COUNT_MAX};
use crate::rejection::Rejection;
use tidings_wire::CloseCode;

/// Why a token is not taken. For the log of the server: a client learns the code alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// More bytes than a token may have.
    #[error("token is {bytes} bytes, at most {TOKEN_BYTES_MAX} are allowed")]
    TooLarge {
        /// Found.
        bytes: usize,
    },
    /// Not a JWT of this kind.
    #[error("token is not a signed JWT with an object of claims")]
    Malformed,
    /// It does not name its key, and there are several.
    #[error("token names no key")]
    KidRequired,
    /// Its key is not known.
    #[error("token names a key that is not known")]
    UnknownKey,
    /// Its key is not among those that its issuer had published when they were loaded last.
    #[error("token names a key that its issuer had not published")]
    KeyNotLoaded {
        /// Where the keys come from: they may be loaded anew.
        from: KeySource,
    },
    /// The keys of its issuer were not loaded yet, or too long ago.
    #[error("keys of the token's issuer are not there, or too old")]
    KeysUnavailable {
        /// Where the keys come from: they may be loaded anew.
        from: KeySource,
    },
    /// The signature is not by the key, or not of the key's algorithm.
    #[error("signature is not by the key that the token names")]
    BadSignature,
    /// Past its time.
    #[error("token has expired")]
    Expired,
    /// It was revoked.
    #[error("token was revoked")]
    Revoked,
    /// No API key has this secret, or none any more.
    #[error("there is no API key with this secret")]
    UnknownApiKey,
    /// Before its time.
    #[error("token is not valid yet")]
    NotYetValid,
    /// Valid for longer than the operator allows.
    #[error("token is valid for {found} ms, at most {allowed} are allowed")]
    LifetimeTooLong {
        /// Found, from `iat` or from now.
        found: i64,
        /// Allowed.
        allowed: i64,
    },
    /// A claim that must be there is not.
    #[error("claim {claim} is missing")]
    MissingClaim {
        /// Which; the tenant's claim is called `tenant` here, whatever its configured name.
        claim: &'static str,
    },
    /// A claim is not of its kind, too long or empty.
    #[error("claim {claim} is not of its kind, or not of 1 to {NAME_BYTES_MAX} bytes without control characters")]
    BadClaim {
        /// Which.
        claim: &'static str,
    },
    /// Another issuer than the key's.
    #[error("token is of another issuer")]
    WrongIssuer,
    /// Meant for another server.
    #[error("token is for another audience")]
    WrongAudience,
    /// The key may not speak for this tenant.
    #[error("the key may not assert this tenant")]
    TenantNotAllowed,
    /// The key may not give this role.
    #[error("the key may not assert role {role:?}")]
    RoleNotAllowed {
        /// The role; absent when there is none of this name.
        role: Option<Role>,
    },
    /// More roles than a token may have.
    #[error("token has {found} roles, at most {ROLES_COUNT_MAX} are allowed")]
    TooManyRoles {
        /// Found.
        found: usize,
    },
    /// More topics than a token may have.
    #[error("token has {found} topics, at most {TOPICS_COUNT_MAX} are allowed")]
    TooManyTopics {
        /// Found.
        found: usize,
    },
}

impl TokenError {
    /// Where the keys come from that may be loaded anew because of it.
    #[must_use]
    pub const fn source(&self) -> Option<KeySource> {
        match self {
            Self::KeyNotLoaded { from } | Self::KeysUnavailable { from } => Some(*from),
            _ => None,
        }
    }

    /// How a session ends over it.
    #[must_use]
    pub const fn close_code(&self) -> CloseCode {
        match self {
            Self::Expired => CloseCode::TokenExpired,
            Self::KeysUnavailable { .. } => CloseCode::Internal,
            Self::Revoked => CloseCode::TokenRevoked,
            Self::TenantNotAllowed | Self::RoleNotAllowed { .. } => CloseCode::Forbidden,
            _ => CloseCode::Unauthenticated,
        }
    }

    /// How a request is answered over it.
    #[must_use]
    pub const fn rejection(&self) -> Rejection {
        match self {
            Self::TenantNotAllowed | Self::RoleNotAllowed { .. } => Rejection::Forbidden,
            Self::KeysUnavailable { .. } => Rejection::Unavailable,
            _ => Rejection::Unauthenticated,
        }
    }

    /// A stable word for logs and metrics.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "token_too_large",
            Self::Malformed => "token_malformed",
            Self::KidRequired => "token_without_kid",
            Self::UnknownKey | Self::KeyNotLoaded { .. } => "token_unknown_key",
            Self::KeysUnavailable { .. } => "token_keys_unavailable",
            Self::BadSignature => "token_bad_signature",
            Self::Expired => "token_expired",
            Self::Revoked => "token_revoked",
            Self::UnknownApiKey => "api_key_unknown",
            Self::NotYetValid => "token_not_yet_valid",
            Self::LifetimeTooLong { .. } => "token_lifetime_too_long",
            Self::MissingClaim { .. } => "token_missing_claim",
            Self::BadClaim { .. } => "token_bad_claim",
            Self::WrongIssuer => "token_wrong_issuer",
            Self::WrongAudience => "token_wrong_audience",
            Self::TenantNotAllowed => "tenant_not_allowed",
            Self::RoleNotAllowed { .. } => "role_not_allowed",
            Self::TooManyRoles { .. } => "token_too_many_roles",
            Self::TooManyTopics { .. } => "token_too_many_topics",
        }
    }
}
