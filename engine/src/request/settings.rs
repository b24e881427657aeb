//! What a tenant decides for itself: what HTTP and the command line ask for.

use super::access::{Asker, permits};
use super::fields::{name, within};
use crate::command::{Command, Request, Scope};
use crate::event::Setting;
use crate::grant::Right;
use crate::limits::Limit;
use crate::rejection::Rejection;
use tidings_wire::{ChangeSettings, RealtimeDefault};

impl Asker<'_> {
    /// Reads what a tenant is to decide; `tenant` is its name.
    ///
    /// # Errors
    /// A field is not of its kind, or the tenant is not the caller's to decide for.
    pub fn settings(self, tenant: &str, asked: &ChangeSettings) -> Result<Request, Rejection> {
        let scope = self.settled(tenant)?;
        let mut settings = Vec::with_capacity(3);
        if let Some(realtime) = asked.realtime {
            settings.push(Setting::Realtime { opt_in: realtime == RealtimeDefault::OptIn });
        }
        if let Some(critical) = &asked.critical {
            settings.push(Setting::Critical { categories: categories(critical)? });
        }
        if let Some(on) = asked.record_delivered {
            settings.push(Setting::RecordDelivered { on });
        }
        if settings.is_empty() {
            return Err(Rejection::invalid("body", "must name a setting at least"));
        }
        self.request(&(tenant, asked), Command::ChangeSettings { scope, settings })
    }

    /// Whose settings are meant, by the name of the tenant.
    ///
    /// # Errors
    /// They are not the caller's to see.
    pub fn settled(&self, tenant: &str) -> Result<Scope, Rejection> {
        permits(self.grant, Right::ManageTenant)?;
        self.scope(Some(&tenant.to_owned())).map(|(scope, _)| scope)
    }
}

/// Sorted, without doubles.
fn categories(named: &[String]) -> Result<Vec<String>, Rejection> {
    within(Limit::CriticalCountMax, "critical", named.len(), "categories")?;
    named.iter().try_for_each(|category| name("critical", category, Limit::NameBytesMax))?;
    let mut categories = named.to_vec();
    categories.sort_unstable();
    categories.dedup();
    Ok(categories)
}

#[cfg(test)]
mod tests {
    use super::{Limit, Rejection, categories};

    #[test]
    fn a_tenant_calls_so_many_categories_critical_and_not_one_more() {
        let named = |count: usize| (0..count).map(|one| format!("c{one}")).collect::<Vec<_>>();
        assert_eq!(categories(&named(32)).map(|found| found.len()), Ok(32));
        let limit = Limit::CriticalCountMax;
        let too_many = Rejection::TooLarge { limit, field: "critical", found: 33, allowed: 32, unit: "categories" };
        assert_eq!(categories(&named(33)), Err(too_many));
    }
}
