//! What a comparison finds, in which order, and how it says so.

use super::{LOG, accumulated, key, verifier};
use crate::checkpoint::{
    Accumulator, Agreement, Checkpoint, Comparison, Difference, Disagreement, Named, SignedCheckpoint, Trust,
};
use crate::ids::{CommandHash, Position, Revision, StreamId, TenantId, Time};
use crate::log::{Envelope, LogId, Record};

fn record(position: u64) -> Record {
    let envelope = Envelope {
        position: Position(position),
        tenant: TenantId(1),
        tenant_sequence: position,
        stream: StreamId([1; 16]),
        revision: Revision(position),
        event_type: 7,
        event_version: 1,
        command: CommandHash::NONE,
        command_index: 0,
        time: Time(0),
        key_id: 0,
    };
    Record { envelope, facts: vec![1, 2].into(), content: Vec::new().into() }
}

/// What a log of `count` events is, after the first `through` of them.
fn honest(through: u64, epoch: u64) -> Checkpoint {
    let mut accumulator = Accumulator::new(LOG);
    (1..=through).for_each(|position| accumulator.push(record(position).leaf()));
    accumulator.checkpoint(Time(i64::try_from(through).unwrap()), epoch)
}

fn compared(count: u64, epoch: u64, checkpoints: &[Checkpoint]) -> Result<Agreement, Box<Disagreement>> {
    let named = |checkpoint: &Checkpoint| Named {
        name: format!("file-{}", checkpoint.position),
        signed: Ok(SignedCheckpoint::sign(*checkpoint, &key(1))),
    };
    let named = checkpoints.iter().map(named).collect();
    let mut comparison = Comparison::new(Accumulator::new(LOG), Trust::new(LOG, &[verifier(1)]), named);
    (1..=count).for_each(|position| comparison.record(&record(position)));
    comparison.finish(epoch)
}

#[test]
fn checkpoints_of_the_log_agree_in_any_order_and_at_any_position() {
    let checkpoints = [honest(30, 1), honest(0, 1), honest(7, 1), honest(7, 1)];
    let agreement = compared(30, 1, &checkpoints).unwrap();
    let (last, signer) = agreement.last.unwrap();
    assert_eq!((agreement.count, last.position, last.name.as_str(), signer), (4, Position(30), "file-30", verifier(1)));
    assert_eq!(compared(30, 1, &[]).unwrap(), Agreement { count: 0, before: 0, last: None });
    // A log may be at a later epoch than its checkpoints.
    assert!(compared(30, 2, &checkpoints).is_ok());
}

#[test]
fn the_first_that_disagrees_and_the_last_that_agrees_before_it_are_told() {
    let wrong = Checkpoint { root: [9; 32], chain: accumulated(3).chain(), ..honest(20, 1) };
    let found = compared(30, 1, &[honest(30, 1), wrong, honest(10, 1), honest(40, 1)]).unwrap_err();
    assert_eq!(found.what, Difference::Rewritten { chain: true });
    assert_eq!((found.first.position, found.others), (Position(20), 1));
    assert_eq!(found.last_agreeing.as_ref().map(|place| place.position), Some(Position(10)));
    assert_eq!(found.positions(), Some((Position(11), Position(20))));
    assert_eq!(
        found.to_string(),
        "checkpoint file-20 (position 20, 1970-01-01T00:00:00.020Z): rewritten: root and chain are not those of the events \
         up to its position; the place is among positions 11 to 20; the last checkpoint that agrees is file-10 (position \
         10, 1970-01-01T00:00:00.010Z); 1 more disagree"
    );
}

#[test]
fn a_log_that_ends_before_a_checkpoint_is_rolled_back() {
    let found = compared(30, 1, &[honest(40, 1)]).unwrap_err();
    assert_eq!(found.what, Difference::RolledBack { checkpoint: Position(40), log: Position(30) });
    assert!(found.to_string().contains("the checkpoint knows 40 events, the log has 30"), "{found}");
}

