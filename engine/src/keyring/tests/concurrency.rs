//! Reads from other threads while the writer works.

use super::{LOG, Mode, Model, TINY, WRAPPING, add, data_key, destroy, open};
use crate::keyring::{KeyId, Keyring};
use crate::log::{FileStorage, MemoryStorage, Storage};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Keys before this one were acknowledged as destroyed, this and those up to `added` as added.
#[derive(Default)]
struct Told {
    destroyed: AtomicU32,
    added: AtomicU32,
    done: AtomicBool,
}

/// Reads until the writer is done: an added key is right, a destroyed one gone.
fn read(keyring: &Keyring, told: &Told) -> u64 {
    let mut count = 0;
    while !told.done.load(Ordering::Acquire) {
        let added = told.added.load(Ordering::Acquire);
        let destroyed = told.destroyed.load(Ordering::Acquire);
        for id in (1..=added).rev().take(40).chain((1..=destroyed).rev().take(4)) {
            let found = keyring.key(KeyId(id)).unwrap();
            assert!(found.as_ref().is_none_or(|found| found.bytes() == data_key(id).bytes()), "key {id} is another");
            // A key may be destroyed after it was looked up, but never before it was told.
            let destroyed_now = told.destroyed.load(Ordering::Acquire);
            assert!(found.is_some() || id <= destroyed_now + 3, "key {id} is missing");
            assert!(found.is_none() || id > destroyed, "key {id} was destroyed");
            count += 1;
        }
        let people: Vec<u32> = keyring.people().map(|person| person.unwrap().0.0).collect();
        assert!(people.is_sorted_by(|one, other| one < other));
        assert!(people.first().is_none_or(|first| *first > destroyed));
        assert!(added <= destroyed + 3 || people.last().is_some_and(|last| *last >= added));
    }
    count
}

fn check(storage: Arc<dyn Storage>, rounds: u32) {
    let (keyring, _) = Keyring::open_as(storage, &WRAPPING, LOG, TINY, Mode::Writing).unwrap();
    let told = Told::default();
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3).map(|_| scope.spawn(|| read(&keyring, &told))).collect();
        let mut model = Model::default();
        for round in 0..rounds {
            add(&keyring, &mut model, 1 + round as usize % 5);
            told.added.store(model.given_count, Ordering::Release);
            // Three at a time, from the oldest on; twenty stay.
            let oldest = told.destroyed.load(Ordering::Acquire);
            if model.given_count > oldest + 20 {
                destroy(&keyring, &mut model, &[oldest + 1, oldest + 2, oldest + 3]);
                told.destroyed.store(oldest + 3, Ordering::Release);
            }
        }
        told.done.store(true, Ordering::Release);
        let counts: Vec<u64> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
        assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
        model.check(&keyring);
    });
}

#[test]
fn readers_find_every_added_key_and_no_destroyed_one_in_memory() {
    check(Arc::new(MemoryStorage::new()), 200);
}

#[test]
fn readers_find_every_added_key_and_no_destroyed_one_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    check(Arc::new(FileStorage::create(directory.path()).unwrap()), 60);
}

/// Copies the files one after the other in the order of their names, as listed before, as a shell would.
fn copy(storage: &MemoryStorage, between: &mut dyn FnMut()) -> MemoryStorage {
    let copied = MemoryStorage::new();
    let mut names = storage.list("").unwrap();
    names.retain(|name| name.ends_with(".keys"));
    let count = names.len();
    for (index, name) in names.into_iter().enumerate() {
        let mut bytes = vec![0; usize::try_from(storage.file_bytes(&name).unwrap()).unwrap()];
        storage.read_at(&name, 0, &mut bytes).unwrap();
        copied.create(&name, bytes.len() as u64).unwrap();
        copied.write_at(&name, 0, &bytes).unwrap();
        // Not after each: the files become more.
        if index == 0 || index + 3 > count {
            between();
        }
    }
    copied
}

#[test]
fn a_copy_of_the_files_in_order_opens_whatever_was_done_meanwhile() {
    let storage = MemoryStorage::new();
    let (keyring, mut model) = super::written(&storage, &[3, 2, 7, 4, 1]);
    let mut oldest = 0;
    for round in 0..60 {
        let given_before = model.given_count;
        let destroyed_before = oldest;
        let copied = copy(&storage, &mut || {
            add(&keyring, &mut model, 1 + round % 4);
            destroy(&keyring, &mut model, &[oldest + 1, oldest + 2]);
            oldest += 2;
        });
        let (copy, recovery) = open(&copied);
        assert_eq!(recovery.discarded, None);
        assert!(copy.next_id() > KeyId(given_before), "what was there before the copy began is missing");
        for id in 1..copy.next_id().0 {
            let found = copy.key(KeyId(id)).unwrap();
            assert!(found.as_ref().is_none_or(|found| found.bytes() == data_key(id).bytes()), "key {id} is another");
            assert!(found.is_none() || id > destroyed_before, "key {id} was destroyed before the copy began");
            assert!(found.is_some() || id <= oldest, "key {id} is missing");
        }
    }
}
