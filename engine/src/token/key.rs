use crate::grant::Role;
use jsonwebtoken::{DecodingKey, Validation};
use std::fmt;

/// Fewest bytes a shared secret must have: as many as the hash gives.
const SECRET_BYTES_MIN: usize = 32;

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

/// Which tenants a key may assert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenants {
    /// These.
    Only(Vec<String>),
    /// Every one: must be said explicitly.
    Any,
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
    /// The material is no key of the algorithm.
    #[error("key {index} is no PEM of a public key for {algorithm:?}")]
    BadPem {
        /// Which, counted from 0.
        index: usize,
        /// What it should be.
        algorithm: Algorithm,
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
    /// The key only verifies.
    #[error("only a key of HS256 can sign here")]
    CannotSign,
}

/// A key ready for use.
pub(super) struct VerifyingKey {
    pub(super) kid: Option<String>,
    pub(super) issuer: Option<String>,
    pub(super) audience: Option<String>,
    pub(super) tenants: Tenants,
    pub(super) roles: Vec<Role>,
    pub(super) decoding: DecodingKey,
    pub(super) validation: Validation,
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl VerifyingKey {
    pub(super) fn new(index: usize, config: KeyConfig) -> Result<Self, KeyError> {
        let (algorithm, material) = (config.algorithm, config.material.as_slice());
        if algorithm == Algorithm::Hs256 && material.len() < SECRET_BYTES_MIN {
            return Err(KeyError::SecretTooShort { index, bytes: material.len() });
        }
        let (pinned, decoding) = match algorithm {
            Algorithm::Hs256 => (jsonwebtoken::Algorithm::HS256, Ok(DecodingKey::from_secret(material))),
            Algorithm::Rs256 => (jsonwebtoken::Algorithm::RS256, DecodingKey::from_rsa_pem(material)),
            Algorithm::Es256 => (jsonwebtoken::Algorithm::ES256, DecodingKey::from_ec_pem(material)),
            Algorithm::EdDsa => (jsonwebtoken::Algorithm::EdDSA, DecodingKey::from_ed_pem(material)),
        };
        let mut validation = Validation::new(pinned);
        // These would read the clock, or know less than our own checks of the claims.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        Ok(Self {
            kid: config.kid,
            issuer: config.issuer,
            audience: config.audience,
            tenants: config.tenants,
            roles: config.roles,
            decoding: decoding.map_err(|_| KeyError::BadPem { index, algorithm })?,
            validation,
        })
    }
}
