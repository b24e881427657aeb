use crate::event::RevokedTokens;
use crate::grant::Grant;
use crate::ids::{Position, StreamId, Time};
use crate::keys::Keys;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Tokens that permit nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The event that said so last.
    pub position: Position,
    /// Which.
    pub which: RevokedTokens,
    /// When it was recorded.
    pub at: Time,
    /// Until when it is remembered.
    pub until: Time,
}

/// All that is revoked, each by its tenant's stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Revocations {
    tenants: HashMap<StreamId, OfTenant>,
    /// In the order in which they run out.
    due: BTreeSet<(Time, StreamId, Position)>,
}

#[derive(Clone, Debug, Default)]
struct OfTenant {
    listed: BTreeMap<Position, Revocation>,
    tokens: HashMap<[u8; 16], Position>,
    subjects: HashMap<StreamId, Position>,
    all: Option<Position>,
}

impl OfTenant {
    /// The revocation that is about the same tokens.
    fn same(&self, which: &RevokedTokens) -> Option<Position> {
        match which {
            RevokedTokens::Token { id } => self.tokens.get(id).copied(),
            RevokedTokens::Subject { subject, .. } => self.subjects.get(subject).copied(),
            RevokedTokens::Tenant { .. } => self.all,
        }
    }

    fn take(&mut self, position: Position) -> Option<Revocation> {
        let taken = self.listed.remove(&position)?;
        match &taken.which {
            RevokedTokens::Token { id } => {
                self.tokens.remove(id);
            }
            RevokedTokens::Subject { subject, .. } => {
                self.subjects.remove(subject);
            }
            RevokedTokens::Tenant { .. } => self.all = None,
        }
        Some(taken)
    }

    fn put(&mut self, revocation: Revocation) {
        match revocation.which {
            RevokedTokens::Token { id } => {
                self.tokens.insert(id, revocation.position);
            }
            RevokedTokens::Subject { subject, .. } => {
                self.subjects.insert(subject, revocation.position);
            }
            RevokedTokens::Tenant { .. } => self.all = Some(revocation.position),
        }
        self.listed.insert(revocation.position, revocation);
    }

    fn concern(&self, keys: &Keys, grant: &Grant) -> bool {
        let is_before = |position: &Position| {
            let moment = self.listed.get(position).and_then(|revocation| revocation.issued_before());
            // Without a time of issue it may have been any.
            moment.is_some_and(|moment| grant.issued.is_none_or(|issued| issued < moment))
        };
        if self.all.as_ref().is_some_and(is_before) || self.subjects.get(&grant.stream).is_some_and(is_before) {
            return true;
        }
        let Some(jti) = grant.token_id.as_deref().filter(|_| !self.tokens.is_empty()) else { return false };
        self.tokens.contains_key(&keys.token_id(&grant.tenant, jti))
    }
}

impl Revocation {
    /// The moment before which a token must have been issued to be concerned; `None` for a revocation of one token.
    #[must_use]
    pub const fn issued_before(&self) -> Option<Time> {
        match self.which {
            RevokedTokens::Token { .. } => None,
            RevokedTokens::Subject { issued_before, .. } | RevokedTokens::Tenant { issued_before } => {
                Some(issued_before)
            }
        }
    }

    /// This one after `earlier`, which is about the same tokens: a later revocation never takes back an earlier one.
    fn after(mut self, earlier: &Self) -> Self {
        self.until = self.until.max(earlier.until);
        if let (RevokedTokens::Subject { issued_before, .. } | RevokedTokens::Tenant { issued_before }, Some(stood)) =
            (&mut self.which, earlier.issued_before())
        {
            *issued_before = (*issued_before).max(stood);
        }
        self
    }
}

impl Revocations {
    pub(super) fn add(&mut self, tenant: StreamId, revocation: Revocation) {
        let of_tenant = self.tenants.entry(tenant).or_default();
        let earlier = of_tenant.same(&revocation.which).and_then(|position| of_tenant.take(position));
        let revocation = match earlier {
            Some(earlier) => {
                self.due.remove(&(earlier.until, tenant, earlier.position));
                revocation.after(&earlier)
            }
            None => revocation,
        };
        self.due.insert((revocation.until, tenant, revocation.position));
        of_tenant.put(revocation);
    }

    /// Forgets what ran out before `now`.
    pub(super) fn forget(&mut self, now: Time) {
        while let Some((_, tenant, position)) = self.due.first().copied().filter(|(until, ..)| *until < now) {
            self.due.pop_first();
            let Some(of_tenant) = self.tenants.get_mut(&tenant) else { continue };
            of_tenant.take(position);
            if of_tenant.listed.is_empty() {
                self.tenants.remove(&tenant);
            }
        }
    }

    pub(super) fn concern(&self, keys: &Keys, grant: &Grant) -> bool {
        self.tenants.get(&grant.tenant_stream).is_some_and(|of_tenant| of_tenant.concern(keys, grant))
    }

    /// Those of a tenant, newest first.
    pub(super) fn of(&self, tenant: StreamId) -> impl Iterator<Item = &Revocation> {
        self.tenants.get(&tenant).into_iter().flat_map(|of_tenant| of_tenant.listed.values().rev())
    }

    /// How many there are of the tenant, and of all.
    pub(super) fn counts(&self, tenant: StreamId) -> (usize, usize) {
        (self.tenants.get(&tenant).map_or(0, |of_tenant| of_tenant.listed.len()), self.due.len())
    }

    /// All, with the streams of their tenants, in the order in which they run out.
    pub(super) fn iter(&self) -> impl Iterator<Item = (StreamId, &Revocation)> {
        self.due
            .iter()
            .filter_map(|(_, tenant, position)| Some((*tenant, self.tenants.get(tenant)?.listed.get(position)?)))
    }
}
