//! The Ed25519 keys that sign checkpoints, in the forms of C2SP.

use super::note::{Note, Signature, is_key_name};
use crate::log::sha256;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use data_encoding::{BASE64, HEXLOWER};
use std::fmt;

/// Number of Ed25519 among the algorithms of signed notes.
const ALGORITHM_ED25519: u8 = 1;

/// Most bytes the text of a verifier key may have: 1,024.
const TEXT_BYTES_MAX: usize = 1024;

/// A public key with its name: what an auditor holds. Its text is `NAME+HASH+BASE64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    public: [u8; 32],
}

/// A text is not a verifier key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Its parts are not a name, eight hexadecimal characters and base64, with a plus between.
    #[error("verifier key is not NAME+HASH+BASE64")]
    Form,
    /// The name is empty, or has a space or plus.
    #[error("verifier key has a name that is empty or has a space or plus")]
    Name,
    /// The key is not an Ed25519 key.
    #[error("verifier key has algorithm {found}, only {ALGORITHM_ED25519} (Ed25519, 32 bytes) is known")]
    Algorithm {
        /// Number of its algorithm.
        found: u8,
    },
    /// The hash is not that of name and key: something was lost when it was copied.
    #[error("verifier key has the hash {found}, name and key have {expected}")]
    Hash {
        /// The hash in the text.
        found: String,
        /// The hash of name and key.
        expected: String,
    },
}

impl VerifierKey {
    /// A key by its parts.
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn new(name: &str, public: [u8; 32]) -> Result<Self, KeyError> {
        if is_key_name(name) { Ok(Self { name: name.to_owned(), public }) } else { Err(KeyError::Name) }
    }

    /// Reads `NAME+HASH+BASE64`.
    ///
    /// # Errors
    /// [`KeyError`]: the first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(KeyError::Form);
        }
        let (name, rest) = text.split_once('+').ok_or(KeyError::Form)?;
        let (hash, encoded) = rest.split_once('+').ok_or(KeyError::Form)?;
        let bytes = BASE64.decode(encoded.as_bytes()).map_err(|_| KeyError::Form)?;
        let (algorithm, public) = bytes.split_first().ok_or(KeyError::Form)?;
        let algorithm_error = KeyError::Algorithm { found: *algorithm };
        let public = <[u8; 32]>::try_from(public).map_err(|_| algorithm_error.clone())?;
        if *algorithm != ALGORITHM_ED25519 {
            return Err(algorithm_error);
        }
        let key = Self::new(name, public)?;
        let expected = HEXLOWER.encode(&key.hash());
        if hash == expected { Ok(key) } else { Err(KeyError::Hash { found: hash.to_owned(), expected }) }
    }

    /// The name, which signatures carry.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public key itself.
    #[must_use]
    pub const fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// First bytes of SHA-256(name ‖ line feed ‖ algorithm ‖ public key), which signatures carry.
    #[must_use]
    pub fn hash(&self) -> [u8; 4] {
        let hashed = sha256(&[self.name.as_bytes(), &[b'\n', ALGORITHM_ED25519], &self.public].concat());
        [hashed[0], hashed[1], hashed[2], hashed[3]]
    }

    /// What this key says about a note: `None` when it has not signed it, else whether its signatures are right.
    #[must_use]
    pub fn verify(&self, note: &Note) -> Option<bool> {
        let hash = self.hash();
        let mut own =
            note.signatures.iter().filter(|signature| signature.name == self.name && signature.hash == hash).peekable();
        own.peek()?;
        Some(own.all(|signature| self.has_signed(note.text.as_bytes(), &signature.bytes)))
    }

    /// Whether this key endorsed another as the one after it: the signature is over the other's text.
    #[must_use]
    pub fn has_endorsed(&self, next: &Self, endorsement: &[u8]) -> bool {
        self.has_signed(next.to_string().as_bytes(), endorsement)
    }

    fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public).verify(message, signature).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[ALGORITHM_ED25519], &self.public[..]].concat();
        write!(f, "{}+{}+{}", self.name, HEXLOWER.encode(&self.hash()), BASE64.encode(&key))
    }
}

/// The secret half: signs as any name.
pub struct SigningKey {
    pair: Ed25519KeyPair,
}

impl SigningKey {
    /// The key of a seed of random bytes.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self { pair: Ed25519KeyPair::from_seed_unchecked(seed).expect("any 32 bytes are the seed of an Ed25519 key") }
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.pair.public_key().as_ref().try_into().expect("a public key of Ed25519 has 32 bytes")
    }

    /// The public half under a name.
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn verifier(&self, name: &str) -> Result<VerifierKey, KeyError> {
        VerifierKey::new(name, self.public())
    }

    /// Signs a text, which ends with a line feed, under a name.
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn sign(&self, name: &str, text: String) -> Result<Note, KeyError> {
        let hash = self.verifier(name)?.hash();
        let bytes = self.pair.sign(text.as_bytes()).as_ref().to_vec();
        Ok(Note { text, signatures: vec![Signature { name: name.to_owned(), hash, bytes }] })
    }

    /// Endorses the key that is to follow this one: the Ed25519 signature over the text of that key.
    #[must_use]
    pub fn endorse(&self, next: &VerifierKey) -> Vec<u8> {
        self.pair.sign(next.to_string().as_bytes()).as_ref().to_vec()
    }
}

/// Without the secret.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", HEXLOWER.encode(&self.public()))
    }
}
