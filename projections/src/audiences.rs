use crate::store::BlockError;
use std::collections::HashMap;
use std::fmt::Debug;
use tidings_engine::event::Audience;
use tidings_engine::ids::{Position, TenantId};

/// Whom a notification was published to, told by its position: the log knows. Asked for when one is taken back.
pub trait Audiences: Debug + Send {
    /// The tenant and the audience of the notification at a position; `None` when there is none.
    ///
    /// # Errors
    /// The log cannot be read there; the text says why.
    fn audience(&self, notification: Position) -> Result<Option<(TenantId, Audience)>, String>;
}

/// Audiences of all notifications.
#[derive(Debug)]
pub(crate) enum KnownAudiences {
    /// Held here: what folds without a log beside it.
    Held(HashMap<Position, (TenantId, Audience)>),
    /// Asked from the log.
    Asked(Box<dyn Audiences>),
}

impl KnownAudiences {
    pub(crate) fn note(&mut self, notification: Position, tenant: TenantId, audience: &Audience) {
        if let Self::Held(held) = self {
            held.insert(notification, (tenant, audience.clone()));
        }
    }

    /// The audience of a tenant's notification.
    pub(crate) fn of(&self, notification: Position, tenant: TenantId) -> Result<Option<Audience>, BlockError> {
        let found = match self {
            Self::Held(held) => held.get(&notification).cloned(),
            Self::Asked(log) => {
                log.audience(notification).map_err(|error| BlockError::Log { position: notification, error })?
            }
        };
        Ok(found.filter(|(its, _)| *its == tenant).map(|(_, audience)| audience))
    }
}
