//! `proofs`: the long proofs on the simulated disk. Started by `cargo xtask crash`, `flips` and `faults`.

#![expect(clippy::print_stdout, reason = "what it prints is its result")]

mod arguments;

use arguments::{Arguments, Proof};
use std::process::ExitCode;
use testkit::crash::{self, Campaign, FAULTS, Finding, Setting, What};
use testkit::cuts::PLANTS;
use testkit::disk::LIES;
use testkit::flips::{Flips, run_flips};
use testkit::script::{WORKLOADS_COUNT, workload};

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => {
            println!("{error}");
            return ExitCode::from(2);
        }
    };
    let is_kept = match arguments.proof {
        Proof::List => list(&arguments),
        Proof::Crash => enumerate(&arguments),
        Proof::Replay { workload, operation, subset } => replay(&arguments, workload, operation, subset),
        Proof::Faults => inject(&arguments),
        Proof::Flips(flips) => flip(&arguments, flips),
        Proof::Plants => plant(&arguments),
        Proof::Cuts(cuts) => cut(arguments.seed, cuts),
        Proof::Story(story) => told_story(arguments.seed, story),
    };
    if is_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn list(arguments: &Arguments) -> bool {
    println!("bugs that can be planted: {}", LIES.map(|(name, _)| name).join(", "));
    (0..WORKLOADS_COUNT).for_each(|number| print!("\n{}", workload(arguments.seed, number)));
    true
}

fn enumerate(arguments: &Arguments) -> bool {
    let Arguments { states, seed, lie, threads, .. } = *arguments;
    let outcome = crash::run(&Campaign { states, seed, lie, threads, workloads: WORKLOADS_COUNT });
    println!("{}", outcome.histogram);
    println!(
        "{} crash states distinct by image hash (wanted {states}), from {} workloads at {} storage operations; {} judgements",
        outcome.images, outcome.workloads, outcome.operations, outcome.judged
    );
    for (name, count) in What::NAMES.iter().zip(outcome.counts) {
        println!("  {count} {name}");
    }
    tell(&outcome.findings);
    let is_enough = outcome.images >= states || lie.is_some();
    if !is_enough {
        println!("there are fewer crash states than wanted");
    }
    outcome.findings.is_empty() && is_enough
}

fn replay(arguments: &Arguments, number: usize, operation: Option<usize>, subset: Option<usize>) -> bool {
    let setting = Setting { script: workload(arguments.seed, number), lie: arguments.lie };
    let (operation, subset) = (operation.unwrap_or(usize::MAX), subset.unwrap_or_default());
    match crash::replay(&setting, arguments.seed, operation, subset) {
        Ok(told) => println!("{told}every promise is kept"),
        Err(finding) => {
            println!("{finding}");
            return false;
        }
    }
    true
}

fn inject(arguments: &Arguments) -> bool {
    let outcome = crash::run_faults(arguments.seed, arguments.threads);
    println!("{:<24}{:>10}{:>22}", "fault", "injected", "of which final");
    for ((name, _), (injected, ended)) in FAULTS.iter().zip(outcome.injected.iter().zip(outcome.ended)) {
        println!("{name:<24}{injected:>10}{ended:>22}");
    }
    println!(
        "{} workloads, {} disks opened afterwards; {} broken promises",
        outcome.workloads,
        outcome.judged,
        outcome.findings.len()
    );
    tell(&outcome.findings);
    outcome.findings.is_empty()
}

fn flip(arguments: &Arguments, flips: usize) -> bool {
    let Arguments { seed, threads, .. } = *arguments;
    let outcome = run_flips(&Flips { flips, seed, threads });
    println!("{outcome}");
    let (total, fields) = (outcome.total(), outcome.rows.len());
    let poor: Vec<_> = outcome.poor_fields().collect();
    println!("{total} single-bit flips (wanted {flips}) in {fields} fields of {} disks", outcome.disks);
    for (name, count) in [("wrong data", 5), ("panics", 12)] {
        println!("  {} {name}", outcome.findings.iter().filter(|(what, _)| what.kind() == count).count());
    }
    println!("  {} not met as they must be", outcome.findings.len());
    outcome.findings.iter().take(20).for_each(|(what, story)| println!("\n{what}\n  {story}"));
    if !poor.is_empty() {
        println!("these fields are too rare on the disks: {}", poor.join(", "));
    }
    outcome.findings.is_empty() && poor.is_empty() && total >= flips
}

/// So many cuts, and then every bug that can be planted there is found.
fn cut(seed: u64, cuts: u64) -> bool {
    match testkit::cuts::run(seed, cuts, None) {
        Ok(tally) => println!("{tally}"),
        Err(broken) => {
            println!("{broken}");
            return false;
        }
    }
    PLANTS.iter().all(|(name, plant)| match testkit::cuts::run(seed, cuts, Some(*plant)) {
        Err(broken) => {
            println!("{name:<24} found in story {}: {}", broken.story, broken.what);
            true
        }
        Ok(_) => {
            println!("{name:<24} NOT FOUND in {cuts} cuts");
            false
        }
    })
}

fn told_story(seed: u64, story: u64) -> bool {
    match testkit::cuts::play(seed, story, None) {
        Ok(tally) => println!("{tally}\nevery promise is kept"),
        Err(broken) => {
            println!("{broken}");
            return false;
        }
    }
    true
}

/// Every planted bug is found.
fn plant(arguments: &Arguments) -> bool {
    let Arguments { seed, threads, .. } = *arguments;
    let mut is_found = true;
    for (name, lie) in LIES {
        let outcome = crash::run(&Campaign {
            states: PLANT_STATES_COUNT,
            seed,
            lie: Some(lie),
            threads,
            workloads: WORKLOADS_COUNT,
        });
        match outcome.findings.first() {
            Some(finding) => println!("{name:<24} found after {:>6} crash states: {}", outcome.judged, finding.what),
            None => {
                println!("{name:<24} NOT FOUND in {} crash states", outcome.judged);
                is_found = false;
            }
        }
    }
    is_found
}

/// Crash states in which a planted bug is looked for.
const PLANT_STATES_COUNT: usize = 30_000;

/// Findings of one kind that are shown.
const SHOWN_COUNT: usize = 3;

fn tell(findings: &[Finding]) {
    for kind in 0..What::NAMES.len() {
        let of_kind = || findings.iter().filter(|finding| finding.what.kind() == kind);
        of_kind().take(SHOWN_COUNT).for_each(|finding| println!("\n{finding}"));
        if of_kind().count() > SHOWN_COUNT {
            println!("\nand in {} workloads more: {}", of_kind().count() - SHOWN_COUNT, What::NAMES[kind]);
        }
    }
}
