//! How many connections there are, by carrier: a number that every thread may read.

use std::sync::atomic::{AtomicU64, Ordering};
use tidings_adapters::carrier::CarrierKind;

/// Live connections.
#[derive(Debug, Default)]
pub struct ConnectionCounts {
    live: AtomicU64,
}

impl ConnectionCounts {
    /// One more.
    pub fn opened(&self, carrier: CarrierKind) {
        self.live.fetch_add(1, Ordering::Relaxed);
        metrics::gauge!("tidings_connections", "carrier" => carrier.name()).increment(1.0);
    }

    /// One less.
    pub fn ended(&self, carrier: CarrierKind) {
        self.live.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!("tidings_connections", "carrier" => carrier.name()).decrement(1.0);
    }

    /// How many there are.
    #[must_use]
    pub fn live(&self) -> u64 {
        self.live.load(Ordering::Relaxed)
    }
}
