use std::sync::Arc;
use tidings_engine::event::{Audience, Event, Recorded};
use tidings_engine::ids::{Position, TenantId};
use tidings_projections::{Audiences, BlockError, Chains, Keeping, MemoryBlocks, Projections};

/// A log as projections ask for it: positions from 1, with a chain that tells two logs apart from where they differ.
#[derive(Clone, Debug, Default)]
pub struct TestLog {
    pub events: Arc<Vec<Recorded>>,
    chains: Arc<Vec<u64>>,
}

impl TestLog {
    pub fn new(events: &[Recorded]) -> Self {
        let mut chains = vec![0xcbf2_9ce4_8422_2325_u64];
        for recorded in events {
            let text = format!("{:?}{:?}", recorded.envelope, recorded.facts.event);
            let before = chains[chains.len() - 1];
            let fold = |chain: u64, byte: u8| (chain ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            chains.push(text.bytes().fold(before, fold));
        }
        Self { events: Arc::new(events.to_vec()), chains: Arc::new(chains) }
    }
}

impl Chains for TestLog {
    fn chain(&self, position: Position) -> Result<Option<[u8; 32]>, String> {
        let chain = usize::try_from(position.0).ok().and_then(|index| self.chains.get(index));
        Ok(chain.map(|chain| {
            let mut bytes = [7; 32];
            bytes[..8].copy_from_slice(&chain.to_le_bytes());
            bytes
        }))
    }
}

impl Audiences for TestLog {
    fn audience(&self, notification: Position) -> Result<Option<(TenantId, Audience)>, String> {
        let index = usize::try_from(notification.0).ok().and_then(|position| position.checked_sub(1));
        let recorded = index.and_then(|index| self.events.get(index));
        Ok(recorded.and_then(|recorded| match &recorded.facts.event {
            Event::NotificationPublished(published) => Some((recorded.envelope.tenant, published.audience.clone())),
            _ => None,
        }))
    }
}

/// Opens a store for a log.
pub fn open(store: &MemoryBlocks, log: &TestLog, inbox_bytes_max: usize) -> (Projections, Option<BlockError>) {
    let (store, audiences) = (Box::new(store.clone()), Box::new(log.clone()));
    Projections::open(Keeping { store, audiences, inbox_bytes_max }, log).expect("memory can be cleared")
}
