//! From the configured keys to the verifier of tokens.

use crate::config::{self, Config};
use crate::dev_token::DEV_KID;
use std::path::{Path, PathBuf};
use tidings_engine::grant::Role;
use tidings_engine::token::{Algorithm, KeyConfig, Tenants, Verifier};

/// Keys that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A key file cannot be read.
    #[error("key {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A role has no such name.
    #[error("key {kid}: role {role:?} is not known")]
    Role {
        /// Which key.
        kid: String,
        /// The word.
        role: String,
    },
    /// The verifier refuses the keys.
    #[error("keys: {0}")]
    Refused(String),
}

/// Builds the verifier from the configuration, with the development key where there is one.
///
/// # Errors
/// [`KeyError`]: the first key that cannot be used.
pub fn build(config: &Config, dev_key: Option<&[u8; 32]>) -> Result<Verifier, KeyError> {
    let mut keys = config.keys.iter().map(configured).collect::<Result<Vec<_>, _>>()?;
    if let Some(secret) = dev_key {
        // The development key may say anything: it exists only where nobody else reaches the server.
        keys.push(KeyConfig {
            kid: Some(DEV_KID.to_owned()),
            algorithm: Algorithm::Hs256,
            material: secret.to_vec(),
            issuer: None,
            audience: None,
            tenants: Tenants::Any,
            roles: Role::ALL.to_vec(),
        });
    }
    let refused = |error: tidings_engine::token::KeyError| KeyError::Refused(error.to_string());
    Verifier::new(keys, config.token.tenant_claim.clone(), &config.limits).map_err(refused)
}

fn configured(key: &config::Key) -> Result<KeyConfig, KeyError> {
    let file = key.secret_file.as_ref().or(key.public_key_file.as_ref());
    let material = read(file.ok_or_else(|| KeyError::Refused("a key names no file".to_owned()))?)?;
    let algorithm = match key.algorithm {
        config::KeyAlgorithm::HS256 => Algorithm::Hs256,
        config::KeyAlgorithm::EdDSA => Algorithm::EdDsa,
    };
    let words = key.roles.clone().unwrap_or_else(|| vec!["user".to_owned(), "service".to_owned()]);
    let unknown = |role: &String| KeyError::Role { kid: key.kid.clone().unwrap_or_default(), role: role.clone() };
    let roles = words.iter().map(|word| Role::of(word).ok_or_else(|| unknown(word))).collect::<Result<_, _>>()?;
    let tenants = match key.tenants.as_slice() {
        [any] if any == "*" => Tenants::Any,
        named => Tenants::Only(named.to_vec()),
    };
    let (issuer, audience) = (key.issuer.clone(), key.audience.clone());
    Ok(KeyConfig { kid: key.kid.clone(), algorithm, material, issuer, audience, tenants, roles })
}

fn read(path: &Path) -> Result<Vec<u8>, KeyError> {
    std::fs::read(path).map_err(|source| KeyError::File { path: path.to_owned(), source })
}
