//! Quotas of users and tenants, over all of their connections and requests.

use super::Admission;
use super::rates::Forgettable;
use crate::command::{Command, Request};
use crate::grant::Grant;
use crate::ids::Time;
use crate::limits::Limit;
use crate::rate::{Allowance, Denied, Rate};
use crate::rejection::Rejection;

/// Which rate a request counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestKind {
    /// It changes something: the user's commands.
    Command,
    /// It reads: the user's queries.
    Query,
    /// It publishes or retracts: the tenant's publishes. What the people named cost is asked by [`Admission::recipients`].
    Publish,
}

impl RequestKind {
    /// The limit of its rate.
    #[must_use]
    pub const fn limit(self) -> Limit {
        match self {
            Self::Command => Limit::CommandsPerSecond,
            Self::Query => Limit::QueriesPerSecond,
            Self::Publish => Limit::TenantPublishesPerSecond,
        }
    }
}

/// What a user has used.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct UserRates {
    commands: Rate,
    queries: Rate,
}

/// What a tenant has used.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TenantRates {
    publishes: Rate,
    recipients: Rate,
}

impl Forgettable for Rate {
    fn is_empty(&self, now: Time) -> bool {
        Self::is_empty(*self, now)
    }
}

impl Forgettable for UserRates {
    fn is_empty(&self, now: Time) -> bool {
        self.commands.is_empty(now) && self.queries.is_empty(now)
    }
}

impl Forgettable for TenantRates {
    fn is_empty(&self, now: Time) -> bool {
        self.publishes.is_empty(now) && self.recipients.is_empty(now)
    }
}

impl Admission {
    /// Counts a request, whatever it came on. Asked once for each: over HTTP before the body is read, over a session before
    /// the request is handed on.
    ///
    /// The allowance says what is left afterwards, also where the request is refused.
    ///
    /// # Errors
    /// `RateLimited`; nothing was counted.
    pub fn request(&mut self, grant: &Grant, kind: RequestKind, now: Time) -> (Result<(), Rejection>, Allowance) {
        let limits = self.limits.of(&grant.tenant);
        let (taken, allowance) = match kind {
            RequestKind::Command => {
                let limit = limits.commands();
                self.user_rates.with(grant.stream, now, |user| {
                    (user.commands.take(limit, now), user.commands.allowance(limit, now))
                })
            }
            RequestKind::Query => {
                let limit = limits.queries();
                self.user_rates
                    .with(grant.stream, now, |user| (user.queries.take(limit, now), user.queries.allowance(limit, now)))
            }
            RequestKind::Publish => {
                let limit = limits.publishes();
                self.tenant_rates.with(grant.tenant_stream, now, |tenant| {
                    (tenant.publishes.take(limit, now), tenant.publishes.allowance(limit, now))
                })
            }
        };
        let refused = |retry_after_ms| Rejection::RateLimited { limit: kind.limit(), retry_after_ms };
        (taken.map_err(refused), allowance)
    }

    /// Counts a session's request for its user or tenant, over all connections: the request itself and the people it names.
    ///
    /// # Errors
    /// As [`request`](Self::request) and [`recipients`](Self::recipients); nothing is to be done.
    pub fn charge(&mut self, request: &Request, now: Time) -> Result<(), Rejection> {
        let kind = match &request.command {
            Command::Publish(_) | Command::Retract { .. } => RequestKind::Publish,
            _ => RequestKind::Command,
        };
        self.request(&request.grant, kind, now).0?;
        self.recipients_of(request, now)
    }

    /// Counts the people whom a request names, if it names any; an audience is one.
    ///
    /// # Errors
    /// As [`recipients`](Self::recipients).
    pub fn recipients_of(&mut self, request: &Request, now: Time) -> Result<(), Rejection> {
        let Command::Publish(publication) = &request.command else { return Ok(()) };
        self.recipients(&request.grant, publication.recipients_count().unwrap_or(1), now)
    }

    /// Counts the people whom a publish names.
    ///
    /// # Errors
    /// `RateLimited`, or `TooLarge` for more people than the tenant may name in a second; nothing was counted.
    pub fn recipients(&mut self, grant: &Grant, count: u32, now: Time) -> Result<(), Rejection> {
        let rate = self.limits.of(&grant.tenant).recipients();
        let taken =
            self.tenant_rates.with(grant.tenant_stream, now, |tenant| tenant.recipients.take_many(count, rate, now));
        let limit = Limit::TenantRecipientsPerSecond;
        taken.map_err(|denied| match denied {
            Denied::Wait(retry_after_ms) => Rejection::RateLimited { limit, retry_after_ms },
            Denied::TooMany => {
                let (found, allowed) = (u64::from(count), u64::from(rate.burst));
                Rejection::TooLarge { limit, field: "to", found, allowed, unit: "people a second" }
            }
        })
    }
}
