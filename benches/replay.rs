//! Reading a log from its beginning: decoding alone, with the chain, and as the engine opens it.

use anyhow::{Context, Result};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tidings_benches::choice::Choice;
use tidings_benches::process::processor_time;
use tidings_benches::samples::{self, EVENT_BYTES, START};
use tidings_benches::sealed::Sealed;
use tidings_benches::stopwatch::{timed, worked};
use tidings_benches::table::{Table, judged, per_second, rate, ratio_of, time};
use tidings_engine::command::{Command, Request};
use tidings_engine::event::Recorded;
use tidings_engine::grant::{Grant, Role};
use tidings_engine::ids::{Position, Revision, TenantId};
use tidings_engine::item::Mark;
use tidings_engine::keys::{Keys, StreamKind};
use tidings_engine::log::{ChainCheck, FileStorage, Log, LogOptions, LogReader};
use tidings_verifier::DirectorySource;

/// People whose inboxes the events go to.
const PEOPLE_COUNT: u64 = 1_000;

/// Events of one group.
const GROUP_COUNT: u64 = 1_000;

const DECODE: &str = "scan and decode of events";
const CHAIN: &str = "scan, decode, leaves and chain";

/// Of which row, what, and events a second at least.
const AIMS: [(&str, &str, f64); 3] =
    [(DECODE, "floor 1 M/s", 1e6), (DECODE, "≥ 4 M/s", 4e6), (CHAIN, "≥ 1.5 M/s", 1.5e6)];

fn main() -> Result<()> {
    let Some(choice) = Choice::of("replay") else { return Ok(()) };
    let events = choice.of_count(1_000_000).next_multiple_of(GROUP_COUNT);
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).context("no place for the log")?;
    let path = directory.path().join("log");
    write(directory.path(), events)?;
    let columns = ["what", "time", "events/s", "time ÷ baseline", "aim"];
    let title = format!(
        "replay: {events} sealed events of {EVENT_BYTES} B from the page cache, time of one core; the baseline is reading the same files and their CRC32C"
    );
    let mut table = Table::new(&title, &columns);
    let (bytes, bare) = worked(|| read_and_checksum(&path));
    bytes?;
    let mut row = |name: &str, took: Duration| {
        let aims: Vec<String> = AIMS
            .iter()
            .filter(|(of, ..)| *of == name)
            .map(|(_, aim, least)| judged(aim, per_second(events, took) >= *least))
            .collect();
        table.row(&[name.to_owned(), time(took), rate(events, took), ratio_of(took, bare), aims.join(", ")]);
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
    row(DECODE, took);
    let (count, took) = worked(|| scan(&reader, ChainCheck::Verify, true));
    count?;
    row(CHAIN, took);
    verified(&mut row, &path, events)?;
    let (sealed, took) = worked(|| Sealed::open(directory.path(), 2, 0));
    let Sealed { engine, keys } = sealed?;
    anyhow::ensure!(engine.head() > Position(events), "events are missing");
    row("open the engine: log, keyring and state", took);
    let (count, took) = worked(|| opened_contents(&engine.reader(), &keys));
    anyhow::ensure!(count? >= events, "content is missing");
    row("scan, decode and open sealed content", took);
    by_key(&mut row, &engine.reader(), &keys)?;
    table.print();
    Ok(())
}

/// One tenant of a thousand, and one stream: what the rest costs that is not read.
fn by_key(row: &mut impl FnMut(&str, Duration), reader: &LogReader, keys: &Keys) -> Result<()> {
    let (written, took) = worked(|| reader.index_segments());
    written?;
    row("index: sidecars of all sealed segments", took);
    let few = TenantId(2);
    let (count, took) = timed(|| reader.tenant(few, 1).try_fold(0_u64, |count, record| record.map(|_| count + 1)));
    anyhow::ensure!(count? > 0, "the small tenant has no events");
    row("one tenant of 1 000, the rest skipped", took);
    let person = samples::person(keys, 1);
    let (count, took) = timed(|| reader.stream(person, Revision(1)).count());
    anyhow::ensure!(count > 0, "the person has no events");
    row("one person's stream, the rest skipped", took);
    Ok(())
}

/// By the program that shares no code with the engine. It reads on a thread of its own: the time of both is told.
fn verified(row: &mut impl FnMut(&str, Duration), path: &Path, events: u64) -> Result<()> {
    let pid = std::process::id();
    let before = processor_time(pid)?;
    let verdict = tidings_verifier::verify(&DirectorySource::new(path), &[], &mut |_| ());
    let verdict = verdict.map_err(|failure| anyhow::anyhow!("the verifier: {failure:?}"))?;
    row("tidings-verifier: everything, both threads", processor_time(pid)?.saturating_sub(before));
    anyhow::ensure!(verdict.events > events, "events are missing");
    Ok(())
}

/// How many contents there are, each opened.
fn opened_contents(reader: &LogReader, keys: &Keys) -> Result<u64> {
    let mut count = 0;
    for record in reader.scan_checked(Position(1), ChainCheck::Skip) {
        let recorded = Recorded::decode(record?)?;
        let content = std::hint::black_box(keys.content(&recorded.envelope, &recorded.content)?);
        count += u64::from(content.is_some());
    }
    Ok(count)
}

fn write(directory: &Path, events: u64) -> Result<()> {
    let Sealed { mut engine, keys } = Sealed::open(directory, 1, 0)?;
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
