//! Who is let in no more, and which keys services have: a fold of the log, in the state and in what every token is held
//! against.

mod api_keys;
mod in_force;
mod revocations;
mod rows;
#[cfg(test)]
mod tests;

pub use api_keys::{ApiKey, SECRET_PREFIX, secret_hash, secret_text};
pub use in_force::AccessInForce;
pub use revocations::Revocation;
pub(crate) use rows::{KeyRow, RevocationRow};

use crate::event::{Event, Recorded};
use crate::grant::{Credential, Grant};
use crate::ids::{Position, StreamId, TenantId, Time};
use crate::keys::{Keys, StreamKind};
use crate::limits::Limit;
use crate::rejection::Rejection;
use api_keys::ApiKeys;
use revocations::Revocations;
use std::collections::HashMap;
use std::sync::Arc;

/// Revoked tokens and keys of services.
#[derive(Clone, Debug, Default)]
pub struct Access {
    tenants: HashMap<TenantId, Arc<str>>,
    numbers: HashMap<Arc<str>, TenantId>,
    revocations: Revocations,
    keys: ApiKeys,
}

impl Access {
    /// Applies an event, if it is about any of this. What has run out by its recorded time is forgotten.
    pub fn apply(&mut self, recorded: &Recorded) {
        let envelope = &recorded.envelope;
        match &recorded.facts.event {
            Event::TenantCreated { name } => return self.name(envelope.tenant, name),
            Event::TokensRevoked { which, until } => {
                let (position, at) = (envelope.position, envelope.time);
                self.revocations.add(envelope.stream, Revocation { position, which: *which, at, until: *until });
            }
            Event::ApiKeyCreated { hash, roles, expires } => {
                let (position, tenant, created) = (envelope.position, envelope.tenant, envelope.time);
                let roles = roles.clone();
                self.keys.add(ApiKey { position, tenant, hash: *hash, roles, expires: *expires, created });
            }
            Event::ApiKeyRevoked { key } => self.keys.remove(*key),
            _ => return,
        }
        self.revocations.forget(envelope.time);
        self.keys.forget(envelope.time);
    }

    pub(crate) fn name(&mut self, tenant: TenantId, name: &str) {
        let name: Arc<str> = Arc::from(name);
        self.tenants.insert(tenant, Arc::clone(&name));
        self.numbers.insert(name, tenant);
    }

    /// Whether what a grant was given for permits nothing any more.
    #[must_use]
    pub fn refuses(&self, keys: &Keys, grant: &Grant) -> bool {
        match grant.credential {
            Credential::Engine => false,
            Credential::Token => self.revocations.concern(keys, grant),
            Credential::ApiKey(key) => self.keys.get(key).is_none(),
        }
    }

    /// What the key with this secret permits at `now`; `None` for a secret that is none, no more, or past its time.
    ///
    /// A wrong secret costs one hash and one look into a table, less than the signature of any token.
    #[must_use]
    pub fn grant_of(&self, keys: &Keys, secret: &str, now: Time) -> Option<Grant> {
        let key = self.keys.with_secret(secret)?;
        let expires = key.expires.unwrap_or(Time(i64::MAX));
        let tenant = self.tenants.get(&key.tenant).filter(|_| now < expires)?;
        let tenant_tag = keys.tenant_tag(tenant);
        let subject = format!("key:{}", keys.item_id(tenant_tag, key.position));
        Some(Grant {
            tenant: Arc::clone(tenant),
            tenant_stream: keys.stream(tenant, StreamKind::Tenant, ""),
            tenant_tag,
            stream: keys.stream(tenant, StreamKind::User, &subject),
            subject: Arc::from(subject),
            roles: key.roles.clone(),
            topics: Vec::new(),
            token_id: None,
            issued: Some(key.created),
            expires,
            credential: Credential::ApiKey(key.position),
        })
    }

    /// What is revoked in a tenant, newest first.
    pub fn revocations(&self, tenant: StreamId) -> impl Iterator<Item = &Revocation> {
        self.revocations.of(tenant)
    }

    /// The keys of a tenant, newest first.
    pub fn keys(&self, tenant: TenantId) -> impl Iterator<Item = &ApiKey> {
        self.keys.of(tenant)
    }

    /// The number of a tenant.
    #[must_use]
    pub fn tenant(&self, name: &str) -> Option<TenantId> {
        self.numbers.get(name).copied()
    }

    /// Whether a key is one of this tenant.
    #[must_use]
    pub fn has_key(&self, tenant: TenantId, key: Position) -> bool {
        self.keys.get(key).is_some_and(|key| key.tenant == tenant)
    }

    /// Whether one more revocation has room.
    pub(crate) fn has_room_for_revocation(&self, tenant: StreamId) -> Result<(), Rejection> {
        let (found, all) = self.revocations.counts(tenant);
        full(Limit::RevocationsTenantMax, "revocations", found)?;
        full(Limit::RevocationsNodeMax, "revocations", all)
    }

    /// Whether one more key has room.
    pub(crate) fn has_room_for_key(&self, tenant: TenantId) -> Result<(), Rejection> {
        let (found, all) = self.keys.counts(tenant);
        full(Limit::ApiKeysTenantMax, "keys", found)?;
        full(Limit::ApiKeysNodeMax, "keys", all)
    }
}

/// One more than there are must not be more than the limit.
fn full(limit: Limit, field: &'static str, found: usize) -> Result<(), Rejection> {
    let (found, allowed) = (found as u64 + 1, limit.describe().default);
    if found <= allowed {
        return Ok(());
    }
    Err(Rejection::TooLarge { limit, field, found, allowed, unit: "together" })
}
