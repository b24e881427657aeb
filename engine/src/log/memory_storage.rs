//! A disk in memory that can lose its power.

use super::storage::{Storage, StorageError};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A disk in memory. Clones are handles of the same disk.
///
/// It keeps what was synced apart from what was only written, and [`MemoryStorage::crash`] gives the disk that would be
/// found after the power was cut now. Writes and syncs can be made to fail, and the disk can be full.
#[derive(Clone, Debug, Default)]
pub struct MemoryStorage {
    disk: Arc<Mutex<Disk>>,
}

/// What becomes of bytes and names that were not synced when the power is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsynced {
    /// All are lost.
    Lost,
    /// All are kept.
    Kept,
    /// This many bytes are kept, in the order in which they were written; names are kept.
    FirstBytes(usize),
    /// Each sector of 512 bytes is kept or lost by a bit of this seed, and so are all names together.
    Sectors(u64),
}

/// How a storage operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This one fails with an I/O error and does nothing.
    Error,
    /// This one, if a write, writes only so many bytes.
    Short(usize),
    /// The power is cut during this one: all later ones fail too, reads included.
    PowerCut,
}

/// How many operations were done, failed ones included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operations {
    /// All that change the disk: create, write, sync, rename, remove.
    pub changes: u64,
    /// Writes to existing files.
    pub writes: u64,
    /// Syncs of files.
    pub syncs: u64,
}

#[derive(Clone, Debug, Default)]
struct Disk {
    files: Vec<MemoryFile>,
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    operations: Operations,
    fault: Option<(u64, Fault)>,
    dead: bool,
    bytes_max: Option<u64>,
    locked: bool,
}

#[derive(Clone, Debug, Default)]
struct MemoryFile {
    bytes: Vec<u8>,
    synced: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
}

impl MemoryStorage {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The disk as it is found after the power is cut now. This one stays as it is, so one moment can be cut many ways.
    #[must_use]
    pub fn crash(&self, unsynced: Unsynced) -> Self {
        let disk = self.disk();
        let mut choice = Choice::new(unsynced);
        let names = if choice.keeps_names() { &disk.names } else { &disk.synced_names };
        let mut after = Disk::default();
        for (name, file) in names {
            let bytes = disk.files[*file].after_crash(&mut choice);
            after.names.insert(name.clone(), after.files.len());
            after.files.push(MemoryFile { synced: bytes.clone(), bytes, unsynced: Vec::new() });
        }
        after.synced_names = after.names.clone();
        after.bytes_max = disk.bytes_max;
        Self { disk: Arc::new(Mutex::new(after)) }
    }

    /// Makes the change with this number fail, counted from 1 over the disk's life (see [`Operations::changes`]).
    pub fn fail_at(&self, change: u64, fault: Fault) {
        self.disk().fault = Some((change, fault));
    }

    /// Whether it still has power: nothing works any more after [`Fault::PowerCut`].
    #[must_use]
    pub fn has_power(&self) -> bool {
        !self.disk().dead
    }

    /// Makes creating files fail once all together would be larger than this; `None`: never.
    pub fn limit(&self, bytes_max: Option<u64>) {
        self.disk().bytes_max = bytes_max;
    }

    /// What was done so far.
    #[must_use]
    pub fn operations(&self) -> Operations {
        self.disk().operations
    }

    /// Changes bits of a stored byte behind the log's back: `byte ^= mask`.
    ///
    /// # Panics
    /// When there is no such byte.
    pub fn flip(&self, name: &str, offset: usize, mask: u8) {
        let mut disk = self.disk();
        let file = disk.names[name];
        disk.files[file].bytes[offset] ^= mask;
        disk.files[file].synced[offset] ^= mask;
    }

