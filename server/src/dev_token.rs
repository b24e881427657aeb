//! Tokens of development: signed with the key of the data directory, for `tidings token` and the demo page.

use crate::secrets::{self, SecretError};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;
use std::path::Path;
use tidings_engine::ids::Time;

/// Life of a token of the demo page: 12 hours.
pub(crate) const DEMO_SECONDS: i64 = 12 * 60 * 60;

/// `kid` of the development key.
pub const DEV_KID: &str = "dev";

/// What a token shall say.
#[derive(Clone, Copy, Debug)]
pub struct Claims<'a> {
    /// The tenant.
    pub tenant: &'a str,
    /// The person or service.
    pub subject: &'a str,
    /// Roles by their words.
    pub roles: &'a [String],
    /// Topics.
    pub topics: &'a [String],
    /// Life, at most a day.
    pub life_seconds: i64,
}

/// A token that cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum DevTokenError {
    /// The key cannot be had.
    #[error(transparent)]
    Key(#[from] SecretError),
    /// The library refused.
    #[error("token cannot be signed: {0}")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

/// Signs a token with the development key of `data`, making the key when there is none.
///
/// # Errors
/// [`DevTokenError`].
pub fn sign(data: &Path, claims: &Claims<'_>, now: Time) -> Result<String, DevTokenError> {
    let key = secrets::dev_key(data)?;
    sign_with(&key, claims, now)
}

/// Signs a token with a key that is at hand.
///
/// # Errors
/// [`DevTokenError::Sign`].
pub fn sign_with(key: &[u8], claims: &Claims<'_>, now: Time) -> Result<String, DevTokenError> {
    let issued = now.0.div_euclid(1_000);
    let body = json!({
        "sub": claims.subject,
        "tenant": claims.tenant,
        "roles": claims.roles,
        "topics": claims.topics,
        "iat": issued,
        "exp": issued + claims.life_seconds,
    });
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(DEV_KID.to_owned());
    Ok(jsonwebtoken::encode(&header, &body, &EncodingKey::from_secret(key))?)
}
