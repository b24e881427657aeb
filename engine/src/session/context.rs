use crate::access::{AccessInForce, SECRET_PREFIX};
use crate::grant::Grant;
use crate::ids::Time;
use crate::keys::Keys;
use crate::limits::{LimitSet, Limits};
use crate::rejection::Rejection;
use crate::tickets::{IssuedTicket, TICKET_ENTROPY_BYTES, Tickets};
use crate::token::{TokenError, Verifier};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// What all sessions of a node share.
#[derive(Debug)]
pub struct SessionContext {
    /// The log's keys.
    pub keys: Arc<Keys>,
    /// Identity of the log.
    pub epoch: u64,
    /// Revoked tokens and keys of services.
    access: AccessInForce,
    in_force: RwLock<InForce>,
    tickets: Mutex<Tickets>,
    /// Goes up when the limits are replaced, so that a session need not look at them each time.
    limits_version: AtomicU32,
}

/// What a reload of the configuration replaces.
#[derive(Clone, Debug)]
struct InForce {
    verifier: Arc<Verifier>,
    limits: Arc<LimitSet>,
}

impl SessionContext {
    /// A context that verifies tokens with `verifier` and holds sessions to `limits` until they are replaced.
    /// Nothing is revoked, and there is no API key.
    #[must_use]
    pub fn new(keys: Arc<Keys>, verifier: Arc<Verifier>, limits: impl Into<Arc<LimitSet>>, epoch: u64) -> Self {
        let in_force = RwLock::new(InForce { verifier, limits: limits.into() });
        let (access, limits_version) = (AccessInForce::default(), AtomicU32::new(0));
        Self { keys, epoch, access, in_force, limits_version, tickets: Mutex::default() }
    }

    /// The same with what is revoked, and with API keys.
    #[must_use]
    pub fn with_access(self, access: AccessInForce) -> Self {
        Self { access, ..self }
    }

    /// What a token or the secret of an API key permits at `now`: the one way in, on every carrier.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn authenticate(&self, token: &str, now: Time) -> Result<Grant, TokenError> {
        if token.starts_with(SECRET_PREFIX) {
            let grant = self.access.read(|access| access.grant_of(&self.keys, token, now));
            return grant.ok_or(TokenError::UnknownApiKey);
        }
        let grant = self.verifier().verify(&self.keys, token, now)?;
        if self.refuses(&grant) { Err(TokenError::Revoked) } else { Ok(grant) }
    }

    /// Whether what a grant was given for permits nothing any more.
    #[must_use]
    pub fn refuses(&self, grant: &Grant) -> bool {
        self.access.read(|access| access.refuses(&self.keys, grant))
    }

    /// Revoked tokens and keys of services.
    #[must_use]
    pub const fn access(&self) -> &AccessInForce {
        &self.access
    }

    pub(super) fn limits_version(&self) -> u32 {
        self.limits_version.load(Ordering::Acquire)
    }

    /// The limits of a tenant, or of who is not known yet, with a version that is not newer than they are.
    pub(super) fn limits_of(&self, tenant: Option<&str>) -> (u32, Arc<Limits>) {
        let version = self.limits_version();
        let limits = self.limits();
        let of = tenant.map_or(limits.node(), |tenant| limits.of(tenant));
        (version, Arc::clone(of))
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
        Arc::clone(&self.in_force.read().unwrap_or_else(PoisonError::into_inner).verifier)
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> Arc<LimitSet> {
        Arc::clone(&self.in_force.read().unwrap_or_else(PoisonError::into_inner).limits)
    }

    /// Puts another verifier and other limits in force, all at once: the verifier for tokens that come from now on, the limits
    /// for what sessions that are there, or come, check from now on.
    pub fn replace(&self, verifier: Arc<Verifier>, limits: impl Into<Arc<LimitSet>>) {
        let in_force = InForce { verifier, limits: limits.into() };
        *self.in_force.write().unwrap_or_else(PoisonError::into_inner) = in_force;
        self.limits_version.fetch_add(1, Ordering::Release);
    }

    /// Puts the verifier in force that `change` makes of the present one, if it makes one. Nobody replaces it meanwhile.
    pub fn change_verifier(&self, change: impl FnOnce(&Verifier) -> Option<Verifier>) {
        let mut in_force = self.in_force.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(verifier) = change(&in_force.verifier) {
            in_force.verifier = Arc::new(verifier);
        }
    }
}
