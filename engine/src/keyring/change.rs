//! Adding and destroying keys.

use super::damage::KeyringError;
use super::files::write_unfinished;
use super::header::{Header, SLOTS_COUNT_MAX, UNFINISHED_NAME, file_name};
use super::index::{KeyFile, Located, offset};
use super::open::{Discarded, Mode};
use super::scan::narrow;
use super::slot::{Body, Place, SLOT_BYTES, Slot, TARGETS_COUNT_MAX, Target};
use super::{DataKey, KeyId, Keyring, Mark, NewKey};
use std::sync::PoisonError;

/// Most keys that one [`Keyring::add`] takes: 16,384.
pub const ADD_COUNT_MAX: usize = 16 * 1024;

/// What only one change at a time has.
pub(super) struct Writer {
    state: State,
    /// What is to be overwritten by zeros before the first change.
    discarded: Option<Discarded>,
    buffer: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    ReadOnly,
    Poisoned,
}

impl Writer {
    pub(super) const fn new(mode: Mode, discarded: Option<Discarded>) -> Self {
        let state = match mode {
            Mode::Writing => State::Open,
            Mode::ReadOnly => State::ReadOnly,
        };
        Self { state, discarded, buffer: Vec::new() }
    }
}

impl Keyring {
    /// Adds these keys, all or none, with one write and one sync, and tells their ids, which ascend. `mark` is the log's
    /// head now. When it returns they are durable: only then may the log name them.
    ///
    /// # Errors
    /// [`KeyringError::TooMany`] (see [`ADD_COUNT_MAX`]), [`KeyringError::NoIdLeft`] and [`KeyringError::Full`] change
    /// nothing. After any other error it is unknown what was written, and the keyring answers
    /// [`KeyringError::Poisoned`] to every later change.
    pub fn add(&self, keys: &[(NewKey, DataKey)], mark: Mark) -> Result<Vec<KeyId>, KeyringError> {
        if keys.len() > ADD_COUNT_MAX {
            return Err(KeyringError::TooMany { count: keys.len(), count_max: ADD_COUNT_MAX });
        }
        let count = u32::try_from(keys.len()).expect("the count was checked above");
        if count == 0 {
            return Ok(Vec::new());
        }
        self.change(|writer| {
            let first = self.next_id().0;
            let end = first.checked_add(count).ok_or(KeyringError::NoIdLeft)?;
            let ids: Vec<KeyId> = (first..end).map(KeyId).collect();
            self.make_room(count, self.layout.reserve_count)?;
            let bodies = keys.iter().zip(&ids).map(|((owner, data_key), id)| Body::Key {
                key: *id,
                owner: *owner,
                wrapped: self.wrapping.wrap(data_key),
                mark,
            });
            let slot = self.append(writer, bodies)?;

            // ---- durability line: only now may anybody find the keys ----
            let mut index = self.index_mut();
            index.next = KeyId(end);
            index.mark = Some(mark);
            let file = index.files.last_mut().expect("room was made in it");
            let located = ids.iter().zip((slot..).zip((0..count).rev()));
            file.keys.extend(located.map(|(key, (slot, left))| Located {
                key: *key,
                slot: narrow(slot),
                left: narrow(left),
            }));
            Ok(ids)
        })
    }

    /// Destroys these keys for ever. When it returns, their bytes, and whom they were for, are in no file of the keyring,
    /// and no copy of them is in memory but those that callers hold. Keys that are destroyed already, or were never given,
    /// are passed over; `mark` is the log's head now.
    ///
    /// Two syncs, and one more for each file beyond the first that the keys stand in; now and then also a rewritten file.
    ///
    /// # Errors
    /// [`KeyringError::Full`] when there is no room to note more of them: some may be destroyed, and asking again goes on.
    /// Room for the last 320 is kept in reserve. After any other error the keyring answers [`KeyringError::Poisoned`] to
    /// every later change; opening it anew finishes what had begun.
    pub fn destroy(&self, keys: &[KeyId], mark: Mark) -> Result<(), KeyringError> {
        self.change(|writer| {
            let mut targets: Vec<Target> = {
                let index = self.index();
                keys.iter().filter_map(|key| index.target(*key)).collect()
            };
            targets.sort_unstable();
            targets.dedup();
            let mut rest = targets.as_slice();
            while !rest.is_empty() {
                let slots = self.make_room_for_erasure(rest.len())?;
                let (now, later) = rest.split_at(rest.len().min(slots * TARGETS_COUNT_MAX));
                self.erase(writer, now, mark)?;
                rest = later;
            }
            if targets.is_empty() { Ok(()) } else { self.compact() }
        })
    }

    /// Overwrites what a crash left of an unfinished change, durably. Meant for after the log was found to agree: what
    /// stays there until the next key is added would pass, once the log has gone on, for keys that were lost.
    ///
    /// # Errors
    /// As [`Keyring::add`]. Does nothing where nothing was left.
    pub fn clear_unfinished(&self) -> Result<(), KeyringError> {
        let is_clear = self.writer.lock().unwrap_or_else(PoisonError::into_inner).discarded.is_none();
        if is_clear { Ok(()) } else { self.change(|_| Ok(())) }
    }

