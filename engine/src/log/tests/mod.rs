//! Tests of the log, and what they write into it.

mod append;
mod audit;
mod contract;
mod copy;
mod crash;
mod decode;
mod golden;
mod keyed;
mod recovery;
mod redact;
mod repair;
mod sidecar;
mod watermark;

use super::{Envelope, FileStorage, Log, LogOptions, MemoryStorage, Record, Recovery, Storage};
use crate::ids::{CommandHash, Position, Revision, StreamId, TenantId, Time};
use bytes::Bytes;
use std::collections::HashMap;

/// Writes records as the engine would: positions, revisions and tenant sequences without gaps.
#[derive(Clone, Default)]
struct Author {
    position: u64,
    revisions: HashMap<StreamId, u64>,
    sequences: HashMap<TenantId, u64>,
}

impl Author {
    /// The next event, of this tenant and with parts of these sizes. Its bytes tell it from all others.
    fn record(&mut self, tenant: u32, facts_bytes: usize, content_bytes: usize) -> Record {
        self.position += 1;
        let tenant = TenantId(tenant);
        let stream = StreamId([u8::try_from(self.position % 3).unwrap() + 1; 16]);
        let sequence = self.sequences.entry(tenant).or_default();
        *sequence += 1;
        let revision = self.revisions.entry(stream).or_default();
        *revision += 1;
        let fill = |bytes: usize, salt: u64| {
            let mut filled = vec![0xA5; bytes];
            let mark = (self.position * 31 + salt).to_le_bytes();
            filled.iter_mut().zip(mark).for_each(|(byte, mark)| *byte = mark);
            Bytes::from(filled)
        };
        Record {
            envelope: Envelope {
                position: Position(self.position),
                tenant,
                tenant_sequence: *sequence,
                stream,
                revision: Revision(*revision),
                event_type: 7,
                event_version: 1,
                command: CommandHash([9; 16]),
                command_index: 0,
                time: Time(1_700_000_000_000 + i64::try_from(self.position).unwrap() / 2),
                key_id: 0,
            },
            facts: fill(facts_bytes, 1),
            content: fill(content_bytes, 2).into(),
        }
    }

    /// Takes in an event that was written before.
    fn again(&mut self, record: &Record) {
        let envelope = &record.envelope;
        self.position = envelope.position.0;
        self.revisions.insert(envelope.stream, envelope.revision.0);
        self.sequences.insert(envelope.tenant, envelope.tenant_sequence);
    }

    /// The next `count` events of two tenants, some without content.
    fn records(&mut self, count: usize) -> Vec<Record> {
        (0..count).map(|index| self.record(1 + u32::from(index % 2 == 0), 20 + index, index % 4 * 30)).collect()
    }
}

const SMALL: LogOptions = LogOptions { segment_bytes: 8 * 1024, reserve_bytes: Some(0), ..LogOptions::DEFAULT };
const READ_ONLY: LogOptions = LogOptions { read_only: true, ..SMALL };
const ENTROPY: [u8; 16] = [3; 16];

fn open<S: Storage>(storage: S) -> (Log<S>, Recovery) {
    Log::open(storage, SMALL, ENTROPY).expect("the log opens")
}

/// A log of these groups, closed. Tells all records.
fn written(groups: &[usize]) -> (MemoryStorage, Vec<Record>) {
    let storage = MemoryStorage::new();
    let (mut log, _) = open(storage.clone());
    let mut author = Author::default();
    let mut all = Vec::new();
    for count in groups {
        let records = author.records(*count);
        log.append(&records).unwrap();
        all.extend(records);
    }
    (storage, all)
}

fn all_records<S: Storage>(log: &Log<S>) -> Vec<Record> {
    log.reader().scan_checked(Position(1), super::ChainCheck::Verify).map(Result::unwrap).collect()
}

fn segment_names(storage: &dyn Storage) -> Vec<String> {
    super::directory::segment_names(storage).unwrap()
}

/// A directory on disk that opens again and again.
fn directory() -> (tempfile::TempDir, impl Fn() -> FileStorage) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    (directory, move || FileStorage::create(&path).unwrap())
}