#[test]
fn each_part_of_a_checkpoint_is_compared() {
    let sound = honest(20, 1);
    let only = |checkpoint| compared(30, 1, &[checkpoint]).unwrap_err().what;
    assert_eq!(only(Checkpoint { root: [0; 32], ..sound }), Difference::Rewritten { chain: false });
    assert_eq!(only(Checkpoint { chain: accumulated(1).chain(), ..sound }), Difference::Chain);
    assert_eq!(only(Checkpoint { epoch: 2, ..sound }), Difference::Epoch { checkpoint: 2, log: 1 });
    let other = LogId([1; 16]);
    let expected = Difference::OtherLog { checkpoint: other, log: LOG };
    assert_eq!(only(Checkpoint { log: other, ..sound }), expected);
    assert_eq!(only(Checkpoint { log: other, position: Position(99), ..sound }), expected);
}

#[test]
fn a_key_that_is_not_believed_is_told_alone_or_beside_what_else_is_wrong() {
    let judged = |checkpoint| {
        let signed = Ok(SignedCheckpoint::sign(checkpoint, &key(2)));
        let named = vec![Named { name: "x".to_owned(), signed }];
        let mut comparison = Comparison::new(Accumulator::new(LOG), Trust::new(LOG, &[verifier(1)]), named);
        (1..=30).for_each(|position| comparison.record(&record(position)));
        comparison.finish(1).unwrap_err()
    };
    let found = judged(honest(20, 1));
    assert_eq!((found.what, found.signer), (Difference::UnknownKey, None));
    let found = judged(Checkpoint { root: [0; 32], ..honest(20, 1) });
    assert_eq!((found.what, found.signer), (Difference::Rewritten { chain: false }, Some(Difference::UnknownKey)));
}

#[test]
fn a_file_that_is_no_checkpoint_is_a_disagreement() {
    let named = Named { name: "x".to_owned(), signed: SignedCheckpoint::parse(b"nonsense") };
    let comparison = Comparison::new(Accumulator::new(LOG), Trust::new(LOG, &[verifier(1)]), vec![named]);
    assert!(matches!(comparison.finish(1).unwrap_err().what, Difference::Malformed(_)));
}

#[test]
fn beside_damage_only_what_the_log_came_to_is_judged() {
    let named = |checkpoint| Named { name: "x".into(), signed: Ok(SignedCheckpoint::sign(checkpoint, &key(1))) };
    let judged = |checkpoints: Vec<Checkpoint>| {
        let named = checkpoints.into_iter().map(named).collect();
        let mut comparison = Comparison::new(Accumulator::new(LOG), Trust::new(LOG, &[verifier(1)]), named);
        (1..=15).for_each(|position| comparison.record(&record(position)));
        comparison.finish_early()
    };
    assert_eq!(judged(vec![honest(10, 1), honest(20, 1)]).unwrap().last.unwrap().0.position, Position(10));
    let wrong = Checkpoint { root: [0; 32], ..honest(10, 1) };
    assert_eq!(judged(vec![wrong]).unwrap_err().first.position, Position(10));
}

#[test]
fn a_part_of_a_log_is_judged_by_the_checkpoints_within_it() {
    let judged = |start: &Accumulator, checkpoints: &[Checkpoint]| {
        let named = |checkpoint: &Checkpoint| Named {
            name: "x".into(),
            signed: Ok(SignedCheckpoint::sign(*checkpoint, &key(1))),
        };
        let named = checkpoints.iter().map(named).collect();
        let mut comparison = Comparison::new(start.clone(), Trust::new(LOG, &[verifier(1)]), named);
        (start.position().0 + 1..=30).for_each(|position| comparison.record(&record(position)));
        comparison.finish(1)
    };
    let start = |through: u64| {
        let mut accumulator = Accumulator::new(LOG);
        (1..=through).for_each(|position| accumulator.push(record(position).leaf()));
        accumulator
    };
    let agreement = judged(&start(12), &[honest(5, 1), honest(12, 1), honest(30, 1)]).unwrap();
    assert_eq!((agreement.count, agreement.before), (2, 1));
    // A start that is another history is found by the first checkpoint after it.
    let found = judged(&accumulated(12), &[honest(5, 1), honest(30, 1)]).unwrap_err();
    assert_eq!(found.what, Difference::Rewritten { chain: true });
}
