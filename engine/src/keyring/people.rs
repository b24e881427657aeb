//! All persons, one after the other.

use super::damage::{KeyringError, What};
use super::index::{KeyFile, Located};
use super::scan::slot_at;
use super::slot::{Body, SLOT_BYTES, Slot, SlotBytes};
use super::{KeyId, Keyring, NewKey, Person};
use std::fmt;

/// The live persons of a keyring in order of key id: see [`Keyring::people`]. Ends after an error.
pub struct People<'a> {
    keyring: &'a Keyring,
    /// Whoever has this key, or a later one, was not read yet; `None` after the end or an error.
    next: Option<KeyId>,
    block: std::vec::IntoIter<(KeyId, Person)>,
    bytes: Vec<u8>,
}

impl fmt::Debug for People<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("People").field("keyring", self.keyring).field("next", &self.next).finish_non_exhaustive()
    }
}

impl<'a> People<'a> {
    pub(super) fn new(keyring: &'a Keyring) -> Self {
        Self { keyring, next: Some(KeyId(1)), block: Vec::new().into_iter(), bytes: Vec::new() }
    }

    /// Reads the next keys of one file, in one read. By key id, not by place: between two blocks a file may be rewritten.
    fn read_block(&mut self, from: KeyId) -> Result<(), KeyringError> {
        self.next = None;
        let index = self.keyring.index();
        let begin = index.files.partition_point(|file| file.header.first <= from).saturating_sub(1);
        for file in &index.files[begin..] {
            let start = file.keys.partition_point(|located| located.key < from);
            let block = file.keys[start..].iter().filter(|located| located.slot != 0).take(BLOCK_COUNT);
            let block: Vec<Located> = block.copied().collect();
            let (Some(first), Some(last)) = (block.first(), block.last()) else { continue };
            self.bytes.resize(usize::from(last.slot - first.slot + 1) * SLOT_BYTES, 0);
            self.keyring.storage.read_at(&file.name, first.offset(), &mut self.bytes)?;
            let mut people = Vec::with_capacity(block.len());
            for located in &block {
                let bytes = slot_at(&self.bytes, u32::from(located.slot - first.slot));
                if let NewKey::Person(person) = owner(file, *located, bytes)? {
                    people.push((located.key, person));
                }
            }
            self.next = Some(KeyId(last.key.0 + 1));
            self.block = people.into_iter();
            return Ok(());
        }
        Ok(())
    }
}

fn owner(file: &KeyFile, located: Located, bytes: &SlotBytes) -> Result<NewKey, KeyringError> {
    let slot = u32::from(located.slot);
    let damage = |what| KeyringError::Corrupt(file.damage(slot, Some(located.key), what));
    match Slot::decode(bytes, &file.header.place, slot).map_err(damage)?.body {
        Body::Key { key, owner, .. } if key == located.key => Ok(owner),
        _ => Err(damage(What::Order)),
    }
}

impl Iterator for People<'_> {
    type Item = Result<(KeyId, Person), KeyringError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(person) = self.block.next() {
                return Some(Ok(person));
            }
            let from = self.next?;
            if let Err(error) = self.read_block(from) {
                self.next = None;
                return Some(Err(error));
            }
        }
    }
}

/// Keys of one block: 1 MiB.
const BLOCK_COUNT: usize = 8192;
