use crate::grant::Grant;
use crate::ids::Time;
use crate::keys::Keys;
use crate::limits::Limits;
use crate::rejection::Rejection;
use crate::tickets::{IssuedTicket, TICKET_ENTROPY_BYTES, Tickets};
use crate::token::Verifier;
use parking_lot::Mutex;
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
    tickets: Mutex<Tickets>,
}

impl SessionContext {
    /// A context that verifies tokens with `verifier` until it is replaced.
    #[must_use]
    pub fn new(keys: Arc<Keys>, verifier: Arc<Verifier>, limits: Limits, epoch: u64) -> Self {
        Self { keys, limits, epoch, verifier: RwLock::new(verifier), tickets: Mutex::default() }
    }

    /// Makes a ticket, worth one connection, for who holds `grant`.
    ///
    /// # Errors
    /// As [`Tickets::issue`].
    pub fn issue_ticket(
        &self,
        grant: Arc<Grant>,
        entropy: [u8; TICKET_ENTROPY_BYTES],
        now: Time,
    ) -> Result<IssuedTicket, Rejection> {
        self.tickets.lock().issue(grant, entropy, now)
    }

    /// What a ticket stands for, once.
    #[must_use]
    pub fn redeem_ticket(&self, text: &str, now: Time) -> Option<Arc<Grant>> {
        self.tickets.lock().redeem(text, now)
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
