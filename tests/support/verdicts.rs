//! What two readers of a log that share no code say about the same files.

use std::collections::BTreeMap;

use tidings_engine::log::audit::{Beside, verify};
use tidings_engine::log::{MemoryStorage, Storage};
use tidings_verifier::{Failure, MemorySource};

/// The files of a log by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What a reader says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is wrong.
    Sound {
        /// How many events there are.
        events: u64,
        /// The chain after the last.
        chain: [u8; 32],
        /// How many streams have events.
        streams: u64,
        /// How many tenants have events.
        tenants: u64,
        /// Generation of the log.
        epoch: u64,
    },
    /// Something is.
    Damaged {
        /// In which file.
        segment: String,
        /// Where in it.
        offset: u64,
        /// First event that cannot be trusted.
        position: u64,
        /// What, by the name that the document gives it.
        what: String,
    },
}

/// The files that a disk in memory holds at its top.
///
/// # Panics
/// When the disk has lost its power.
#[must_use]
pub fn files_of(storage: &MemoryStorage) -> Files {
    let names = storage.list("").expect("the memory is sound");
    let read = |name: String| {
        let count = storage.file_bytes(&name).expect("it was just listed");
        let mut bytes = vec![0; usize::try_from(count).expect("a file in memory fits it")];
        storage.read_at(&name, 0, &mut bytes).expect("it was just listed");
        (name, bytes)
    };
    names.into_iter().map(read).collect()
}

/// A disk in memory with these files.
///
/// # Panics
/// Never: an empty disk takes every file.
#[must_use]
pub fn storage_of(files: &Files) -> MemoryStorage {
    let storage = MemoryStorage::new();
    for (name, bytes) in files {
        let made = storage.create(name, bytes.len() as u64).and_then(|()| storage.write_at(name, 0, bytes));
        made.expect("an empty disk takes every file");
    }
    storage
}

/// What the engine says.
#[must_use]
pub fn of_the_engine(files: &Files) -> Verdict {
    match verify(&storage_of(files), Beside::Nobody) {
        Ok(sound) => Verdict::Sound {
            events: sound.events,
            chain: sound.chain.0,
            streams: sound.streams,
            tenants: sound.tenants,
            epoch: sound.epoch,
        },
        Err(damage) => Verdict::Damaged {
            segment: damage.segment,
            offset: damage.offset,
            position: damage.position.0,
            what: name_of(&damage.what),
        },
    }
}

/// What the verifier says.
///
/// # Panics
/// When it cannot read from memory.
#[must_use]
pub fn of_the_verifier(files: &Files) -> Verdict {
    match tidings_verifier::verify(&MemorySource(files.clone()), &[], &mut |_| ()) {
        Ok(sound) => Verdict::Sound {
            events: sound.events,
            chain: sound.chain,
            streams: sound.streams,
            tenants: sound.tenants,
            epoch: sound.epoch,
        },
        Err(Failure::Damage(damage)) => Verdict::Damaged {
            segment: damage.segment,
            offset: damage.offset,
            position: damage.position,
            what: name_of(&damage.what),
        },
        Err(failure) => panic!("the verifier cannot read memory: {failure}"),
    }
}

/// Name of an enum's variant, without its fields.
fn name_of(what: &impl std::fmt::Debug) -> String {
    format!("{what:?}").chars().take_while(|character| character.is_alphanumeric()).collect()
}
