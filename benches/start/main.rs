//! From the start of a process to the first answer, on a log of ten million sealed events.
//!
//! `--quick` takes a million events, `--events=N` any number, and `--people=N` as many people. The log is written first, by
//! what a server consists of but for its sockets; that takes minutes and 6 GB. `--server=PATH` starts that binary on the same
//! directory until `/readyz` says that it can serve: after an end in order, and after it was killed with a full segment.
//! `--keep=FOLDER` leaves the directory there, or takes the one that is there.

mod living;
mod serving;

use anyhow::{Context, Result, ensure};
use living::Until;
use serving::{PHASES, Served, serve};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tidings_benches::choice::Choice;
use tidings_benches::samples;
use tidings_benches::stopwatch::{Stopwatch, timed, worked};
use tidings_benches::table::{Table, ratio_of, say, time};
use tidings_engine::engine::{Engine, Folding};
use tidings_engine::ids::Position;
use tidings_engine::log::{FileStorage, Log, LogOptions};
use tidings_engine::snapshot::Snapshots;
use tidings_server::clock;

/// Events a second of the life that is ended by a kill.
const RATE: u64 = 10_000;

/// Starts of each kind.
const STARTS_COUNT: usize = 3;

fn main() -> Result<()> {
    let Some(choice) = Choice::of("start") else { return Ok(()) };
    let events = match given("--events=") {
        Some(number) => number.parse().context("--events takes a number")?,
        None => choice.of_count(10_000_000),
    };
    let people = given("--people=").map_or(Ok(100_000), |number| number.parse()).context("--people takes a number")?;
    if let Some(path) = given("--killed-in=") {
        return living::open(Path::new(&path), people)?.live(Until::Killed { rate: RATE });
    }
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).context("no place for the log")?;
    let path = given("--keep=").map_or_else(|| place.path().to_owned(), PathBuf::from);
    if !path.join("log").exists() {
        let watch = Stopwatch::start();
        living::open(&path, people)?.live(Until::Events(events))?;
        say(&format!("\n  {events} events written in {}", time(watch.elapsed())));
    }
    state(&path, people)?;
    let Some(binary) = given("--server=") else { return Ok(()) };
    let mut columns = vec!["start"];
    columns.extend(PHASES);
    columns.extend(["ready", "CPU", "memory", "ended"]);
    let title = "the server, from the start of its process until /readyz: when each phase had ended";
    let mut table = Table::new(title, &columns);
    // What a version before left is made anew once.
    table.row(&row("first", &serve(&binary, &path, false)?));
    for _ in 0..STARTS_COUNT {
        table.row(&row("clean", &serve(&binary, &path, false)?));
    }
    kill(&path, people)?;
    for _ in 0..STARTS_COUNT {
        table.row(&row("killed, a full segment", &serve(&binary, &path, true)?));
    }
    table.print();
    Ok(())
}

fn given(name: &str) -> Option<String> {
    std::env::args().find_map(|argument| argument.strip_prefix(name).map(str::to_owned))
}

fn row(name: &str, served: &Served) -> Vec<String> {
    let shown = |at: Option<Duration>| at.map_or_else(|| "–".to_owned(), time);
    let mut cells = vec![name.to_owned()];
    cells.extend(served.phases.map(shown));
    let memory = format!("{:.0} MB", served.bytes as f64 / 1e6);
    cells.extend([time(served.ready), time(served.worked), memory, shown(served.ended)]);
    cells
}

/// Has a process of its own live on until the segment being written is full, and kills it.
fn kill(path: &Path, people: u64) -> Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(format!("--killed-in={}", path.display())).arg(format!("--people={people}"));
    let mut living = command.stdout(Stdio::piped()).spawn()?;
    let mut said = BufReader::new(living.stdout.take().context("its output is piped")?).lines();
    let is_full = said.any(|line| line.is_ok_and(|line| line == "full"));
    living.kill()?;
    living.wait()?;
    ensure!(is_full, "the segment was never full");
    Ok(())
}

struct Started {
    log: Duration,
    state: Duration,
    folding: Folding,
    digest: [u8; 32],
}

/// The engine alone: with the snapshot, and without.
fn state(path: &Path, people: u64) -> Result<()> {
    let clean = start(path)?;
    let events = clean.1;
    std::fs::rename(path.join("snapshots"), path.join("aside"))?;
    let whole = start(path);
    std::fs::remove_dir_all(path.join("snapshots"))?;
    std::fs::rename(path.join("aside"), path.join("snapshots"))?;
    let (whole, clean) = (whole?.0, clean.0);
    ensure!(whole.folding.snapshot == Position::ZERO, "there is a snapshot where none should be");
    ensure!(clean.folding.snapshot > Position::ZERO, "the snapshot was not used");
    ensure!(clean.digest == whole.digest, "the two states differ");
    let title = format!("start: {} events, {people} people, files in the page cache; time that passes", events.0);
    let mut table = Table::new(&title, &["start", "log", "state", "both", "÷ folding the whole log"]);
    for (name, started) in [("with the newest snapshot", &clean), ("without a snapshot", &whole)] {
        let both = started.log + started.state;
        let ratio = ratio_of(both, whole.log + whole.state);
        table.row(&[name.to_owned(), time(started.log), time(started.state), time(both), ratio]);
    }
    table.print();
    Ok(())
}

fn start(path: &Path) -> Result<(Started, Position)> {
    let storage = FileStorage::create(path.join("log"))?;
    let (opened, log) = timed(|| Log::open(storage, LogOptions::default(), [7; 16]));
    let (opened, recovery) = opened?;
    let snapshots = Snapshots::new(Arc::new(FileStorage::create(path.join("snapshots"))?));
    let over = || Engine::over(opened, &recovery, samples::keys(), clock::now(), Some(snapshots));
    let ((over, cpu), state) = timed(|| worked(over));
    let (engine, folding) = over?;
    say(&format!("  state in {}, {} of this thread", time(state), time(cpu)));
    Ok((Started { log, state, folding, digest: engine.state().digest() }, engine.head()))
}
