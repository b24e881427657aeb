//! From the start of the engine to the first answer, on a log of ten million events.
//!
//! `--quick` takes a million events, and `--events=N` any number. The log is written first, which takes minutes and 4 GB.
//! `--server=PATH` also starts that binary on the same directory, until it says that it is ready.

use anyhow::{Context, Result};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tidings_benches::choice::Choice;
use tidings_benches::samples::{self, START};
use tidings_benches::stopwatch::{Stopwatch, timed};
use tidings_benches::table::{Table, ratio_of, say, time};
use tidings_engine::command::Request;
use tidings_engine::engine::{Engine, Folding};
use tidings_engine::event::Audience;
use tidings_engine::grant::{Grant, Role};
use tidings_engine::ids::Position;
use tidings_engine::item::Mark;
use tidings_engine::keys::Keys;
use tidings_engine::log::{FileStorage, Log, LogOptions};
use tidings_engine::snapshot::Snapshots;

/// People whose inboxes the events go to.
const PEOPLE_COUNT: u64 = 100_000;

/// Requests of one commit.
const BATCH_COUNT: u64 = 4_000;

fn main() -> Result<()> {
    let Some(choice) = Choice::of("start") else { return Ok(()) };
    let given = |name: &str| std::env::args().find_map(|argument| argument.strip_prefix(name).map(str::to_owned));
    let events = match given("--events=") {
        Some(number) => number.parse().context("--events takes a number")?,
        None => choice.of_count(10_000_000),
    };
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).context("no place for the log")?;
    let path = directory.path();
    let watch = Stopwatch::start();
    write(path, events)?;
    say(&format!("\n  {events} events written in {}", time(watch.elapsed())));
    let title = format!("start: {events} events, {PEOPLE_COUNT} people, files in the page cache; time that passes");
    let mut table = Table::new(&title, &["start", "log", "state", "both", "÷ folding the whole log"]);
    std::fs::rename(path.join("snapshots"), path.join("aside"))?;
    let whole = start(path)?;
    anyhow::ensure!(whole.folding.snapshot == Position::ZERO, "there is a snapshot where none should be");
    std::fs::remove_dir_all(path.join("snapshots"))?;
    std::fs::rename(path.join("aside"), path.join("snapshots"))?;
    let clean = start(path)?;
    anyhow::ensure!(clean.folding.snapshot >= Position(events), "the snapshot was not used");
    anyhow::ensure!(clean.digest == whole.digest, "the two states differ");
    more(path, 1_000_000.min(events / 10))?;
    let behind = start(path)?;
    anyhow::ensure!(behind.folding.snapshot == clean.folding.snapshot, "the snapshot was not used");
    for (name, started) in [
        ("clean, snapshot at the head", &clean),
        ("after a crash, the last tenth to fold", &behind),
        ("without a snapshot", &whole),
    ] {
        let both = started.log + started.state;
        let ratio = ratio_of(both, whole.log + whole.state);
        table.row(&[name.to_owned(), time(started.log), time(started.state), time(both), ratio]);
    }
    table.print();
    if let Some(binary) = given("--server=") {
        serve(&binary, path)?;
    }
    Ok(())
}

