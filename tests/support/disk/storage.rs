use super::image::Image;
use super::loss::{Loss, losses, random_loss};
use super::medium::{Medium, parent};
use super::operation::Operation;
use crate::chance::Chance;
use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tidings_engine::log::{Storage, StorageError};

/// A simulated disk with its power on. Clones are handles of the same disk.
#[derive(Clone, Debug, Default)]
pub struct SimulatedDisk {
    shared: Arc<Mutex<Shared>>,
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The system reports an I/O error, and did nothing.
    Io,
    /// The system reports an I/O error, and did it nevertheless.
    IoAfter,
    /// There is no room: nothing was done. What needs no room is done.
    Full,
    /// A write wrote the first half, and says so; everything else is done.
    Short,
    /// The power goes before this one: it and all later ones fail, reads included, until [`SimulatedDisk::cut_power`].
    PowerOff,
}

#[derive(Debug, Default)]
struct Shared {
    medium: Medium,
    operations: Vec<Operation>,
    /// Operations asked for, failed ones included.
    asked: u64,
    fault: Option<(u64, Fault)>,
    is_off: bool,
    locked: BTreeSet<Arc<str>>,
}

impl SimulatedDisk {
    /// A disk with these files, at rest.
    #[must_use]
    pub fn of(image: &Image) -> Self {
        let shared = Shared { medium: Medium::of(image), ..Shared::default() };
        Self { shared: Arc::new(Mutex::new(shared)) }
    }

    /// One of its folders, for a log or a keyring.
    #[must_use]
    pub fn folder(&self, name: &str) -> DiskStorage {
        DiskStorage { disk: self.clone(), folder: name.into() }
    }

    /// All that was done since the beginning, in order. Failed operations are not among it unless they did something.
    #[must_use]
    pub fn operations(&self) -> Vec<Operation> {
        self.shared().operations.clone()
    }

    /// How many operations were done.
    #[must_use]
    pub fn operations_count(&self) -> usize {
        self.shared().operations.len()
    }

    /// How many operations were asked for, failed ones included.
    #[must_use]
    pub fn asked_count(&self) -> u64 {
        self.shared().asked
    }

    /// Makes the operation with this number fail, counted from 1 over the disk's life.
    pub fn fail_at(&self, operation: u64, fault: Fault) {
        self.shared().fault = Some((operation, fault));
    }

    /// Cuts the power and brings it back: what the loss takes is gone, the rest is durable, and locks are free.
    pub fn cut_power(&self, loss: Loss) {
        let mut shared = self.shared();
        shared.locked.clear();
        (shared.is_off, shared.fault) = (false, None);
        shared.perform(Operation::PowerCut { loss: Arc::new(loss) });
    }

    /// The disk as programs see it now.
    #[must_use]
    pub fn image(&self) -> Image {
        self.shared().medium.image()
    }

    /// The disk that a power cut now would leave.
    #[must_use]
    pub fn after(&self, loss: &Loss) -> Image {
        self.shared().medium.after(loss)
    }

    /// What a power cut now may lose, one of it by this seed.
    #[must_use]
    pub fn some_loss(&self, seed: u64) -> Loss {
        let (mut chance, shared) = (Chance::new(seed), self.shared());
        if chance.one_in(2) { random_loss(chance.number()) } else { *chance.pick(&losses(&shared.medium)) }
    }

    /// Syncs every second sector of a file: for lies.
    pub(super) fn sync_half(&self, path: &str) {
        self.shared().perform(Operation::SyncHalf { path: path.into() });
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn perform(&mut self, operation: Operation) {
        self.medium.perform(&operation);
        self.operations.push(operation);
    }

    /// Does the operation, unless it is the one that fails.
    fn attempt(&mut self, name: &'static str, path: &str, operation: Operation) -> Result<(), StorageError> {
        self.asked += 1;
        if self.is_off {
            return Err(failed(name, path, io::ErrorKind::Other));
        }
        let fault = self.fault.filter(|(number, _)| *number == self.asked).map(|(_, fault)| fault);
        let needs_room = matches!(operation, Operation::Create { .. } | Operation::Write { .. });
        match fault {
            Some(Fault::PowerOff) => {
                self.is_off = true;
                return Err(failed(name, path, io::ErrorKind::Other));
            }
            Some(Fault::Io) => return Err(failed(name, path, io::ErrorKind::Other)),
            Some(Fault::Full) if needs_room => return Err(StorageError::Full { path: path.to_owned() }),
            Some(Fault::Short) => {
                if let Operation::Write { path, offset, bytes } = &operation {
                    let (written, asked) = (bytes.len() / 2, bytes.len());
                    let short =
                        Operation::Write { path: Arc::clone(path), offset: *offset, bytes: bytes[..written].into() };
                    self.perform(short);
                    return Err(StorageError::ShortWrite { path: path.to_string(), written, asked });
                }
            }
            Some(Fault::IoAfter) => {
                self.perform(operation);
                return Err(failed(name, path, io::ErrorKind::Other));
            }
            Some(Fault::Full) | None => {}
        }
        self.perform(operation);
        Ok(())
    }
}

/// One folder of a simulated disk.
#[derive(Clone, Debug)]
pub struct DiskStorage {
    disk: SimulatedDisk,
    folder: Arc<str>,
}

impl DiskStorage {
    /// The disk.
    #[must_use]
    pub const fn disk(&self) -> &SimulatedDisk {
        &self.disk
    }

