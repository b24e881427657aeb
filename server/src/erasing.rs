//! What an erasure reaches beyond the log: sessions that stand for the person, and bytes that nobody can open any more.

use crate::gateway::Server;
use crate::redaction::Redaction;
use std::sync::Arc;
use tidings_engine::ids::StreamId;
use tokio::sync::mpsc;

/// A person who was erased, after the key was destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erased {
    /// Whose stream it was.
    pub subject: StreamId,
    /// Number of the destroyed key.
    pub key: u32,
}

/// Ends the sessions of everyone who is erased, and has their bytes taken out of the log. Runs until the inbox thread has
/// ended.
pub async fn reach(server: Arc<Server>, redaction: Redaction, mut erased: mpsc::UnboundedReceiver<Erased>) {
    while let Some(Erased { subject, key }) = erased.recv().await {
        server.end_sessions_of(subject);
        redaction.remove(key);
    }
}
