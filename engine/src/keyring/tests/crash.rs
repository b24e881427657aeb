//! Crashes at every storage operation of arbitrary work.

use super::contract::ids;
use super::{Model, files, mark, open, try_open};
use crate::keyring::{KeyId, Keyring, KeyringError};
use crate::log::{Fault, MemoryStorage, Storage, Unsynced};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Change {
    Add(Vec<bool>),
    Destroy(Vec<usize>),
}

/// What the engine was told before the power went, and the change that did not return.
struct Told {
    model: Model,
    unanswered: Option<Change>,
}

/// Makes the changes until the power is cut.
fn work(storage: &MemoryStorage, changes: &[Change], model: Model) -> Told {
    let mut told = Told { model, unanswered: None };
    let Ok((keyring, _)) = try_open(storage) else { return told };
    for (position, change) in (1..).zip(changes) {
        let mark = mark(position);
        let done = match change {
            Change::Add(persons) => {
                let keys = told.model.next(persons);
                keyring.add(&keys, mark).map(|ids| assert_eq!(told.model.add(&keys, mark), ids))
            }
            Change::Destroy(picks) => {
                let keys = ids(picks, &told.model);
                keyring.destroy(&keys, mark).map(|()| told.model.destroy(&keys, mark))
            }
        };
        if done.is_err() {
            told.unanswered = Some(change.clone());
            return told;
        }
    }
    told
}

/// The keyring holds what was told, or that and the unanswered change, or, of an unanswered erasure, a part.
fn check(storage: &MemoryStorage, told: &Told) {
    let (keyring, recovery) = open(storage);
    let mut model = told.model.clone();
    match &told.unanswered {
        Some(Change::Add(persons)) if keyring.next_id().0 > model.given_count + 1 => {
            model.add(&model.next(persons), keyring.mark().unwrap());
        }
        Some(Change::Destroy(picks)) => {
            let gone: Vec<KeyId> = ids(picks, &model).into_iter().filter(|key| !keyring.holds(*key)).collect();
            if let Some(mark) = keyring.mark() {
                model.destroy(&gone, mark);
            }
        }
        _ => {}
    }
    model.check(&keyring);
    model.check_bytes(storage);
    assert!(recovery.finished.iter().all(|key| !model.live.contains_key(&key.0)));
    assert!(!files(storage).iter().any(|(name, _)| name.ends_with(".tmp")), "an unfinished file was left");
    // Work goes on, and all of it is sound.
    let keys = model.next(&[true, false]);
    keyring.add(&keys, mark(100)).unwrap();
    model.add(&keys, mark(100));
    drop(keyring);
    let (keyring, recovery) = open(storage);
    assert_eq!((recovery.finished, recovery.discarded), (Vec::new(), None));
    model.check(&keyring);
}

fn unsynced() -> impl Strategy<Value = Unsynced> {
    prop_oneof![
        Just(Unsynced::Lost),
        Just(Unsynced::Kept),
        (0_usize..1600).prop_map(Unsynced::FirstBytes),
        any::<u64>().prop_map(Unsynced::Sectors),
    ]
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        prop::collection::vec(any::<bool>(), 0..9).prop_map(Change::Add),
        prop::collection::vec(any::<usize>(), 0..14).prop_map(Change::Destroy),
    ];
    prop::collection::vec(change, 1..14)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn what_was_added_or_destroyed_stays_so_after_a_crash_anywhere(
        changes in changes(),
        operation in 1_u64..90,
        unsynced in unsynced(),
    ) {
        let storage = MemoryStorage::new();
        storage.fail_at(operation, Fault::PowerCut);
        let told = work(&storage, &changes, Model::default());
        check(&storage.crash(unsynced), &told);
    }

    #[test]
    fn what_was_added_or_destroyed_stays_so_after_a_second_crash_during_recovery(
        changes in changes(),
        operation in 1_u64..90,
        later_operation in 1_u64..8,
        first in unsynced(),
        second in unsynced(),
    ) {
        let storage = MemoryStorage::new();
        storage.fail_at(operation, Fault::PowerCut);
        let told = work(&storage, &changes, Model::default());
        let storage = storage.crash(first);
        storage.fail_at(later_operation, Fault::PowerCut);
        let _ = try_open(&storage);
        check(&storage.crash(second), &told);
    }

    /// A write that failed and whose bytes are on disk in part, in a process that ends: no power is cut.
    #[test]
    fn what_was_added_or_destroyed_stays_so_after_a_failed_operation(
        changes in changes(),
        operation in 1_u64..90,
        written in 0_usize..1600,
        error in any::<bool>(),
    ) {
        let storage = MemoryStorage::new();
        storage.fail_at(operation, if error { Fault::Error } else { Fault::Short(written) });
        let told = work(&storage, &changes, Model::default());
        check(&storage.crash(Unsynced::Kept), &told);
    }

    /// A process that ends leaves written bytes in the system's memory. What the next one finds and builds on is durable.
    #[test]
    fn what_an_open_found_stays_after_a_crash(
        changes in changes(),
        operation in 1_u64..90,
        unsynced in unsynced(),
    ) {
        let storage = MemoryStorage::new();
        storage.fail_at(operation, Fault::Error);
        work(&storage, &changes, Model::default());
        // What did not fail by now is not to fail later: no change has this number.
        storage.fail_at(0, Fault::Error);
        let (keyring, _) = open(&storage);
        // Also what is then built on it.
        let key = Model { given_count: keyring.next_id().0 - 1, ..Model::default() }.next(&[true]);
        let ids = keyring.add(&key, mark(200)).unwrap();
        keyring.destroy(&[KeyId(1), ids[0]], mark(201)).unwrap();
        let seen = |keyring: &Keyring| {
            let holds: Vec<bool> = (0..keyring.next_id().0).map(|id| keyring.holds(KeyId(id))).collect();
            (holds, keyring.mark())
        };
        let before = seen(&keyring);
        let storage = storage.crash(unsynced);
        let (keyring, _) = open(&storage);
        prop_assert_eq!(seen(&keyring), before);
    }
}

