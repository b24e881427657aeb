//! The keyring with a million people: adding, reading, erasing, and opening it.

use anyhow::{Context, Result};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tidings_benches::choice::Choice;
use tidings_benches::spread::Spread;
use tidings_benches::stopwatch::{timed, worked};
use tidings_benches::table::{Table, rate, ratio_of, time};
use tidings_engine::ids::{Position, StreamId, TenantId};
use tidings_engine::keyring::{DataKey, KeyId, Keyring, Lookup, Mark, NewKey, Person};
use tidings_engine::log::{Chain, FileStorage, LogId};

/// Keys of one add while the keyring is filled.
const BATCH_COUNT: u64 = 5_000;

/// Bytes of the file that the probe writes into, over and over.
const PROBE_FILE_BYTES: u64 = 1024 * 1024;

fn main() -> Result<()> {
    let Some(choice) = Choice::of("keyring") else { return Ok(()) };
    let people_count = choice.of_count(1_000_000).next_multiple_of(BATCH_COUNT);
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).context("no place for the keyring")?;
    let path = directory.path().join("keyring");
    let keyring = open(&path)?;
    for first in (1..=people_count).step_by(BATCH_COUNT.try_into()?) {
        keyring.add(&people(first, BATCH_COUNT), mark(first))?;
    }
    let probe = probe(&directory.path().join("probe"))?;
    let columns = ["what", "times", "p50", "p99", "longest", "p50 ÷ probe"];
    let title = format!(
        "keyring of {people_count} people; the baseline `probe` is a bare write and fdatasync of one slot, 128 bytes"
    );
    let mut table = Table::new(&title, &columns);
    let mut measure = |name: &str, count: u64, work: &mut dyn FnMut(u64) -> Result<()>| -> Result<()> {
        let spread = spread(count, work)?;
        let times = [time(spread.p50()), time(spread.p99()), time(spread.max()), ratio_of(spread.p50(), probe)];
        table.row(&[&[name.to_owned(), count.to_string()][..], &times].concat());
        Ok(())
    };
    let erasures_count = choice.of_count(1_000);
    let step = people_count / erasures_count;
    measure("add one person", erasures_count, &mut |round| {
        keyring.add(&people(people_count + round, 1), mark(round)).map(drop).context("add")
    })?;
    measure("read a key and unwrap it", 10 * erasures_count, &mut |round| read(&keyring, 1 + round * step / 10))?;
    measure("read a cached key", 10 * erasures_count, &mut |_| read(&keyring, people_count))?;
    measure("erase one person of any file", erasures_count, &mut |round| erase(&keyring, 1 + round * step))?;
    // One after the other, so that files are rewritten on the way.
    measure("erase one person after the other", 30 * erasures_count, &mut |round| erase(&keyring, 2 + round))?;
    table.print();
    drop(keyring);
    measure_opening(&path, people_count)
}

fn measure_opening(path: &Path, people_count: u64) -> Result<()> {
    let title = "opening the same keyring from the page cache, time of one core; the baseline is reading its files and their CRC32C";
    let mut table = Table::new(title, &["what", "time", "people/s", "time ÷ baseline"]);
    let (bytes, bare) = worked(|| read_and_checksum(path));
    bytes?;
    let mut row = |name: &str, took: Duration| {
        table.row(&[name.to_owned(), time(took), rate(people_count, took), ratio_of(took, bare)]);
    };
    row("baseline: read and CRC32C", bare);
    let (keyring, took) = worked(|| open(path));
    row("open: check every slot", took);
    let keyring = keyring?;
    let (count, took) = worked(|| keyring.people().filter(Result::is_ok).count());
    anyhow::ensure!(count as u64 > people_count / 2, "people are missing");
    row("all people", took);
    table.print();
    Ok(())
}

fn spread(count: u64, work: &mut dyn FnMut(u64) -> Result<()>) -> Result<Spread> {
    let mut durations = Vec::new();
    for round in 0..count {
        let (done, took) = timed(|| work(round));
        done?;
        durations.push(took);
    }
    Ok(Spread::of(durations))
}

fn read(keyring: &Keyring, id: u64) -> Result<()> {
    let found = keyring.key(KeyId(u32::try_from(id)?))?;
    anyhow::ensure!(found.is_some(), "key {id} is missing");
    Ok(())
}

fn erase(keyring: &Keyring, id: u64) -> Result<()> {
    Ok(keyring.destroy(&[KeyId(u32::try_from(id)?)], mark(id))?)
}

/// The middle of many bare writes and syncs.
fn probe(path: &Path) -> Result<Duration> {
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(path)?;
    file.write_all_at(&vec![0; usize::try_from(PROBE_FILE_BYTES)?], 0)?;
    file.sync_all()?;
    let mut write = |round: u64| {
        file.write_all_at(&[0x5a; 128], round * 128 % PROBE_FILE_BYTES)?;
        Ok(file.sync_data()?)
    };
    Ok(spread(500, &mut write)?.p50())
}

/// The floor: every byte of every file once.
fn read_and_checksum(path: &Path) -> Result<u32> {
    use std::io::Read;
    let mut checksum = 0;
    let mut buffer = vec![0; 1024 * 1024];
    for entry in std::fs::read_dir(path)? {
        let mut file = File::open(entry?.path())?;
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

fn open(path: &Path) -> Result<Keyring> {
    Ok(Keyring::open(Arc::new(FileStorage::create(path)?), &[7; 32], LogId([5; 16]))?.0)
}

fn people(first: u64, count: u64) -> Vec<(NewKey, DataKey)> {
    let person = |id: u64| {
        let mut name = [0x42; 16];
        name[..8].copy_from_slice(&id.to_le_bytes());
        let person = Person { lookup: Lookup(name), stream: StreamId(name), tenant: TenantId(1) };
        let mut key = [0x17; 32];
        key[..16].copy_from_slice(&name);
        (NewKey::Person(person), DataKey::new(key))
    };
    (first..first + count).map(person).collect()
}

fn mark(position: u64) -> Mark {
    Mark { position: Position(position), chain: Chain([1; 32]) }
}