    /// Cuts a file, or makes it longer by zeros, behind the log's back.
    ///
    /// # Panics
    /// When there is no such file.
    pub fn resize(&self, name: &str, bytes: usize) {
        let mut disk = self.disk();
        let file = disk.names[name];
        disk.files[file].bytes.resize(bytes, 0);
        disk.files[file].synced.resize(bytes, 0);
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a power cut does to each unsynced thing in turn.
struct Choice {
    unsynced: Unsynced,
    bytes_left: usize,
    random: u64,
}

impl Choice {
    fn new(unsynced: Unsynced) -> Self {
        let (bytes_left, random) = match unsynced {
            Unsynced::FirstBytes(bytes) => (bytes, 0),
            // An xorshift generator stays at zero for ever when it starts there.
            Unsynced::Sectors(seed) => (0, seed | 1 << 63),
            Unsynced::Lost | Unsynced::Kept => (0, 0),
        };
        Self { unsynced, bytes_left, random }
    }

    fn bit(&mut self) -> bool {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random & 1 == 1
    }

    fn keeps_names(&mut self) -> bool {
        match self.unsynced {
            Unsynced::Lost => false,
            Unsynced::Kept | Unsynced::FirstBytes(_) => true,
            Unsynced::Sectors(_) => self.bit(),
        }
    }

    /// Applies what is kept of one write.
    fn write(&mut self, bytes: &mut [u8], offset: usize, written: &[u8]) {
        match self.unsynced {
            Unsynced::Lost => {}
            Unsynced::Kept => bytes[offset..offset + written.len()].copy_from_slice(written),
            Unsynced::FirstBytes(_) => {
                let kept = written.len().min(self.bytes_left);
                self.bytes_left -= kept;
                bytes[offset..offset + kept].copy_from_slice(&written[..kept]);
            }
            Unsynced::Sectors(_) => {
                let mut at = offset;
                while at < offset + written.len() {
                    let sector_end = (at / SECTOR_BYTES + 1) * SECTOR_BYTES;
                    let end = sector_end.min(offset + written.len());
                    if self.bit() {
                        bytes[at..end].copy_from_slice(&written[at - offset..end - offset]);
                    }
                    at = end;
                }
            }
        }
    }
}

const SECTOR_BYTES: usize = 512;

impl MemoryFile {
    fn after_crash(&self, choice: &mut Choice) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        // A file that was created and never synced has its length by luck; zeros stand for its unwritten blocks.
        bytes.resize(self.bytes.len(), 0);
        for (offset, written) in &self.unsynced {
            choice.write(&mut bytes, *offset, written);
        }
        bytes
    }

    fn write(&mut self, offset: usize, written: &[u8]) {
        self.bytes[offset..offset + written.len()].copy_from_slice(written);
        self.unsynced.push((offset, written.to_vec()));
    }
}

impl Disk {
    /// Counts a change and tells how it is to fail.
    fn change(&mut self) -> Option<Fault> {
        self.operations.changes += 1;
        if self.dead {
            return Some(Fault::PowerCut);
        }
        let fault = self.fault.filter(|(change, _)| *change == self.operations.changes).map(|(_, fault)| fault);
        self.dead = fault == Some(Fault::PowerCut);
        fault
    }

    fn allow(&mut self, operation: &'static str, name: &str) -> Result<(), StorageError> {
        match self.change() {
            None | Some(Fault::Short(_)) => Ok(()),
            Some(Fault::Error | Fault::PowerCut) => Err(failed(operation, name, io::ErrorKind::Other)),
        }
    }

    fn alive(&self, operation: &'static str, name: &str) -> Result<(), StorageError> {
        if self.dead { Err(failed(operation, name, io::ErrorKind::Other)) } else { Ok(()) }
    }

    fn file(&self, operation: &'static str, name: &str) -> Result<usize, StorageError> {
        self.names.get(name).copied().ok_or_else(|| failed(operation, name, io::ErrorKind::NotFound))
    }

    fn used(&self) -> u64 {
        self.names.values().map(|file| self.files[*file].bytes.len() as u64).sum()
    }
}

impl Storage for MemoryStorage {
    fn list(&self, directory: &str) -> Result<Vec<String>, StorageError> {
        let disk = self.disk();
        disk.alive("list", directory)?;
        let within = |name: &String| match (directory, name.split_once('/')) {
            ("", None) => Some(name.clone()),
            (_, Some((parent, child))) if parent == directory => Some(child.to_owned()),
            _ => None,
        };
        Ok(disk.names.keys().filter_map(within).collect())
    }