#[test]
fn one_history_survives_a_cut_at_every_operation_and_every_byte() {
    let changes = [
        Change::Add(vec![true]),
        Change::Add(vec![true, false]),
        Change::Destroy(vec![1]),
        Change::Add(vec![true; 5]),
        Change::Destroy(vec![4, 2, 7, 1]),
        Change::Add(vec![false; 12]),
        Change::Destroy((9..18).collect()),
        Change::Add(vec![true; 3]),
        Change::Destroy((1..24).collect()),
    ];
    for operation in 1.. {
        let storage = MemoryStorage::new();
        storage.fail_at(operation, Fault::PowerCut);
        let told = work(&storage, &changes, Model::default());
        let bytes = (0..2200).step_by(91).map(Unsynced::FirstBytes);
        for unsynced in [Unsynced::Lost, Unsynced::Kept].into_iter().chain(bytes) {
            check(&storage.crash(unsynced), &told);
        }
        for seed in 0..8 {
            check(&storage.crash(Unsynced::Sectors(seed)), &told);
        }
        if storage.operations().changes < operation {
            assert!(told.unanswered.is_none());
            assert!(operation > 60, "{operation} operations only");
            return;
        }
    }
}

#[test]
fn what_a_crash_left_stays_until_the_next_change_and_says_when_it_was_written() {
    let storage = MemoryStorage::new();
    let (keyring, mut model) = super::written(&storage, &[1]);
    let keys = model.next(&[true; 2]);
    storage.fail_at(storage.operations().changes + 1, Fault::Short(200));
    assert!(matches!(keyring.add(&keys, mark(44)), Err(KeyringError::Storage(_))));
    assert_eq!(keyring.add(&keys, mark(44)).err(), Some(KeyringError::Poisoned));
    drop(keyring);
    let before = files(&storage);
    for _ in 0..2 {
        let (keyring, recovery) = open(&storage);
        let discarded = recovery.discarded.unwrap();
        assert_eq!((discarded.file.as_str(), discarded.offset, discarded.bytes), ("00000001.keys", 256, 256));
        assert_eq!((discarded.key, discarded.mark), (KeyId(2), Some(mark(44))));
        model.check(&keyring);
        assert_eq!(files(&storage), before);
    }
    let (keyring, _) = open(&storage);
    super::add(&keyring, &mut model, 1);
    drop(keyring);
    assert_eq!(open(&storage).1.discarded, None);
    let mut rest = [1; 128];
    storage.read_at("00000001.keys", 384, &mut rest).unwrap();
    assert_eq!(rest, [0; 128]);
}

#[test]
fn what_a_crash_left_cannot_pass_for_more_when_the_next_add_is_cut_too() {
    let mut left_count = 0;
    for first in 0..32 {
        let storage = MemoryStorage::new();
        let (keyring, model) = super::written(&storage, &[1]);
        // The next file takes five operations; then five slots in two sectors.
        storage.fail_at(storage.operations().changes + 6, Fault::PowerCut);
        assert!(keyring.add(&model.next(&[true; 5]), mark(9)).is_err());
        let cut = storage.crash(Unsynced::Sectors(first));
        let left = cut.crash(Unsynced::Kept);
        if open(&left).1.discarded.is_none() {
            continue;
        }
        left_count += 1;
        for (operation, second) in (1..=6).flat_map(|operation| (0..16).map(move |seed| (operation, seed))) {
            let storage = cut.crash(Unsynced::Kept);
            storage.fail_at(operation, Fault::PowerCut);
            let change = Change::Add(vec![false]);
            let told = work(&storage, std::slice::from_ref(&change), model.clone());
            let told = Told { unanswered: Some(change), ..told };
            check(&storage.crash(Unsynced::Sectors(second)), &told);
        }
    }
    assert!(left_count > 3, "{left_count} crashes left something");
}
