//! Erasing a person who has many events: the time until it is acknowledged, and taking what was sealed out of the log.

use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tidings_benches::choice::Choice;
use tidings_benches::probe::Probe;
use tidings_benches::samples::{self, START};
use tidings_benches::sealed::Sealed;
use tidings_benches::spread::Spread;
use tidings_benches::stopwatch::timed;
use tidings_benches::table::{Table, judged, ratio_of, time};
use tidings_engine::command::{Command, Request};
use tidings_engine::event::Event;
use tidings_engine::grant::Role;

/// People who are erased. Each has as many events.
const ERASED_COUNT: u64 = 5;

/// Events of one commit.
const BATCH_COUNT: u64 = 1_000;

/// Bytes of the probe: about a record.
const RECORD_BYTES: usize = 512;

/// What the aim allows beside the sync.
const BESIDE_SYNC: Duration = Duration::from_millis(100);

fn main() -> Result<()> {
    let Some(choice) = Choice::of("erase") else { return Ok(()) };
    let events = choice.of_count(100_000).next_multiple_of(BATCH_COUNT);
    let columns = ["keyring", "p50", "longest", "probe p50", "p50 ÷ probe", "longest − probe", "aim"];
    let title = format!(
        "erase: {ERASED_COUNT} people, each with {events} events of their own, until it is acknowledged; the baseline `probe` is a bare write and fdatasync of {RECORD_BYTES} B, turn by turn"
    );
    let mut erasing = Table::new(&title, &columns);
    let columns = ["redact", "contents", "time", "MB/s", "freed", "time ÷ baseline"];
    let title = "redact: sealed segments written anew without the contents of those people; the baseline is a bare write and fdatasync of as many bytes";
    let mut redacting = Table::new(title, &columns);
    for keys in [10_000, 1_000_000] {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).context("no place for the log")?;
        let path = directory.path();
        let mut sealed = Sealed::open(path, 1, choice.of_count(keys))?;
        publish(&mut sealed, events)?;
        let gone = erase(&mut erasing, &mut sealed, path, choice.of_count(keys))?;
        redact(&mut redacting, &mut sealed, path, &gone)?;
    }
    erasing.print();
    redacting.print();
    Ok(())
}

/// All that these people have, one after the other in each commit, so that their events are mixed.
fn publish(sealed: &mut Sealed, events: u64) -> Result<()> {
    let service = samples::grant(&sealed.keys, "mailer", Role::Service);
    let to = |number| samples::publish(&sealed.keys, &service, number % ERASED_COUNT, None);
    let requests: Vec<Request> = (0..BATCH_COUNT).map(to).collect();
    for _ in 0..events * ERASED_COUNT / BATCH_COUNT {
        let commit = sealed.engine.commit(&requests, START)?;
        ensure!(commit.outcomes.iter().all(Result::is_ok), "a sample was refused");
    }
    Ok(())
}

/// Erases them, and gives the numbers of their keys.
fn erase(table: &mut Table, sealed: &mut Sealed, path: &Path, keys: u64) -> Result<BTreeSet<u32>> {
    let officer = samples::grant(&sealed.keys, "officer", Role::PrivacyOfficer);
    let mut probe = Probe::new(&path.join("probe"), RECORD_BYTES)?;
    let (mut ours, mut bare, mut gone) = (Vec::new(), Vec::new(), BTreeSet::new());
    for number in 0..ERASED_COUNT {
        let subject = Some(samples::person(&sealed.keys, number));
        let request = Request {
            grant: Arc::clone(&officer),
            key: None,
            fingerprint: [0; 16],
            command: Command::Erase { subject },
        };
        let (commit, took) = timed(|| sealed.engine.commit(&[request], START));
        ours.push(took);
        gone.extend(commit?.events.iter().filter_map(|recorded| match recorded.facts.event {
            Event::SubjectErased { key, .. } => Some(key),
            _ => None,
        }));
        let (written, took) = timed(|| probe.write());
        written?;
        bare.push(took);
    }
    ensure!(gone.len() as u64 == ERASED_COUNT, "somebody was not erased");
    let (ours, bare) = (Spread::of(ours), Spread::of(bare));
    let beside = ours.max().saturating_sub(bare.p50());
    table.row(&[
        format!("of {keys} keys"),
        time(ours.p50()),
        time(ours.max()),
        time(bare.p50()),
        ratio_of(ours.p50(), bare.p50()),
        time(beside),
        judged("≤ a sync + 100 ms", beside <= BESIDE_SYNC),
    ]);
    Ok(gone)
}

fn redact(table: &mut Table, sealed: &mut Sealed, path: &Path, gone: &BTreeSet<u32>) -> Result<()> {
    let before = folder_bytes(&path.join("log"))?;
    let reader = sealed.engine.reader();
    let (mut contents, mut took) = (0, Duration::ZERO);
    let segments = reader.sealed_segments();
    if segments.is_empty() {
        table.row(&["nothing: so small a log is one segment".to_owned()]);
        return Ok(());
    }
    let bytes: u64 = segments.len() as u64 * SEGMENT_BYTES as u64;
    for number in &segments {
        let (done, passed) = timed(|| -> Result<u64> {
            let rewritten = reader.rewrite(*number, &|envelope| gone.contains(&envelope.key_id))?;
            let rewritten = rewritten.context("every segment has something of theirs")?;
            let contents = rewritten.contents;
            sealed.engine.adopt(rewritten)?;
            Ok(contents)
        });
        contents += done?;
        took += passed;
    }
    let mut probe = Probe::new(&path.join("probe"), SEGMENT_BYTES)?;
    let (written, bare) = timed(|| segments.iter().try_for_each(|_| probe.write()));
    written?;
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    table.row(&[
        format!("{} segments, {:.0} MB", segments.len(), megabytes(bytes)),
        contents.to_string(),
        time(took),
        format!("{:.0}", megabytes(bytes) / took.as_secs_f64().max(1e-9)),
        format!("{:.0} MB", megabytes(before.saturating_sub(folder_bytes(&path.join("log"))?))),
        ratio_of(took, bare),
    ]);
    Ok(())
}

/// Bytes of a segment by default.
const SEGMENT_BYTES: usize = 64 * 1024 * 1024;

fn folder_bytes(path: &Path) -> Result<u64> {
    std::fs::read_dir(path)?.try_fold(0, |sum, entry| Ok(sum + entry?.metadata()?.len()))
}
