//! What a client was told survives every cut: nothing lost, nothing doubled, in order, and like a fresh client in the end.

use testkit::cuts::{Plant, play, run};

/// Where the stories come from.
const SEED: u64 = 1;

/// Cuts of a plain run; `cargo xtask cuts` makes 10,000 and plants every bug.
const CUTS_COUNT: u64 = 60;

#[test]
fn no_cut_loses_doubles_or_reorders_a_change_and_everyone_converges() {
    let tally = run(SEED, CUTS_COUNT, None).unwrap_or_else(|broken| panic!("{broken}"));
    for (what, count) in [
        ("torn frames", tally.torn),
        ("changes of carrier", tally.carrier_changes),
        ("times behind", tally.behinds),
        ("times caught up", tally.catch_ups),
        ("commands", tally.commands),
    ] {
        assert!(count >= 10, "only {count} {what}: {tally}");
    }
    assert!(tally.restarts >= 5, "only {} restarts: {tally}", tally.restarts);
}

#[test]
fn the_same_seed_tells_the_same_story() {
    assert_eq!(play(SEED, 3, None), play(SEED, 3, None));
}

#[test]
fn a_lost_delta_and_a_removal_that_is_not_told_are_found() {
    for plant in [Plant::DropFrame, Plant::SkipTombstones] {
        assert!(run(SEED, 200, Some(plant)).is_err(), "{plant:?} was not found");
    }
}
