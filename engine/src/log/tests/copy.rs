//! A copy is the log as it was when its last event was the last.

use super::{segment_names, written};
use crate::ids::Position;
use crate::log::audit::{Beside, verify};
use crate::log::{Log, LogError, LogReader, MemoryStorage, Storage, copy};

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
        copy(&storage, Position(last), &into).unwrap();
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
        let refused = copy(&storage, Position(last), &MemoryStorage::new());
        assert!(matches!(refused, Err(LogError::NoSuchPosition { position, .. }) if position.0 == last), "{last}");
    }
    assert!(matches!(copy(&MemoryStorage::new(), Position(1), &MemoryStorage::new()), Err(LogError::Corrupt(_))));
}

#[test]
fn damage_is_not_copied() {
    let (storage, _) = written(&GROUPS);
    let name = &segment_names(&storage)[1];
    storage.flip(name, 4096 + 60, 1);
    assert!(matches!(copy(&storage, Position(129), &MemoryStorage::new()), Err(LogError::Corrupt(_))));
}
