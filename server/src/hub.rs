//! Who follows which inbox. Owned by the inbox thread.

use crate::connection::Connection;
use std::collections::HashMap;
use std::sync::Arc;
use tidings_engine::ids::StreamId;
use tidings_projections::{Owner, Target};

/// Names a connection within this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

type Followers = HashMap<ConnectionId, Arc<Connection>>;

/// The subscriptions of this node.
#[derive(Default)]
pub struct Hub {
    by_owner: HashMap<Owner, Followers>,
    /// Followers of personal inboxes by their tenant: those whom an audience reaches.
    by_tenant: HashMap<StreamId, Followers>,
}

impl Hub {
    /// Has a connection follow an inbox. Following twice is following once.
    pub fn follow(&mut self, owner: Owner, tenant: StreamId, id: ConnectionId, connection: &Arc<Connection>) {
        self.by_owner.entry(owner).or_default().insert(id, Arc::clone(connection));
        if matches!(owner, Owner::User(_)) {
            self.by_tenant.entry(tenant).or_default().insert(id, Arc::clone(connection));
        }
    }

    /// Has a connection follow an inbox no more.
    pub fn leave(&mut self, owner: Owner, tenant: StreamId, id: ConnectionId) {
        remove(&mut self.by_owner, &owner, id);
        if matches!(owner, Owner::User(_)) {
            remove(&mut self.by_tenant, &tenant, id);
        }
    }

    /// Whether anybody would get a delta of this target.
    #[must_use]
    pub fn is_followed(&self, target: Target) -> bool {
        self.followers(target).next().is_some()
    }

    /// Those who get a delta of this target.
    pub fn followers(&self, target: Target) -> impl Iterator<Item = &Arc<Connection>> {
        let followers = match target {
            Target::User(stream) => self.by_owner.get(&Owner::User(stream)),
            Target::TenantInbox(stream) => self.by_owner.get(&Owner::Tenant(stream)),
            Target::TenantAudience(stream) => self.by_tenant.get(&stream),
        };
        followers.into_iter().flat_map(HashMap::values)
    }
}

fn remove<K: std::hash::Hash + Eq>(map: &mut HashMap<K, Followers>, key: &K, id: ConnectionId) {
    if let Some(followers) = map.get_mut(key) {
        followers.remove(&id);
        if followers.is_empty() {
            map.remove(key);
        }
    }
}
