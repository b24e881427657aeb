//! A full disk, and deciding ahead of the disk.

use super::{NOW, grant, mark, open, position, publish, request};
use crate::command::{Command, Request};
use crate::engine::folding;
use crate::engine::{Engine, Offer, Unwritten};
use crate::event::Audience;
use crate::grant::Role;
use crate::item::Mark;
use crate::log::{LogReader, MemoryStorage, Storage};
use crate::rejection::Rejection;
use crate::state::State;

fn fold(reader: &LogReader) -> State {
    folding::fold(reader, None).unwrap().0
}

/// The state is the fold of what is durable.
fn agrees(engine: &Engine<MemoryStorage>) {
    assert_eq!(engine.state().digest(), fold(&engine.reader()).digest());
}

#[test]
fn a_full_disk_is_met_before_anything_is_decided() {
    let disk = MemoryStorage::new();
    let mut engine = open(&disk, 8 * 1024);
    let (service, ada) = (grant("billing", Role::Service), grant("ada", Role::User));
    let first = request(&service, None, publish(Audience::People(vec![ada.stream]), "first".into()));
    let item = position(&engine.commit(&[first], NOW).unwrap().outcomes[0]);
    let batch = [
        request(&ada, None, mark(Mark::Deleted, item)),
        request(&ada, None, mark(Mark::Read, item)),
        request(&service, Some("k"), publish(Audience::Tenant, "x".repeat(8_000))),
        request(&service, Some("k"), publish(Audience::Tenant, "y".repeat(8_000))),
        request(&ada, None, publish(Audience::Tenant, "z".into())),
        request(&service, None, publish(Audience::Tenant, "fits".into())),
    ];
    disk.limit(Some(1));
    let commit = engine.commit(&batch, NOW).unwrap();
    let no = || Err(Rejection::Unavailable);
    assert!(commit.outcomes[0].is_ok() && commit.outcomes[5].is_ok(), "what fits is done: {:?}", commit.outcomes);
    assert_eq!(commit.outcomes[1..5], [Err(Rejection::NotFound), no(), no(), Err(Rejection::Forbidden)]);
    assert_eq!(commit.events.len(), 2);
    agrees(&engine);
    disk.limit(None);
    let outcomes = engine.commit(&batch, NOW).unwrap().outcomes;
    assert!(outcomes[2].as_ref().is_ok_and(|done| !done.replayed));
    assert_eq!(outcomes[3], Err(Rejection::IdempotencyConflict));
    agrees(&engine);
}

#[test]
fn a_full_disk_takes_retractions_out_of_its_reserve_and_nothing_else() {
    let disk = MemoryStorage::new();
    let mut engine = open(&disk, 8 * 1024);
    let service = grant("billing", Role::Service);
    let text = |bytes: usize| request(&service, None, publish(Audience::Tenant, "x".repeat(bytes)));
    let items: Vec<_> = engine.commit(&[text(1_000), text(1_000), text(700)], NOW).unwrap().outcomes;
    let retract = |at: usize| request(&service, None, Command::Retract { notification: position(&items[at]) });
    disk.limit(Some(1));
    // The segment is filled to its end.
    let mut refused = 0;
    for bytes in [400, 200, 100, 50, 1, 1, 1, 1, 1, 1, 1] {
        refused += usize::from(engine.commit(&[text(bytes)], NOW).unwrap().outcomes[0] == Err(Rejection::Unavailable));
    }
    assert!(refused >= 2);
    let has_reserve = || disk.list("").unwrap().contains(&"reserve".to_owned());
    assert!(has_reserve());
    let outcomes = engine.commit(&[text(1), retract(0), text(1), retract(1)], NOW).unwrap().outcomes;
    assert!(outcomes[1].is_ok() && outcomes[3].is_ok(), "{outcomes:?}");
    assert_eq!((&outcomes[0], &outcomes[2]), (&Err(Rejection::Unavailable), &Err(Rejection::Unavailable)));
    assert!(!has_reserve(), "it was given up");
    // There is room in the new segment, and it is not for everybody.
    assert_eq!(engine.commit(&[text(1)], NOW.plus(5_000)).unwrap().outcomes[0], Err(Rejection::Unavailable));
    assert!(engine.commit(&[retract(2)], NOW.plus(5_000)).unwrap().outcomes[0].is_ok());
    agrees(&engine);

    disk.limit(None);
    assert_eq!(engine.commit(&[text(1)], NOW.plus(5_001)).unwrap().outcomes[0], Err(Rejection::Unavailable), "not yet");
    assert!(engine.commit(&[text(1)], NOW.plus(6_001)).unwrap().outcomes[0].is_ok());
    assert!(has_reserve());
    agrees(&engine);
}

