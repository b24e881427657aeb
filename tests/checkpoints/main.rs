//! Who holds the public key and any earlier checkpoint finds any edit, removal, reorder, insertion, truncation, rollback,
//! replacement or re-signing below it, and the place.

mod history;
mod mutation;

use history::{EVENTS, History, STEP};
use mutation::{Dice, Kind, mutate};
use std::collections::BTreeMap;
use tidings_engine::checkpoint::{
    Accumulator, Agreement, Comparison, Difference, Disagreement, Named, SignedCheckpoint, Trust, VerifierKey,
};
use tidings_engine::ids::Position;
use tidings_engine::log::MemoryStorage;
use tidings_engine::log::audit::{self, Beside};

/// How many changes are tried, over all kinds.
const MUTATIONS: usize = 1_000;

/// What an auditor does who has a copy of the log, the first key and these checkpoints.
fn audited(
    storage: &MemoryStorage,
    key: &VerifierKey,
    checkpoints: &[SignedCheckpoint],
) -> Result<Agreement, Box<Disagreement>> {
    let log = audit::log_id(storage).unwrap();
    let named = |signed: &SignedCheckpoint| Named {
        name: signed.checkpoint().position.to_string(),
        signed: SignedCheckpoint::parse(&signed.encode()),
    };
    let named = checkpoints.iter().map(named).collect();
    let mut comparison = Comparison::new(Accumulator::new(log), Trust::new(log, std::slice::from_ref(key)), named);
    // Whoever recomputes everything leaves a log in which nothing is wrong by itself.
    let verified = audit::verify_each(storage, Beside::Nobody, &mut |record| comparison.record(record)).unwrap();
    comparison.finish(verified.epoch)
}

#[test]
fn an_untouched_log_agrees_with_every_checkpoint_through_a_rotated_key() {
    let history = History::honest();
    assert_eq!(history.checkpoints.len(), EVENTS / STEP);
    let agreement = audited(&history.storage, &history.key(), &history.checkpoints).unwrap();
    let (last, signer) = agreement.last.unwrap();
    assert_eq!((agreement.count, last.position), (EVENTS / STEP, Position(EVENTS as u64)));
    assert_ne!(signer, history.key());
}

#[test]
fn a_redacted_log_agrees_with_the_checkpoints_that_were_signed_before() {
    let history = History::honest();
    assert!(history.redact() > EVENTS as u64 / 2);
    let agreement = audited(&history.storage, &history.key(), &history.checkpoints).unwrap();
    assert_eq!(agreement.count, EVENTS / STEP);
}

#[test]
fn every_change_below_a_checkpoint_is_found_with_its_place() {
    let honest = History::honest();
    let mut counts: BTreeMap<Kind, (usize, usize)> = BTreeMap::new();
    let mut unnoticed = Vec::new();
    for turn in 0..MUTATIONS {
        let kind = Kind::ALL[turn % Kind::ALL.len()];
        let mut dice = Dice::new(turn as u64);
        let (changed, place) = mutate(&honest, kind, &mut dice);
        // What is held outside: any one checkpoint at or after the place, and perhaps others.
        let after: Vec<_> = honest.checkpoints.iter().filter(|kept| kept.checkpoint().position >= place).collect();
        let one = after[dice.below(after.len())];
        let is_held = |kept: &&SignedCheckpoint| kept == &one || turn % 3 == 0;
        let held: Vec<_> = honest.checkpoints.iter().filter(is_held).cloned().collect();
        let count = counts.entry(kind).or_default();
        count.0 += 1;
        let by_itself = audited(&changed.storage, &changed.key(), &changed.checkpoints);
        assert!(by_itself.is_ok(), "{kind:?} of turn {turn} is found without what is held outside: {by_itself:?}");
        match audited(&changed.storage, &honest.key(), &held) {
            Err(found) if names_place(&found, kind, place, &held) => count.1 += 1,
            other => unnoticed.push((turn, kind, place, other)),
        }
    }
    let message = format!("tried and found by kind: {counts:?}; not found or misplaced: {unnoticed:#?}");
    assert!(unnoticed.is_empty(), "{message}");
    assert_eq!(counts.len(), Kind::ALL.len(), "{message}");
    assert!(counts.values().all(|(tried, found)| tried == found && *tried >= MUTATIONS / Kind::ALL.len()), "{message}");
}

/// Whether a disagreement names the first checkpoint at or after the place, and the last one before it.
fn names_place(found: &Disagreement, kind: Kind, place: Position, held: &[SignedCheckpoint]) -> bool {
    let positions = || held.iter().map(|kept| kept.checkpoint().position);
    let what_fits = match kind {
        Kind::OtherLog => return matches!(found.what, Difference::OtherLog { .. }),
        Kind::Truncation | Kind::Rollback => {
            matches!(found.what, Difference::RolledBack { log, .. } if log.next() == place)
        }
        _ => matches!(found.what, Difference::Rewritten { chain: true } | Difference::RolledBack { .. }),
    };
    let within = found.positions().is_some_and(|(from, through)| from <= place && place <= through);
    what_fits
        && within
        && Some(found.first.position) == positions().find(|position| *position >= place)
        && found.last_agreeing.as_ref().map(|last| last.position) == positions().rfind(|position| *position < place)
}
