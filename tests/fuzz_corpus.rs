//! The committed inputs of every fuzz target, replayed without the fuzzer.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use testkit::fuzz::{TARGETS, reached};
use xtask::stages::FUZZ_PLANTS;
use xtask::workspace::{Workspace, root};

/// Most bytes of one committed corpus: small enough to live in the repository.
const CORPUS_BYTES_MAX: u64 = 256 * 1024;

#[test]
fn every_committed_input_still_keeps_the_promises() {
    for target in TARGETS {
        let inputs = inputs_of(target.name);
        assert!(!inputs.is_empty(), "fuzz/corpus/{} has no input", target.name);
        for input in inputs {
            let bytes = std::fs::read(&input).unwrap();
            // A failing input shows its own panic; this line says which it was.
            std::panic::catch_unwind(|| (target.run)(&bytes))
                .unwrap_or_else(|_| panic!("{} breaks {}", input.display(), target.name));
        }
    }
}

#[test]
fn the_committed_inputs_reach_every_named_mark() {
    for target in TARGETS {
        let _ = reached();
        for input in inputs_of(target.name) {
            (target.run)(&std::fs::read(&input).unwrap());
        }
        let reached = reached();
        let missed: Vec<_> = target.marks.iter().filter(|mark| !reached.contains(**mark)).collect();
        assert!(missed.is_empty(), "the corpus of {} does not reach {missed:?}, only {reached:?}", target.name);
    }
}

#[test]
fn every_target_has_a_body_a_binary_and_a_corpus() {
    let workspace = Workspace::read(&root().unwrap()).unwrap();
    let bodies: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    let bins: BTreeSet<String> =
        workspace.fuzz_targets().unwrap().iter().map(|bin| bin.name.trim_start_matches("fuzz_").to_owned()).collect();
    let corpora = names_in(&workspace.root.join("fuzz/corpus"));
    let sources: BTreeSet<String> =
        names_in(&workspace.root.join("fuzz/targets")).iter().map(|name| name.trim_end_matches(".rs").into()).collect();
    assert_eq!(bodies, bins, "testkit::fuzz::TARGETS and fuzz/Cargo.toml");
    assert_eq!(bodies, sources, "testkit::fuzz::TARGETS and fuzz/targets");
    assert_eq!(bodies, corpora, "testkit::fuzz::TARGETS and fuzz/corpus");
}

#[test]
fn every_target_has_a_planted_bug_whose_text_stands_in_the_product() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|target| format!("fuzz_{}", target.name)).collect();
    let planted: BTreeSet<String> = FUZZ_PLANTS.iter().map(|plant| plant.target.to_owned()).collect();
    assert_eq!(targets, planted, "xtask::stages::FUZZ_PLANTS and testkit::fuzz::TARGETS");
    for plant in FUZZ_PLANTS {
        let text = std::fs::read_to_string(root().unwrap().join(plant.file)).unwrap();
        assert_eq!(text.matches(plant.find).count(), 1, "{} in {}", plant.find, plant.file);
        assert_ne!(plant.find, plant.replace);
    }
}

#[test]
fn a_committed_corpus_stays_small() {
    for target in TARGETS {
        let bytes: u64 = inputs_of(target.name).iter().map(|input| input.metadata().unwrap().len()).sum();
        assert!(bytes <= CORPUS_BYTES_MAX, "fuzz/corpus/{} has {bytes} bytes", target.name);
    }
}

fn inputs_of(target: &str) -> Vec<PathBuf> {
    let directory = root().unwrap().join("fuzz/corpus").join(target);
    let mut inputs: Vec<PathBuf> = names_in(&directory).iter().map(|name| directory.join(name)).collect();
    inputs.sort();
    inputs
}

fn names_in(directory: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
