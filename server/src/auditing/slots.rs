//! How many readings each tenant has under way, so that none waits for another tenant's.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tidings_engine::ids::StreamId;
use tidings_engine::limits::Limit;
use tidings_engine::rejection::Rejection;

/// When to try again where every place is taken: 1,000 ms.
const RETRY_AFTER_MS: u64 = 1_000;

/// The places of all tenants.
#[derive(Default)]
pub(crate) struct Slots {
    taken: Mutex<HashMap<StreamId, u32>>,
}

/// One reading's place, given back when dropped.
pub(crate) struct Slot {
    slots: Arc<Slots>,
    tenant: StreamId,
}

impl Slots {
    /// Takes a place of a tenant, by its stream, who may have `each_max`.
    ///
    /// # Errors
    /// `RateLimited`: they are all taken.
    pub(crate) fn take(self: &Arc<Self>, tenant: StreamId, each_max: u32) -> Result<Slot, Rejection> {
        let mut taken = self.taken.lock();
        let count = taken.get(&tenant).copied().unwrap_or_default();
        if count >= each_max {
            return Err(Rejection::RateLimited { limit: Limit::TenantAuditsMax, retry_after_ms: RETRY_AFTER_MS });
        }
        taken.insert(tenant, count + 1);
        Ok(Slot { slots: Arc::clone(self), tenant })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken.lock();
        if let Some(count) = taken.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Arc, Limit, Rejection, Slots, StreamId};

    #[test]
    fn a_tenant_has_so_many_places_and_takes_none_of_another() {
        let slots = Arc::new(Slots::default());
        let (acme, globex) = (StreamId([1; 16]), StreamId([2; 16]));
        let first = slots.take(acme, 2).ok().unwrap();
        let second = slots.take(acme, 2).ok().unwrap();
        let limit = Limit::TenantAuditsMax;
        assert_eq!(slots.take(acme, 2).err(), Some(Rejection::RateLimited { limit, retry_after_ms: 1_000 }));
        assert!(slots.take(globex, 2).is_ok());
        drop(first);
        assert!(slots.take(acme, 2).is_ok());
        drop(second);
        assert!(slots.taken.lock().is_empty());
    }
}
