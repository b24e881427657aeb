//! Promises of snapshots: a start from one is a start from the first event, and a damaged one is passed by.

use super::{Engine, NOW, grant, mark, open, position, publish, request};
use crate::command::{Command, Request};
use crate::engine::folding::fold;
use crate::event::{Audience, Event, Facts, Recorded};
use crate::grant::Role;
use crate::ids::{CommandHash, Position, Revision, StreamId, TenantId};
use crate::item::Mark;
use crate::log::{Envelope, Fault, Log, LogOptions, LogReader, MemoryStorage, Record, Storage, Stored, Unsynced};
use crate::snapshot::{IgnoredWhy, Snapshots};
use crate::state::State;
use std::sync::Arc;

const SEGMENT_BYTES: u64 = 64 * 1024;

/// Publishes, marks and a retraction, so that every part of the state holds something.
fn lived(engine: &mut Engine<MemoryStorage>, rounds: usize) {
    let (service, ada) = (grant("billing", Role::Service), grant("ada", Role::User));
    for round in 0..rounds {
        let key = engine.head().0.to_string();
        let direct = publish(Audience::People(vec![ada.stream]), "x".repeat(100));
        let one = |who: &Arc<_>, command| request(who, None, command);
        let batch: Vec<Request> = vec![
            one(&ada, Command::Observe),
            request(&service, Some(&key), direct),
            one(&service, publish(Audience::Tenant, "to all".into())),
        ];
        let outcomes = engine.commit(&batch, NOW).unwrap().outcomes;
        let (own, shared) = (position(&outcomes[1]), position(&outcomes[2]));
        let marks = [one(&ada, mark(Mark::Read, own)), one(&ada, mark(Mark::Archived, shared))];
        engine.commit(&marks, NOW).unwrap();
        if round % 2 == 1 {
            engine.commit(&[one(&service, Command::Retract { notification: shared })], NOW).unwrap();
        }
    }
}

fn files(disk: &MemoryStorage) -> Vec<String> {
    let mut names = disk.list("").unwrap();
    names.sort();
    names
}

fn from_snapshots(reader: &LogReader, snapshots: &Snapshots) -> (State, Position) {
    let (state, folding) = fold(reader, Some(snapshots)).unwrap();
    (state, folding.snapshot)
}

/// An engine with a life, and a disk with one snapshot of it.
fn scene() -> (Engine<MemoryStorage>, MemoryStorage, Snapshots) {
    let mut engine = open(&MemoryStorage::new(), SEGMENT_BYTES);
    lived(&mut engine, 3);
    let disk = MemoryStorage::new();
    let snapshots = Snapshots::new(Arc::new(disk.clone()));
    snapshots.write(engine.state(), &engine.reader()).unwrap();
    (engine, disk, snapshots)
}

#[test]
fn a_snapshot_and_the_tail_are_the_whole_log() {
    let (mut engine, disk, snapshots) = scene();
    let first = engine.head();
    lived(&mut engine, 2);
    let (state, from) = from_snapshots(&engine.reader(), &snapshots);
    assert_eq!((from, state.digest()), (first, engine.state().digest()));
    assert_eq!(snapshots.advance(&engine.reader(), &|| true).unwrap(), Some(engine.head()));
    assert_eq!(files(&disk).len(), 2);
    lived(&mut engine, 1);
    assert_eq!(snapshots.advance(&engine.reader(), &|| true).unwrap(), Some(engine.head()));
    assert_eq!(files(&disk).len(), 2, "the two newest are kept");
    let (state, from) = from_snapshots(&engine.reader(), &snapshots);
    assert_eq!((from, state.digest()), (engine.head(), engine.state().digest()));
    lived(&mut engine, 1);
    assert_eq!(snapshots.advance(&engine.reader(), &|| false).unwrap(), None, "it is told to stop");
}

