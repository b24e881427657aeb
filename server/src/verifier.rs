//! From the configured keys and issuers to the verifier of tokens.

use crate::config::{self, Config, KeyAlgorithm};
use crate::dev_token::DEV_KID;
use crate::issuers::{Known, Place};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tidings_engine::grant::Role;
use tidings_engine::token::{
    Algorithm, Assertions, Issuer, IssuerKeys, KeyConfig, KeySet, KeySetError, PassedBy, Tenants, Verifier,
};

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
    /// A set of keys cannot be used.
    #[error("keys {path}: {source}")]
    Set {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: KeySetError,
    },
    /// A file with certificates cannot be used.
    #[error("ca_file {path}: {what}")]
    Certificates {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A role has no such name.
    #[error("{whose}: role {role:?} is not known")]
    Role {
        /// Which key or issuer.
        whose: String,
        /// The word.
        role: String,
    },
    /// The verifier refuses the keys.
    #[error("keys: {0}")]
    Refused(#[from] tidings_engine::token::KeyError),
}

/// What a configuration says of keys, read.
pub struct Trusted {
    /// Verifies by all of them.
    pub verifier: Verifier,
    /// Where keys are loaded from while the server runs.
    pub places: Vec<Arc<Place>>,
    /// Keys in files that are not used, a sentence each.
    pub notes: Vec<String>,
}

/// Reads the keys of the configuration, and adds the development key where there is one. Sets that were loaded from a place
/// that is the same as before are `known`, and kept.
///
/// # Errors
/// [`KeyError`]: the first key or issuer that cannot be used.
pub fn build(config: &Config, dev_key: Option<&[u8; 32]>, known: &dyn Known) -> Result<Trusted, KeyError> {
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
    let verifier = Verifier::new(keys, config.token.tenant_claim.clone(), &config.limits)?;
    let (mut places, mut notes, mut issuers) = (Vec::new(), Vec::new(), Vec::new());
    for issuer in &config.issuers {
        let algorithms: Vec<_> = issuer.algorithms.iter().map(|one| algorithm(*one)).collect();
        let keys = match (&issuer.jwks_file, &issuer.jwks_url) {
            (Some(path), _) => {
                let set = KeySet::parse(&read(path)?, &algorithms);
                let set = set.map_err(|source| KeyError::Set { path: path.clone(), source })?;
                notes.extend(set.passed_by().iter().map(|key| format!("keys {}: {}", path.display(), said(key))));
                IssuerKeys::Fixed(Arc::new(set))
            }
            (None, url) => {
                let url = url.clone().unwrap_or_default();
                let roots = issuer.ca_file.as_deref().map(certificates).transpose()?;
                let wanted = Place::new(issuer, url, algorithms, roots);
                let place = known.same_as(&wanted).unwrap_or_else(|| Arc::new(wanted));
                let (source, last) = (place.source(), known.last_of(place.source()));
                places.push(place);
                IssuerKeys::Loaded { source, last }
            }
        };
        issuers.push(Issuer::new(issuer.iss.clone(), may(issuer)?, keys));
    }
    Ok(Trusted { verifier: verifier.with_issuers(issuers)?, places, notes })
}

/// A key that is not used, as a sentence.
pub(crate) fn said(key: &PassedBy) -> String {
    let name = key.kid.as_ref().map_or_else(String::new, |kid| format!(" (kid {kid})"));
    format!("key {}{name} is passed by: it {}", key.index, key.why)
}

const fn algorithm(configured: KeyAlgorithm) -> Algorithm {
    match configured {
        KeyAlgorithm::HS256 => Algorithm::Hs256,
        KeyAlgorithm::RS256 => Algorithm::Rs256,
        KeyAlgorithm::ES256 => Algorithm::Es256,
        KeyAlgorithm::EdDSA => Algorithm::EdDsa,
    }
}

fn configured(key: &config::Key) -> Result<KeyConfig, KeyError> {
    let file = key.secret_file.as_ref().or(key.public_key_file.as_ref());
    let material = read(file.map_or(Path::new(""), PathBuf::as_path))?;
    let whose = || format!("key {}", key.kid.as_deref().unwrap_or("without kid"));
    Ok(KeyConfig {
        kid: key.kid.clone(),
        algorithm: algorithm(key.algorithm),
        material,
        issuer: key.issuer.clone(),
        audience: key.audience.clone(),
        tenants: tenants(&key.tenants),
        roles: roles(key.roles.as_deref(), whose)?,
    })
}

fn may(issuer: &config::Issuer) -> Result<Assertions, KeyError> {
    Ok(Assertions {
        issuer: Some(issuer.iss.clone()),
        audience: issuer.aud.clone(),
        tenants: tenants(&issuer.tenants),
        roles: roles(issuer.roles.as_deref(), || format!("issuer {}", issuer.iss))?,
    })
}

fn tenants(named: &[String]) -> Tenants {
    match named {
        [any] if any == "*" => Tenants::Any,
        named => Tenants::Only(named.to_vec()),
    }
}

fn roles(words: Option<&[String]>, whose: impl Fn() -> String) -> Result<Vec<Role>, KeyError> {
    let Some(words) = words else { return Ok(KeyConfig::ROLES_DEFAULT.to_vec()) };
    let unknown = |role: &String| KeyError::Role { whose: whose(), role: role.clone() };
    words.iter().map(|word| Role::of(word).ok_or_else(|| unknown(word))).collect()
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, KeyError> {
    let wrong = |what: String| KeyError::Certificates { path: path.to_owned(), what };
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|error| wrong(error.to_string()))?;
    if read.is_empty() { Err(wrong("holds no certificate".to_owned())) } else { Ok(read) }
}

fn read(path: &Path) -> Result<Vec<u8>, KeyError> {
    std::fs::read(path).map_err(|source| KeyError::File { path: path.to_owned(), source })
}
