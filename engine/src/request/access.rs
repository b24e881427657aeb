//! Revoking tokens, and keys of services: what HTTP asks for.

use super::fields::{name, optional_name};
use crate::command::{Command, Request, Scope};
use crate::event::RevokedTokens;
use crate::grant::{Grant, Right, Role};
use crate::ids::Time;
use crate::keys::{Keys, StreamKind};
use crate::limits::{Limit, ROLES_COUNT_MAX, TOKEN_LEEWAY_MS};
use crate::rejection::Rejection;
use serde::Serialize;
use std::sync::Arc;
use tidings_wire::{CreateKey, Revoke};

/// Who asks to manage access, when, and with which key of idempotency.
#[derive(Clone, Debug)]
pub struct Asker<'a> {
    /// The log's keys.
    pub keys: &'a Keys,
    /// Who.
    pub grant: &'a Arc<Grant>,
    /// The wall clock.
    pub now: Time,
    /// `Idempotency-Key`.
    pub idempotency_key: Option<String>,
}

impl Asker<'_> {
    pub(super) fn request(self, asked: &impl Serialize, command: Command) -> Result<Request, Rejection> {
        let key = self.idempotency_key;
        key.as_ref().map_or(Ok(()), |key| name("Idempotency-Key", key, Limit::CommandIdBytesMax))?;
        let fingerprint = match key {
            Some(_) => self.keys.fingerprint(&serde_json::to_vec(asked).expect("what was read has a JSON form")),
            None => [0; 16],
        };
        Ok(Request { grant: Arc::clone(self.grant), key, fingerprint, command })
    }

    /// The tenant that is meant, and its name.
    pub(super) fn scope<'t>(&'t self, tenant: Option<&'t String>) -> Result<(Scope, &'t str), Rejection> {
        match managed(self.grant, tenant.map(String::as_str))? {
            Scope::Tenant(_) => {
                Ok((Scope::Tenant(tenant.cloned().unwrap_or_default()), tenant.map_or("", |name| name)))
            }
            scope => Ok((scope, &self.grant.tenant)),
        }
    }

    /// Reads what is to be revoked. `lifetime_ms_max`: how long a token may live.
    ///
    /// # Errors
    /// A field is not of its kind, or another tenant is named by whoever may not.
    pub fn revoke(self, asked: &Revoke, lifetime_ms_max: i64) -> Result<Request, Rejection> {
        let (scope, tenant) = self.scope(asked.tenant.as_ref())?;
        let now = self.now;
        let issued_before = moment("issuedBefore", asked.issued_before.as_deref())?;
        let expires = moment("expiresAt", asked.expires_at.as_deref())?;
        if issued_before.is_some_and(|before| before > now.plus(TOKEN_LEEWAY_MS)) {
            return Err(Rejection::invalid("issuedBefore", "must not be later than now"));
        }
        if asked.jti.is_some() && issued_before.is_some() {
            return Err(Rejection::invalid("issuedBefore", "does not go with jti"));
        }
        if asked.jti.is_none() && expires.is_some() {
            return Err(Rejection::invalid("expiresAt", "goes with jti alone"));
        }
        let before = issued_before.unwrap_or(now);
        let which = match (&asked.jti, &asked.subscriber_id, asked.all) {
            (Some(jti), None, None) => {
                name("jti", jti, Limit::NameBytesMax)?;
                RevokedTokens::Token { id: self.keys.token_id(tenant, jti) }
            }
            (None, Some(subject), None) => {
                name("subscriberId", subject, Limit::NameBytesMax)?;
                // Whoever was never here may have a token all the same.
                let subject = self.subject(tenant, subject)?;
                RevokedTokens::Subject { subject, issued_before: before }
            }
            (None, None, Some(true)) => RevokedTokens::Tenant { issued_before: before },
            _ => return Err(Rejection::invalid("body", "must have one of jti, subscriberId and all")),
        };
        let left_ms = expires.map_or(0, |expires| expires.since(now));
        let remember_ms = lifetime_ms_max.max(left_ms).saturating_add(TOKEN_LEEWAY_MS);
        self.request(asked, Command::RevokeTokens { scope, which, now, remember_ms })
    }

    /// The stream of a name, which only those who manage the tenant may bring about for somebody else.
    fn subject(&self, tenant: &str, subject: &str) -> Result<crate::ids::StreamId, Rejection> {
        if *subject == *self.grant.subject && *tenant == *self.grant.tenant {
            return Ok(self.grant.stream);
        }
        permits(self.grant, Right::ManageAccess)?;
        Ok(self.keys.stream(tenant, StreamKind::User, subject))
    }

    /// Reads which key is to be made; `hash` is that of its secret.
    ///
    /// # Errors
    /// A field is not of its kind, or another tenant is named by whoever may not.
    pub fn create_key(self, asked: &CreateKey, hash: [u8; 32]) -> Result<Request, Rejection> {
        let (scope, _) = self.scope(asked.tenant.as_ref())?;
        permits(self.grant, Right::ManageAccess)?;
        optional_name("name", asked.name.as_ref())?;
        let expires = moment("expiresAt", asked.expires_at.as_deref())?;
        if expires.is_some_and(|expires| expires <= self.now) {
            return Err(Rejection::invalid("expiresAt", "must be later than now"));
        }
        let roles = roles(asked.roles.as_deref())?;
        let command = Command::CreateApiKey { scope, hash, roles, expires, name: asked.name.clone() };
        self.request(asked, command)
    }

    /// Reads which key is to be revoked.
    ///
    /// # Errors
    /// Another tenant is named by whoever may not.
    pub fn revoke_key(self, id: &str, tenant: Option<&String>) -> Result<Request, Rejection> {
        let (scope, tenant) = self.scope(tenant)?;
        permits(self.grant, Right::ManageAccess)?;
        let key = self.keys.notification(self.keys.tenant_tag(tenant), id);
        let asked = (id, tenant.to_owned());
        self.request(&asked, Command::RevokeApiKey { scope, key })
    }
}

