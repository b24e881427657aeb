//! What a reload of the configuration replaces, and what tokens are worth by what is in force.

use super::Server;
use crate::clock;
use crate::config::Public;
use crate::origins::Origins;
use crate::verifier::Trusted;
use std::sync::Arc;
use tidings_engine::grant::Grant;
use tidings_engine::limits::LimitSet;
use tidings_engine::token::TokenError;

impl Server {
    /// Puts in force what a reload of the configuration has changed, for whoever comes from now on.
    pub(crate) fn replace(&self, trusted: Trusted, limits: Arc<LimitSet>, origins: Origins, public: Public) {
        self.admission.lock().set_limits(Arc::clone(&limits));
        self.context.replace(Arc::new(trusted.verifier), limits);
        self.issuers.replace(trusted.places);
        *self.origins.write() = origins;
        *self.public.write() = public;
    }

    /// What a token permits. Where it names a key that is not there, the keys of its issuer are loaded before, if that is due.
    pub(super) async fn verified(&self, token: &str) -> Result<Grant, TokenError> {
        let verdict = self.context.authenticate(token, clock::now());
        let Some(from) = verdict.as_ref().err().and_then(TokenError::source) else { return verdict };
        let Some(under_way) = self.issuers.ask(from) else { return verdict };
        under_way.ended().await;
        self.context.authenticate(token, clock::now())
    }
}
