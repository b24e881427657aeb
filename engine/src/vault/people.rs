//! Names to streams, and streams to keys.

use crate::ids::StreamId;
use crate::keyring::{DataKey, KeyId, Lookup, Person};
use std::collections::HashMap;

/// A person's key in the keyring, without the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersonKey {
    /// Its number.
    pub id: u32,
    /// First 16 bytes of its SHA-256.
    pub fingerprint: [u8; 16],
}

/// Everyone who has a stream.
#[derive(Default)]
pub(super) struct People {
    streams: HashMap<Lookup, StreamId>,
    keys: HashMap<StreamId, KeyId>,
    /// Those whom no event has named yet.
    fresh: HashMap<StreamId, Fresh>,
}

/// A person who is not in the keyring yet.
pub(super) struct Fresh {
    pub(super) lookup: Lookup,
    pub(super) key: DataKey,
}

impl FromIterator<(KeyId, Person)> for People {
    fn from_iter<I: IntoIterator<Item = (KeyId, Person)>>(kept: I) -> Self {
        let mut people = Self::default();
        for (id, person) in kept {
            people.streams.insert(person.lookup, person.stream);
            people.keys.insert(person.stream, id);
        }
        people
    }
}

impl People {
    pub(super) fn stream(&self, lookup: Lookup) -> Option<StreamId> {
        self.streams.get(&lookup).copied()
    }

    pub(super) fn key(&self, person: StreamId) -> Option<KeyId> {
        self.keys.get(&person).copied()
    }

    pub(super) fn has_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Takes in someone new, unless another caller just did: then that one's stream stands.
    pub(super) fn begin(&mut self, lookup: Lookup, stream: StreamId, key: DataKey) -> StreamId {
        if let Some(known) = self.stream(lookup) {
            return known;
        }
        self.streams.insert(lookup, stream);
        self.fresh.insert(stream, Fresh { lookup, key });
        stream
    }

    pub(super) fn take_fresh(&mut self, person: StreamId) -> Option<Fresh> {
        self.fresh.remove(&person)
    }

    pub(super) fn keep(&mut self, person: StreamId, id: KeyId) {
        self.keys.insert(person, id);
    }

    /// Looks through all names: erasures are rare, and a second table from streams to names would cost every person.
    pub(super) fn forget(&mut self, erased: impl Iterator<Item = StreamId>) {
        let erased: Vec<StreamId> = erased.collect();
        self.streams.retain(|_, stream| !erased.contains(stream));
        for person in &erased {
            self.keys.remove(person);
            self.fresh.remove(person);
        }
    }
}
