//! What erasures and revocations reach beyond the log: sessions that stand for nobody any more, and bytes that nobody can
//! open any more.

use crate::gateway::Server;
use crate::redaction::Redaction;
use std::sync::Arc;
use tidings_engine::ids::StreamId;
use tokio::sync::mpsc;

/// What is durable and has sessions end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// A person was erased, and their key is destroyed.
    Erased {
        /// Whose stream it was.
        subject: StreamId,
        /// Number of the destroyed key.
        key: u32,
    },
    /// Tokens or a key were revoked, and are refused everywhere.
    Revoked,
}

/// Ends the sessions of everyone who is erased or revoked, and has the bytes of the erased taken out of the log. Runs until
/// the inbox thread has ended.
pub async fn reach(server: Arc<Server>, redaction: Redaction, mut gone: mpsc::UnboundedReceiver<Gone>) {
    while let Some(first) = gone.recv().await {
        let mut are_revoked = false;
        let mut next = Some(first);
        while let Some(one) = next {
            match one {
                Gone::Erased { subject, key } => {
                    server.end_sessions_of(subject);
                    redaction.remove(key);
                }
                Gone::Revoked => are_revoked = true,
            }
            next = gone.try_recv().ok();
        }
        // One look at everybody for all that was revoked meanwhile.
        if are_revoked {
            server.end_refused_sessions();
        }
    }
}
