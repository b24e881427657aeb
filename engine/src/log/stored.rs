//! The removable part of a record as it is stored.

use super::chain::sha256;
use bytes::Bytes;

/// Content in the log: the bytes, or what is left when they were redacted.
#[derive(Clone, PartialEq, Eq)]
pub enum Stored {
    /// The bytes as they were appended; empty for an event without content.
    Whole(Bytes),
    /// The bytes were removed, and this is their SHA-256: every leaf, chain and root stays what it was.
    Redacted([u8; 32]),
}

impl Stored {
    /// Nothing stored.
    pub const EMPTY: Self = Self::Whole(Bytes::new());

    /// The bytes; `None` when they were redacted.
    #[must_use]
    pub const fn bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Whole(bytes) => Some(bytes),
            Self::Redacted(_) => None,
        }
    }

    /// Whether the event never had content.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    /// Whether the bytes were removed.
    #[must_use]
    pub const fn is_redacted(&self) -> bool {
        matches!(self, Self::Redacted(_))
    }

    /// SHA-256 of the bytes as they were appended, which the leaf covers.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        match self {
            Self::Whole(bytes) => sha256(bytes),
            Self::Redacted(hash) => *hash,
        }
    }

    /// Bytes that it takes in a record.
    #[must_use]
    pub fn stored_bytes(&self) -> usize {
        self.as_stored().len()
    }

    /// What stands in the record.
    pub(crate) fn as_stored(&self) -> &[u8] {
        match self {
            Self::Whole(bytes) => bytes,
            Self::Redacted(hash) => hash,
        }
    }
}

impl Default for Stored {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl From<Bytes> for Stored {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(bytes)
    }
}

impl From<Vec<u8>> for Stored {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Whole(bytes.into())
    }
}

/// Shows no content: it may be personal where it is not sealed.
impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(bytes) => write!(f, "Whole({} bytes)", bytes.len()),
            Self::Redacted(_) => f.write_str("Redacted"),
        }
    }
}
