//! Durable appends, by the log alone and by the engine with `decide`, beside a bare write and `fdatasync` of as many bytes.

use anyhow::{Context, Result};
use bytes::Bytes;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{channel, sync_channel};
use std::thread;
use std::time::Duration;
use tidings_benches::choice::Choice;
use tidings_benches::samples::{self, EVENT_BYTES, START, TENANT};
use tidings_benches::spread::Spread;
use tidings_benches::stopwatch::{Stopwatch, timed};
use tidings_benches::table::{Table, per_second, rate, ratio, ratio_of, time};
use tidings_engine::command::Request;
use tidings_engine::engine::{Engine, Offer, Prepared};
use tidings_engine::grant::Role;
use tidings_engine::ids::Position;
use tidings_engine::log::{FileStorage, Log, LogOptions, Record, group_bytes};

/// The server's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Bytes of the file that the probe writes into, over and over.
const PROBE_FILE_BYTES: u64 = 64 * 1024 * 1024;

fn main() -> Result<()> {
    let Some(choice) = Choice::of("append") else { return Ok(()) };
    let columns =
        ["level, in flight", "events", "events/s", "p50", "p99", "probe p50", "p50 ÷ probe", "of in flight ÷ probe"];
    let title = format!(
        "append: {EVENT_BYTES} B of facts and content an event; the baseline `probe` is a bare write and fdatasync of the same bytes, turn by turn"
    );
    let mut table = Table::new(&title, &columns);
    for (in_flight, rounds) in [(1, 2_000), (1_024, 400)] {
        let rounds = choice.of_count(rounds);
        measure(&mut table, &format!("log, {in_flight}"), in_flight, rounds, LogLevel::open)?;
        measure(&mut table, &format!("engine, {in_flight}"), in_flight, rounds, EngineLevel::open)?;
    }
    measure_ahead(&mut table, 1_024, choice.of_count(400))?;
    table.print();
    Ok(())
}

/// The engine's two halves in a thread each, as a server runs them: while one group is synced, the next one is decided.
/// `in_flight` is what each of the two has. The probe runs afterwards, or it would share the disk.
fn measure_ahead(table: &mut Table, in_flight: usize, rounds: u64) -> Result<()> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).context("no place for the log")?;
    let mut level = EngineLevel::open(&directory.path().join("log"), in_flight)?;
    for _ in 0..3 {
        level.append()?;
    }
    let EngineLevel { engine, requests, bytes } = level;
    let (mut decider, mut committer) = engine.split();
    let (groups, taken) = sync_channel::<Prepared>(0);
    let (tell, told) = channel();
    let space = committer.log().space();
    let (want, wanted) = sync_channel::<()>(1);
    let zeros = thread::spawn(move || wanted.iter().try_for_each(|()| space.prepare()));
    let sync = thread::spawn(move || {
        for group in taken {
            if committer.commit(group).is_err() || tell.send(committer.left()).is_err() {
                return;
            }
            if committer.wants_room() {
                let _ = want.try_send(());
            }
        }
    });
    let mut laps = Vec::new();
    for _ in 0..rounds {
        let watch = Stopwatch::start();
        for request in &requests {
            loop {
                let group = match decider.offer(request, START)? {
                    Offer::Taken(None) => break,
                    Offer::Taken(Some(group)) => {
                        groups.send(group).context("the disk failed")?;
                        break;
                    }
                    Offer::Before(group) => group,
                    Offer::Wait => {
                        decider.written(told.recv().context("the disk failed")?);
                        continue;
                    }
                };
                groups.send(group).context("the disk failed")?;
            }
        }
        let last = decider.close()?.context("every request is recorded")?;
        groups.send(last).context("the disk failed")?;
        told.try_iter().for_each(|left| decider.written(left));
        laps.push(watch.elapsed());
    }
    drop(groups);
    let joined = sync.join().is_ok() && zeros.join().is_ok_and(|prepared| prepared.is_ok());
    anyhow::ensure!(joined, "a thread failed");
    let mut probe = Probe::new(&directory.path().join("probe"), bytes)?;
    let mut bare = Vec::new();
    for _ in 0..rounds {
        let (written, took) = timed(|| probe.write());
        written?;
        bare.push(took);
    }
    let name = format!("engine, 2 × {in_flight}");
    row(table, &name, in_flight as u64, laps, bare);
    Ok(())
}

/// Something that makes a batch of events durable.
trait Level: Sized {
    fn open(directory: &Path, in_flight: usize) -> Result<Self>;

