//! Opening a keyring: reading all of it, and finishing an erasure that a crash interrupted.

use super::damage::{Damage, KeyringError, What};
use super::header::{Header, UNFINISHED_NAME, file_name, parse_name};
use super::index::{Index, KeyFile, offset};
use super::scan::{Fault, Scanned, Torn, last_erasure, scan, slot_at};
use super::secret::WrappingKey;
use super::slot::{Body, SLOT_BYTES, Slot, Target};
use super::{KeyId, Mark};
use crate::log::{LogId, Storage};
use std::fmt;

/// What opening a keyring found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyringRecovery {
    /// No key was ever added. Beside a log with sealed content this says that the keyring is missing.
    pub fresh: bool,
    /// The id that the next key gets. A log that names it, or a greater one, has outrun the keyring: an older backup.
    pub next_id: KeyId,
    /// Where the log stood at the last change.
    pub mark: Option<Mark>,
    /// How many keys are live.
    pub live_count: u64,
    /// Keys whose erasure had begun before a crash and was finished now.
    pub finished: Vec<KeyId>,
    /// Slots after the last whole batch.
    pub discarded: Option<Discarded>,
}

/// Slots of keys whose [`super::Keyring::add`], or destruction, was never acknowledged.
///
/// They stay in place until the next change. A log whose head is beyond their mark went on after them: then they were
/// acknowledged, the disk lost them, and only a backup has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discarded {
    /// The file they stand in.
    pub file: String,
    /// Offset of the first of them.
    pub offset: u64,
    /// How many bytes.
    pub bytes: u64,
    /// Id of the first key that they may have added.
    pub key: KeyId,
    /// Where the log stood then; `None` when no slot of them is whole enough to tell.
    pub mark: Option<Mark>,
}

impl fmt::Display for Discarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, offset, bytes, key, mark } = self;
        write!(
            f,
            "unfinished keys left behind by a crash: file {file}, offset {offset}, {bytes} bytes, from key {key}"
        )?;
        mark.map_or(Ok(()), |mark| write!(f, ", written at position {}", mark.position))
    }
}

/// Whether the keyring may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Writing,
    ReadOnly,
}

/// A keyring as it stands on disk.
pub(super) struct Loaded {
    pub(super) index: Index,
    pub(super) recovery: KeyringRecovery,
}

/// Reads the whole keyring, one file after the other.
pub(super) fn load(
    storage: &dyn Storage,
    wrapping: &WrappingKey,
    log: LogId,
    mode: Mode,
) -> Result<Loaded, KeyringError> {
    let numbers = prepare(storage, mode)?;
    let mut reader = Reader { storage, log, check: wrapping.check_value(log), mode, bytes: Vec::new() };
    let mut found = Found {
        index: Index { files: Vec::new(), next: KeyId(1), mark: None },
        targets: Vec::new(),
        finished: Vec::new(),
        discarded: None,
    };
    if let Some(last) = numbers.last() {
        let header = reader.read(*last)?;
        found.targets = last_erasure(&reader.bytes, &header);
    }
    for number in &numbers {
        found.take_file(&mut reader, *number, Some(number) == numbers.last())?;
    }
    let Found { index, finished, discarded, .. } = found;
    let recovery = KeyringRecovery {
        fresh: index.next == KeyId(1),
        next_id: index.next,
        mark: index.mark,
        live_count: index.live_count(),
        finished,
        discarded,
    };
    Ok(Loaded { index, recovery })
}

/// Tells the numbers of the files. Before anything is built on them, what a process that ended left in the system's
/// memory is made durable, and a file that it did not finish is removed: it holds wrapped keys.
fn prepare(storage: &dyn Storage, mode: Mode) -> Result<Vec<u32>, KeyringError> {
    let names = storage.list("")?;
    let mut numbers: Vec<u32> = names.iter().filter_map(|name| parse_name(name)).collect();
    numbers.sort_unstable();
    if let Some((missing, _)) = (1..).zip(&numbers).find(|(expected, number)| expected != *number) {
        let what = What::FileMissing { number: missing };
        return Err(KeyringError::Corrupt(Damage { file: file_name(missing), offset: 0, key: None, what }));
    }
    if mode == Mode::Writing {
        let unfinished = names.iter().any(|name| name == UNFINISHED_NAME);
        if unfinished {
            storage.remove(UNFINISHED_NAME)?;
        }
        if let Some(last) = numbers.last() {
            storage.sync_data(&file_name(*last))?;
        }
        if unfinished || !numbers.is_empty() {
            storage.sync_directory("")?;
        }
    }
    Ok(numbers)
}

