//! What makes a batch of events durable: our log, and the engine over it.

use anyhow::{Result, ensure};
use bytes::Bytes;
use std::path::Path;
use std::sync::Arc;
use tidings_benches::samples::{self, EVENT_BYTES, START, TENANT};
use tidings_benches::sealed::Sealed;
use tidings_engine::command::Request;
use tidings_engine::engine::Engine;
use tidings_engine::event::Event;
use tidings_engine::grant::Role;
use tidings_engine::ids::Position;
use tidings_engine::log::{FileStorage, Log, LogOptions, Record, group_bytes};

/// People whom the events are for. All are known before anything is measured.
const PEOPLE_COUNT: usize = 1_000;

/// Something that makes a batch of events durable.
pub(crate) trait Level {
    /// Makes the next batch, which is not measured.
    fn prepare(&mut self) -> Result<()>;

    /// Makes it durable.
    fn append(&mut self) -> Result<()>;

    /// Bytes that the probe writes for a batch.
    fn bytes(&self) -> usize;
}

/// The log alone.
pub(crate) struct LogLevel {
    log: Log<FileStorage>,
    records: Vec<Record>,
    body: Bytes,
    in_flight: u64,
}

impl LogLevel {
    pub(crate) fn open(directory: &Path, in_flight: usize) -> Result<Self> {
        let storage = FileStorage::create(directory.join("log"))?;
        let (log, _) = Log::open(storage, LogOptions::default(), [7; 16])?;
        let body = Bytes::from(vec![0x42; EVENT_BYTES - 50]);
        Ok(Self { log, records: Vec::new(), body, in_flight: in_flight as u64 })
    }
}

impl Level for LogLevel {
    fn prepare(&mut self) -> Result<()> {
        self.log.prepare()?;
        let head = self.log.head().0.0;
        let facts = Bytes::from_static(&[0x17; 50]);
        let sample = samples::recorded(1, samples::person(&samples::keys(), 1), tenant_created(), Bytes::new());
        self.records = (head + 1..=head + self.in_flight)
            .map(|position| {
                let mut envelope = sample.envelope;
                envelope.position = Position(position);
                envelope.time = START;
                Record { envelope, facts: facts.clone(), content: self.body.clone().into() }
            })
            .collect();
        Ok(())
    }

    fn append(&mut self) -> Result<()> {
        self.log.append(&self.records)?;
        Ok(())
    }

    fn bytes(&self) -> usize {
        group_bytes(&self.records)
    }
}

fn tenant_created() -> Event {
    Event::TenantCreated { name: TENANT.to_owned() }
}

/// Whether content is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sealing {
    Plain,
    Sealed,
}

/// The engine: decides, seals, encodes, writes and syncs, one after the other.
pub(crate) struct EngineLevel {
    engine: Engine<FileStorage>,
    /// One for each person, and so many more that a batch may begin at any person.
    requests: Vec<Request>,
    first: usize,
    in_flight: usize,
    bytes: usize,
}

impl EngineLevel {
    pub(crate) fn open(directory: &Path, sealing: Sealing, in_flight: usize) -> Result<Self> {
        let (mut engine, keys) = match sealing {
            Sealing::Sealed => {
                let Sealed { engine, keys } = Sealed::open(directory, 1, 0)?;
                (engine, keys)
            }
            Sealing::Plain => {
                let (keys, storage) = (samples::keys(), FileStorage::create(directory.join("log"))?);
                (Engine::open(storage, LogOptions::default(), Arc::clone(&keys), [7; 16], START)?.0, keys)
            }
        };
        let service = samples::grant(&keys, "mailer", Role::Service);
        let to = |number: usize| samples::publish(&keys, &service, (number % PEOPLE_COUNT) as u64, None);
        let requests: Vec<Request> = (0..PEOPLE_COUNT + in_flight).map(to).collect();
        let commit = engine.commit(&requests[..PEOPLE_COUNT], START)?;
        // The first event is the tenant's own.
        let events = &commit.events[1..];
        let is_sealed = events.iter().all(|event| event.envelope.key_id != 0);
        ensure!(events.len() == PEOPLE_COUNT && is_sealed == (sealing == Sealing::Sealed), "a sample is not as asked");
        let records = events.iter().cycle().take(in_flight).map(|event| Record {
            envelope: event.envelope,
            facts: event.facts.encode(),
            content: event.content.clone(),
        });
        let bytes = group_bytes(&records.collect::<Vec<_>>());
        Ok(Self { engine, requests, first: 0, in_flight, bytes })
    }

    /// The engine, and the requests of one batch.
    pub(crate) fn into_parts(mut self) -> (Engine<FileStorage>, Vec<Request>) {
        self.requests.truncate(self.in_flight);
        (self.engine, self.requests)
    }
}

impl Level for EngineLevel {
    fn prepare(&mut self) -> Result<()> {
        self.first = (self.first + self.in_flight) % PEOPLE_COUNT;
        Ok(())
    }

    fn append(&mut self) -> Result<()> {
        let commit = self.engine.commit(&self.requests[self.first..self.first + self.in_flight], START)?;
        ensure!(commit.events.len() == self.in_flight, "a sample was refused");
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}
