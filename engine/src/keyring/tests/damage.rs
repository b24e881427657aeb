//! Bytes that changed behind the keyring's back.

use super::{LOG, Mode, Model, TINY, WRAPPING, add, destroy, files, open, try_open, written};
use crate::keyring::{Damage, KeyId, Keyring, KeyringError, What};
use crate::log::{LogId, MemoryStorage, Storage, Unsynced};
use std::sync::Arc;

/// Three files: one rewritten, one with destroyed slots, one that is being written.
fn sample() -> (MemoryStorage, Model) {
    let storage = MemoryStorage::new();
    let (keyring, mut model) = written(&storage, &[2, 1, 3, 4, 1]);
    destroy(&keyring, &mut model, &[2]);
    destroy(&keyring, &mut model, &[5]);
    add(&keyring, &mut model, 2);
    assert_eq!(files(&storage).len(), 3);
    assert!(storage.file_bytes("00000001.keys").unwrap() < 6 * 128, "the first file was not rewritten");
    drop(keyring);
    (storage, model)
}

fn corrupt(storage: &MemoryStorage) -> Damage {
    match try_open(storage).err() {
        Some(KeyringError::Corrupt(damage)) => damage,
        other => panic!("damage gave {other:?}"),
    }
}

#[test]
fn every_flipped_bit_is_reported_and_gives_no_other_key() {
    let (sound, model) = sample();
    let mut refused_count = 0;
    for (name, bytes) in files(&sound) {
        for bit in 0..bytes.len() * 8 {
            let storage = sound.crash(Unsynced::Kept);
            storage.flip(&name, bit / 8, 1 << (bit % 8));
            match try_open(&storage) {
                Err(error) => {
                    let KeyringError::Corrupt(damage) = error else { panic!("{name}, bit {bit}: {error}") };
                    let slot = (bit / 8 / 128 * 128) as u64;
                    assert!(damage.file == name && damage.offset == slot, "{name}, bit {bit}: {damage}");
                    refused_count += 1;
                }
                // In the zeros after the last slot: nothing was lost, and it looks like a write that was cut short.
                Ok((keyring, recovery)) => {
                    assert!(recovery.discarded.is_some(), "{name}, bit {bit}: not reported");
                    assert_eq!(name, "00000003.keys");
                    model.check(&keyring);
                }
            }
        }
    }
    assert!(refused_count > 10_000, "{refused_count} flips were refused");
}

#[test]
fn a_flipped_bit_where_the_last_erasure_was_is_mended() {
    let (sound, mut model) = sample();
    destroy(&open(&sound).0, &mut model, &[13]);
    let bits = (0..128 * 8).map(|bit| (bit / 8 + 2 * 128, 1 << (bit % 8)));
    for (offset, mask) in bits {
        let storage = sound.crash(Unsynced::Kept);
        storage.flip("00000003.keys", offset, mask);
        let (keyring, recovery) = open(&storage);
        assert_eq!(recovery.finished, [KeyId(13)]);
        model.check(&keyring);
        assert_eq!(files(&storage), files(&sound));
    }
}

#[test]
fn a_slot_that_is_damaged_while_the_keyring_is_open_gives_an_error_and_no_other_key() {
    let (storage, model) = sample();
    for bit in 0..128 * 8 {
        // Opened anew each time: the cache would answer.
        let (keyring, _) = open(&storage);
        let offset = 128 + bit / 8;
        storage.flip("00000002.keys", offset, 1 << (bit % 8));
        let error = keyring.key(KeyId(4)).err().unwrap();
        let KeyringError::Corrupt(damage) = error else { panic!("{error}") };
        assert_eq!((damage.file.as_str(), damage.offset, damage.key), ("00000002.keys", 128, Some(KeyId(4))));
        assert!(keyring.people().any(|person| person.is_err()));
        assert!(keyring.people().count() <= model.people().len() + 1, "it goes on behind an error");
        assert!(keyring.key(KeyId(8)).unwrap().is_some());
        storage.flip("00000002.keys", offset, 1 << (bit % 8));
    }
}

