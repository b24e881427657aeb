//! What a keyring promises while nothing goes wrong.

use super::{LOG, Mode, Model, TINY, WRAPPING, add, data_key, destroy, mark, open, person, try_open, written};
use crate::keyring::{ADD_COUNT_MAX, KeyId, Keyring, KeyringError, KeyringRecovery, NewKey};
use crate::log::{FileStorage, MemoryStorage, Operations, Storage};
use proptest::prelude::*;
use std::sync::Arc;

fn check_reopening(storage: impl Fn() -> Arc<dyn Storage>) {
    let open = || Keyring::open(storage(), &WRAPPING, LOG).unwrap();
    let (keyring, recovery) = open();
    assert!(recovery.fresh);
    assert_eq!((recovery.next_id, recovery.mark), (KeyId(1), None));
    let mut model = Model::default();
    model.check(&keyring);
    drop(keyring);
    let (keyring, recovery) = open();
    assert!(recovery.fresh, "opening an empty keyring hides that none was there");
    for count in [1, 2, 40, 600, 1, 3] {
        add(&keyring, &mut model, count);
    }
    destroy(&keyring, &mut model, &[1, 2, 40, 44, 647]);
    add(&keyring, &mut model, 2);
    model.check(&keyring);
    drop(keyring);
    let (keyring, recovery) = open();
    let expected = KeyringRecovery {
        fresh: false,
        next_id: KeyId(650),
        mark: model.mark,
        live_count: 644,
        finished: Vec::new(),
        discarded: None,
    };
    assert_eq!(recovery, expected);
    model.check(&keyring);
    model.check_bytes(&*storage());
    add(&keyring, &mut model, 3);
    model.check(&keyring);
}

#[test]
fn what_was_added_is_there_after_reopening_and_what_was_destroyed_is_not_in_memory() {
    let storage = MemoryStorage::new();
    check_reopening(|| Arc::new(storage.clone()));
}

#[test]
fn what_was_added_is_there_after_reopening_and_what_was_destroyed_is_not_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    check_reopening(|| Arc::new(FileStorage::create(directory.path().join("keyring")).unwrap()));
}

#[test]
fn opening_an_empty_folder_writes_nothing() {
    let storage = MemoryStorage::new();
    drop(open(&storage));
    assert_eq!(storage.operations(), Operations::default());
}

#[test]
fn an_add_is_one_write_and_one_sync() {
    let storage = MemoryStorage::new();
    let (keyring, mut model) = written(&storage, &[1]);
    let before = storage.operations();
    add(&keyring, &mut model, 2);
    let after = storage.operations();
    assert_eq!((after.writes - before.writes, after.syncs - before.syncs), (1, 1));
    assert_eq!(after.changes - before.changes, 2);
    assert_eq!(keyring.add(&[], mark(99)).unwrap(), []);
    assert_eq!(storage.operations(), after);
    assert_eq!(keyring.mark(), model.mark);
}

#[test]
fn a_key_of_a_notification_is_no_persons() {
    let storage = MemoryStorage::new();
    let (keyring, _) = open(&storage);
    let keys = [
        (NewKey::Notification, data_key(1)),
        (NewKey::Person(person(2)), data_key(2)),
        (NewKey::Notification, data_key(3)),
    ];
    assert_eq!(keyring.add(&keys, mark(1)).unwrap(), [KeyId(1), KeyId(2), KeyId(3)]);
    assert_eq!(keyring.people().collect::<Result<Vec<_>, _>>().unwrap(), [(KeyId(2), person(2))]);
    assert_eq!(keyring.key(KeyId(3)).unwrap().unwrap().bytes(), data_key(3).bytes());
    assert_eq!(keyring.key(KeyId(0)).unwrap().map(|key| *key.bytes()), None);
}

#[test]
fn at_most_16384_keys_are_added_at_once() {
    let storage = MemoryStorage::new();
    let (keyring, mut model) = written(&storage, &[3]);
    let keys = model.next(&vec![true; ADD_COUNT_MAX + 1]);
    let error = keyring.add(&keys, mark(1)).unwrap_err();
    assert_eq!(error, KeyringError::TooMany { count: ADD_COUNT_MAX + 1, count_max: ADD_COUNT_MAX });
    add(&keyring, &mut model, ADD_COUNT_MAX);
    add(&keyring, &mut model, 1);
    drop(keyring);
    let (keyring, _) = open(&storage);
    assert_eq!(keyring.live_count(), 3 + ADD_COUNT_MAX as u64 + 1);
    assert_eq!(keyring.key(KeyId(9_999)).unwrap().unwrap().bytes(), data_key(9_999).bytes());
}

#[test]
fn a_second_writer_is_refused_and_a_reader_is_not() {
    let storage = MemoryStorage::new();
    let (keyring, mut model) = written(&storage, &[3, 2]);
    assert!(matches!(try_open(&storage).err(), Some(KeyringError::Locked { .. })));
    let before = storage.operations();
    let read_only = || Keyring::open_as(Arc::new(storage.clone()), &WRAPPING, LOG, TINY, Mode::ReadOnly).unwrap();
    let (reader, recovery) = read_only();
    assert_eq!((recovery.finished, recovery.discarded), (Vec::new(), None));
    model.check(&reader);
    assert_eq!(reader.add(&model.next(&[true]), mark(1)).err(), Some(KeyringError::ReadOnly));
    assert_eq!(reader.destroy(&[KeyId(1)], mark(1)).err(), Some(KeyringError::ReadOnly));
    assert_eq!(storage.operations(), before);
    destroy(&keyring, &mut model, &[2]);
    model.check(&read_only().0);
    drop(keyring);
    drop(reader);
    model.check(&open(&storage).0);
}

/// One step of a script.
#[derive(Clone, Debug)]
enum Step {
    Add(Vec<bool>),
    /// Picks among all ids that were given.
    Destroy(Vec<usize>),
    Reopen,
}

pub(super) fn ids(picks: &[usize], model: &Model) -> Vec<KeyId> {
    let id = |pick: &usize| KeyId(u32::try_from(pick % (model.given_count as usize + 2)).unwrap());
    picks.iter().map(id).collect()
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => prop::collection::vec(any::<bool>(), 0..7).prop_map(Step::Add),
        2 => prop::collection::vec(any::<usize>(), 0..14).prop_map(Step::Destroy),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    #[test]
    fn a_keyring_answers_as_a_naive_one_after_any_steps(steps in prop::collection::vec(step(), 1..40)) {
        let storage = MemoryStorage::new();
        let (mut keyring, _) = open(&storage);
        let mut model = Model::default();
        for (position, step) in (1..).zip(steps) {
            match step {
                Step::Add(persons) => {
                    let keys = model.next(&persons);
                    prop_assert_eq!(keyring.add(&keys, mark(position)).unwrap(), model.add(&keys, mark(position)));
                }
                Step::Destroy(picks) => {
                    let keys = ids(&picks, &model);
                    keyring.destroy(&keys, mark(position)).unwrap();
                    model.destroy(&keys, mark(position));
                    model.check_bytes(&storage);
                }
                Step::Reopen => {
                    drop(keyring);
                    let (opened, recovery) = open(&storage);
                    prop_assert_eq!(recovery.discarded, None);
                    prop_assert_eq!(recovery.finished, []);
                    keyring = opened;
                }
            }
            model.check(&keyring);
        }
        drop(keyring);
        model.check(&open(&storage).0);
    }
}
