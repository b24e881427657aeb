//! Says on every plain `cargo test` what it leaves to `cargo xtask test`, from the list that xtask runs.
//!
//! It has no test harness, because a harness hides what a passing test prints.

#![expect(clippy::print_stdout, reason = "the point of this test is the text it prints")]

use xtask::stages;
use xtask::workspace::{Workspace, root};

fn main() {
    let workspace = Workspace::read(&root().expect("cargo starts this")).expect("cargo knows its workspace");
    println!("\nPlain `cargo test` is one stage of `cargo xtask test`, which also runs:");
    let others: Vec<_> = stages::all().into_iter().filter(|stage| !stage.plain).collect();
    assert!(!others.is_empty(), "xtask has no stage of its own");
    for stage in others {
        println!("  {:<14} {}", stage.name, stage.about);
    }
    let system = workspace.system_tests().expect("testkit is a package of this workspace");
    let fuzz = workspace.fuzz_targets().expect("tidings-fuzz is a package of this workspace");
    let names = |targets: Vec<&xtask::workspace::Target>| {
        targets.iter().map(|target| target.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    println!("  of these, system tests: {}", names(system));
    println!("  and fuzz targets: {}\n", names(fuzz));
}
