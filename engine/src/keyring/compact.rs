//! Rewriting a file without its destroyed slots.

use super::Keyring;
use super::damage::{KeyringError, What};
use super::files::write_unfinished;
use super::header::{Header, UNFINISHED_NAME};
use super::index::{KeyFile, Located};
use super::scan::{narrow, slot_at};
use super::slot::{Body, Place, SLOT_BYTES, Slot};
use std::sync::Arc;

/// A file without what was destroyed in it.
struct Rewritten {
    header: Header,
    bytes: Vec<u8>,
    keys: Vec<Located>,
}

impl Keyring {
    /// Rewrites one file, the one with most to gain, when more than a quarter of its slots are of no use any more; never
    /// the last one, which is being written. A full disk only puts it off.
    pub(super) fn compact(&self) -> Result<(), KeyringError> {
        let Some(number) = self.most_to_gain() else { return Ok(()) };
        let Rewritten { header, bytes, keys } = self.rewrite(number)?;
        match write_unfinished(&*self.storage, &bytes, header.slots) {
            Err(KeyringError::Full) => return Ok(()),
            written => written?,
        }
        let mut index = self.index_mut();
        let file = &mut index.files[number];
        // Under the lock of all readers: none may look for a slot in the other file.
        self.storage.rename(UNFINISHED_NAME, &file.name)?;
        *file = KeyFile { name: Arc::clone(&file.name), header, used: header.slots, dead: 0, keys };
        drop(index);
        Ok(self.storage.sync_directory("")?)
    }

    fn most_to_gain(&self) -> Option<usize> {
        let index = self.index();
        let (_, finished) = index.files.split_last()?;
        let worthwhile = finished.iter().enumerate().filter(|(_, file)| file.dead * 4 > file.used - 1);
        worthwhile.max_by_key(|(_, file)| file.dead).map(|(number, _)| number)
    }

    fn rewrite(&self, number: usize) -> Result<Rewritten, KeyringError> {
        let index = self.index();
        let file = &index.files[number];
        let before = file.header.place;
        let mut old = vec![0; file.header.slots as usize * SLOT_BYTES];
        self.storage.read_at(&file.name, 0, &mut old)?;
        let place = Place { generation: before.generation.wrapping_add(1), ..before };
        let mut rewritten = Rewritten { header: file.header, bytes: vec![0; SLOT_BYTES], keys: Vec::new() };
        let mut slots = 1;
        for located in file.live() {
            let slot = u32::from(located.slot);
            let damage = |what| KeyringError::Corrupt(file.damage(slot, Some(located.key), what));
            let found = Slot::decode(slot_at(&old, slot), &before, slot).map_err(damage)?;
            if !matches!(found.body, Body::Key { key, .. } if key == located.key) {
                return Err(damage(What::Order));
            }
            rewritten.bytes.extend(Slot { first: true, left: 0, body: found.body }.encode(&place, slots));
            rewritten.keys.push(Located { key: located.key, slot: narrow(slots), left: 0 });
            slots += 1;
        }
        rewritten.header = Header { place, slots, ..file.header };
        rewritten.bytes[..SLOT_BYTES].copy_from_slice(&rewritten.header.encode());
        rewritten.keys.shrink_to_fit();
        Ok(rewritten)
    }
}