    /// Makes the next batch, which is not measured.
    fn prepare(&mut self) -> Result<()>;

    /// Makes it durable.
    fn append(&mut self) -> Result<()>;

    /// Bytes that a batch takes in the log.
    fn bytes(&self) -> usize;
}

fn measure<L: Level>(
    table: &mut Table,
    name: &str,
    in_flight: usize,
    rounds: u64,
    open: impl FnOnce(&Path, usize) -> Result<L>,
) -> Result<()> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).context("no place for the log")?;
    let mut level = open(&directory.path().join("log"), in_flight)?;
    for _ in 0..3 {
        level.prepare()?;
        level.append()?;
    }
    let mut probe = Probe::new(&directory.path().join("probe"), level.bytes())?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        level.prepare()?;
        let watch = Stopwatch::start();
        level.append()?;
        ours.push(watch.elapsed());
        let (written, took) = timed(|| probe.write());
        written?;
        bare.push(took);
    }
    row(table, name, in_flight as u64, ours, bare);
    Ok(())
}

fn row(table: &mut Table, name: &str, in_flight: u64, ours: Vec<Duration>, bare: Vec<Duration>) {
    let total: Duration = ours.iter().sum();
    let events = ours.len() as u64 * in_flight;
    let (ours, bare) = (Spread::of(ours), Spread::of(bare));
    let reach = per_second(in_flight, bare.p50());
    table.row(&[
        name.to_owned(),
        events.to_string(),
        rate(events, total),
        time(ours.p50()),
        time(ours.p99()),
        time(bare.p50()),
        ratio_of(ours.p50(), bare.p50()),
        ratio(per_second(events, total), reach),
    ]);
}

/// The floor: nothing but the bytes and their sync, into a file that is as long already.
struct Probe {
    file: File,
    bytes: Vec<u8>,
    offset: u64,
}

impl Probe {
    fn new(path: &Path, bytes: usize) -> Result<Self> {
        let file = OpenOptions::new().create(true).truncate(true).write(true).open(path)?;
        let zeros = vec![0; 1024 * 1024];
        for offset in (0..PROBE_FILE_BYTES).step_by(zeros.len()) {
            file.write_all_at(&zeros, offset)?;
        }
        file.sync_all()?;
        Ok(Self { file, bytes: vec![0x5a; bytes], offset: 0 })
    }

    fn write(&mut self) -> Result<()> {
        if self.offset + self.bytes.len() as u64 > PROBE_FILE_BYTES {
            self.offset = 0;
        }
        self.file.write_all_at(&self.bytes, self.offset)?;
        self.file.sync_data()?;
        self.offset += self.bytes.len() as u64;
        Ok(())
    }
}

struct LogLevel {
    log: Log<FileStorage>,
    records: Vec<Record>,
    body: Bytes,
    in_flight: u64,
}

impl Level for LogLevel {
    fn open(directory: &Path, in_flight: usize) -> Result<Self> {
        let (log, _) = Log::open(FileStorage::create(directory)?, LogOptions::default(), [7; 16])?;
        let body = Bytes::from(vec![0x42; EVENT_BYTES - 50]);
        Ok(Self { log, records: Vec::new(), body, in_flight: in_flight as u64 })
    }

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

fn tenant_created() -> tidings_engine::event::Event {
    tidings_engine::event::Event::TenantCreated { name: TENANT.to_owned() }
}

struct EngineLevel {
    engine: Engine<FileStorage>,
    requests: Vec<Request>,
    bytes: usize,
}

impl Level for EngineLevel {
    fn open(directory: &Path, in_flight: usize) -> Result<Self> {
        let keys = samples::keys();
        let storage = FileStorage::create(directory)?;
        let (engine, _) = Engine::open(storage, LogOptions::default(), Arc::clone(&keys), [7; 16], START)?;
        let service = samples::grant(&keys, "mailer", Role::Service);
        let requests = (0..in_flight as u64).map(|to| samples::publish(&keys, &service, to, None)).collect();
        Ok(Self { engine, requests, bytes: 0 })
    }

    fn prepare(&mut self) -> Result<()> {
        Ok(())
    }

    fn append(&mut self) -> Result<()> {
        let commit = self.engine.commit(&self.requests, START)?;
        if self.bytes == 0 {
            // The first batch also holds the tenant's own event; each later one is like the rest of it.
            let records = commit.events.iter().skip(1).map(|event| Record {
                envelope: event.envelope,
                facts: event.facts.encode(),
                content: event.content.clone(),
            });
            self.bytes = group_bytes(&records.collect::<Vec<_>>());
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}