    fn create(&self, name: &str, bytes: u64) -> Result<(), StorageError> {
        let mut disk = self.disk();
        disk.allow("create", name)?;
        let file = disk.files.len();
        let free = disk.bytes_max.map_or(u64::MAX, |bytes_max| bytes_max.saturating_sub(disk.used()));
        let length = usize::try_from(bytes.min(free)).expect("files in memory fit memory");
        disk.files.push(MemoryFile { bytes: vec![0; length], ..MemoryFile::default() });
        disk.names.insert(name.to_owned(), file);
        if bytes > free { Err(StorageError::Full { path: name.to_owned() }) } else { Ok(()) }
    }

    fn file_bytes(&self, name: &str) -> Result<u64, StorageError> {
        let disk = self.disk();
        disk.alive("inspect", name)?;
        Ok(disk.files[disk.file("inspect", name)?].bytes.len() as u64)
    }

    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> Result<(), StorageError> {
        let disk = self.disk();
        disk.alive("read", name)?;
        let bytes = &disk.files[disk.file("read", name)?].bytes;
        let found = usize::try_from(offset).ok().and_then(|start| bytes.get(start..start.checked_add(into.len())?));
        into.copy_from_slice(found.ok_or_else(|| failed("read", name, io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let mut disk = self.disk();
        disk.operations.writes += 1;
        let fault = if disk.dead { Some(Fault::Error) } else { disk.change() };
        let file = disk.file("write", name)?;
        let offset = usize::try_from(offset).expect("files in memory fit memory");
        assert!(offset + bytes.len() <= disk.files[file].bytes.len(), "the log writes within its zero-filled files");
        match fault {
            None => disk.files[file].write(offset, bytes),
            Some(Fault::Error) => return Err(failed("write", name, io::ErrorKind::Other)),
            Some(Fault::Short(written)) => {
                let written = written.min(bytes.len());
                disk.files[file].write(offset, &bytes[..written]);
                return Err(StorageError::ShortWrite { path: name.to_owned(), written, asked: bytes.len() });
            }
            Some(Fault::PowerCut) => {
                disk.files[file].write(offset, bytes);
                return Err(failed("write", name, io::ErrorKind::Other));
            }
        }
        Ok(())
    }

    fn sync_data(&self, name: &str) -> Result<(), StorageError> {
        let mut disk = self.disk();
        disk.operations.syncs += 1;
        disk.allow("sync", name)?;
        let file = disk.file("sync", name)?;
        let file = &mut disk.files[file];
        file.synced.resize(file.bytes.len(), 0);
        for (offset, written) in file.unsynced.drain(..) {
            file.synced[offset..offset + written.len()].copy_from_slice(&written);
        }
        Ok(())
    }

    fn sync_directory(&self, directory: &str) -> Result<(), StorageError> {
        let mut disk = self.disk();
        disk.allow("sync", directory)?;
        let within = |name: &str| match name.split_once('/') {
            None => directory.is_empty(),
            Some((parent, _)) => parent == directory,
        };
        let Disk { names, synced_names, .. } = &mut *disk;
        synced_names.retain(|name, _| !within(name));
        synced_names.extend(names.iter().filter(|(name, _)| within(name)).map(|(name, file)| (name.clone(), *file)));
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        let mut disk = self.disk();
        disk.allow("rename", from)?;
        let file = disk.file("rename", from)?;
        disk.names.remove(from);
        disk.names.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        let mut disk = self.disk();
        disk.allow("remove", name)?;
        disk.file("remove", name)?;
        disk.names.remove(name);
        Ok(())
    }

    fn lock(&self) -> Result<(), StorageError> {
        let mut disk = self.disk();
        if disk.locked {
            return Err(StorageError::Locked { path: "lock".to_owned() });
        }
        disk.locked = true;
        Ok(())
    }

    fn unlock(&self) {
        self.disk().locked = false;
    }

    fn is_locked(&self) -> Result<bool, StorageError> {
        Ok(self.disk().locked)
    }
}

fn failed(operation: &'static str, path: &str, kind: io::ErrorKind) -> StorageError {
    StorageError::Io { operation, path: path.to_owned(), kind, code: None }
}
