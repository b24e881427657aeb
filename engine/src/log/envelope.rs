//! The fixed part of a record.

use super::fields::{bytes_at, put, u16_at, u32_at, u64_at};
use crate::ids::{CommandHash, Position, Revision, StreamId, TenantId, Time};

/// The fixed part of a record: who, where and when, without what. Enough to filter by, and free of personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Number of the event in the log.
    pub position: Position,
    /// Whose event it is.
    pub tenant: TenantId,
    /// Number of the event among this tenant's; from 1, gapless.
    pub tenant_sequence: u64,
    /// The stream it belongs to.
    pub stream: StreamId,
    /// Number of the event in its stream.
    pub revision: Revision,
    /// Which kind of event.
    pub event_type: u16,
    /// Version of that kind's encoding.
    pub event_version: u16,
    /// The command that caused it.
    pub command: CommandHash,
    /// Number of the event among those of its command; from 0.
    pub command_index: u16,
    /// When it was recorded. Never before the event before it.
    pub time: Time,
    /// The key that seals the content; 0 when it is not sealed.
    pub key_id: u32,
}

impl Envelope {
    /// Bytes of the canonical form: 78.
    pub const BYTES: usize = 78;

    /// The canonical form, which the leaf covers.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        put(&mut bytes, 0, &self.position.0.to_le_bytes());
        put(&mut bytes, 8, &self.tenant.0.to_le_bytes());
        put(&mut bytes, 12, &self.tenant_sequence.to_le_bytes());
        put(&mut bytes, 20, &self.stream.0);
        put(&mut bytes, 36, &self.revision.0.to_le_bytes());
        put(&mut bytes, 44, &self.event_type.to_le_bytes());
        put(&mut bytes, 46, &self.event_version.to_le_bytes());
        put(&mut bytes, 48, &self.command.0);
        put(&mut bytes, 64, &self.command_index.to_le_bytes());
        put(&mut bytes, 66, &self.time.0.to_le_bytes());
        put(&mut bytes, 74, &self.key_id.to_le_bytes());
        bytes
    }

    /// The envelope of a canonical form. Every 78 bytes are one.
    #[must_use]
    pub fn decode(bytes: &[u8; Self::BYTES]) -> Self {
        Self {
            position: Position(u64_at(bytes, 0)),
            tenant: TenantId(u32_at(bytes, 8)),
            tenant_sequence: u64_at(bytes, 12),
            stream: StreamId(bytes_at(bytes, 20)),
            revision: Revision(u64_at(bytes, 36)),
            event_type: u16_at(bytes, 44),
            event_version: u16_at(bytes, 46),
            command: CommandHash(bytes_at(bytes, 48)),
            command_index: u16_at(bytes, 64),
            time: Time(i64::from_le_bytes(bytes_at(bytes, 66))),
            key_id: u32_at(bytes, 74),
        }
    }
}
