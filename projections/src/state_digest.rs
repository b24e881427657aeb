//! Digests over all inboxes of a tenant, and over all tenants: what two machines compare instead of their states.

use crate::projections::{Owner, Projections};
use crate::store::BlockError;
use aws_lc_rs::digest::{Context, SHA256};
use std::collections::BTreeMap;
use tidings_engine::ids::{StreamId, TenantId};
use tidings_engine::keys::{Keys, TenantTag};

/// Version of the form of a tenant's digest.
pub const TENANT_STATE_VERSION: &str = "tidings-tenant-state-1";

/// Version of the form of the digest of all tenants.
pub const LOG_STATE_VERSION: &str = "tidings-log-state-1";

/// All inboxes of a tenant, or of all tenants, as one hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateDigest {
    /// How many inboxes it covers.
    pub inboxes: u64,
    /// The hash.
    pub digest: [u8; 32],
}

impl Projections {
    /// SHA-256([`TENANT_STATE_VERSION`] ‖ line feed ‖ for each inbox of the tenant, by stream: stream ‖ digest of its
    /// [`State`](crate::render::State)). The tenant's own inbox is one of them, and so is each person's.
    ///
    /// # Errors
    /// [`BlockError`].
    pub fn tenant_state(&mut self, tenant: TenantId, keys: &Keys, tag: TenantTag) -> Result<StateDigest, BlockError> {
        let owners = self.owners_by_tenant()?.remove(&tenant).unwrap_or_default();
        self.state_of(&owners, keys, tag)
    }

    /// SHA-256([`LOG_STATE_VERSION`] ‖ line feed ‖ for each of the tenants, by number: number ‖ its digest). Each comes with
    /// its tag.
    ///
    /// # Errors
    /// [`BlockError`].
    pub fn log_state(&mut self, tenants: &mut [(TenantId, TenantTag)], keys: &Keys) -> Result<StateDigest, BlockError> {
        tenants.sort_unstable_by_key(|(tenant, _)| *tenant);
        let mut all = self.owners_by_tenant()?;
        let mut hash = begin(LOG_STATE_VERSION);
        let mut inboxes = 0;
        for (tenant, tag) in tenants {
            let state = self.state_of(&all.remove(tenant).unwrap_or_default(), keys, *tag)?;
            inboxes += state.inboxes;
            hash.update(&tenant.0.to_le_bytes());
            hash.update(&state.digest);
        }
        Ok(StateDigest { inboxes, digest: end(hash) })
    }

    fn state_of(&mut self, owners: &Owners, keys: &Keys, tag: TenantTag) -> Result<StateDigest, BlockError> {
        let mut hash = begin(TENANT_STATE_VERSION);
        for (stream, owner) in owners {
            hash.update(&stream.0);
            hash.update(&self.state(*owner, keys, tag)?.digest());
        }
        Ok(StateDigest { inboxes: owners.len() as u64, digest: end(hash) })
    }

    fn owners_by_tenant(&mut self) -> Result<BTreeMap<TenantId, Owners>, BlockError> {
        let mut all: BTreeMap<TenantId, Owners> = BTreeMap::new();
        for (id, tenant) in &self.tenants {
            if let Some(stream) = tenant.stream {
                all.entry(*id).or_default().insert(stream, Owner::Tenant(stream));
            }
        }
        for owner in self.inboxes.owners()? {
            if let Owner::User(stream) = owner
                && let Some((inbox, _)) = self.opened(owner)?
            {
                all.entry(inbox.tenant).or_default().insert(stream, owner);
            }
        }
        Ok(all)
    }
}

/// Inboxes of one tenant, by stream.
type Owners = BTreeMap<StreamId, Owner>;

fn begin(version: &str) -> Context {
    let mut hash = Context::new(&SHA256);
    hash.update(version.as_bytes());
    hash.update(b"\n");
    hash
}

fn end(hash: Context) -> [u8; 32] {
    hash.finish().as_ref().try_into().expect("SHA-256 gives 32 bytes")
}
