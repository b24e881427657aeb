//! That what is destroyed is gone.

use super::{Model, add, destroy, files, mark, open, person, written};
use crate::keyring::{KeyId, Keyring, KeyringError};
use crate::log::{Fault, MemoryStorage, Storage, Unsynced};

#[test]
fn nothing_of_a_destroyed_key_is_in_any_file() {
    let storage = MemoryStorage::new();
    let (keyring, mut model) = written(&storage, &[3, 2, 7, 4, 1, 1, 9]);
    for keys in [&[1][..], &[27], &[12, 3, 8], &[5, 5, 0, 99], &[2, 4, 6, 7, 9, 10, 11]] {
        destroy(&keyring, &mut model, keys);
        model.check(&keyring);
        model.check_bytes(&storage);
    }
    assert!(storage.file_bytes("00000001.keys").unwrap() < 6 * 128, "nothing was rewritten");
    let everybody: Vec<u32> = (1..=27).collect();
    destroy(&keyring, &mut model, &everybody);
    model.check_bytes(&storage);
    assert_eq!(keyring.live_count(), 0);
    drop(keyring);
    let (keyring, _) = open(&storage);
    model.check(&keyring);
    add(&keyring, &mut model, 3);
    assert_eq!(keyring.next_id(), KeyId(31), "an id was given twice");
    model.check(&keyring);
}

#[test]
fn the_byte_search_finds_what_is_not_destroyed() {
    let storage = MemoryStorage::new();
    let (_keyring, mut model) = written(&storage, &[3]);
    model.live.remove(&2);
    let found = std::panic::catch_unwind(|| model.check_bytes(&storage));
    assert!(found.is_err());
}

#[test]
fn a_destroyed_key_is_not_answered_from_the_cache() {
    let storage = MemoryStorage::new();
    let (keyring, mut model) = written(&storage, &[3]);
    model.check(&keyring);
    assert!(keyring.cache().find(KeyId(2)).is_some());
    destroy(&keyring, &mut model, &[2]);
    assert!(keyring.cache().find(KeyId(2)).is_none());
    model.check(&keyring);
}

#[test]
fn destroying_what_is_destroyed_changes_nothing() {
    let storage = MemoryStorage::new();
    let (keyring, mut model) = written(&storage, &[3]);
    destroy(&keyring, &mut model, &[2]);
    let (before, operations) = (files(&storage), storage.operations());
    keyring.destroy(&[KeyId(2), KeyId(0), KeyId(77)], mark(99)).unwrap();
    keyring.destroy(&[], mark(99)).unwrap();
    assert_eq!((files(&storage), storage.operations()), (before, operations));
    model.check(&keyring);
}

#[test]
fn an_erasure_that_was_cut_short_is_finished_at_the_next_open() {
    let storage = MemoryStorage::new();
    let (keyring, mut model) = written(&storage, &[2, 7]);
    let begun = storage.operations().changes;
    // Write and sync of the erasure itself, then the power is cut before the first slot is overwritten.
    storage.fail_at(begun + 3, Fault::PowerCut);
    assert!(keyring.destroy(&[KeyId(1), KeyId(4)], mark(50)).is_err());
    let storage = storage.crash(Unsynced::Lost);
    assert!(files(&storage)[0].1.windows(16).any(|window| window == person(1).lookup.0));
    model.destroy(&[KeyId(1), KeyId(4)], mark(50));
    let (keyring, recovery) = open(&storage);
    assert_eq!(recovery.finished, [KeyId(1), KeyId(4)]);
    model.check(&keyring);
    model.check_bytes(&storage);
}

/// Fills the last file up to its reserve, and then the disk.
fn full() -> (MemoryStorage, Keyring, Model) {
    let storage = MemoryStorage::new();
    let (keyring, mut model) = written(&storage, &[2, 7]);
    storage.limit(Some(files(&storage).iter().map(|(_, bytes)| bytes.len() as u64).sum()));
    add(&keyring, &mut model, 2);
    (storage, keyring, model)
}

#[test]
fn a_full_disk_refuses_new_keys_and_still_destroys() {
    let (storage, keyring, mut model) = full();
    let before = files(&storage);
    let keys = model.next(&[true]);
    assert_eq!(keyring.add(&keys, mark(1)), Err(KeyringError::Full));
    assert_eq!(files(&storage), before);
    destroy(&keyring, &mut model, &[3]);
    destroy(&keyring, &mut model, &[4, 11]);
    model.check_bytes(&storage);
    assert_eq!(keyring.destroy(&[KeyId(5)], mark(1)), Err(KeyringError::Full));
    model.check(&keyring);
    storage.limit(None);
    destroy(&keyring, &mut model, &[5]);
    add(&keyring, &mut model, 1);
    drop(keyring);
    model.check(&open(&storage).0);
}

#[test]
fn a_large_erasure_on_a_full_disk_goes_as_far_as_the_reserve_and_then_on() {
    let (storage, keyring, mut model) = full();
    let everybody: Vec<KeyId> = (1..=11).map(KeyId).collect();
    assert_eq!(keyring.destroy(&everybody, mark(60)), Err(KeyringError::Full));
    model.destroy(&everybody[..10], mark(60));
    model.check(&keyring);
    storage.limit(None);
    keyring.destroy(&everybody, mark(61)).unwrap();
    model.destroy(&everybody, mark(61));
    model.check(&keyring);
    model.check_bytes(&storage);
    drop(keyring);
    model.check(&open(&storage).0);
}
