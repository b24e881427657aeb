//! The keyring: whose stream is whose, and the keys that seal what is personal.
//!
//! A person has a random stream id and a random data key, and nothing but the keyring tells them: it maps a *lookup*, a
//! keyed hash of tenant and name, to both. Once the entry is destroyed, neither the way from the name to the stream nor the
//! content can be had any more, in no copy of the log, and the same name is a new person. Losing the keyring loses all
//! sealed content for ever. It stands in a folder of its own, outside the log and the log's backups: a restored backup of
//! the keyring brings back the keys that were destroyed since, so its oldest backup is the erasure horizon.
//!
//! [`Keyring::add`] is one write and one `fdatasync`. [`Keyring::key`] reads from any thread.
//!
//! # Format 1
//!
//! Files `NNNNNNNN.keys`, numbered from 1 without gaps, of 128-byte slots. All numbers are little endian, checksums are
//! CRC32C. Slots never lie in two sectors, so each is written whole or not at all. A file is written under the name
//! `unfinished.tmp` first, synced, renamed, and the directory is synced: one that has its name is whole.
//!
//! ```text
//! slot 0: header
//!   0 magic "TIDINGSK" | 8 format u32 = 1 | 12 number u32 | 16 log id 16 | 32 generation u32: how often it was rewritten
//!   36 slots u32, this one included | 40 first key id u32 | 44 SHA-256(log id), wrapped, 40
//!   84 the mark before this file: position u64, chain 32 (zeros: none) | 124 CRC of bytes 0..124
//!
//! slots 1..: entries, then zeros up to the file's length
//!   0 kind u8, + 0x80 on the first slot of a batch | 1 slots of the batch that follow u16
//!   kind 1 person        3 key id u32 | 7 tenant u32 | 11 lookup 16 | 27 stream 16 | 43 wrapped key 40 | 83 mark
//!   kind 2 notification  3 key id u32 | 7 zeros | 43 wrapped key 40 | 83 mark
//!   kind 3 destroyed     3 key id u32 | 7 zeros; keeps what bytes 1..3 said, and has no 0x80
//!   kind 4 erasure       3 up to five targets, 16 each, zeros after them | 83 mark
//!     target             file number u32 | generation u32 | slot u16 | what bytes 1..3 of that slot say u16 | key id u32
//!   kind 5 end           3 next key id u32 | 7 zeros | 83 mark; the last slot of a rewritten file, and nowhere else
//!   mark                 position u64 | chain 32: of the log, when the batch was written
//!   123 CRC of log id 16, file number u32, generation u32, slot number u32, bytes 0..123 | 127 0xE5
//! ```
//!
//! Keys are wrapped by AES-256 key wrap (RFC 3394). Ids ascend from 1, without gaps where a file was not rewritten; the
//! first id of a file is the next one of the file before. So files that are copied in order of their names, as they were
//! listed before, are a whole keyring, whatever is changed meanwhile.
//!
//! **A batch is all or nothing.** It is valid once its last slot is: the slot whose bytes 1..3 are zero. Entries after the
//! last whole batch are what a crash left of a batch that nobody was told of, when they can be one batch: each slot is whole,
//! or zero, or ends in zeros (byte 127), which no flipped bit does to a written slot. They are reported, and overwritten by
//! zeros before the next change. Everything else is damage: an error with file, offset and key, and nothing is skipped.
//!
//! **Erasure** is written as a batch first. From then on the keys are destroyed: when a crash comes before each slot is
//! overwritten, the next open finishes it. Then the slots are overwritten in place, in one sync a file.
//!
//! **Rewriting.** Destroyed slots hold nothing personal, so a file is rewritten for room alone: without them, once they and
//! spent erasures are more than a quarter of it and a newer file exists. An erase rewrites one file at most, of at most
//! 8 MiB, which is what keeps it below 100 ms however many keys there are; one file of a million keys would have to be
//! rewritten whole, 128 MiB for each thousandth erase.

mod cache;
mod change;
mod compact;
mod damage;
mod files;
mod header;
mod index;
mod open;
mod people;
mod scan;
mod secret;
mod slot;
#[cfg(test)]
mod tests;

pub use cache::UNWRAPPED_COUNT_MAX;
pub use change::ADD_COUNT_MAX;
pub use damage::{Damage, KeyringError, What};
pub use header::FORMAT;
pub use open::{Discarded, KeyringRecovery};
pub use people::People;
pub use secret::DataKey;

use crate::ids::{Position, StreamId, TenantId};
use crate::log::{Chain, LogId, Storage};
use cache::Cache;
use change::Writer;
use files::Layout;
use index::Index;
use open::{Loaded, Mode, load};
use secret::WrappingKey;
use serde::{Deserialize, Serialize};
use slot::{Body, SLOT_BYTES, Slot};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Number of a key. The first is 1, they ascend, and none is given twice; 0 means "no key".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(pub u32);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Keyed hash of a tenant and a name: what a person is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lookup(pub [u8; 16]);

/// A place in the log: the head when the keyring changed.
///
/// The log is never behind it: a log that ends before this position, or has another chain there, is not the one that the
/// keyring belongs to, or an older backup of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Position of the last event; 0 when there was none.
    pub position: Position,
    /// The chain after it.
    pub chain: Chain,
}

/// A person, as far as anybody can tell without the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person {
    /// What the person is found by.
    pub lookup: Lookup,
    /// The person's stream: random, so that without the keyring it tells nothing.
    pub stream: StreamId,
    /// The tenant.
    pub tenant: TenantId,
}

