use super::checkpoints::{self, Checkpoints};
use super::promise::Digests;
use super::subject::{Opened, Refusal, Setting, Subject, rewrite_without};
use crate::chance::Chance;
use crate::disk::{Lying, SimulatedDisk};
use crate::script::Act;
use bytes::Bytes;
use std::collections::HashMap;
use tidings_engine::ids::{CommandHash, Position, Revision, StreamId, TenantId, Time};
use tidings_engine::log::{Envelope, Log, LogError, LogOptions, LogReader, Record};

/// A log alone, and what its next records have to say.
pub(super) struct LogSubject {
    log: Log<Lying>,
    storage: Lying,
    checkpoints: Checkpoints,
    revisions: HashMap<StreamId, u64>,
    sequences: HashMap<TenantId, u64>,
    time: Time,
}

impl LogSubject {
    pub(super) fn open(disk: &SimulatedDisk, setting: &Setting) -> Result<Opened, String> {
        let storage = Lying::new(disk.folder("log"), setting.lie);
        let options = LogOptions { segment_bytes: setting.script.segment_bytes, ..LogOptions::default() };
        let entropy = Chance::new(setting.script.seed).bytes16();
        let (log, recovery) = Log::open(storage.clone(), options, entropy).map_err(|error| error.to_string())?;
        let (revisions, sequences) = (HashMap::new(), HashMap::new());
        let beside = storage.beside(disk.folder(checkpoints::FOLDER));
        let checkpoints = Checkpoints::open(beside, &log.reader());
        let mut subject = Self { log, storage, checkpoints, revisions, sequences, time: Time(1_700_000_000_000) };
        for record in subject.log.reader().scan(Position(1)) {
            let envelope = record.map_err(|error| error.to_string())?.envelope;
            subject.revisions.insert(envelope.stream, envelope.revision.0);
            subject.sequences.insert(envelope.tenant, envelope.tenant_sequence);
            subject.time = envelope.time;
        }
        Ok(Opened::new(subject, recovery))
    }

    fn record(&mut self, position: u64, act: &Act, chance: &mut Chance) -> Record {
        let (stream, tenant) = (StreamId([1 + u8::try_from(chance.below(4)).unwrap_or_default(); 16]), TenantId(1));
        let revision = self.revisions.entry(stream).or_default();
        *revision += 1;
        let sequence = self.sequences.entry(tenant).or_default();
        *sequence += 1;
        self.time = self.time.plus(i64::try_from(chance.below(3)).unwrap_or_default());
        let (facts, content) = sizes(act);
        Record {
            envelope: Envelope {
                position: Position(position),
                tenant,
                tenant_sequence: *sequence,
                stream,
                revision: Revision(*revision),
                event_type: 3,
                event_version: 1,
                command: CommandHash(chance.bytes16()),
                command_index: 0,
                time: self.time,
                key_id: 0,
            },
            facts: fill(facts, chance),
            content: fill(content, chance).into(),
        }
    }
}

/// Bytes of facts and content.
fn sizes(act: &Act) -> (usize, usize) {
    match act {
        Act::Observe(_) | Act::Retract(_) | Act::Erase(_) | Act::AdoptKey => (30, 0),
        Act::Mark { .. } => (46, 0),
        Act::MarkAll { .. } => (0, 0),
        Act::Direct { body_bytes, .. } => (60, 32 + body_bytes),
        Act::Everyone { body_bytes } => (50 + body_bytes / 2, 32 + body_bytes / 2),
    }
}

/// So many bytes that look like nothing else, with runs of zeros in some.
fn fill(count: usize, chance: &mut Chance) -> Bytes {
    let zeros = if chance.one_in(4) { count / 3 } else { 0 };
    let bytes: Vec<u8> =
        (0..count).map(|index| if index % (zeros + 1) == 0 { chance.number() as u8 } else { 0 }).collect();
    Bytes::from(bytes)
}

fn refusing<T>(done: Result<T, LogError>) -> Result<T, Refusal> {
    done.map_err(|error| match error {
        LogError::Full => Refusal::Full,
        error => Refusal::Failed(error.to_string()),
    })
}

impl Subject for LogSubject {
    fn commit(&mut self, acts: &[Act], turn: u64) -> Result<(), Refusal> {
        let head = self.log.head().0.0;
        let mut chance = Chance::of(turn, &[head]);
        let before = (self.revisions.clone(), self.sequences.clone(), self.time);
        let records: Vec<_> =
            (head + 1..).zip(acts).map(|(position, act)| self.record(position, act, &mut chance)).collect();
        let done = refusing(self.log.append(&records)).map(drop);
        if done == Err(Refusal::Full) {
            (self.revisions, self.sequences, self.time) = before;
        }
        done
    }

    fn prepare(&mut self) -> Result<(), Refusal> {
        refusing(self.log.prepare())
    }

    fn redact(&mut self, seed: u64) -> Result<(), Refusal> {
        let is_gone = |envelope: &Envelope| Chance::of(seed, &[envelope.position.0]).one_in(3);
        rewrite_without(&self.log.reader(), &is_gone, |rewritten| self.log.adopt(rewritten))
    }

    fn checkpoints(&mut self) -> &mut Checkpoints {
        &mut self.checkpoints
    }

    fn has_adopted_key(&self) -> bool {
        true
    }

    fn reader(&self) -> LogReader {
        self.log.reader()
    }

    fn digests(&self) -> Result<Digests, String> {
        Ok(Digests::default())
    }

    fn owes_a_sync(&self) -> bool {
        self.storage.owes_a_sync()
    }
}
