//! A URL with the keys of an issuer, and one reading of it.

use crate::config;
use bytes::Bytes;
use rustls::pki_types::CertificateDer;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tidings_client::{ClientError, Connector, Trust};
use tidings_engine::token::{Algorithm, KeySet, KeySetError, KeySource, SET_BYTES_MAX};

/// Longest reading, from the name of the host to the last byte: 5 s.
const LOAD: Duration = Duration::from_secs(5);

static SOURCES: AtomicU64 = AtomicU64::new(1);

/// Where the keys of an issuer are published.
pub struct Place {
    source: KeySource,
    issuer: String,
    url: String,
    algorithms: Vec<Algorithm>,
    roots: Option<Vec<CertificateDer<'static>>>,
    refresh: Duration,
    keep: Duration,
    connector: Connector,
}

/// Why keys could not be loaded. For the log of the server.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no answer.
    #[error(transparent)]
    Http(#[from] ClientError),
    /// The answer is none with keys. Redirections are not followed: they could lead off TLS.
    #[error("answered with status {status}")]
    Status {
        /// Found.
        status: u16,
    },
    /// The keys cannot be used.
    #[error(transparent)]
    Set(#[from] KeySetError),
}

impl Place {
    /// A place of its own, with certificates that vouch for it where they are not the system's.
    #[must_use]
    pub fn new(
        issuer: &config::Issuer,
        url: String,
        algorithms: Vec<Algorithm>,
        roots: Option<Vec<CertificateDer<'static>>>,
    ) -> Self {
        let trust = roots.clone().map_or(Trust::System, Trust::Roots);
        Self {
            source: KeySource(SOURCES.fetch_add(1, Ordering::Relaxed)),
            issuer: issuer.iss.clone(),
            url,
            algorithms,
            roots,
            refresh: issuer.refresh.0,
            keep: issuer.keep.0,
            connector: Connector::new(&trust).with_timeout(LOAD).with_answer_bytes_max(SET_BYTES_MAX),
        }
    }

    /// Its name in the verifier.
    #[must_use]
    pub const fn source(&self) -> KeySource {
        self.source
    }

    /// The issuer whose keys are there.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How often it is read.
    #[must_use]
    pub const fn refresh(&self) -> Duration {
        self.refresh
    }

    /// How long a set is used after it was read.
    #[must_use]
    pub const fn keep(&self) -> Duration {
        self.keep
    }

    /// Whether what was loaded from `other` is what would be loaded from here.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.issuer, &self.url, &self.algorithms, &self.roots, self.refresh, self.keep)
            == (&other.issuer, &other.url, &other.algorithms, &other.roots, other.refresh, other.keep)
    }

    /// Reads the keys.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn load(&self) -> Result<KeySet, LoadError> {
        let answer = Box::pin(self.connector.request("GET", &self.url, &[], Bytes::new())).await?;
        if answer.status != 200 {
            return Err(LoadError::Status { status: answer.status });
        }
        Ok(KeySet::parse(&answer.body, &self.algorithms)?)
    }
}
