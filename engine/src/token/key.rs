use super::material::{self, KeyFlaw, SECRET_BYTES_MIN};
use crate::grant::Role;
use jsonwebtoken::{DecodingKey, Validation};
use std::fmt;

/// How a key signs. Pinned by configuration; a token whose header says otherwise is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256, by a secret that both sides hold.
    Hs256,
    /// RSA with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 4] = [Self::Hs256, Self::Rs256, Self::Es256, Self::EdDsa];

    /// The word in headers of tokens and in keys.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.word() == word)
    }
}

/// Which tenants a key may assert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenants {
    /// These.
    Only(Vec<String>),
    /// Every one: must be said explicitly.
    Any,
}

/// What the tokens of a key, or of all keys of an issuer, must say and may say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertions {
    /// The `iss` that its tokens must have; any or none when absent.
    pub issuer: Option<String>,
    /// The `aud` of which its tokens must name one. When there is none, a token that has an `aud` is meant for somebody
    /// else.
    pub audience: Vec<String>,
    /// Tenants it may assert.
    pub tenants: Tenants,
    /// Roles it may assert.
    pub roles: Vec<Role>,
}

/// A key that signs tokens, and what it may assert.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyConfig {
    /// The id that tokens name in their header; may be absent where there is one key alone.
    pub kid: Option<String>,
    /// How it signs.
    pub algorithm: Algorithm,
    /// The secret itself, at least 32 bytes, or the public key as PEM.
    pub material: Vec<u8>,
    /// The `iss` that its tokens must have; any or none when absent.
    pub issuer: Option<String>,
    /// The `aud` that its tokens must name. When absent, a token that has an `aud` is meant for somebody else.
    pub audience: Option<String>,
    /// Tenants it may assert.
    pub tenants: Tenants,
    /// Roles it may assert.
    pub roles: Vec<Role>,
}

impl KeyConfig {
    /// Roles that a key may assert unless told otherwise: `user` and `service`.
    pub const ROLES_DEFAULT: [Role; 2] = [Role::User, Role::Service];

    /// A key for one tenant and the default roles, of any issuer, for no audience.
    #[must_use]
    pub fn new(algorithm: Algorithm, material: Vec<u8>, tenant: &str) -> Self {
        Self {
            kid: None,
            algorithm,
            material,
            issuer: None,
            audience: None,
            tenants: Tenants::Only(vec![tenant.to_owned()]),
            roles: Self::ROLES_DEFAULT.to_vec(),
        }
    }

    pub(super) fn into_assertions(self) -> Assertions {
        let audience = self.audience.into_iter().collect();
        Assertions { issuer: self.issuer, audience, tenants: self.tenants, roles: self.roles }
    }
}

impl fmt::Debug for KeyConfig {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyConfig")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("tenants", &self.tenants)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

/// Keys that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The material is no key of the algorithm, or a weak one.
    #[error("key {index} for {}: {flaw}", .algorithm.word())]
    Flawed {
        /// Which, counted from 0.
        index: usize,
        /// What it should be.
        algorithm: Algorithm,
        /// What is wrong.
        flaw: KeyFlaw,
    },
    /// A secret that could be guessed.
    #[error("key {index} is {bytes} bytes, at least {SECRET_BYTES_MIN} are needed")]
    SecretTooShort {
        /// Which, counted from 0.
        index: usize,
        /// Found.
        bytes: usize,
    },
    /// One of several keys has no id.
    #[error("key {index} has no kid, and there is more than one key")]
    KidMissing {
        /// Which, counted from 0.
        index: usize,
    },
    /// Two keys have the same id.
    #[error("kid {kid} is there twice")]
    KidTwice {
        /// The id.
        kid: String,
    },
    /// Two issuers have the same name, or a key that stands alone claims that of an issuer.
    #[error("issuer {issuer} is there twice")]
    IssuerTwice {
        /// Its name.
        issuer: String,
    },
    /// The key only verifies.
    #[error("only a key of HS256 can sign here")]
    CannotSign,
}

/// A key ready for use, pinned to its algorithm.
#[derive(Clone)]
pub(super) struct VerifyingKey {
    pub(super) kid: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) decoding: DecodingKey,
    pub(super) validation: Validation,
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl VerifyingKey {
    pub(super) fn configured(index: usize, config: &KeyConfig) -> Result<Self, KeyError> {
        let (algorithm, material) = (config.algorithm, config.material.as_slice());
        let decoding = match algorithm {
            Algorithm::Hs256 => {
                material::secret(material).map_err(|_| KeyError::SecretTooShort { index, bytes: material.len() })?
            }
            _ => material::pem(algorithm, material).map_err(|flaw| KeyError::Flawed { index, algorithm, flaw })?,
        };
        Ok(Self::new(config.kid.clone(), algorithm, decoding))
    }

    pub(super) fn new(kid: Option<String>, algorithm: Algorithm, decoding: DecodingKey) -> Self {
        let mut validation = Validation::new(match algorithm {
            Algorithm::Hs256 => jsonwebtoken::Algorithm::HS256,
            Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
            Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
            Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        });
        // These would read the clock, or know less than our own checks of the claims.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        Self { kid, algorithm, decoding, validation }
    }
}

/// Why no key of several is the one that a token names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoKey {
    /// It names none, and there are several.
    Unnamed,
    /// There is none of this name.
    Unknown,
}

/// The key that a token names. Where there is one alone it need not be named, nor have a name.
pub(super) fn named<'a>(keys: &'a [VerifyingKey], kid: Option<&str>) -> Result<(usize, &'a VerifyingKey), NoKey> {
    match (keys, kid) {
        ([only], None) => Ok((0, only)),
        ([only], Some(_)) if only.kid.is_none() => Ok((0, only)),
        (_, None) => Err(NoKey::Unnamed),
        (keys, Some(kid)) => {
            keys.iter().enumerate().find(|(_, key)| key.kid.as_deref() == Some(kid)).ok_or(NoKey::Unknown)
        }
    }
}
