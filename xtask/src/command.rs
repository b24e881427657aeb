//! What each command of `cargo xtask` does.

use std::process::ExitCode;
use std::time::Duration;

use crate::arguments::{Arguments, Fuzz, HELP, Test};
use crate::child::{Child, Failure};
use crate::report::{self, Outcome, Row};
use crate::stages::{self, Campaign, Context, Stage};
use crate::stopwatch::Stopwatch;
use crate::workspace::{self, Workspace};

/// Seconds for each fuzz target in a plain run of `test`.
const FUZZ_SECONDS: u64 = 15;

/// Seconds for each fuzz target in a long run of `test`.
const FUZZ_SECONDS_LONG: u64 = 600;

/// Seconds for each fuzz target of `cargo xtask fuzz`.
const FUZZ_SECONDS_ALONE: u64 = 60;

/// Exit code for a command line that cannot be read.
const USAGE: u8 = 2;

/// Runs the command in `words`; the exit code is 0, 1 when something failed, 2 for a wrong command line.
pub fn main(words: impl IntoIterator<Item = String>) -> ExitCode {
    let done = match Arguments::parse(words) {
        Err(error) => return usage(&error),
        Ok(Arguments::Help) => {
            report::say(HELP);
            Ok(true)
        }
        Ok(Arguments::List) => {
            list();
            Ok(true)
        }
        Ok(Arguments::Test(test)) => match stages::choose(&test.only) {
            Ok(chosen) => run_stages(&test, &chosen),
            Err(error) => return usage(&error),
        },
        Ok(Arguments::Fuzz(fuzz)) => run_fuzz(&fuzz).map(|()| true),
        Ok(Arguments::Proof(words)) => stages::prove(words).map(|()| true),
        Ok(Arguments::Bench(rest)) => run_bench(rest).map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            report::say(&failure.message);
            if let Some(command) = failure.repeat {
                report::say(&format!("  repeat it with: {command}"));
            }
            ExitCode::FAILURE
        }
    }
}

fn usage(error: &str) -> ExitCode {
    report::say(&format!("{error}\n\n{HELP}"));
    ExitCode::from(USAGE)
}

fn list() {
    for stage in stages::all() {
        let plain = if stage.plain { " (plain `cargo test` does this too)" } else { "" };
        report::say(&format!("{:<14} {}{plain}", stage.name, stage.about));
    }
}

/// Runs the stages in order and says whether all passed; one that fails blocks only those that need it, so that one run
/// tells everything.
fn run_stages(test: &Test, chosen: &[Stage]) -> Result<bool, Failure> {
    let context = Context {
        workspace: Workspace::read(&workspace::root()?)?,
        long: test.long,
        fuzz_seconds: test.seconds.unwrap_or(if test.long { FUZZ_SECONDS_LONG } else { FUZZ_SECONDS }),
    };
    let mut rows: Vec<Row> = Vec::with_capacity(chosen.len());
    for stage in chosen {
        let row = run_stage(stage, &context, &rows);
        report::conclude(&row);
        rows.push(row);
    }
    report::table(&rows);
    Ok(rows.iter().all(|row| row.outcome == Outcome::Passed))
}

fn run_stage(stage: &Stage, context: &Context, earlier: &[Row]) -> Row {
    report::announce(stage);
    let failed = |need: &&&'static str| earlier.iter().any(|row| row.name == **need && row.outcome != Outcome::Passed);
    if let Some(need) = stage.needs.iter().find(failed) {
        return Row { name: stage.name, outcome: Outcome::Blocked(need), time: Duration::ZERO };
    }
    let stopwatch = Stopwatch::start();
    let outcome = match (stage.run)(context) {
        Ok(()) => Outcome::Passed,
        Err(failure) => Outcome::Failed(failure),
    };
    Row { name: stage.name, outcome, time: stopwatch.elapsed() }
}

fn run_fuzz(fuzz: &Fuzz) -> Result<(), Failure> {
    let workspace = Workspace::read(&workspace::root()?)?;
    if fuzz.plants {
        return stages::find_plants(&workspace, &fuzz.targets);
    }
    let campaign =
        Campaign { workspace: &workspace, targets: &fuzz.targets, seconds: fuzz.seconds.unwrap_or(FUZZ_SECONDS_ALONE) };
    match &fuzz.input {
        Some(input) => campaign.replay(input),
        None => campaign.run(),
    }
}

fn run_bench(rest: Vec<String>) -> Result<(), Failure> {
    let bench = Child::cargo("bench").args(["-p", "tidings-benches", "--locked", "--"]).args(rest);
    bench.run(&workspace::root()?)
}
