//! What routes do.

use tidings_wire::Mark;

/// A mark on all items that match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BulkMarking {
    /// All read.
    Read,
    /// All seen.
    Seen,
    /// All archived.
    Archive,
    /// The read ones archived.
    ReadArchive,
    /// All deleted.
    Delete,
}

/// What a route does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Tells where the carriers are.
    Discovery,
    /// Becomes a WebSocket.
    WebSocket,
    /// Becomes a stream of server-sent events.
    Events,
    /// Gives a ticket for one connection.
    Ticket,
    /// Publishes a notification.
    Publish,
    /// Takes a notification back.
    Retract,
    /// Erases a person.
    Erase,
    /// Gives the receipt of an erasure again.
    Receipt,
    /// Reads one page.
    List,
    /// Counts.
    Count,
    /// Sets a mark on one item.
    MarkOne(Mark),
    /// Sets a mark on many.
    MarkMany(BulkMarking),
    /// Tells that the process lives.
    Health,
    /// Tells whether requests can be served.
    Ready,
    /// Gives the OpenAPI document.
    OpenApi,
    /// Reads events as an auditor.
    AuditEvents,
    /// Reads an inbox as of a place as an auditor.
    AuditState,
    /// Verifies and replays a range.
    AuditReplay,
    /// Verifies.
    AuditVerify,
    /// Gives the schema of a line of events.
    AuditSchema,
    /// Revokes tokens.
    Revoke,
    /// Lists what is revoked.
    Revocations,
    /// Makes a key for a service.
    CreateKey,
    /// Lists the keys of services.
    Keys,
    /// Revokes a key.
    RevokeKey,
    /// Lists sessions.
    Sessions,
    /// Ends the sessions of one person.
    EndSessions,
    /// Ends one session.
    EndSession,
    /// Records a consent.
    RecordConsent,
    /// Takes a consent back.
    WithdrawConsent,
    /// Lists consents.
    Consents,
    /// Tells what a tenant decides for itself.
    Settings,
    /// Has a tenant decide otherwise.
    ChangeSettings,
    /// Signs a token for the demo page.
    DevToken,
}

impl Operation {
    /// Whether it honours `Idempotency-Key`: what it does is a command to the log. Ending a session is none.
    #[must_use]
    pub const fn is_command(self) -> bool {
        !matches!(self, Self::EndSessions | Self::EndSession)
    }
}
