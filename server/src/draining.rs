//! Leaving: sessions are closed in paced batches, each with its own delay, by the engine's plan.

use crate::clock;
use crate::gateway::Server;
use std::sync::Arc;
use std::time::Duration;
use tidings_engine::drain::{BATCH_MS, Drain, DrainSettings};
use tracing::info;

/// Closes every session in its turn. Whoever comes meanwhile is sent away; what else is asked over HTTP is answered.
pub(crate) async fn drain(server: &Arc<Server>, settings: &DrainSettings) {
    let connections = server.all_connections();
    let mut drain = Drain::plan(connections.len(), settings, clock::now());
    server.begin_leaving(drain.clone());
    info!(connections = connections.len(), window_ms = drain.window_ms(), "draining");
    while let Some(at) = drain.next_batch() {
        // A clock that was set back meanwhile must not hold up the end.
        let wait_ms = u64::try_from(at.since(clock::now())).unwrap_or(0).min(BATCH_MS);
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        let now = clock::now().max(at);
        for index in drain.due(now) {
            if let Some(connection) = connections[index].upgrade() {
                connection.leave(drain.returns_after_ms(index, now));
            }
        }
    }
}
