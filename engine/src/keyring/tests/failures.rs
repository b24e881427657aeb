//! Storage operations that fail while the process lives.

use super::{Model, data_key, mark, open, written};
use crate::keyring::{KeyId, KeyringError};
use crate::log::{Fault, MemoryStorage};

/// Makes the change fail at its `operation`th storage operation, and tells what the keyring answers from then on.
fn check(operation: u64, fault: Fault, change: impl Fn(&crate::keyring::Keyring, &Model) -> Result<(), KeyringError>) {
    let storage = MemoryStorage::new();
    let (keyring, model) = written(&storage, &[2, 1]);
    storage.fail_at(storage.operations().changes + operation, fault);
    assert!(matches!(change(&keyring, &model), Err(KeyringError::Storage(_))), "operation {operation}, {fault:?}");
    let before = storage.operations();
    assert_eq!(change(&keyring, &model), Err(KeyringError::Poisoned));
    assert_eq!(keyring.add(&model.next(&[true]), mark(1)).err(), Some(KeyringError::Poisoned));
    assert_eq!(keyring.destroy(&[KeyId(2)], mark(1)), Err(KeyringError::Poisoned));
    assert_eq!(storage.operations(), before, "a poisoned keyring touches the disk");
    // What is there is still read.
    assert_eq!(keyring.key(KeyId(2)).unwrap().unwrap().bytes(), data_key(2).bytes());
}

#[test]
fn a_failed_write_or_sync_of_an_add_poisons() {
    let add =
        |keyring: &crate::keyring::Keyring, model: &Model| keyring.add(&model.next(&[true; 4]), mark(9)).map(drop);
    // The first five begin another file.
    for operation in 1..=7 {
        check(operation, Fault::Error, add);
    }
    for operation in [2, 6] {
        check(operation, Fault::Short(100), add);
    }
}

#[test]
fn a_failed_write_or_sync_of_an_erasure_poisons() {
    let destroy = |keyring: &crate::keyring::Keyring, _: &Model| keyring.destroy(&[KeyId(1), KeyId(3)], mark(9));
    for operation in 1..=5 {
        check(operation, Fault::Error, destroy);
    }
    for operation in [1, 3, 4] {
        check(operation, Fault::Short(100), destroy);
    }
}

#[test]
fn a_key_whose_erasure_failed_half_way_is_not_given_out_any_more() {
    let storage = MemoryStorage::new();
    let (keyring, mut model) = written(&storage, &[2, 1]);
    storage.fail_at(storage.operations().changes + 3, Fault::Error);
    assert!(keyring.destroy(&[KeyId(1)], mark(9)).is_err());
    assert!(keyring.key(KeyId(1)).unwrap().is_none());
    drop(keyring);
    let (keyring, recovery) = open(&storage);
    assert_eq!(recovery.finished, [KeyId(1)]);
    model.destroy(&[KeyId(1)], mark(9));
    model.check(&keyring);
}
