//! Tokens: from the text of a JWT to a [`Grant`], by keys that each say what they may assert.
//!
//! The algorithm is the key's and never the header's, and every check of time is done here with `now`: the library would
//! read the clock. A token is valid until `exp` plus 5 s on every carrier.
//!
//! A key is looked for where the token's `iss` says, when that is an [`Issuer`]'s name, and among the keys that stand alone
//! otherwise. That is a question where to look and no more: what the key may assert, its issuer among it, is checked
//! against the claims after the signature.

mod claims;
mod error;
mod issuer;
mod jwks;
mod key;
mod material;
mod object;
mod reloading;
#[cfg(test)]
mod tests;

pub use error::TokenError;
pub use issuer::{Issuer, IssuerKeys, KeySource, LoadedKeys};
pub use jwks::{KID_BYTES_MAX, KeySet, KeySetError, PassedBy, SET_BYTES_MAX, SET_KEYS_MAX, Unused};
pub use key::{Algorithm, Assertions, KeyConfig, KeyError, Tenants};
pub use material::KeyFlaw;
pub use reloading::{RELOAD_MS_MIN, Reloading, Turn};

use crate::grant::Grant;
use crate::ids::Time;
use crate::keys::Keys;
use crate::limits::{Limits, TOKEN_BYTES_MAX};
use claims::Claims;
use jsonwebtoken::{EncodingKey, Header, errors::ErrorKind};
use key::{NoKey, VerifyingKey, named};
use object::{Object, issuer_said};
use serde_json::Value;
use std::sync::Arc;

/// Checks tokens. Immutable: a reload makes another one.
#[derive(Clone, Debug)]
pub struct Verifier {
    keys: Vec<VerifyingKey>,
    /// What each of `keys` may assert.
    may: Vec<Arc<Assertions>>,
    issuers: Vec<Issuer>,
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
        let verifying = keys.iter().enumerate().map(|(index, key)| VerifyingKey::configured(index, key));
        let verifying = verifying.collect::<Result<_, _>>()?;
        let may = keys.into_iter().map(|key| Arc::new(key.into_assertions())).collect();
        let lifetime_ms_max = limits.token_lifetime_ms_max;
        Ok(Self { keys: verifying, may, issuers: Vec::new(), tenant_claim, lifetime_ms_max })
    }

    /// The same with issuers besides.
    ///
    /// # Errors
    /// Two have the same name, or a key that stands alone claims an issuer's.
    pub fn with_issuers(mut self, issuers: Vec<Issuer>) -> Result<Self, KeyError> {
        let mut names: Vec<&str> = self.may.iter().filter_map(|may| may.issuer.as_deref()).collect();
        for issuer in &issuers {
            if names.contains(&issuer.name()) {
                return Err(KeyError::IssuerTwice { issuer: issuer.name().to_owned() });
            }
            names.push(issuer.name());
        }
        self.issuers = issuers;
        Ok(self)
    }

    /// The same with a newly loaded set; `None` when no issuer has its keys from there any more.
    #[must_use]
    pub fn with_loaded(&self, from: KeySource, loaded: &LoadedKeys) -> Option<Self> {
        let mut changed = self.clone();
        let mut found = false;
        for issuer in &mut changed.issuers {
            if let IssuerKeys::Loaded { source, last } = &mut issuer.keys
                && *source == from
            {
                *last = Some(loaded.clone());
                found = true;
            }
        }
        found.then_some(changed)
    }

    /// The issuers.
    #[must_use]
    pub fn issuers(&self) -> &[Issuer] {
        &self.issuers
    }

    /// What `token` permits at `now`.
    ///
    /// # Errors
    /// The first thing that is wrong with it. Of the claims only `iss` is looked at before the signature.
    pub fn verify(&self, keys: &Keys, token: &str, now: Time) -> Result<Grant, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLarge { bytes: token.len() });
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
        if header.crit.is_some() {
            return Err(TokenError::Malformed);
        }
        let (key, may) = self.key(token, header.kid.as_deref(), now)?;
        let decoded =
            jsonwebtoken::decode::<Object>(token, &key.decoding, &key.validation).map_err(|error| {
                match error.kind() {
                    ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => TokenError::BadSignature,
                    _ => TokenError::Malformed,
                }
            })?;
        let Object(object) = decoded.claims;
        Claims { object, tenant_claim: &self.tenant_claim }.grant(keys, may, self.lifetime_ms_max, now)
    }

    fn key(&self, token: &str, kid: Option<&str>, now: Time) -> Result<(&VerifyingKey, &Assertions), TokenError> {
        if !self.issuers.is_empty()
            && let Some(name) = issuer_said(token)
            && let Some(issuer) = self.issuers.iter().find(|issuer| issuer.name() == name)
        {
            return Ok((issuer.key(kid, now)?, &issuer.may));
        }
        let (index, key) = named(&self.keys, kid).map_err(|no| match no {
            NoKey::Unnamed if !self.keys.is_empty() => TokenError::KidRequired,
            _ => TokenError::UnknownKey,
        })?;
        Ok((key, &self.may[index]))
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
