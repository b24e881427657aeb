use crate::keys::Keys;
use crate::limits::Limits;
use crate::token::Verifier;
use std::sync::{Arc, PoisonError, RwLock};

/// What all sessions of a node share.
#[derive(Debug)]
pub struct SessionContext {
    /// The log's keys.
    pub keys: Arc<Keys>,
    /// The limits.
    pub limits: Limits,
    /// Identity of the log.
    pub epoch: u64,
    verifier: RwLock<Arc<Verifier>>,
}

impl SessionContext {
    /// A context that verifies tokens with `verifier` until it is replaced.
    #[must_use]
    pub const fn new(keys: Arc<Keys>, verifier: Arc<Verifier>, limits: Limits, epoch: u64) -> Self {
        Self { keys, limits, epoch, verifier: RwLock::new(verifier) }
    }

    /// The verifier in force.
    #[must_use]
    pub fn verifier(&self) -> Arc<Verifier> {
        Arc::clone(&self.verifier.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another verifier in force, for tokens that come from now on.
    pub fn replace_verifier(&self, verifier: Arc<Verifier>) {
        *self.verifier.write().unwrap_or_else(PoisonError::into_inner) = verifier;
    }
}
