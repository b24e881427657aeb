use super::{Campaign, Outcome, Setting, replay, run};
use crate::disk::{LIES, Lie};
use crate::script::workload;

/// A small part of what `cargo xtask crash` does.
fn few(states: usize, lie: Option<Lie>, threads: usize) -> Outcome {
    run(&Campaign { states, seed: 7, lie, threads, workloads: WORKLOADS })
}

/// The first two of five are logs alone, the others engines.
const WORKLOADS: usize = 4;

#[test]
fn what_was_acknowledged_survives_a_power_cut_at_every_operation() {
    let outcome = few(200, None, 2);
    assert!(outcome.findings.is_empty(), "{}", outcome.findings[0]);
    assert!(outcome.images >= 200, "{} states are few", outcome.images);
    assert_eq!(outcome.histogram.total(), outcome.images as u64);
}

#[test]
fn every_planted_bug_is_found_and_replayed_by_its_command() {
    for (name, lie) in LIES {
        let outcome = few(5_000, Some(lie), 1);
        let found = outcome.findings.first().unwrap_or_else(|| panic!("nobody finds {name}"));
        let setting = Setting { script: workload(7, found.workload), lie: Some(lie) };
        let again = replay(&setting, 7, found.operation, found.subset.unwrap_or_default());
        assert_eq!(again.map_err(|finding| finding.what), Err(found.what.clone()), "{name}");
    }
}

#[test]
fn a_seed_gives_the_same_states_whatever_the_threads() {
    let (one, two) = (few(64, None, 1), few(64, None, 2));
    assert_eq!((one.images, one.histogram), (two.images, two.histogram));
}