#[test]
fn a_state_that_was_restored_lives_on_like_the_one_that_was_saved() {
    let (mut engine, _, snapshots) = scene();
    let (mut state, _) = from_snapshots(&engine.reader(), &snapshots);
    let before = engine.head();
    lived(&mut engine, 8);
    for record in engine.reader().scan(before.next()) {
        state.apply(&Recorded::decode(record.unwrap()).unwrap());
    }
    assert_eq!(state.digest(), engine.state().digest());
}

#[test]
fn every_flipped_bit_of_a_snapshot_is_noticed_and_it_is_passed_by() {
    let (engine, disk, snapshots) = scene();
    let name = &files(&disk)[0];
    let bytes = usize::try_from(disk.file_bytes(name).unwrap()).unwrap();
    for at in 0..bytes {
        disk.flip(name, at, 1 << (at % 8));
        let (state, folding) = fold(&engine.reader(), Some(&snapshots)).unwrap();
        assert_eq!(folding.snapshot, Position::ZERO, "byte {at} of {bytes}");
        assert!(matches!(folding.ignored[0].why, IgnoredWhy::Damaged | IgnoredWhy::Foreign));
        if at % 64 == 0 {
            assert_eq!(state.digest(), engine.state().digest());
        }
        disk.flip(name, at, 1 << (at % 8));
    }
    assert_eq!(from_snapshots(&engine.reader(), &snapshots).1, engine.head());
}

#[test]
fn a_damaged_newest_snapshot_gives_way_to_the_one_before_it() {
    let (mut engine, disk, snapshots) = scene();
    let older = engine.head();
    lived(&mut engine, 1);
    snapshots.write(engine.state(), &engine.reader()).unwrap();
    let newest = files(&disk)[1].clone();
    disk.flip(&newest, 300, 1);
    let (state, folding) = fold(&engine.reader(), Some(&snapshots)).unwrap();
    assert_eq!((folding.snapshot, state.digest()), (older, engine.state().digest()));
    assert_eq!(folding.ignored.iter().map(|one| one.file.as_str()).collect::<Vec<_>>(), [newest]);
    snapshots.discard(&folding.ignored).unwrap();
    assert_eq!(snapshots.newest_position(), older);
}

#[test]
fn a_snapshot_of_another_log_or_of_a_future_that_was_lost_is_passed_by() {
    let (engine, _, snapshots) = scene();
    let mut shorter = open(&MemoryStorage::new(), SEGMENT_BYTES);
    lived(&mut shorter, 1);
    let (_, folding) = fold(&shorter.reader(), Some(&snapshots)).unwrap();
    assert_eq!((folding.snapshot, folding.ignored[0].why.clone()), (Position::ZERO, IgnoredWhy::Foreign));
    let options = LogOptions { segment_bytes: SEGMENT_BYTES, ..LogOptions::default() };
    let keys = Arc::new(crate::keys::Keys::new(&[3; 32]));
    let (mut other, _) = Engine::open(MemoryStorage::new(), options, keys, [8; 16], NOW).unwrap();
    lived(&mut other, 3);
    assert_eq!(other.head(), engine.head());
    let (_, folding) = fold(&other.reader(), Some(&snapshots)).unwrap();
    assert_eq!((folding.snapshot, folding.ignored[0].why.clone()), (Position::ZERO, IgnoredWhy::Foreign));
}

#[test]
fn power_that_fails_while_a_snapshot_is_written_leaves_one_that_can_be_used() {
    let (mut engine, disk, snapshots) = scene();
    let older = engine.head();
    lived(&mut engine, 1);
    let before = disk.operations().changes;
    snapshots.write(engine.state(), &engine.reader()).unwrap();
    let steps = disk.operations().changes - before;
    for step in 1..=steps {
        for unsynced in [Unsynced::Lost, Unsynced::Kept, Unsynced::Sectors(step)] {
            let (mut again, disk, snapshots) = scene();
            lived(&mut again, 1);
            disk.fail_at(disk.operations().changes + step, Fault::PowerCut);
            let _ = snapshots.write(again.state(), &again.reader());
            let found = Snapshots::new(Arc::new(disk.crash(unsynced)));
            let (state, folding) = fold(&again.reader(), Some(&found)).unwrap();
            assert!(folding.snapshot >= older, "step {step}, {unsynced:?}");
            assert_eq!(state.digest(), again.state().digest());
            found.write(again.state(), &again.reader()).unwrap();
            assert_eq!(fold(&again.reader(), Some(&found)).unwrap().1.snapshot, again.head());
        }
    }
}

