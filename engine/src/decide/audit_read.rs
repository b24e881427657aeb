//! Auditors' readings are events of those who are read.

use super::Draft;
use crate::command::Scope;
use crate::event::Event;
use crate::grant::{Grant, Right};
use crate::ids::TenantId;
use crate::keys::{Keys, StreamKind};
use crate::rejection::Rejection;
use crate::state::State;

/// The drafts of a reading, in the stream of the tenant that is read; of the platform where everybody is.
///
/// # Errors
/// `Forbidden` where another tenant, or all, are named by whoever may not audit the platform; `NotFound` where nobody has
/// the name.
pub(super) fn audit_read(
    state: &State,
    keys: &Keys,
    grant: &Grant,
    scope: &Scope,
    read: Event,
) -> Result<Vec<Draft>, Rejection> {
    if *scope != Scope::Own && !grant.permits(Right::Platform) {
        return Err(Rejection::Forbidden);
    }
    let draft = |tenant, stream, event| Draft { tenant, stream, event, content: None };
    match scope {
        Scope::Own => match state.tenant(&grant.tenant) {
            Some(tenant) => Ok(vec![draft(tenant, grant.tenant_stream, read)]),
            // A tenant arises with the first thing that happens in it, be it that somebody looks for it.
            None => {
                let tenant = TenantId(state.tenants_count() + 1);
                let created = Event::TenantCreated { name: grant.tenant.to_string() };
                Ok([created, read].map(|event| draft(tenant, grant.tenant_stream, event)).into())
            }
        },
        Scope::Tenant(name) => {
            let tenant = state.tenant(name).ok_or(Rejection::NotFound)?;
            Ok(vec![draft(tenant, keys.stream(name, StreamKind::Tenant, ""), read)])
        }
        Scope::Everything => Ok(vec![draft(TenantId::PLATFORM, keys.stream("", StreamKind::Platform, ""), read)]),
    }
}

#[cfg(test)]
mod tests {
    use super::{Event, Grant, Keys, Rejection, Scope, State, StreamKind, TenantId, audit_read};
    use crate::event::AuditedRead;
    use crate::grant::Role;
    use crate::ids::{Position, Time};

    fn grant(keys: &Keys, tenant: &str, role: Role) -> Grant {
        Grant {
            tenant: tenant.into(),
            tenant_stream: keys.stream(tenant, StreamKind::Tenant, ""),
            tenant_tag: keys.tenant_tag(tenant),
            subject: "olga".into(),
            stream: keys.stream(tenant, StreamKind::User, "olga"),
            roles: vec![role],
            topics: Vec::new(),
            token_id: None,
            issued: None,
            expires: Time(i64::MAX),
            credential: crate::grant::Credential::Token,
        }
    }

    fn read() -> Event {
        let (from, through) = (Position(1), Position(9));
        Event::AuditRead { what: AuditedRead::Events, subject: None, from, through }
    }

    #[test]
    fn whoever_reads_their_own_tenant_first_brings_it_about() {
        let keys = Keys::new(&[7; 32]);
        let auditor = grant(&keys, "acme", Role::Auditor);
        let drafts = audit_read(&State::default(), &keys, &auditor, &Scope::Own, read()).unwrap();
        assert_eq!(drafts.len(), 2);
        assert!(matches!(&drafts[0].event, Event::TenantCreated { name } if name == "acme"));
        assert!(drafts.iter().all(|draft| draft.tenant == TenantId(1) && draft.stream == auditor.tenant_stream));
    }

    #[test]
    fn another_tenants_name_is_forbidden_whether_or_not_there_is_one_and_nobodys_is_not_found_for_the_platform() {
        let (keys, state) = (Keys::new(&[7; 32]), State::default());
        let ask = |role, scope| audit_read(&state, &keys, &grant(&keys, "acme", role), &scope, read());
        let named = |name: &str| Scope::Tenant(name.to_owned());
        assert_eq!(ask(Role::Auditor, named("globex")), Err(Rejection::Forbidden));
        assert_eq!(ask(Role::Auditor, Scope::Everything), Err(Rejection::Forbidden));
        assert_eq!(ask(Role::SuperAdmin, named("globex")), Err(Rejection::NotFound));
        let drafts = ask(Role::SuperAdmin, Scope::Everything).unwrap();
        assert_eq!((drafts.len(), drafts[0].tenant), (1, TenantId::PLATFORM));
    }
}
