//! The certificate of development: self-signed, pinned by browsers through its hash.

use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use wtransport::Identity;
use wtransport::tls::Sha256DigestFmt;

/// A self-signed P-256 certificate that is valid for 14 days, the most that browsers allow for a pinned one.
#[derive(Debug)]
pub struct SelfSigned {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// Its key, PKCS #8.
    pub key: PrivateKeyDer<'static>,
    /// SHA-256 of the certificate, 64 hexadecimal digits, as `certificateHashes` of `GET /v1/connect` has it.
    pub sha256: String,
}

/// Why no certificate could be made.
#[derive(Debug, thiserror::Error)]
pub enum SelfSignedError {
    /// One of the names is neither a DNS name nor an IP address.
    #[error("certificate name is not valid: {0}")]
    Name(String),
}

impl SelfSigned {
    /// Makes a certificate for `names`, DNS names or IP addresses, valid from now on.
    ///
    /// # Errors
    ///
    /// A name is not valid.
    pub fn generate(names: &[&str]) -> Result<Self, SelfSignedError> {
        let identity = Identity::self_signed(names).map_err(|error| SelfSignedError::Name(error.to_string()))?;
        let certificate = &identity.certificate_chain().as_slice()[0];
        let sha256 = certificate.hash().fmt(Sha256DigestFmt::DottedHex).replace(':', "");
        let key = PrivatePkcs8KeyDer::from(identity.private_key().secret_der().to_vec());
        Ok(Self { certificate: CertificateDer::from(certificate.der().to_vec()), key: key.into(), sha256 })
    }
}
