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
        let mut old = vec![0; file.header.slots as usize * SLOT_BYTES];
        self.storage.read_at(&file.name, 0, &mut old)?;
        let place = Place { generation: file.header.place.generation.wrapping_add(1), ..file.header.place };
        let mut bytes = vec![0; SLOT_BYTES];
        let mut keys = Vec::new();
        let mut push = |body: Body, slot: u32| bytes.extend(Slot { first: true, left: 0, body }.encode(&place, slot));
        for (located, slot) in file.live().zip(1..) {
            push(live(file, located, &old)?, slot);
            keys.push(Located { key: located.key, slot: narrow(slot), left: 0 });
        }
        let after = &index.files[number + 1].header;
        let mark = after.before.expect("a file with something to gain was changed, and then the one after it made");
        let slot = u32::try_from(keys.len() + 1).expect("a file has at most 65,536 slots");
        push(Body::End { next: after.first, mark }, slot);
        let header = Header { place, slots: slot + 1, ..file.header };
        bytes[..SLOT_BYTES].copy_from_slice(&header.encode());
        keys.shrink_to_fit();
        Ok(Rewritten { header, bytes, keys })
    }
}

/// What the slot of a live key says.
fn live(file: &KeyFile, located: Located, bytes: &[u8]) -> Result<Body, KeyringError> {
    let slot = u32::from(located.slot);
    let damage = |what| KeyringError::Corrupt(file.damage(slot, Some(located.key), what));
    match Slot::decode(slot_at(bytes, slot), &file.header.place, slot).map_err(damage)?.body {
        body @ Body::Key { key, .. } if key == located.key => Ok(body),
        _ => Err(damage(What::Order)),
    }
}