#[test]
fn an_engine_that_ends_in_order_saves_its_state_once_that_is_worth_it() {
    let (log_disk, disk) = (MemoryStorage::new(), MemoryStorage::new());
    let begin = || {
        let options = LogOptions { segment_bytes: 1024 * 1024, ..LogOptions::default() };
        let (log, recovery) = Log::open(log_disk.clone(), options, [9; 16]).unwrap();
        let snapshots = Snapshots::new(Arc::new(disk.clone()));
        let keys = Arc::new(crate::keys::Keys::new(&[3; 32]));
        Engine::over(log, &recovery, keys, NOW, Some(snapshots)).unwrap()
    };
    let (mut engine, _) = begin();
    lived(&mut engine, 1);
    assert!(!engine.save().unwrap(), "a few events are folded in no time");
    let service = grant("billing", Role::Service);
    let batch = vec![request(&service, None, publish(Audience::Tenant, "x".into())); 1_000];
    (0..10).for_each(|_| drop(engine.commit(&batch, NOW).unwrap()));
    assert!(engine.save().unwrap());
    assert!(!engine.save().unwrap(), "it is saved already");
    let (head, digest) = (engine.head(), engine.state().digest());
    drop(engine);
    let (again, folding) = begin();
    assert_eq!((folding.snapshot, again.state().digest()), (head, digest));
}

/// A log that is written to without an engine.
fn append(log: &mut Log<MemoryStorage>, state: &mut State, stream: StreamId, event: Event) {
    let envelope = Envelope {
        position: state.position().next(),
        tenant: TenantId(1),
        tenant_sequence: state.tenant_sequence(TenantId(1)) + 1,
        stream,
        revision: Revision(state.revision(stream).0 + 1),
        event_type: event.type_number(),
        event_version: event.version(),
        command: CommandHash::NONE,
        command_index: 0,
        time: NOW,
        key_id: 0,
    };
    let facts = Facts { actor: StreamId::default(), fingerprint: [0; 16], event };
    log.append(&[Record { envelope, facts: facts.encode(), content: Stored::EMPTY }]).unwrap();
    state.apply(&Recorded { envelope, facts, content: Stored::EMPTY });
}

#[test]
fn who_was_erased_after_a_snapshot_is_erased_after_a_start_from_it() {
    let options = LogOptions { segment_bytes: SEGMENT_BYTES, ..LogOptions::default() };
    let (mut log, _) = Log::open(MemoryStorage::new(), options, [9; 16]).unwrap();
    let (mut state, tenant, ada) = (State::default(), StreamId([1; 16]), StreamId([2; 16]));
    let topics = vec!["sport".to_owned()];
    append(&mut log, &mut state, tenant, Event::TenantCreated { name: "acme".into() });
    append(&mut log, &mut state, ada, Event::SubjectObserved { roles: vec![Role::User], topics: topics.clone() });
    let snapshots = Snapshots::new(Arc::new(MemoryStorage::new()));
    snapshots.write(&state, &log.reader()).unwrap();
    let erased = Event::SubjectErased { subject: ada, key: 7, fingerprint: [0; 16] };
    append(&mut log, &mut state, tenant, erased);
    let (found, from) = from_snapshots(&log.reader(), &snapshots);
    assert_eq!(from, Position(2));
    assert!(found.is_erased(ada) && !found.is_observed_as(ada, &[Role::User], &topics));
    assert_eq!(found.erased().collect::<Vec<_>>(), [(ada, 7)]);
    assert_eq!(found.digest(), state.digest());
    snapshots.write(&found, &log.reader()).unwrap();
    assert!(from_snapshots(&log.reader(), &snapshots).0.is_erased(ada), "and the next snapshot knows it");
}
