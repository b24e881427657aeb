//! A copy is the log as it was when its last event was the last.

use super::{segment_names, written};
use crate::ids::Position;
use crate::log::audit::{Beside, verify, verify_part};
use crate::log::{Log, LogError, LogReader, MemoryStorage, PartStart, Storage, What, copy, part_start};

const GROUPS: [usize; 7] = [1, 30, 8, 60, 2, 25, 3];

fn bytes(storage: &MemoryStorage, name: &str) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(storage.file_bytes(name).unwrap()).unwrap()];
    storage.read_at(name, 0, &mut bytes).unwrap();
    bytes
}

fn reader(storage: &MemoryStorage) -> LogReader {
    Log::open(storage.clone(), super::READ_ONLY, super::ENTROPY).unwrap().0.reader()
}

#[test]
fn a_copy_up_to_any_group_verifies_and_has_the_same_bytes_up_to_there() {
    let (storage, records) = written(&GROUPS);
    let names = segment_names(&storage);
    assert!(names.len() > 2);
    let mut last = 0;
    for count in GROUPS {
        last += count as u64;
        let into = MemoryStorage::new();
        copy(&storage, None, Position(last), &into).unwrap();
        let verified = verify(&into, Beside::Nobody).unwrap();
        assert_eq!((verified.events, verified.chain), (last, reader(&storage).chain_at(Position(last)).unwrap()));
        // It is durable: nothing is lost when the power is cut now.
        let after = into.crash(crate::log::Unsynced::Lost);
        for (index, name) in segment_names(&after).iter().enumerate() {
            let (copied, original) = (bytes(&after, name), bytes(&storage, name));
            let end = copied.iter().rposition(|byte| *byte != 0).map_or(0, |end| end + 1);
            assert_eq!((name, copied.len(), &copied[..end]), (&names[index], original.len(), &original[..end]));
        }
    }
    assert_eq!(last, records.len() as u64);
}

#[test]
fn a_copy_ends_where_a_group_ends() {
    let (storage, _) = written(&GROUPS);
    for last in [2, 128, 500] {
        let refused = copy(&storage, None, Position(last), &MemoryStorage::new());
        assert!(matches!(refused, Err(LogError::NoSuchPosition { position, .. }) if position.0 == last), "{last}");
    }
    assert!(matches!(copy(&MemoryStorage::new(), None, Position(1), &MemoryStorage::new()), Err(LogError::Corrupt(_))));
}

#[test]
fn damage_is_not_copied() {
    let (storage, _) = written(&GROUPS);
    let name = &segment_names(&storage)[1];
    storage.flip(name, 4096 + 60, 1);
    assert!(matches!(copy(&storage, None, Position(129), &MemoryStorage::new()), Err(LogError::Corrupt(_))));
}

/// What precedes the segment that holds a position.
fn start(storage: &MemoryStorage, position: u64) -> PartStart {
    let position = part_start(storage, Position(position)).unwrap();
    let reader = reader(storage);
    PartStart { log: reader.id(), position, chain: reader.chain_at(position).unwrap() }
}

#[test]
fn a_part_begins_with_the_segment_of_an_event_and_verifies_after_what_precedes_it() {
    let (storage, records) = written(&GROUPS);
    let names = segment_names(&storage);
    for from in [1, 40, 80, 129] {
        let (into, start) = (MemoryStorage::new(), start(&storage, from));
        assert!(start.position.0 < from);
        copy(&storage, Some(&start), Position(129), &into).unwrap();
        let copied = segment_names(&into);
        assert_eq!(copied, names[names.len() - copied.len()..]);
        let mut shown = Vec::new();
        let verified = verify_part(&into, &start, &mut |record| shown.push(record.clone())).unwrap();
        assert_eq!(shown, records[usize::try_from(start.position.0).unwrap()..]);
        let whole = verify(&storage, Beside::Nobody).unwrap();
        assert_eq!((verified.events, verified.chain, verified.log), (129, whole.chain, whole.log));
    }
    assert!(start(&storage, 129).position.0 > 40, "the last segment is not the first");
}

#[test]
fn a_part_after_something_else_is_refused() {
    let (storage, _) = written(&GROUPS);
    let (into, right) = (MemoryStorage::new(), start(&storage, 129));
    copy(&storage, Some(&right), Position(129), &into).unwrap();
    let wrong = [
        PartStart { position: Position(right.position.0 - 1), ..right },
        PartStart { chain: crate::log::Chain([0; 32]), ..right },
        PartStart { log: crate::log::LogId([0; 16]), ..right },
    ];
    for start in wrong {
        assert_eq!(verify_part(&into, &start, &mut |_| ()).unwrap_err().what, What::SegmentForeign);
    }
    assert!(matches!(verify(&into, Beside::Nobody).unwrap_err().what, What::SegmentMissing { number: 1 }));
    into.flip(&segment_names(&into)[0], 3, 1);
    assert_eq!(verify_part(&into, &right, &mut |_| ()).unwrap_err().what, What::SegmentHeader);
}
