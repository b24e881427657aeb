//! The hash chain over all events.

use aws_lc_rs::digest;
use std::fmt;

/// Identity of a log: 16 random bytes given at its creation. Auditors know it; it is no secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogId(pub [u8; 16]);

/// Value of the hash chain after an event: C(p) = SHA-256(C(p-1) ‖ leaf(p)), and C(0) = SHA-256(log id).
///
/// Two logs whose chains agree at a position hold the same events up to it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Chain(pub [u8; 32]);

impl Chain {
    /// The chain before the first event of a log.
    #[must_use]
    pub fn start(log: LogId) -> Self {
        Self(sha256(&log.0))
    }

    /// The chain after one more event, given by its leaf.
    #[must_use]
    pub fn then(self, leaf: &[u8; 32]) -> Self {
        let mut both = [0; 64];
        both[..32].copy_from_slice(&self.0);
        both[32..].copy_from_slice(leaf);
        Self(sha256(&both))
    }

    /// The first four bytes: enough for a cursor to notice that it comes from another history.
    #[must_use]
    pub fn prefix(self) -> [u8; 4] {
        [self.0[0], self.0[1], self.0[2], self.0[3]]
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chain({self})")
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogId({self})")
    }
}

/// SHA-256 of `bytes`.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}