    /// Path on the disk of a name in the folder.
    #[must_use]
    pub fn path(&self, name: &str) -> Arc<str> {
        format!("{}/{name}", self.folder).into()
    }

    fn existing(&self, operation: &'static str, name: &str) -> Result<Arc<Vec<u8>>, StorageError> {
        let path = self.path(name);
        let shared = self.disk.shared();
        if shared.is_off {
            return Err(failed(operation, &path, io::ErrorKind::Other));
        }
        shared.medium.bytes(&path).cloned().ok_or_else(|| failed(operation, &path, io::ErrorKind::NotFound))
    }

    fn attempt(&self, operation: &'static str, name: &str, what: Operation) -> Result<(), StorageError> {
        self.disk.shared().attempt(operation, name, what)
    }
}

impl Storage for DiskStorage {
    fn list(&self, directory: &str) -> Result<Vec<String>, StorageError> {
        let path = self.path(directory);
        let wanted = path.trim_end_matches('/');
        let shared = self.disk.shared();
        if shared.is_off {
            return Err(failed("list", directory, io::ErrorKind::Other));
        }
        let names = shared.medium.names().filter(|name| parent(name) == wanted);
        Ok(names.map(|name| name[wanted.len() + 1..].to_owned()).collect())
    }

    fn create(&self, name: &str, bytes: u64) -> Result<(), StorageError> {
        let bytes = usize::try_from(bytes).expect("files of a simulated disk fit memory");
        self.attempt("create", name, Operation::Create { path: self.path(name), bytes })
    }

    fn file_bytes(&self, name: &str) -> Result<u64, StorageError> {
        Ok(self.existing("inspect", name)?.len() as u64)
    }

    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> Result<(), StorageError> {
        let bytes = self.existing("read", name)?;
        let found = usize::try_from(offset).ok().and_then(|start| bytes.get(start..start.checked_add(into.len())?));
        into.copy_from_slice(found.ok_or_else(|| failed("read", name, io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.existing("write", name)?;
        let offset = usize::try_from(offset).expect("files of a simulated disk fit memory");
        self.attempt("write", name, Operation::Write { path: self.path(name), offset, bytes: bytes.into() })
    }

    fn sync_data(&self, name: &str) -> Result<(), StorageError> {
        self.existing("sync", name)?;
        self.attempt("sync", name, Operation::SyncData { path: self.path(name) })
    }

    fn sync_directory(&self, directory: &str) -> Result<(), StorageError> {
        let directory = self.path(directory).trim_end_matches('/').into();
        self.attempt("sync", "directory", Operation::SyncDirectory { directory })
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.existing("rename", from)?;
        self.attempt("rename", from, Operation::Rename { from: self.path(from), to: self.path(to) })
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.existing("remove", name)?;
        self.attempt("remove", name, Operation::Remove { path: self.path(name) })
    }

    fn lock(&self) -> Result<(), StorageError> {
        let is_free = self.disk.shared().locked.insert(Arc::clone(&self.folder));
        if is_free { Ok(()) } else { Err(StorageError::Locked { path: self.path("lock").to_string() }) }
    }

    fn unlock(&self) {
        self.disk.shared().locked.remove(&self.folder);
    }

    fn is_locked(&self) -> Result<bool, StorageError> {
        Ok(self.disk.shared().locked.contains(&self.folder))
    }
}

fn failed(operation: &'static str, path: &str, kind: io::ErrorKind) -> StorageError {
    StorageError::Io { operation, path: path.to_owned(), kind, code: None }
}