/// Whose tokens, sessions and keys are meant, by the name of a tenant that may be absent.
///
/// # Errors
/// `Forbidden` for the name of another tenant, whether there is one or not, from whoever is not of the platform.
pub fn managed(grant: &Grant, tenant: Option<&str>) -> Result<Scope, Rejection> {
    match tenant {
        None => Ok(Scope::Own),
        Some(tenant) if *tenant == *grant.tenant => Ok(Scope::Own),
        Some(tenant) => {
            permits(grant, Right::Platform)?;
            name("tenant", tenant, Limit::NameBytesMax)?;
            Ok(Scope::Tenant(tenant.to_owned()))
        }
    }
}

pub(super) fn permits(grant: &Grant, right: Right) -> Result<(), Rejection> {
    if grant.permits(right) { Ok(()) } else { Err(Rejection::Forbidden) }
}

fn moment(field: &'static str, text: Option<&str>) -> Result<Option<Time>, Rejection> {
    let wrong = || Rejection::invalid(field, "must be a time such as 2026-01-31T09:00:00Z");
    text.map(|text| Time::parse(text).ok_or_else(wrong)).transpose()
}

/// Roles of a key: sorted, without doubles, at least one.
fn roles(words: Option<&[String]>) -> Result<Vec<Role>, Rejection> {
    let Some(words) = words else { return Ok(vec![Role::Service]) };
    if words.is_empty() || words.len() > ROLES_COUNT_MAX {
        return Err(Rejection::invalid("roles", "must be 1 to 32 roles"));
    }
    let roles = words.iter().map(|word| Role::of(word));
    let roles = roles.collect::<Option<Vec<Role>>>();
    let mut roles = roles.ok_or_else(|| Rejection::invalid("roles", "holds a role that is not known"))?;
    roles.sort_unstable();
    roles.dedup();
    Ok(roles)
}
