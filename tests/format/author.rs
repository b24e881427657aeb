//! Writes records as the engine would: positions, revisions and tenant sequences without gaps.

use std::collections::HashMap;

use bytes::Bytes;
use tidings_engine::event::{Event, Facts};
use tidings_engine::ids::{CommandHash, Position, Revision, StreamId, TenantId, Time};
use tidings_engine::log::{Envelope, Log, LogOptions, MemoryStorage, Record, Stored};

/// Small segments, so that a few events fill several.
pub(crate) const SMALL: LogOptions = LogOptions { segment_bytes: 8 * 1024, ..LogOptions::DEFAULT };

/// The author of a log's records.
#[derive(Clone, Debug, Default)]
pub(crate) struct Author {
    position: u64,
    revisions: HashMap<StreamId, u64>,
    sequences: HashMap<TenantId, u64>,
}

/// What the author does not know by itself.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// Whose it is.
    pub(crate) tenant: u32,
    /// First and every byte of the stream's id.
    pub(crate) stream: u8,
    /// Which kind of event.
    pub(crate) kind: (u16, u16),
    /// The facts, encoded.
    pub(crate) facts: Bytes,
    /// The content, encoded.
    pub(crate) content: Bytes,
    /// The key that seals the content.
    pub(crate) key_id: u32,
}

impl Draft {
    /// A draft of a real event.
    pub(crate) fn of(tenant: u32, stream: u8, event: Event) -> Self {
        let kind = (event.type_number(), event.version());
        let facts = Facts { actor: StreamId([0xac; 16]), fingerprint: [0xf0; 16], event };
        Self { tenant, stream, kind, facts: facts.encode(), content: Bytes::new(), key_id: 0 }
    }

    /// The same with a content.
    pub(crate) fn with_content(self, key_id: u32, content: Bytes) -> Self {
        Self { key_id, content, ..self }
    }
}

impl Author {
    /// The next record.
    pub(crate) fn record(&mut self, draft: Draft) -> Record {
        self.position += 1;
        let (tenant, stream) = (TenantId(draft.tenant), StreamId([draft.stream; 16]));
        let sequence = self.sequences.entry(tenant).or_default();
        *sequence += 1;
        let revision = self.revisions.entry(stream).or_default();
        *revision += 1;
        Record {
            envelope: Envelope {
                position: Position(self.position),
                tenant,
                tenant_sequence: *sequence,
                stream,
                revision: Revision(*revision),
                event_type: draft.kind.0,
                event_version: draft.kind.1,
                command: CommandHash([0xc0 | draft.stream & 0x0f; 16]),
                command_index: 0,
                time: Time(1_769_850_000_000 + i64::try_from(self.position).unwrap() * 250),
                key_id: draft.key_id,
            },
            facts: draft.facts,
            content: Stored::from(draft.content),
        }
    }
}

/// A log in `storage`, opened for appending.
pub(crate) fn open(storage: &MemoryStorage, entropy: u8) -> Log<MemoryStorage> {
    Log::open(storage.clone(), SMALL, [entropy; 16]).expect("the log opens").0
}

/// Removes the contents that `gone` names from all sealed segments.
pub(crate) fn redact(log: &mut Log<MemoryStorage>, gone: &dyn Fn(&Envelope) -> bool) {
    for number in log.reader().sealed_segments() {
        if let Some(rewritten) = log.reader().rewrite(number, gone).unwrap() {
            log.adopt(rewritten).unwrap();
        }
    }
}