    fn change<T>(&self, work: impl FnOnce(&mut Writer) -> Result<T, KeyringError>) -> Result<T, KeyringError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        match writer.state {
            State::Open => {}
            State::ReadOnly => return Err(KeyringError::ReadOnly),
            State::Poisoned => return Err(KeyringError::Poisoned),
        }
        let done = self.clear_discarded(&mut writer).and_then(|()| work(&mut writer));
        if !matches!(done, Ok(_) | Err(KeyringError::Full | KeyringError::NoIdLeft)) {
            writer.state = State::Poisoned;
        }
        done
    }

    /// Overwrites what a crash left, durably: slots of it behind a new batch could pass for a batch of their own.
    fn clear_discarded(&self, writer: &mut Writer) -> Result<(), KeyringError> {
        let Some(Discarded { file, offset, bytes, .. }) = &writer.discarded else { return Ok(()) };
        let zeros = vec![0; usize::try_from(*bytes).expect("a file is at most 8 MiB")];
        self.storage.write_at(file, *offset, &zeros)?;
        self.storage.sync_data(file)?;
        writer.discarded = None;
        Ok(())
    }

    /// Writes a batch to the last file and syncs it. Tells its first slot.
    fn append(&self, writer: &mut Writer, bodies: impl ExactSizeIterator<Item = Body>) -> Result<u32, KeyringError> {
        let (name, place, from) = {
            let index = self.index();
            let file = index.files.last().expect("room was made in it");
            (file.name.clone(), file.header.place, file.used)
        };
        let count = u32::try_from(bodies.len()).expect("room was made for them");
        writer.buffer.clear();
        for (body, number) in bodies.zip(0..) {
            let slot = Slot { first: number == 0, left: narrow(count - 1 - number), body };
            writer.buffer.extend(slot.encode(&place, from + number));
        }
        self.storage.write_at(&name, offset(from), &writer.buffer)?;
        self.storage.sync_data(&name)?;
        self.index_mut().files.last_mut().expect("room was made in it").used += count;
        Ok(from)
    }

    /// Notes the erasure, forgets the keys, overwrites their slots.
    fn erase(&self, writer: &mut Writer, targets: &[Target], mark: Mark) -> Result<(), KeyringError> {
        let bodies = targets.chunks(TARGETS_COUNT_MAX).map(|targets| Body::Erasure { targets: targets.to_vec(), mark });
        let count = u32::try_from(bodies.len()).expect("room was made for them");
        self.append(writer, bodies)?;

        // ---- durability line: from here on, also a crash destroys them ----
        let mut index = self.index_mut();
        index.mark = Some(mark);
        index.files.last_mut().expect("room was made in it").dead += count;
        targets.iter().for_each(|target| index.remove(target.key));
        drop(index);
        // Nobody can put them back now: who does, found them in the index before and still held its lock.
        let mut cache = self.cache();
        targets.iter().for_each(|target| cache.remove(target.key));
        drop(cache);
        for in_file in targets.chunk_by(|one, other| one.number == other.number) {
            self.overwrite(in_file)?;
        }
        Ok(())
    }

    /// Overwrites slots of one file in place, durably.
    fn overwrite(&self, targets: &[Target]) -> Result<(), KeyringError> {
        let Some(Target { number, generation, .. }) = targets.first().copied() else { return Ok(()) };
        let name = file_name(number);
        let place = Place { log: self.log, number, generation };
        for target in targets {
            let slot = u32::from(target.slot);
            self.storage.write_at(&name, offset(slot), &Slot::destroyed(target).encode(&place, slot))?;
        }
        Ok(self.storage.sync_data(&name)?)
    }

    /// Makes room for a batch of this many slots in the last file, so that the reserve is left; begins another otherwise.
    fn make_room(&self, count: u32, reserve: u32) -> Result<(), KeyringError> {
        if self.free_count() < count + reserve { self.begin_file(count) } else { Ok(()) }
    }

    /// The same for an erasure of this many keys, which may use the reserve. Tells for how many slots there is room.
    fn make_room_for_erasure(&self, keys_count: usize) -> Result<usize, KeyringError> {
        let needed = keys_count.div_ceil(TARGETS_COUNT_MAX).min(ERASURE_COUNT_MAX);
        let needed_slots = u32::try_from(needed).expect("it is bounded one line up");
        let free = self.free_count();
        match self.make_room(needed_slots, 0) {
            Err(KeyringError::Full) if free > 0 => Ok(free as usize),
            made => made.map(|()| needed),
        }
    }

    /// Free slots of the last file.
    fn free_count(&self) -> u32 {
        self.index().files.last().map_or(0, |file| file.header.slots - file.used)
    }

    /// Begins the next file, which has room for a batch of `count` slots.
    fn begin_file(&self, count: u32) -> Result<(), KeyringError> {
        let header = {
            let index = self.index();
            let number = index.files.len() + 1;
            let number = u32::try_from(number).expect("file numbers have eight digits");
            Header {
                place: Place { log: self.log, number, generation: 0 },
                slots: self.layout.next_count(index.files.last().map(|file| file.header.slots), count),
                first: index.next,
                check: self.wrapping.check_value(self.log),
                before: index.mark,
            }
        };
        let name = header.file_name();
        write_unfinished(&*self.storage, &header.encode(), header.slots)?;
        self.storage.rename(UNFINISHED_NAME, &name)?;
        self.storage.sync_directory("")?;
        let mut index = self.index_mut();
        if let Some(before) = index.files.last_mut() {
            before.keys.shrink_to_fit();
        }
        index.files.push(KeyFile { name: name.into(), header, used: 1, dead: 0, keys: Vec::new() });
        Ok(())
    }
}

/// Most slots of one erasure: 20,480 keys.
const ERASURE_COUNT_MAX: usize = 4096;

const _: () = assert!(ADD_COUNT_MAX * 2 < SLOTS_COUNT_MAX as usize && ERASURE_COUNT_MAX < ADD_COUNT_MAX);
const _: () = assert!(SLOTS_COUNT_MAX as usize * SLOT_BYTES == 8 * 1024 * 1024);