/// Whom a new key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewKey {
    /// One person: seals what is for that person alone.
    Person(Person),
    /// One notification to several: seals that notification alone.
    Notification,
}

/// A log's keys. Shared as `Arc<Keyring>`: reads come from any thread, changes from the writer thread alone (a change by
/// another waits for it). Dropping it gives the lock back.
pub struct Keyring {
    storage: Arc<dyn Storage>,
    wrapping: WrappingKey,
    log: LogId,
    layout: Layout,
    index: RwLock<Index>,
    cache: Mutex<Cache>,
    writer: Mutex<Writer>,
    _lock: Option<Lock>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({})", self.log)
    }
}

struct Lock(Arc<dyn Storage>);

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.unlock();
    }
}

impl Keyring {
    /// Opens the keyring of this log, and takes the lock of its folder. An empty folder is a keyring without keys; nothing is
    /// written to it before the first [`Keyring::add`], so whether one was there before can be asked again.
    ///
    /// Checks every slot. An erasure that a crash interrupted is finished; what a crash left of an unfinished
    /// [`Keyring::add`] is told in [`KeyringRecovery`] and stays in place until the next change, so that who finds the
    /// keyring behind the log can still turn back.
    ///
    /// # Errors
    /// [`KeyringError::Locked`], [`KeyringError::WrongWrappingKey`], [`KeyringError::WrongLog`], [`KeyringError::Format`],
    /// [`KeyringError::Corrupt`] or [`KeyringError::Storage`].
    pub fn open(
        storage: Arc<dyn Storage>,
        wrapping_key: &[u8; 32],
        log: LogId,
    ) -> Result<(Self, KeyringRecovery), KeyringError> {
        Self::open_as(storage, wrapping_key, log, Layout::DEFAULT, Mode::Writing)
    }

    /// Opens the keyring as it stands, beside a running server. Takes no lock and changes nothing; keys that are added
    /// later are not seen.
    ///
    /// # Errors
    /// As [`Keyring::open`], but for the lock. While a server writes, the keyring can be seen half-changed: an error of
    /// [`KeyringError::Corrupt`] that does not come again was that.
    pub fn open_read_only(
        storage: Arc<dyn Storage>,
        wrapping_key: &[u8; 32],
        log: LogId,
    ) -> Result<(Self, KeyringRecovery), KeyringError> {
        Self::open_as(storage, wrapping_key, log, Layout::DEFAULT, Mode::ReadOnly)
    }

    fn open_as(
        storage: Arc<dyn Storage>,
        wrapping_key: &[u8; 32],
        log: LogId,
        layout: Layout,
        mode: Mode,
    ) -> Result<(Self, KeyringRecovery), KeyringError> {
        let lock = match mode {
            Mode::ReadOnly => None,
            Mode::Writing => {
                storage.lock()?;
                Some(Lock(Arc::clone(&storage)))
            }
        };
        let wrapping = WrappingKey::new(wrapping_key);
        let Loaded { index, recovery } = load(&*storage, &wrapping, log, mode)?;
        let writer = Writer::new(mode, recovery.discarded.clone());
        let (index, cache, writer) = (RwLock::new(index), Mutex::new(Cache::new()), Mutex::new(writer));
        Ok((Self { storage, wrapping, log, layout, index, cache, writer, _lock: lock }, recovery))
    }

    /// The key with this id; `None` when it was destroyed or never given. Reads one slot, but for the last few thousand keys
    /// that were asked for.
    ///
    /// # Errors
    /// [`KeyringError::Corrupt`] when the slot is damaged, never another key; [`KeyringError::Storage`].
    pub fn key(&self, key: KeyId) -> Result<Option<DataKey>, KeyringError> {
        // Held to the end: a slot stays where it is, and a destroyed key cannot get into the cache after it was taken out.
        let index = self.index();
        let Some((file, located)) = index.locate(key) else { return Ok(None) };
        if let Some(cached) = self.cache().find(key) {
            return Ok(Some(cached));
        }
        let mut bytes = [0; SLOT_BYTES];
        self.storage.read_at(&file.name, located.offset(), &mut bytes)?;
        let damage = |what| KeyringError::Corrupt(file.damage(located.slot.into(), Some(key), what));
        let slot = Slot::decode(&bytes, &file.header.place, located.slot.into()).map_err(damage)?;
        let wrapped = match slot.body {
            Body::Key { key: found, wrapped, .. } if found == key => wrapped,
            _ => return Err(damage(What::Order)),
        };
        let data_key = self.wrapping.unwrap(&wrapped).ok_or_else(|| damage(What::Unwrap))?;
        self.cache().insert(key, data_key.copy());
        Ok(Some(data_key))
    }

    /// Whether the key with this id was given and not destroyed. Reads nothing.
    #[must_use]
    pub fn holds(&self, key: KeyId) -> bool {
        self.index().locate(key).is_some()
    }

    /// Every live person in order of key id, read in large blocks. Meant for the start.
    #[must_use]
    pub fn people(&self) -> People<'_> {
        People::new(self)
    }

    /// The id that the next key gets. A log that names this one or a greater one is ahead: the keyring is an older backup.
    #[must_use]
    pub fn next_id(&self) -> KeyId {
        self.index().next
    }

    /// Where the log stood at the last change; `None` before the first.
    #[must_use]
    pub fn mark(&self) -> Option<Mark> {
        self.index().mark
    }

    /// How many keys are live.
    #[must_use]
    pub fn live_count(&self) -> u64 {
        self.index().live_count()
    }

    // The tables behind these locks are whole at every step, so a panic elsewhere leaves nothing half-done.

    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
