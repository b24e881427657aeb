//! How many connections there are, by carrier: numbers that every thread may read.

use std::sync::atomic::{AtomicU64, Ordering};
use tidings_adapters::carrier::CarrierKind;

/// Carriers of sessions. HTTP requests have no connection of their own to count.
pub(crate) const CARRIERS: [CarrierKind; 4] =
    [CarrierKind::WebSocket, CarrierKind::WebTransport, CarrierKind::RawQuic, CarrierKind::Events];

/// Live connections.
#[derive(Debug, Default)]
pub struct ConnectionCounts {
    live: [AtomicU64; CARRIERS.len()],
}

impl ConnectionCounts {
    /// One more.
    pub fn opened(&self, carrier: CarrierKind) {
        if let Some(live) = self.of(carrier) {
            live.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// One less.
    pub fn ended(&self, carrier: CarrierKind) {
        if let Some(live) = self.of(carrier) {
            live.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// How many there are on each carrier, by its name.
    pub fn live(&self) -> impl Iterator<Item = (&'static str, u64)> {
        CARRIERS.iter().zip(&self.live).map(|(carrier, live)| (carrier.name(), live.load(Ordering::Relaxed)))
    }

    fn of(&self, carrier: CarrierKind) -> Option<&AtomicU64> {
        let index = CARRIERS.iter().position(|one| *one == carrier)?;
        self.live.get(index)
    }
}

#[cfg(test)]
mod tests {
    use super::{CarrierKind, ConnectionCounts};

    #[test]
    fn each_carrier_has_a_count_of_its_own() {
        let counts = ConnectionCounts::default();
        counts.opened(CarrierKind::WebSocket);
        counts.opened(CarrierKind::WebSocket);
        counts.opened(CarrierKind::Events);
        counts.ended(CarrierKind::WebSocket);
        let live: Vec<_> = counts.live().collect();
        assert_eq!(live, [("websocket", 1), ("webtransport", 0), ("quic", 0), ("events", 1)]);
    }
}
