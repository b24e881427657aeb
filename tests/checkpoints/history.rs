//! A log with checkpoints, and the same log written anew by somebody who can recompute everything in it.

use std::collections::HashMap;
use tidings_engine::checkpoint::{
    Accumulator, Comparison, SignedCheckpoint, Signer, SigningKey, Trust, VerifierKey, origin,
};
use tidings_engine::event::{Event, Facts};
use tidings_engine::ids::{CommandHash, Position, Revision, StreamId, TenantId, Time};
use tidings_engine::log::{Envelope, Log, LogId, LogOptions, MemoryStorage, Record};

/// How many events the log has.
pub(crate) const EVENTS: usize = 120;
/// How many events lie between two checkpoints.
pub(crate) const STEP: usize = 20;
/// Index of the event by which the log adopts its second key.
pub(crate) const ROTATION: usize = 64;
/// Segments of 8 KiB, so that there are several.
const OPTIONS: LogOptions = LogOptions { segment_bytes: 8 * 1024, ..LogOptions::DEFAULT };
const ENTROPY: [u8; 16] = [3; 16];
const FIRST_KEY: [u8; 32] = [1; 32];
const SECOND_KEY: [u8; 32] = [2; 32];

/// A log, what it was written from, and the checkpoints that were signed on the way.
pub(crate) struct History {
    pub(crate) storage: MemoryStorage,
    pub(crate) log: LogId,
    pub(crate) records: Vec<Record>,
    pub(crate) checkpoints: Vec<SignedCheckpoint>,
}

impl History {
    /// The log as it happened.
    pub(crate) fn honest() -> Self {
        let mut records: Vec<Record> = (1..=EVENTS as u64).map(event).collect();
        records[0] = adoption(SigningKey::from_seed(&FIRST_KEY).public(), Vec::new());
        records[ROTATION] = rotation(write(&[], ENTROPY).1);
        Self::of(records)
    }

    /// The log that these events make up, with every position, revision, sequence, checksum and chain as it has to be, and
    /// with fresh checkpoints: what whoever holds the machine and its keys can do.
    pub(crate) fn of(records: Vec<Record>) -> Self {
        Self::with_entropy(records, ENTROPY)
    }

    /// Another log of the same events.
    pub(crate) fn elsewhere(mut records: Vec<Record>) -> Self {
        let entropy = [4; 16];
        records[ROTATION] = rotation(write(&[], entropy).1);
        Self::with_entropy(records, entropy)
    }

    fn with_entropy(mut records: Vec<Record>, entropy: [u8; 16]) -> Self {
        number(&mut records);
        let (storage, log) = write(&records, entropy);
        let checkpoints = sign(&records, log);
        Self { storage, log, records, checkpoints }
    }

    /// The log without any content that could be removed; how many were.
    pub(crate) fn redact(&self) -> u64 {
        let (mut log, _) = Log::open(self.storage.clone(), OPTIONS, ENTROPY).unwrap();
        let reader = log.reader();
        let mut contents = 0;
        for number in reader.sealed_segments() {
            let rewritten = reader.rewrite(number, &|_| true).unwrap().expect("every segment has contents");
            contents += rewritten.contents;
            log.adopt(rewritten).unwrap();
        }
        contents
    }

    /// The first key of the log: all that an auditor knows.
    pub(crate) fn key(&self) -> VerifierKey {
        SigningKey::from_seed(&FIRST_KEY).verifier(&origin(self.log)).unwrap()
    }
}

/// Checkpoints at every step, each by the key that an auditor believes there.
fn sign(records: &[Record], log: LogId) -> Vec<SignedCheckpoint> {
    let keys = [FIRST_KEY, SECOND_KEY].map(|seed| SigningKey::from_seed(&seed));
    let first = keys[0].verifier(&origin(log)).unwrap();
    let mut comparison = Comparison::new(Accumulator::new(log), Trust::new(log, &[first]), Vec::new());
    let mut signed = Vec::new();
    for record in records {
        comparison.record(record);
        if comparison.accumulator().position().0.is_multiple_of(STEP as u64) {
            let checkpoint = comparison.accumulator().checkpoint(record.envelope.time, 1);
            let mut by_each = keys.iter().map(|key| SignedCheckpoint::sign(checkpoint, key));
            let is_believed =
                |signed: &SignedCheckpoint| matches!(comparison.trust().signer(signed), Signer::Believed(_));
            signed.extend(by_each.find(is_believed));
        }
    }
    signed
}

/// The adoption of the second key, endorsed by the first for this log.
fn rotation(log: LogId) -> Record {
    let second = SigningKey::from_seed(&SECOND_KEY).verifier(&origin(log)).unwrap();
    adoption(*second.public(), SigningKey::from_seed(&FIRST_KEY).endorse(&second))
}

/// Writes the records in groups of one to seven.
fn write(records: &[Record], entropy: [u8; 16]) -> (MemoryStorage, LogId) {
    let storage = MemoryStorage::new();
    let (mut log, _) = Log::open(storage.clone(), OPTIONS, entropy).unwrap();
    let (mut rest, mut count) = (records, 0);
    while !rest.is_empty() {
        count = count % 7 + 1;
        let (group, others) = rest.split_at(count.min(rest.len()));
        log.append(group).unwrap();
        rest = others;
    }
    (storage, log.id())
}

/// An event that differs from every other.
pub(crate) fn event(mark: u64) -> Record {
    let tenant = TenantId(u32::try_from(mark % 2).unwrap() + 1);
    let stream = StreamId([u8::try_from(mark % 5).unwrap() + 1; 16]);
    let fill = |bytes: usize, salt: u64| [(mark * 31 + salt).to_le_bytes().to_vec(), vec![0xa5; bytes]].concat();
    Record {
        envelope: Envelope {
            position: Position(mark),
            tenant,
            tenant_sequence: 0,
            stream,
            revision: Revision(0),
            event_type: 3,
            event_version: 1,
            command: CommandHash([9; 16]),
            command_index: 0,
            time: Time(1_700_000_000_000 + i64::try_from(mark).unwrap() * 1000),
            key_id: 0,
        },
        facts: fill(40, 1).into(),
        content: fill(60, 2).into(),
    }
}

/// The event by which the log adopts a key.
fn adoption(public: [u8; 32], endorsement: Vec<u8>) -> Record {
    let event = Event::CheckpointKeyAdopted { public, endorsement };
    let (event_type, event_version) = (event.type_number(), event.version());
    let facts = Facts { actor: StreamId::default(), fingerprint: [0; 16], event };
    let Record { envelope, .. } = self::event(1);
    let (tenant, stream) = (TenantId::PLATFORM, StreamId([0xee; 16]));
    let envelope = Envelope { tenant, stream, event_type, event_version, ..envelope };
    Record { envelope, facts: facts.encode(), content: Vec::new().into() }
}

/// Gives every record the numbers that its place obliges it to, and a time that is not before the one before.
fn number(records: &mut [Record]) {
    let (mut revisions, mut sequences) = (HashMap::<StreamId, u64>::new(), HashMap::<TenantId, u64>::new());
    let mut time = Time(0);
    for (index, record) in records.iter_mut().enumerate() {
        let envelope = &mut record.envelope;
        envelope.position = Position(index as u64 + 1);
        let revision = revisions.entry(envelope.stream).or_default();
        *revision += 1;
        envelope.revision = Revision(*revision);
        let sequence = sequences.entry(envelope.tenant).or_default();
        *sequence += 1;
        envelope.tenant_sequence = *sequence;
        time = time.max(envelope.time);
        envelope.time = time;
    }
}
