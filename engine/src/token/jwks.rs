//! A set of keys as an issuer publishes it (RFC 7517): what can verify tokens here, and what is passed by and why.

use super::key::{Algorithm, VerifyingKey};
use super::material::{self, KeyFlaw};
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashSet;

/// Most bytes of a set: 256 KiB. The largest in use, with certificates of each key, are a tenth of it.
pub const SET_BYTES_MAX: usize = 256 * 1024;
/// Most keys of a set: 100.
pub const SET_KEYS_MAX: usize = 100;
/// Most bytes of the id of a key: 256.
pub const KID_BYTES_MAX: usize = 256;

/// The keys of an issuer that can be used.
#[derive(Clone, Debug)]
pub struct KeySet {
    pub(super) keys: Vec<VerifyingKey>,
    passed_by: Vec<PassedBy>,
}

/// A key of a set that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedBy {
    /// Its place in the set, from 0.
    pub index: usize,
    /// Its id, where it has one that can be shown.
    pub kid: Option<String>,
    /// Why.
    pub why: Unused,
}

/// Why a key of a set is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unused {
    /// It is for encryption, or for something else than verifying.
    #[error("is not for verifying signatures")]
    OtherUse,
    /// Its kind, curve or algorithm is none that tokens can have here.
    #[error("is of no kind that tokens are verified with here")]
    OtherKind,
    /// Its algorithm is not one that the issuer may use.
    #[error("is for {}, which this issuer may not use", .0.word())]
    NotAllowed(Algorithm),
    /// Its id is empty, no text or too long.
    #[error("has a kid that is not of 1 to {KID_BYTES_MAX} bytes")]
    BadKid,
    /// It has no id, and there are several.
    #[error("has no kid, and is not the only key")]
    NoKid,
    /// It is weak, private or broken.
    #[error("{0}")]
    Flawed(KeyFlaw),
}

/// A set that is refused whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Too long to be looked at.
    #[error("set of keys is {bytes} bytes, at most {SET_BYTES_MAX} are allowed")]
    TooLarge {
        /// Found.
        bytes: usize,
    },
    /// Not a JSON object with a list `keys`.
    #[error("set of keys is no JSON object with a list \"keys\"")]
    NotASet,
    /// More keys than a set may have.
    #[error("set has {found} keys, at most {SET_KEYS_MAX} are allowed")]
    TooManyKeys {
        /// Found.
        found: usize,
    },
    /// Two usable keys have the same id: which of them verifies would be an accident.
    #[error("set has two keys of kid {kid}")]
    KidTwice {
        /// The id.
        kid: String,
    },
    /// Nothing in it can verify a token.
    #[error("set has no usable key among {found}")]
    NoKey {
        /// How many there are.
        found: usize,
    },
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

/// The members of a key that matter here. One that is of another type makes its key flawed, and no other.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    k: Option<String>,
    d: Option<Value>,
}

impl KeySet {
    /// Reads a set. Of its keys those are used whose algorithm, by `alg` or by kind and curve, is one of `algorithms`.
    ///
    /// # Errors
    /// [`KeySetError`]: the set as a whole cannot be used.
    pub fn parse(text: &[u8], algorithms: &[Algorithm]) -> Result<Self, KeySetError> {
        if text.len() > SET_BYTES_MAX {
            return Err(KeySetError::TooLarge { bytes: text.len() });
        }
        let Set { keys: values } = serde_json::from_slice(text).map_err(|_| KeySetError::NotASet)?;
        let found = values.len();
        if found > SET_KEYS_MAX {
            return Err(KeySetError::TooManyKeys { found });
        }
        let (mut keys, mut passed_by) = (Vec::new(), Vec::new());
        for (index, value) in values.into_iter().enumerate() {
            let kid = value["kid"].as_str().filter(|kid| kid.len() <= KID_BYTES_MAX).map(str::to_owned);
            match key(value, algorithms) {
                Ok(key) => keys.push((index, key)),
                Err(why) => passed_by.push(PassedBy { index, kid, why }),
            }
        }
        if keys.len() > 1 {
            let nameless = keys.extract_if(.., |(_, key)| key.kid.is_none());
            passed_by.extend(nameless.map(|(index, _)| PassedBy { index, kid: None, why: Unused::NoKid }));
        }
        let keys: Vec<_> = keys.into_iter().map(|(_, key)| key).collect();
        let mut ids = HashSet::new();
        if let Some(kid) = keys.iter().filter_map(|key| key.kid.as_ref()).find(|kid| !ids.insert(*kid)) {
            return Err(KeySetError::KidTwice { kid: kid.clone() });
        }
        if keys.is_empty() {
            return Err(KeySetError::NoKey { found });
        }
        Ok(Self { keys, passed_by })
    }

    /// Keys that are not used, and why.
    #[must_use]
    pub fn passed_by(&self) -> &[PassedBy] {
        &self.passed_by
    }

    /// What identifies the keys that are used: ids with their algorithms, in the order of the set.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let name =
            |key: &VerifyingKey| format!("{} {}", key.kid.as_deref().unwrap_or("(no kid)"), key.algorithm.word());
        self.keys.iter().map(name).collect()
    }
}

fn key(value: Value, algorithms: &[Algorithm]) -> Result<VerifyingKey, Unused> {
    let jwk: Jwk = serde_json::from_value(value).map_err(|_| Unused::Flawed(KeyFlaw::NotAKey))?;
    if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
        return Err(Unused::OtherUse);
    }
    if jwk.key_ops.as_ref().is_some_and(|uses| !uses.iter().any(|one| one == "verify")) {
        return Err(Unused::OtherUse);
    }
    if jwk.kid.as_ref().is_some_and(|kid| !(1..=KID_BYTES_MAX).contains(&kid.len())) {
        return Err(Unused::BadKid);
    }
    let algorithm = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => Algorithm::Rs256,
        ("EC", Some("P-256")) => Algorithm::Es256,
        ("OKP", Some("Ed25519")) => Algorithm::EdDsa,
        ("oct", _) => Algorithm::Hs256,
        _ => return Err(Unused::OtherKind),
    };
    if jwk.alg.as_ref().is_some_and(|word| word != algorithm.word()) {
        return Err(Unused::OtherKind);
    }
    if !algorithms.contains(&algorithm) {
        return Err(Unused::NotAllowed(algorithm));
    }
    if jwk.d.is_some() {
        return Err(Unused::Flawed(KeyFlaw::Private));
    }
    let decoding = decoding(algorithm, &jwk).map_err(Unused::Flawed)?;
    Ok(VerifyingKey::new(jwk.kid, algorithm, decoding))
}

fn decoding(algorithm: Algorithm, jwk: &Jwk) -> Result<DecodingKey, KeyFlaw> {
    let bytes = |member: &Option<String>| {
        let text = member.as_deref().ok_or(KeyFlaw::NotAKey)?;
        BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| KeyFlaw::NotAKey)
    };
    match algorithm {
        Algorithm::Hs256 => material::secret(&bytes(&jwk.k)?),
        Algorithm::Rs256 => material::rsa(&bytes(&jwk.n)?, &bytes(&jwk.e)?),
        Algorithm::EdDsa => material::edwards(&bytes(&jwk.x)?),
        Algorithm::Es256 => material::point(&[&[4], &bytes(&jwk.x)?[..], &bytes(&jwk.y)?[..]].concat()),
    }
}
