//! From PEM, or the members of a JWK, to a key that verifies: refused when it is weak or no key at all.

use super::key::Algorithm;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey};
use jsonwebtoken::DecodingKey;

/// Fewest bytes a shared secret must have: as many as the hash gives.
pub(super) const SECRET_BYTES_MIN: usize = 32;
/// Fewest bits of an RSA modulus: 2,048.
pub(super) const RSA_BITS_MIN: usize = 2_048;
/// Most bits of an RSA modulus: 8,192. Beyond it each verification costs too much.
const RSA_BITS_MAX: usize = 8_192;
/// Most bytes of an RSA exponent: 5. Nearly all are 65,537; the library verifies by none beyond 33 bits.
const EXPONENT_BYTES_MAX: usize = 5;

/// What is wrong with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFlaw {
    /// Not a public key of its algorithm.
    #[error("is no public key of its algorithm")]
    NotAKey,
    /// A private key, which belongs where tokens are signed and nowhere else.
    #[error("is a private key: only the public half belongs here")]
    Private,
    /// It could be broken or guessed.
    #[error("has {bits} bits, at least {least} are needed")]
    Weak {
        /// Found.
        bits: usize,
        /// Needed.
        least: usize,
    },
}

/// A shared secret.
pub(super) fn secret(bytes: &[u8]) -> Result<DecodingKey, KeyFlaw> {
    if bytes.len() < SECRET_BYTES_MIN {
        return Err(KeyFlaw::Weak { bits: bytes.len() * 8, least: SECRET_BYTES_MIN * 8 });
    }
    Ok(DecodingKey::from_secret(bytes))
}

/// A public key as PEM: SubjectPublicKeyInfo, or PKCS#1 for RSA.
pub(super) fn pem(algorithm: Algorithm, text: &[u8]) -> Result<DecodingKey, KeyFlaw> {
    // The library would also take the wrong half, and whatever bits of a certificate come first.
    let text = std::str::from_utf8(text).map_err(|_| KeyFlaw::NotAKey)?;
    let mut labels = text.split("-----BEGIN ").skip(1).filter_map(|block| block.split("-----").next());
    match (labels.next(), labels.next()) {
        (Some("PUBLIC KEY" | "RSA PUBLIC KEY"), None) => {}
        (Some(label), _) if label.ends_with("PRIVATE KEY") => return Err(KeyFlaw::Private),
        _ => return Err(KeyFlaw::NotAKey),
    }
    let key = match algorithm {
        Algorithm::Hs256 => return Err(KeyFlaw::NotAKey),
        Algorithm::Rs256 => DecodingKey::from_rsa_pem(text.as_bytes()),
        Algorithm::Es256 => DecodingKey::from_ec_pem(text.as_bytes()),
        Algorithm::EdDsa => DecodingKey::from_ed_pem(text.as_bytes()),
    };
    let key = key.map_err(|_| KeyFlaw::NotAKey)?;
    let bytes = key.try_get_as_bytes().map_err(|_| KeyFlaw::NotAKey)?;
    match algorithm {
        Algorithm::Hs256 => Err(KeyFlaw::NotAKey),
        Algorithm::Rs256 => {
            let (modulus, exponent) = rsa_members(bytes).ok_or(KeyFlaw::NotAKey)?;
            rsa(modulus, exponent)
        }
        Algorithm::Es256 => point(bytes),
        Algorithm::EdDsa => edwards(bytes),
    }
}

/// An RSA key by its modulus and exponent, big endian.
pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<DecodingKey, KeyFlaw> {
    let (modulus, exponent) = (without_zeros(modulus), without_zeros(exponent));
    let bits = modulus.len() * 8 - modulus.first().map_or(0, |first| first.leading_zeros() as usize);
    if bits < RSA_BITS_MIN {
        return Err(KeyFlaw::Weak { bits, least: RSA_BITS_MIN });
    }
    // By an exponent of 1 everybody signs; even ones are none. The library takes both from components.
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    if bits > RSA_BITS_MAX
        || !is_odd(modulus)
        || !is_odd(exponent)
        || exponent == [1]
        || exponent.len() > EXPONENT_BYTES_MAX
    {
        return Err(KeyFlaw::NotAKey);
    }
    Ok(DecodingKey::from_rsa_raw_components(modulus, exponent))
}

/// A point on P-256, uncompressed: 4, x, y.
pub(super) fn point(bytes: &[u8]) -> Result<DecodingKey, KeyFlaw> {
    ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes).map_err(|_| KeyFlaw::NotAKey)?;
    Ok(DecodingKey::from_ec_der(bytes))
}

/// An Ed25519 key: 32 bytes.
pub(super) fn edwards(bytes: &[u8]) -> Result<DecodingKey, KeyFlaw> {
    ParsedPublicKey::new(&ED25519, bytes).map_err(|_| KeyFlaw::NotAKey)?;
    Ok(DecodingKey::from_ed_der(bytes))
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// Modulus and exponent of `RSAPublicKey` (RFC 8017, A.1.1), which holds nothing else.
pub(super) fn rsa_members(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (body, rest) = element(der, 0x30)?;
    let (modulus, body) = element(body, 0x02)?;
    let (exponent, body) = element(body, 0x02)?;
    (rest.is_empty() && body.is_empty()).then_some((modulus, exponent))
}

/// The content of the DER element of this kind that `der` begins with, and what is after it.
fn element(der: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = der.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81 | 0x82 => {
            let (length, rest) = rest.split_at_checked(usize::from(length - 0x80))?;
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    (first == kind).then(|| rest.split_at_checked(length)).flatten()
}
