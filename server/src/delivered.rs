//! What people's devices acknowledge, on its way to the log where their tenants want that.

use crate::clock;
use crate::gateway::Server;
use crate::inbox::InboxThread;
use crate::writer::Job;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tidings_engine::command::{Command, Request};
use tidings_engine::grant::Grant;
use tidings_engine::ids::Position;

impl InboxThread {
    /// A device has everything up to an event. Nothing is gathered for a tenant that does not want it.
    pub(crate) fn acknowledged(&mut self, server: Weak<Server>, grant: Arc<Grant>, up_to: Position) {
        if self.consents.settings(grant.tenant_stream).records_delivered {
            self.server = server;
            self.deliveries.acknowledged(grant, up_to, clock::now());
        }
    }

    /// How long until something is due.
    pub(crate) fn until_delivery(&self) -> Option<Duration> {
        let due = self.deliveries.poll_timeout()?;
        Some(Duration::from_millis(u64::try_from(due.since(clock::now())).unwrap_or_default()))
    }

    /// Has recorded what is due. Nobody waits for it: what cannot be recorded now is told anew by a later acknowledgement.
    pub(crate) fn record_deliveries(&mut self) {
        if self.deliveries.poll_timeout().is_none() {
            return;
        }
        let now = clock::now();
        while let Some((grant, up_to)) = self.deliveries.due(now) {
            let Some(server) = self.server.upgrade() else { return };
            let command = Command::RecordDelivered { up_to, now };
            let request = Request { grant, key: None, fingerprint: [0; 16], command };
            server.writer_submit(Job { request, reply: Box::new(|_| {}) });
        }
    }
}
