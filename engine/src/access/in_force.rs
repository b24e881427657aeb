use super::Access;
use crate::event::{Event, Recorded};
use std::sync::{Arc, PoisonError, RwLock};

/// What every token is held against, shared by all who do so. It knows durable events alone.
#[derive(Clone, Debug, Default)]
pub struct AccessInForce(Arc<RwLock<Access>>);

impl AccessInForce {
    /// Begins where the state of a log stands that holds durable events alone.
    #[must_use]
    pub fn new(access: Access) -> Self {
        Self(Arc::new(RwLock::new(access)))
    }

    /// Looks into it.
    pub fn read<T>(&self, look: impl FnOnce(&Access) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes in a durable event; gives whether somebody may be let in no more since.
    pub fn apply(&self, recorded: &Recorded) -> bool {
        let event = &recorded.facts.event;
        let takes = matches!(event, Event::TokensRevoked { .. } | Event::ApiKeyRevoked { .. });
        if takes || matches!(event, Event::TenantCreated { .. } | Event::ApiKeyCreated { .. }) {
            self.0.write().unwrap_or_else(PoisonError::into_inner).apply(recorded);
        }
        takes
    }
}