fn taken(offer: Result<Offer, crate::engine::StorageFailure>) {
    assert!(matches!(offer, Ok(Offer::Taken(None))));
}

fn texts(keys: &[&str], bytes: usize) -> Vec<Request> {
    let service = grant("billing", Role::Service);
    keys.iter().map(|key| request(&service, Some(key), publish(Audience::Tenant, "x".repeat(bytes)))).collect()
}

#[test]
fn the_next_group_is_decided_while_one_is_on_its_way_and_waits_for_it_where_it_needs_room() {
    let disk = MemoryStorage::new();
    let (mut decider, mut committer) = open(&disk, 8 * 1024).split();
    let requests = texts(&["a", "b", "c", "d"], 1_500);
    taken(decider.offer(&requests[0], NOW));
    let first = decider.close().unwrap().unwrap();
    taken(decider.offer(&requests[1], NOW));
    let second = decider.close().unwrap().unwrap();
    assert!(!decider.is_idle() && decider.close().unwrap().is_none());
    let before = disk.operations();
    // A third has no room in the segment: there is no telling what is left before both are written.
    assert!(matches!(decider.offer(&requests[2], NOW), Ok(Offer::Wait)));
    assert_eq!(disk.operations(), before, "deciding touches no disk");
    for group in [first, second] {
        let commit = committer.commit(group).unwrap_or_else(|_| panic!("the disk is sound"));
        assert_eq!((commit.outcomes.len(), commit.outcomes[0].is_ok()), (1, true));
        assert!(matches!(decider.offer(&requests[2], NOW), Ok(Offer::Wait)));
        decider.written(committer.left());
    }
    assert!(decider.is_idle());
    taken(decider.offer(&requests[2], NOW));
    let third = decider.close().unwrap().unwrap();
    taken(decider.offer(&requests[3], NOW));
    let fourth = decider.close().unwrap().unwrap();
    for group in [third, fourth] {
        assert!(committer.commit(group).is_ok());
        decider.written(committer.left());
    }
    assert_eq!(fold(&committer.log().reader()).digest(), decider.state().digest());
}

#[test]
fn a_group_that_is_refused_after_all_is_undone_with_all_that_rested_on_it() {
    let disk = MemoryStorage::new();
    let (mut decider, mut committer) = open(&disk, 8 * 1024).split();
    let requests = texts(&["a", "b", "c"], 3_000);
    taken(decider.offer(&requests[0], NOW));
    let first = decider.close().unwrap().unwrap();
    assert!(committer.commit(first).is_ok());
    decider.written(committer.left());
    let durable = decider.state().digest();

    taken(decider.offer(&requests[1], NOW));
    let refused = decider.close().unwrap().unwrap();
    let again = request(&grant("billing", Role::Service), Some("b"), requests[1].command.clone());
    taken(decider.offer(&again, NOW));
    // Somebody takes the room that was there when it was decided.
    committer.log().space().discard().unwrap();
    disk.limit(Some(1));
    let Err(Unwritten::Refused(unwritten)) = committer.commit(refused) else { panic!("it was written") };
    let (refused, restart) = *unwritten;
    assert_eq!(refused.refused(), [Err(Rejection::Unavailable)]);
    decider.undo(restart).unwrap();
    assert_eq!(decider.state().digest(), durable);
    let rest = committer.commit(decider.close().unwrap().unwrap());
    assert_eq!(rest.map_err(|_| ()).unwrap().outcomes, [Err(Rejection::Unavailable)], "it rested on what was undone");
    disk.limit(None);
    taken(decider.offer(&requests[1], NOW));
    let group = decider.close().unwrap().unwrap();
    assert!(committer.commit(group).is_ok_and(|commit| commit.outcomes[0].as_ref().is_ok_and(|done| !done.replayed)));
}
