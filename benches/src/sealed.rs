//! An engine as a server has it: its log on the disk, and the keyring that seals its content beside it.

use anyhow::Result;
use std::path::Path;
use std::sync::Arc;
use tidings_engine::engine::Engine;
use tidings_engine::ids::{StreamId, TenantId};
use tidings_engine::keyring::{DataKey, Keyring, Lookup, Mark, NewKey, Person};
use tidings_engine::keys::Keys;
use tidings_engine::log::{FileStorage, Log, LogOptions};
use tidings_engine::vault::Vault;

use crate::samples::START;

/// Keys of one add while a keyring is filled.
const BATCH_COUNT: u64 = 5_000;

/// An engine that seals, and its keys.
pub struct Sealed {
    /// The engine.
    pub engine: Engine<FileStorage>,
    /// Its keys, with the vault.
    pub keys: Arc<Keys>,
}

impl Sealed {
    /// Opens, or makes, the folders `log` and `keyring` in a directory. A new keyring gets this many people whom no event
    /// names. `opening` counts the openings, so that no two draw the same nonces.
    ///
    /// # Errors
    /// Log or keyring do not open.
    pub fn open(directory: &Path, opening: u8, others_count: u64) -> Result<Self> {
        let (log, recovery) = Log::open(FileStorage::create(directory.join("log"))?, LogOptions::default(), [7; 16])?;
        let storage = Arc::new(FileStorage::create(directory.join("keyring"))?);
        let (keyring, found) = Keyring::open(storage, &[8; 32], log.id())?;
        if keyring.live_count() == 0 {
            let (position, chain) = log.head();
            for first in (0..others_count).step_by(BATCH_COUNT as usize) {
                let people: Vec<_> = (first..others_count.min(first + BATCH_COUNT)).map(other).collect();
                keyring.add(&people, Mark { position, chain })?;
            }
        }
        let vault = Vault::new(keyring, &found, [opening; 32])?;
        let keys = Arc::new(Keys::with_vault(&[7; 32], Arc::new(vault)));
        let (engine, _) = Engine::over(log, &recovery, Arc::clone(&keys), START, None)?;
        Ok(Self { engine, keys })
    }
}

fn other(number: u64) -> (NewKey, DataKey) {
    let mut name = [0x42; 16];
    name[..8].copy_from_slice(&number.to_le_bytes());
    let person = Person { lookup: Lookup(name), stream: StreamId(name), tenant: TenantId(1) };
    let mut key = [0x17; 32];
    key[..16].copy_from_slice(&name);
    (NewKey::Person(person), DataKey::new(key))
}
