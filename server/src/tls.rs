//! The certificate that HTTP and QUIC show: an operator's, or a self-signed one of development.

use crate::config;
use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::path::PathBuf;
use std::sync::Arc;
use tidings_adapters::certificate::{SelfSigned, SelfSignedError};
use tidings_engine::ids::Time;

/// A certificate that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read, or holds no PEM of its kind.
    #[error("tls {path}: {what}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The key is of a kind that cannot sign, or is not the certificate's.
    #[error("tls: {0}")]
    Key(#[from] rustls::Error),
    /// The self-signed certificate could not be made.
    #[error(transparent)]
    SelfSigned(#[from] SelfSignedError),
}

/// What both listeners show. A clone is the same one.
#[derive(Clone, Debug)]
pub struct Certificate {
    shown: Arc<Shown>,
    /// SHA-256 in hexadecimal for browsers that pin it; `None` when it is trusted like any other.
    pub pinned: Option<String>,
}

impl Certificate {
    /// Reads the operator's certificate.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn read(tls: &config::Tls) -> Result<Self, CertificateError> {
        let wrong = |path: &PathBuf, error: rustls::pki_types::pem::Error| CertificateError::File {
            path: path.clone(),
            what: error.to_string(),
        };
        let chain = CertificateDer::pem_file_iter(&tls.certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let chain = chain.map_err(|error| wrong(&tls.certificate, error))?;
        let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| wrong(&tls.key, error))?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        Ok(Self { shown: Shown::of(CertifiedKey::from_der(chain, key, &provider)?), pinned: None })
    }

    /// Makes a self-signed one for this machine, valid for 14 days.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn self_signed() -> Result<Self, CertificateError> {
        let made = SelfSigned::generate(&["localhost", "127.0.0.1", "::1"])?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let key = CertifiedKey::from_der(vec![made.certificate], made.key, &provider)?;
        Ok(Self { shown: Shown::of(key), pinned: Some(made.sha256) })
    }

    /// When it ends; `None` where the leaf cannot be read.
    pub(crate) fn expires(&self) -> Option<Time> {
        let key = Arc::clone(&self.shown.0.read());
        let (_, leaf) = x509_parser::parse_x509_certificate(key.cert.first()?).ok()?;
        Some(Time(leaf.validity().not_after.timestamp().saturating_mul(1_000)))
    }

    /// For the QUIC endpoint.
    #[must_use]
    pub fn resolver(&self) -> Arc<dyn ResolvesServerCert> {
        Arc::clone(&self.shown) as Arc<dyn ResolvesServerCert>
    }

    /// Shows from now on what `other` shows, to whoever connects anew.
    pub fn replace(&self, other: &Self) {
        let key = Arc::clone(&other.shown.0.read());
        *self.shown.0.write() = key;
    }

    /// For the HTTP listener: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
    ///
    /// # Errors
    /// The crypto library offers nothing that TLS can use.
    pub fn https(&self) -> Result<Arc<ServerConfig>, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self.resolver());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

#[derive(Debug)]
struct Shown(RwLock<Arc<CertifiedKey>>);

impl Shown {
    fn of(key: CertifiedKey) -> Arc<Self> {
        Arc::new(Self(RwLock::new(Arc::new(key))))
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read()))
    }
}