/// The server on the same directory, several times: the first folds the inboxes, and each leaves what the next begins with.
fn serve(binary: &str, path: &Path) -> Result<()> {
    let mut table =
        Table::new("the server, from its start until it says that it is ready", &["start", "ready", "ended"]);
    for name in ["after a crash: state from a snapshot, inboxes from the log", "clean", "clean again"] {
        let watch = Stopwatch::start();
        let mut command = Command::new(binary);
        command.args(["serve", "--dev", "--data"]).arg(path);
        command.args(["--http", "127.0.0.1:0", "--quic", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        let log = File::create(path.join("server.log"))?;
        let mut server = command.stdout(Stdio::piped()).stderr(log).spawn().context("the server does not start")?;
        let mut said = BufReader::new(server.stdout.take().context("its output is piped")?).lines();
        anyhow::ensure!(said.any(|line| line.is_ok_and(|line| line.trim() == "ready")), "the server was never ready");
        let ready = watch.elapsed();
        let watch = Stopwatch::start();
        let pid = rustix::process::Pid::from_child(&server);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        anyhow::ensure!(server.wait()?.success(), "the server did not end in order");
        table.row(&[name.to_owned(), time(ready), time(watch.elapsed())]);
    }
    table.print();
    Ok(())
}

struct Started {
    log: Duration,
    state: Duration,
    folding: Folding,
    digest: [u8; 32],
}

fn snapshots(path: &Path) -> Result<Snapshots> {
    Ok(Snapshots::new(Arc::new(FileStorage::create(path.join("snapshots"))?)))
}

fn open(path: &Path, options: LogOptions) -> Result<(Engine<FileStorage>, Started)> {
    let storage = FileStorage::create(path.join("log"))?;
    let (opened, log) = timed(|| Log::open(storage, options, [7; 16]));
    let (opened, recovery) = opened?;
    let snapshots = snapshots(path)?;
    let (over, state) = timed(|| Engine::over(opened, &recovery, samples::keys(), START, Some(snapshots)));
    let (engine, folding) = over?;
    Ok((engine, Started { log, state, folding, digest: [0; 32] }))
}

fn start(path: &Path) -> Result<Started> {
    let (engine, started) = open(path, LogOptions::default())?;
    Ok(Started { digest: engine.state().digest(), ..started })
}

/// The log as a server leaves it that was told to end.
fn write(path: &Path, events: u64) -> Result<()> {
    let (mut engine, _) = open(path, LogOptions::default())?;
    fill(&mut engine, events)?;
    engine.save()?;
    engine.reader().index_segments()?;
    Ok(())
}

/// The log as a server leaves it that was killed.
fn more(path: &Path, events: u64) -> Result<()> {
    let (mut engine, _) = open(path, LogOptions::default())?;
    fill(&mut engine, events)
}

/// Eight of ten events are for one person, one in a hundred for everyone, the rest are marks.
fn fill(engine: &mut Engine<FileStorage>, events: u64) -> Result<()> {
    let keys = samples::keys();
    let service = samples::grant(&keys, "mailer", Role::Service);
    let until = engine.head().0 + events;
    let mut round = engine.head().0 / BATCH_COUNT;
    while engine.head().0 < until {
        let published = publishes(&keys, &service, round, BATCH_COUNT.min(until - engine.head().0));
        let commit = engine.commit(&published, START)?;
        let marks: Vec<Request> = commit
            .events
            .iter()
            .enumerate()
            .step_by(5)
            .filter_map(|(index, event)| {
                let reader = samples::grant(&keys, &name(round, index as u64), Role::User);
                is_direct(index as u64).then(|| samples::mark(&reader, Mark::Read, vec![event.envelope.position]))
            })
            .collect();
        engine.commit(&marks, START)?;
        round += 1;
    }
    Ok(())
}

const fn is_direct(index: u64) -> bool {
    index % 100 != 99
}

const fn number(round: u64, index: u64) -> u64 {
    (round * BATCH_COUNT + index).wrapping_mul(0x9E37_79B9) % PEOPLE_COUNT
}

fn name(round: u64, index: u64) -> String {
    format!("user-{}", number(round, index))
}

fn publishes(keys: &Keys, service: &Arc<Grant>, round: u64, count: u64) -> Vec<Request> {
    let request = |index| {
        if is_direct(index) {
            return samples::publish(keys, service, number(round, index), None);
        }
        let everyone = samples::publication(Audience::Tenant);
        let command = tidings_engine::command::Command::Publish(Box::new(everyone));
        Request { command, ..samples::publish(keys, service, 0, None) }
    };
    (0..count).map(request).collect()
}