/// Reads files, each whole, into one buffer.
struct Reader<'a> {
    storage: &'a dyn Storage,
    log: LogId,
    check: [u8; 40],
    mode: Mode,
    bytes: Vec<u8>,
}

impl Reader<'_> {
    /// Reads the file with this number and checks what it says of itself.
    fn read(&mut self, number: u32) -> Result<Header, KeyringError> {
        let name = file_name(number);
        let damage = |what| KeyringError::Corrupt(Damage { file: name.clone(), offset: 0, key: None, what });
        let found = self.storage.file_bytes(&name)?;
        if found < SLOT_BYTES as u64 {
            return Err(damage(What::FileBytes { found, expected: SLOT_BYTES as u64 }));
        }
        let mut first = [0; SLOT_BYTES];
        self.storage.read_at(&name, 0, &mut first)?;
        let header = Header::decode(&first).map_err(|what| match what {
            What::Format { found } => KeyringError::Format { found },
            what => damage(what),
        })?;
        if header.place.log != self.log {
            return Err(KeyringError::WrongLog { found: header.place.log, expected: self.log });
        }
        if header.check != self.check {
            return Err(KeyringError::WrongWrappingKey);
        }
        let expected = u64::from(header.slots) * SLOT_BYTES as u64;
        if header.place.number != number {
            return Err(damage(What::HeaderForeign));
        }
        if found != expected {
            return Err(damage(What::FileBytes { found, expected }));
        }
        self.bytes.resize(header.slots as usize * SLOT_BYTES, 0);
        self.storage.read_at(&name, 0, &mut self.bytes)?;
        Ok(header)
    }
}

/// What was read so far.
struct Found {
    index: Index,
    /// Slots of the last erasure, which may not be overwritten yet.
    targets: Vec<Target>,
    finished: Vec<KeyId>,
    discarded: Option<Discarded>,
}

impl Found {
    fn take_file(&mut self, reader: &mut Reader<'_>, number: u32, is_last: bool) -> Result<(), KeyringError> {
        let header = reader.read(number)?;
        let name = header.file_name();
        let damage = |slot, key, what| {
            KeyringError::Corrupt(Damage { file: name.clone(), offset: offset(slot), key: Some(key), what })
        };
        if header.first != self.index.next {
            return Err(damage(0, self.index.next, What::HeaderForeign));
        }
        self.finish_erasure(reader, &header)?;
        let fault = |Fault { slot, key, what }| damage(slot, key, what);
        let Scanned { keys, end, torn } = scan(&reader.bytes, &header, header.first, is_last).map_err(fault)?;
        self.discarded = torn.map(|Torn { from, through, mark }| Discarded {
            file: name.clone(),
            offset: offset(from),
            bytes: offset(through + 1) - offset(from),
            key: end.next,
            mark,
        });
        self.index.next = end.next;
        self.index.mark = end.mark;
        self.index.files.push(KeyFile { name: name.into(), header, used: end.used, dead: end.dead, keys });
        Ok(())
    }

    /// Overwrites the slots in this file that the last erasure names and that are not overwritten yet. Nothing else can be in
    /// them: a file that was rewritten since has another generation.
    fn finish_erasure(&mut self, reader: &mut Reader<'_>, header: &Header) -> Result<(), KeyringError> {
        let place = header.place;
        let mut unsynced = false;
        let here = |target: &&Target| (target.number, target.generation) == (place.number, place.generation);
        for target in self.targets.iter().filter(here) {
            let slot = u32::from(target.slot);
            let destroyed = Slot::destroyed(target).encode(&place, slot);
            let found = (slot < header.slots).then(|| slot_at(&reader.bytes, slot));
            let may_stand_there = found.is_some_and(|bytes| match Slot::decode(bytes, &place, slot) {
                Ok(Slot { body: Body::Key { key, .. } | Body::Destroyed { key }, .. }) => key == target.key,
                Ok(_) => false,
                // The power was cut while it was overwritten.
                Err(_) => true,
            });
            if !may_stand_there {
                let (file, key) = (header.file_name(), Some(target.key));
                return Err(KeyringError::Corrupt(Damage { file, offset: offset(slot), key, what: What::Order }));
            }
            // Also what is overwritten already may be so in the system's memory alone.
            unsynced = reader.mode == Mode::Writing;
            if found == Some(&destroyed) {
                continue;
            }
            if reader.mode == Mode::Writing {
                reader.storage.write_at(&header.file_name(), offset(slot), &destroyed)?;
            }
            let start = slot as usize * SLOT_BYTES;
            reader.bytes[start..start + SLOT_BYTES].copy_from_slice(&destroyed);
            self.finished.push(target.key);
        }
        if unsynced {
            reader.storage.sync_data(&header.file_name())?;
        }
        Ok(())
    }
}
