use super::error::TokenError;
use super::key::{Assertions, Tenants};
use crate::grant::{Credential, Grant, Role};
use crate::ids::Time;
use crate::keys::{Keys, StreamKind};
use crate::limits::{NAME_BYTES_MAX, ROLES_COUNT_MAX, TOKEN_LEEWAY_MS, TOPICS_COUNT_MAX};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The claims of a token whose signature is right.
pub(super) struct Claims<'a> {
    pub(super) object: Map<String, Value>,
    pub(super) tenant_claim: &'a str,
}

impl Claims<'_> {
    pub(super) fn grant(
        &self,
        keys: &Keys,
        may: &Assertions,
        lifetime_ms_max: i64,
        now: Time,
    ) -> Result<Grant, TokenError> {
        let issued = self.moment("iat")?;
        let expires = self.moment("exp")?.ok_or(TokenError::MissingClaim { claim: "exp" })?.plus(TOKEN_LEEWAY_MS);
        if now >= expires {
            return Err(TokenError::Expired);
        }
        if self.moment("nbf")?.is_some_and(|from| now.plus(TOKEN_LEEWAY_MS) < from) {
            return Err(TokenError::NotYetValid);
        }
        self.check_origin(may)?;
        // A token made in the future would look shorter-lived than it is.
        let found = expires.plus(-TOKEN_LEEWAY_MS).since(issued.unwrap_or(now).min(now));
        if found > lifetime_ms_max {
            return Err(TokenError::LifetimeTooLong { found, allowed: lifetime_ms_max });
        }
        let subject = self.name("sub", "sub")?.ok_or(TokenError::MissingClaim { claim: "sub" })?;
        let tenant = self.name(self.tenant_claim, "tenant")?.ok_or(TokenError::MissingClaim { claim: "tenant" })?;
        if matches!(&may.tenants, Tenants::Only(allowed) if !allowed.iter().any(|one| one == tenant)) {
            return Err(TokenError::TenantNotAllowed);
        }
        Ok(Grant {
            tenant: Arc::from(tenant),
            tenant_stream: keys.stream(tenant, StreamKind::Tenant, ""),
            tenant_tag: keys.tenant_tag(tenant),
            subject: Arc::from(subject),
            stream: keys.stream(tenant, StreamKind::User, subject),
            roles: self.roles(&may.roles)?,
            topics: self.topics()?,
            token_id: self.name("jti", "jti")?.map(str::to_owned),
            issued,
            expires,
            credential: Credential::Token,
        })
    }

    /// Checks `iss` and `aud` against those of the key.
    fn check_origin(&self, may: &Assertions) -> Result<(), TokenError> {
        if let Some(issuer) = &may.issuer {
            let found = self.object.get("iss").ok_or(TokenError::MissingClaim { claim: "iss" })?;
            if found.as_str() != Some(issuer) {
                return Err(TokenError::WrongIssuer);
            }
        }
        let is_ours = |value: &Value| value.as_str().is_some_and(|one| may.audience.iter().any(|ours| ours == one));
        let found = self.object.get("aud").filter(|found| !found.is_null());
        match found {
            None if may.audience.is_empty() => Ok(()),
            None => Err(TokenError::MissingClaim { claim: "aud" }),
            Some(Value::Array(many)) if many.iter().any(is_ours) => Ok(()),
            Some(one) if is_ours(one) => Ok(()),
            Some(_) => Err(TokenError::WrongAudience),
        }
    }

    /// A claim of time, seconds since the epoch with or without a fraction.
    fn moment(&self, claim: &'static str) -> Result<Option<Time>, TokenError> {
        match self.object.get(claim) {
            None => Ok(None),
            Some(Value::Number(seconds)) => {
                let milliseconds = seconds.as_f64().ok_or(TokenError::BadClaim { claim })? * 1_000.0;
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "what lies beyond all times is held at the last one"
                )]
                Ok(Some(Time(milliseconds.floor() as i64)))
            }
            Some(_) => Err(TokenError::BadClaim { claim }),
        }
    }

    fn name(&self, field: &str, claim: &'static str) -> Result<Option<&str>, TokenError> {
        match self.object.get(field) {
            None => Ok(None),
            Some(Value::String(name)) if is_name(name) => Ok(Some(name)),
            Some(_) => Err(TokenError::BadClaim { claim }),
        }
    }

    /// The texts of a list that may be absent.
    fn list(&self, claim: &'static str) -> Result<Option<Vec<&str>>, TokenError> {
        match self.object.get(claim) {
            None => Ok(None),
            Some(Value::Array(values)) => {
                let texts = values.iter().map(|value| value.as_str().ok_or(TokenError::BadClaim { claim }));
                texts.collect::<Result<_, _>>().map(Some)
            }
            Some(_) => Err(TokenError::BadClaim { claim }),
        }
    }

    /// The roles, each allowed to the key. A token that says nothing of roles is a user's.
    fn roles(&self, allowed: &[Role]) -> Result<Vec<Role>, TokenError> {
        let words = self.list("roles")?.unwrap_or_else(|| vec![Role::User.word()]);
        if words.len() > ROLES_COUNT_MAX {
            return Err(TokenError::TooManyRoles { found: words.len() });
        }
        let role = |word| match Role::of(word) {
            Some(role) if allowed.contains(&role) => Ok(role),
            role => Err(TokenError::RoleNotAllowed { role }),
        };
        let mut roles = words.into_iter().map(role).collect::<Result<Vec<_>, _>>()?;
        roles.sort_unstable();
        roles.dedup();
        Ok(roles)
    }

    fn topics(&self) -> Result<Vec<String>, TokenError> {
        let keys = self.list("topics")?.unwrap_or_default();
        if keys.len() > TOPICS_COUNT_MAX {
            return Err(TokenError::TooManyTopics { found: keys.len() });
        }
        if !keys.iter().all(|key| is_name(key)) {
            return Err(TokenError::BadClaim { claim: "topics" });
        }
        let mut topics: Vec<String> = keys.into_iter().map(str::to_owned).collect();
        topics.sort_unstable();
        topics.dedup();
        Ok(topics)
    }
}

fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
}