#[test]
fn the_damaged_key_is_named() {
    let (storage, _) = sample();
    storage.flip("00000002.keys", 3 * 128 + 50, 1);
    let damage = corrupt(&storage);
    let expected = Damage { file: "00000002.keys".to_owned(), offset: 384, key: Some(KeyId(6)), what: What::Checksum };
    assert_eq!(damage, expected);
    assert_eq!(damage.to_string(), "file 00000002.keys, offset 384, key 6: slot checksum does not match");
}

#[test]
fn a_batch_that_vanished_before_another_is_damage_and_no_torn_tail() {
    let storage = MemoryStorage::new();
    drop(written(&storage, &[1, 1, 1]));
    let bytes = files(&storage)[0].1[256..384].to_vec();
    for (index, byte) in bytes.iter().enumerate() {
        storage.flip("00000001.keys", 256 + index, *byte);
    }
    let damage = corrupt(&storage);
    assert_eq!((damage.offset, damage.key, damage.what), (256, Some(KeyId(2)), What::Hole));
}

#[test]
fn a_file_that_is_cut_or_longer_or_gone_is_damage() {
    let (sound, _) = sample();
    for (name, bytes) in files(&sound) {
        for length in [0, 1, 127, 128, bytes.len() - 128, bytes.len() - 1, bytes.len() + 1, bytes.len() + 128] {
            if length == bytes.len() {
                continue;
            }
            let storage = sound.crash(Unsynced::Kept);
            storage.resize(&name, length);
            let damage = corrupt(&storage);
            assert_eq!((&damage.file, damage.key), (&name, None), "{length}");
            assert!(matches!(damage.what, What::FileBytes { found, .. } if found == length as u64), "{damage}");
        }
    }
    for (number, name) in [(1, "00000001.keys"), (2, "00000002.keys")] {
        let storage = sound.crash(Unsynced::Kept);
        storage.remove(name).unwrap();
        assert_eq!(corrupt(&storage).what, What::FileMissing { number });
    }
    // The last file's loss is the engine's to notice: the keyring is then behind the log.
    sound.remove("00000003.keys").unwrap();
    assert_eq!(open(&sound).1.next_id, KeyId(12));
}

#[test]
fn files_of_another_place_are_not_taken() {
    let (sound, _) = sample();
    let all = files(&sound);
    for (from, to) in [(0, 1), (1, 0), (1, 2), (2, 1)] {
        let storage = sound.crash(Unsynced::Kept);
        storage.create(&all[to].0, all[from].1.len() as u64).unwrap();
        storage.write_at(&all[to].0, 0, &all[from].1).unwrap();
        assert_eq!(corrupt(&storage).what, What::HeaderForeign);
    }
    // A slot copied over another of the same file.
    let slot = all[1].1[128..256].to_vec();
    sound.write_at("00000002.keys", 256, &slot).unwrap();
    assert_eq!(corrupt(&sound).what, What::Checksum);
}

#[test]
fn a_wrong_wrapping_key_or_log_is_told_and_nothing_is_changed() {
    let (storage, model) = sample();
    let before = files(&storage);
    let try_with = |wrapping: &[u8; 32], log| {
        Keyring::open_as(Arc::new(storage.clone()), wrapping, log, TINY, Mode::Writing).map(|_| ()).unwrap_err()
    };
    assert_eq!(try_with(&[0x5B; 32], LOG), KeyringError::WrongWrappingKey);
    let other = LogId([8; 16]);
    assert_eq!(try_with(&WRAPPING, other), KeyringError::WrongLog { found: LOG, expected: other });
    assert_eq!(files(&storage), before);
    model.check(&open(&storage).0);
}

#[test]
fn a_newer_format_is_told_from_damage() {
    let (storage, _) = sample();
    for (name, bytes) in files(&storage) {
        let mut header = bytes[..128].to_vec();
        header[8] = 2;
        let checksum = crc32c::crc32c(&header[..124]);
        header[124..].copy_from_slice(&checksum.to_le_bytes());
        storage.write_at(&name, 0, &header).unwrap();
    }
    assert_eq!(try_open(&storage).err(), Some(KeyringError::Format { found: 2 }));
}
