//! Tokens: from the text of a JWT to a [`Grant`], by keys that each say what they may assert.
//!
//! The algorithm is the key's and never the header's, and every check of time is done here with `now`: the library would
//! read the clock. A token is valid until `exp` plus 5 s on every carrier.

mod claims;
mod error;
mod key;
#[cfg(test)]
mod tests;

pub use error::TokenError;
pub use key::{Algorithm, KeyConfig, KeyError, Tenants};

use crate::grant::Grant;
use crate::ids::Time;
use crate::keys::Keys;
use crate::limits::{Limits, TOKEN_BYTES_MAX};
use claims::Claims;
use jsonwebtoken::{EncodingKey, Header, errors::ErrorKind};
use key::VerifyingKey;
use serde_json::Value;

/// Checks tokens. Immutable: a reload makes another one.
#[derive(Debug)]
pub struct Verifier {
    keys: Vec<VerifyingKey>,
    tenant_claim: String,
    lifetime_ms_max: i64,
}

impl Verifier {
    /// A verifier for these keys; `tenant_claim` is the name of the claim with the tenant, usually `tenant`.
    ///
    /// # Errors
    /// A key that cannot be used, or several keys of which one has no id or the id of another.
    pub fn new(keys: Vec<KeyConfig>, tenant_claim: String, limits: &Limits) -> Result<Self, KeyError> {
        for (index, key) in keys.iter().enumerate() {
            match &key.kid {
                None if keys.len() > 1 => return Err(KeyError::KidMissing { index }),
                Some(kid) if keys[..index].iter().any(|other| other.kid.as_ref() == Some(kid)) => {
                    return Err(KeyError::KidTwice { kid: kid.clone() });
                }
                _ => {}
            }
        }
        let keys = keys.into_iter().enumerate().map(|(index, key)| VerifyingKey::new(index, key));
        Ok(Self { keys: keys.collect::<Result<_, _>>()?, tenant_claim, lifetime_ms_max: limits.token_lifetime_ms_max })
    }

    /// What `token` permits at `now`.
    ///
    /// # Errors
    /// The first thing that is wrong with it. Nothing of the claims is looked at before the signature.
    pub fn verify(&self, keys: &Keys, token: &str, now: Time) -> Result<Grant, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLarge { bytes: token.len() });
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
        if header.crit.is_some() {
            return Err(TokenError::Malformed);
        }
        let key = self.key(header.kid.as_deref())?;
        let decoded =
            jsonwebtoken::decode::<Value>(token, &key.decoding, &key.validation).map_err(|error| {
                match error.kind() {
                    ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => TokenError::BadSignature,
                    _ => TokenError::Malformed,
                }
            })?;
        let Value::Object(object) = decoded.claims else { return Err(TokenError::Malformed) };
        Claims { object, tenant_claim: &self.tenant_claim }.grant(keys, key, self.lifetime_ms_max, now)
    }

    fn key(&self, kid: Option<&str>) -> Result<&VerifyingKey, TokenError> {
        match (self.keys.as_slice(), kid) {
            ([only], None) => Ok(only),
            ([only], Some(_)) if only.kid.is_none() => Ok(only),
            (_, None) => Err(TokenError::KidRequired),
            (keys, Some(kid)) => keys.iter().find(|key| key.kid.as_deref() == Some(kid)).ok_or(TokenError::UnknownKey),
        }
    }
}

/// Signs claims with a development key.
///
/// # Errors
/// The key is not one of [`Algorithm::Hs256`], which alone both signs and verifies.
pub fn sign(key: &KeyConfig, claims: &Value) -> Result<String, KeyError> {
    if key.algorithm != Algorithm::Hs256 {
        return Err(KeyError::CannotSign);
    }
    let mut header = Header::new(jsonwebtoken::Algorithm::HS256);
    header.kid.clone_from(&key.kid);
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(&key.material)).map_err(|_| KeyError::CannotSign)
}
