//! Tests of the keyring, and whom they put into it.

mod concurrency;
mod contract;
mod crash;
mod damage;
mod erasure;
mod failures;

use super::files::Layout;
use super::open::Mode;
use super::secret::WrappingKey;
use super::{DataKey, KeyId, Keyring, KeyringError, KeyringRecovery, Lookup, Mark, NewKey, Person};
use crate::ids::{Position, StreamId, TenantId};
use crate::log::{Chain, LogId, MemoryStorage, Storage};
use std::collections::BTreeMap;
use std::sync::Arc;

const WRAPPING: [u8; 32] = [0x5A; 32];
const LOG: LogId = LogId([9; 16]);

/// So small that a few keys fill a file.
const TINY: Layout = Layout { first_count: 6, count_max: 12, reserve_count: 2 };

fn open(storage: &MemoryStorage) -> (Keyring, KeyringRecovery) {
    try_open(storage).expect("the keyring opens")
}

fn try_open(storage: &MemoryStorage) -> Result<(Keyring, KeyringRecovery), KeyringError> {
    Keyring::open_as(Arc::new(storage.clone()), &WRAPPING, LOG, TINY, Mode::Writing)
}

/// The key that the test adds as number `id`: no two have four bytes in common.
fn data_key(id: u32) -> DataKey {
    DataKey::new(pattern(id, 0x11))
}

fn pattern<const N: usize>(id: u32, salt: u8) -> [u8; N] {
    let mut bytes = [salt; N];
    bytes.chunks_exact_mut(4).for_each(|part| part[1..].copy_from_slice(&id.to_be_bytes()[1..]));
    bytes
}

/// The person of key number `id`.
fn person(id: u32) -> Person {
    Person { lookup: Lookup(pattern(id, 0x22)), stream: StreamId(pattern(id, 0x33)), tenant: TenantId(id % 3 + 1) }
}

fn mark(position: u64) -> Mark {
    Mark { position: Position(position), chain: Chain([u8::try_from(position % 250).unwrap() + 1; 32]) }
}

/// What a keyring has to hold.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    live: BTreeMap<u32, NewKey>,
    given_count: u32,
    mark: Option<Mark>,
}

impl Model {
    /// The next keys, a person for each `true`.
    fn next(&self, persons: &[bool]) -> Vec<(NewKey, DataKey)> {
        let ids = self.given_count + 1..;
        ids.zip(persons)
            .map(|(id, is_person)| {
                let owner = if *is_person { NewKey::Person(person(id)) } else { NewKey::Notification };
                (owner, data_key(id))
            })
            .collect()
    }

    fn add(&mut self, keys: &[(NewKey, DataKey)], mark: Mark) -> Vec<KeyId> {
        if keys.is_empty() {
            return Vec::new();
        }
        self.mark = Some(mark);
        let first = self.given_count + 1;
        for (owner, _) in keys {
            self.given_count += 1;
            self.live.insert(self.given_count, *owner);
        }
        (first..=self.given_count).map(KeyId).collect()
    }

    fn destroy(&mut self, keys: &[KeyId], mark: Mark) {
        for key in keys {
            if self.live.remove(&key.0).is_some() {
                self.mark = Some(mark);
            }
        }
    }

    fn people(&self) -> Vec<(KeyId, Person)> {
        let persons = self.live.iter().filter_map(|(id, owner)| match owner {
            NewKey::Person(person) => Some((KeyId(*id), *person)),
            NewKey::Notification => None,
        });
        persons.collect()
    }

    /// Whether the keyring answers as the model does.
    fn check(&self, keyring: &Keyring) {
        assert_eq!(keyring.next_id(), KeyId(self.given_count + 1));
        assert_eq!(keyring.mark(), self.mark);
        assert_eq!(keyring.live_count(), self.live.len() as u64);
        let people: Result<Vec<_>, _> = keyring.people().collect();
        assert_eq!(people.unwrap(), self.people());
        for id in 0..=self.given_count + 2 {
            let found = keyring.key(KeyId(id)).unwrap();
            assert_eq!(found.is_some(), self.live.contains_key(&id), "key {id}");
            assert!(found.is_none_or(|found| found.bytes() == data_key(id).bytes()), "key {id} is another");
            assert_eq!(keyring.holds(KeyId(id)), self.live.contains_key(&id));
        }
    }

    /// Whether nothing of any destroyed key is left in any file.
    fn check_bytes(&self, storage: &dyn Storage) {
        let wrapping = WrappingKey::new(&WRAPPING);
        let mut wanted: Vec<(u32, &str, Vec<u8>)> = Vec::new();
        for id in (1..=self.given_count).filter(|id| !self.live.contains_key(id)) {
            let wrapped = wrapping.wrap(&data_key(id));
            wanted.push((id, "lookup", person(id).lookup.0.to_vec()));
            wanted.push((id, "stream", person(id).stream.0.to_vec()));
            // Either half of the wrapped key.
            wanted.push((id, "key", wrapped[..16].to_vec()));
            wanted.push((id, "key", wrapped[24..].to_vec()));
        }
        // Few places begin like anything that is looked for, and this is not optimised in tests.
        let mut begins = [false; 256];
        wanted.iter().for_each(|(_, _, bytes)| begins[usize::from(bytes[0])] = true);
        for (name, bytes) in files(storage) {
            for at in (0..bytes.len()).filter(|at| begins[usize::from(bytes[*at])]) {
                let found = wanted.iter().find(|(_, _, wanted)| bytes[at..].starts_with(wanted));
                assert_eq!(found, None, "in {name} at {at}");
            }
        }
    }
}

/// Every file of the folder, whole.
fn files(storage: &dyn Storage) -> Vec<(String, Vec<u8>)> {
    let names = storage.list("").unwrap();
    let read = |name: String| {
        let mut bytes = vec![0; usize::try_from(storage.file_bytes(&name).unwrap()).unwrap()];
        storage.read_at(&name, 0, &mut bytes).unwrap();
        (name, bytes)
    };
    names.into_iter().map(read).collect()
}

/// A keyring with these batches of persons, and its model.
fn written(storage: &MemoryStorage, batches: &[usize]) -> (Keyring, Model) {
    let (keyring, _) = open(storage);
    let mut model = Model::default();
    for count in batches {
        add(&keyring, &mut model, *count);
    }
    (keyring, model)
}

/// Adds this many persons to both.
fn add(keyring: &Keyring, model: &mut Model, count: usize) {
    let keys = model.next(&vec![true; count]);
    let mark = mark(u64::from(model.given_count) + 1);
    let ids = keyring.add(&keys, mark).unwrap();
    assert_eq!(ids, model.add(&keys, mark));
}

/// Destroys these keys in both.
fn destroy(keyring: &Keyring, model: &mut Model, keys: &[u32]) {
    let keys: Vec<KeyId> = keys.iter().copied().map(KeyId).collect();
    let mark = mark(u64::from(model.given_count) + 7);
    keyring.destroy(&keys, mark).unwrap();
    model.destroy(&keys, mark);
}
