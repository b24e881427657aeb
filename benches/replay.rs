//! Reading a log from its beginning: decoding alone, with the chain, and as the engine opens it.

use anyhow::{Context, Result};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tidings_benches::choice::Choice;
use tidings_benches::samples::{self, EVENT_BYTES, START};
use tidings_benches::stopwatch::{timed, worked};
use tidings_benches::table::{Table, rate, ratio_of, time};
use tidings_engine::command::{Command, Request};
use tidings_engine::engine::Engine;
use tidings_engine::event::Recorded;
use tidings_engine::grant::{Grant, Role};
use tidings_engine::ids::{Position, Revision, TenantId};
use tidings_engine::item::Mark;
use tidings_engine::keys::StreamKind;
use tidings_engine::log::{ChainCheck, FileStorage, Log, LogOptions, LogReader};

/// People whose inboxes the events go to.
const PEOPLE_COUNT: u64 = 1_000;

/// Events of one group.
const GROUP_COUNT: u64 = 1_000;

fn main() -> Result<()> {
    let Some(choice) = Choice::of("replay") else { return Ok(()) };
    let events = choice.of_count(1_000_000).next_multiple_of(GROUP_COUNT);
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).context("no place for the log")?;
    let path = directory.path().join("log");
    write(&path, events)?;
    let columns = ["what", "time", "events/s", "time ÷ baseline"];
    let title = format!(
        "replay: {events} events of {EVENT_BYTES} B from the page cache, time of one core; the baseline is reading the same files and their CRC32C"
    );
    let mut table = Table::new(&title, &columns);
    let (bytes, bare) = worked(|| read_and_checksum(&path));
    bytes?;
    let mut row = |name: &str, took: Duration| {
        table.row(&[name.to_owned(), time(took), rate(events, took), ratio_of(took, bare)]);
    };
    row("baseline: read and CRC32C", bare);
    let read_only = LogOptions { read_only: true, ..LogOptions::default() };
    let (opened, took) = worked(|| Log::open(FileStorage::existing(&path)?, read_only, [0; 16]));
    row("open the log: recover its tail", took);
    let reader = opened?.0.reader();
    let (count, took) = worked(|| scan(&reader, ChainCheck::Skip, false));
    anyhow::ensure!(count? > events, "events are missing");
    row("scan: records and checksums", took);
    let (count, took) = worked(|| scan(&reader, ChainCheck::Skip, true));
    count?;
    row("scan and decode of events", took);
    let (count, took) = worked(|| scan(&reader, ChainCheck::Verify, true));
    count?;
    row("scan, decode, leaves and chain", took);
    by_key(&mut row, &reader)?;
    let (engine, took) = worked(|| open_engine(&path));
    anyhow::ensure!(engine?.head() > Position(events), "events are missing");
    row("open the engine: log and state", took);
    table.print();
    Ok(())
}

/// One tenant of a thousand, and one stream: what the rest costs that is not read.
fn by_key(row: &mut impl FnMut(&str, Duration), reader: &LogReader) -> Result<()> {
    let (written, took) = worked(|| reader.index_segments());
    written?;
    row("index: sidecars of all sealed segments", took);
    let few = TenantId(2);
    let (count, took) = timed(|| reader.tenant(few, 1).try_fold(0_u64, |count, record| record.map(|_| count + 1)));
    anyhow::ensure!(count? > 0, "the small tenant has no events");
    row("one tenant of 1 000, the rest skipped", took);
    let person = samples::person(&samples::keys(), 1);
    let (count, took) = timed(|| reader.stream(person, Revision(1)).count());
    anyhow::ensure!(count > 0, "the person has no events");
    row("one person's stream, the rest skipped", took);
    Ok(())
}

fn open_engine(path: &Path) -> Result<Engine<FileStorage>> {
    let keys = samples::keys();
    Ok(Engine::open(FileStorage::create(path)?, LogOptions::default(), keys, [7; 16], START)?.0)
}

fn write(path: &Path, events: u64) -> Result<()> {
    let mut engine = open_engine(path)?;
    let keys = samples::keys();
    let service = samples::grant(&keys, "mailer", Role::Service);
    let requests: Vec<_> =
        (0..GROUP_COUNT).map(|number| samples::publish(&keys, &service, number % PEOPLE_COUNT, None)).collect();
    let other = Arc::new(Grant {
        tenant: "small".into(),
        tenant_stream: keys.stream("small", StreamKind::Tenant, ""),
        ..(*service).clone()
    });
    let person = samples::grant(&keys, "user-1", Role::User);
    engine.commit(&[Request { command: Command::Observe, ..samples::mark(&person, Mark::Read, Vec::new()) }], START)?;
    for _ in 0..events / GROUP_COUNT {
        let mut commit = engine.commit(&requests, START)?;
        // One event in a thousand is another tenant's.
        commit.outcomes.extend(engine.commit(&[samples::publish(&keys, &other, 1, None)], START)?.outcomes);
        anyhow::ensure!(commit.outcomes.iter().all(Result::is_ok), "a sample was refused");
    }
    Ok(())
}

/// The floor: every byte of every file once.
fn read_and_checksum(path: &Path) -> Result<u32> {
    use std::io::Read;
    let mut buffer = vec![0; 1024 * 1024];
    let mut checksum = 0;
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if !entry.file_type()?.is_file() {
            continue;
        }
        let mut file = std::fs::File::open(entry.path())?;
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            checksum = crc32c::crc32c_append(checksum, &buffer[..count]);
        }
    }
    Ok(checksum)
}

fn scan(reader: &LogReader, check: ChainCheck, is_decoded: bool) -> Result<u64> {
    let mut count = 0;
    for record in reader.scan_checked(Position(1), check) {
        let record = record?;
        if is_decoded {
            std::hint::black_box(Arc::new(Recorded::decode(record)?));
        }
        count += 1;
    }
    Ok(count)
}
