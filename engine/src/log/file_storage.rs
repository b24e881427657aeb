//! The log's files in a directory.

use super::storage::{Storage, StorageError};
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A directory of the file system.
///
/// Files opened for writing and for reading have handles of their own, so that readers never close what the writer is
/// about to sync: a failed write-back is reported to the handle that wrote.
#[derive(Debug)]
pub struct FileStorage {
    directory: PathBuf,
    writing: Mutex<Vec<(String, Arc<File>)>>,
    reading: Mutex<HashMap<String, Arc<File>>>,
    lock: Mutex<Option<File>>,
}

impl FileStorage {
    /// The directory at `path`, created durably when it does not exist.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, StorageError> {
        let storage = Self::at(path.into());
        if !storage.directory.is_dir() {
            let shown = storage.directory.display().to_string();
            fs::create_dir_all(&storage.directory).map_err(|error| StorageError::new("create", &shown, &error))?;
            if let Some(parent) = storage.directory.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                sync(parent).map_err(|error| StorageError::new("sync", &shown, &error))?;
            }
        }
        Ok(storage)
    }

    /// The existing directory at `path`. Nothing is created.
    ///
    /// # Errors
    /// When it is not a directory.
    pub fn existing(path: impl Into<PathBuf>) -> Result<Self, StorageError> {
        let storage = Self::at(path.into());
        fs::read_dir(&storage.directory).map_err(|error| storage.failed("open", "", &error))?;
        Ok(storage)
    }

    fn at(directory: PathBuf) -> Self {
        Self { directory, writing: Mutex::default(), reading: Mutex::default(), lock: Mutex::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.directory.clone() } else { self.directory.join(name) }
    }

    fn failed(&self, operation: &'static str, name: &str, error: &io::Error) -> StorageError {
        StorageError::new(operation, &self.path(name).display().to_string(), error)
    }

    fn writing(&self, name: &str) -> Result<Arc<File>, StorageError> {
        let mut handles = held(&self.writing);
        if let Some(place) = handles.iter().position(|(known, _)| known == name) {
            // The last one is the last to be closed: what is being written stays open until it is synced.
            handles[place..].rotate_left(1);
            let (_, file) = handles.last().expect("it was found, so there is one");
            return Ok(Arc::clone(file));
        }
        let file = OpenOptions::new().read(true).write(true).open(self.path(name));
        let file = Arc::new(file.map_err(|error| self.failed("open", name, &error))?);
        Self::keep(&mut handles, name, &file);
        Ok(file)
    }

    fn keep(handles: &mut Vec<(String, Arc<File>)>, name: &str, file: &Arc<File>) {
        handles.retain(|(known, _)| known != name);
        if handles.len() == WRITING_COUNT_MAX {
            handles.remove(0);
        }
        handles.push((name.to_owned(), Arc::clone(file)));
    }

    fn reading(&self, name: &str) -> Result<Arc<File>, StorageError> {
        let mut handles = held(&self.reading);
        if let Some(file) = handles.get(name) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(File::open(self.path(name)).map_err(|error| self.failed("open", name, &error))?);
        if handles.len() == READING_COUNT_MAX {
            handles.clear();
        }
        handles.insert(name.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    fn forget(&self, name: &str) {
        held(&self.writing).retain(|(known, _)| known != name);
        held(&self.reading).remove(name);
    }
}

impl Storage for FileStorage {
    fn list(&self, directory: &str) -> Result<Vec<String>, StorageError> {
        let failed = |error: &io::Error| self.failed("list", directory, error);
        let entries = match fs::read_dir(self.path(directory)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| failed(&error))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| failed(&error))?;
            if entry.file_type().map_err(|error| failed(&error))?.is_file() {
                names.extend(entry.file_name().into_string().ok());
            }
        }
        Ok(names)
    }

    fn create(&self, name: &str, bytes: u64) -> Result<(), StorageError> {
        let failed = |error: &io::Error| self.failed("create", name, error);
        self.forget(name);
        let path = self.path(name);
        if let Some(parent) = path.parent().filter(|parent| *parent != self.directory) {
            fs::create_dir_all(parent).map_err(|error| failed(&error))?;
            sync(&self.directory).map_err(|error| failed(&error))?;
        }
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path);
        let file = Arc::new(file.map_err(|error| failed(&error))?);
        zero_fill(&file, bytes).map_err(|error| failed(&error))?;
        Self::keep(&mut held(&self.writing), name, &file);
        Ok(())
    }

    fn file_bytes(&self, name: &str) -> Result<u64, StorageError> {
        let metadata = self.reading(name)?.metadata();
        metadata.map(|metadata| metadata.len()).map_err(|error| self.failed("inspect", name, &error))
    }

    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> Result<(), StorageError> {
        self.reading(name)?.read_exact_at(into, offset).map_err(|error| self.failed("read", name, &error))
    }

    fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let written = self.writing(name)?.write_at(bytes, offset);
        let written = written.map_err(|error| self.failed("write", name, &error))?;
        if written < bytes.len() {
            let path = self.path(name).display().to_string();
            return Err(StorageError::ShortWrite { path, written, asked: bytes.len() });
        }
        Ok(())
    }

    fn sync_data(&self, name: &str) -> Result<(), StorageError> {
        let file = self.writing(name)?;
        rustix::fs::fdatasync(&*file).map_err(|error| self.failed("sync", name, &error.into()))
    }

    fn sync_directory(&self, directory: &str) -> Result<(), StorageError> {
        sync(&self.path(directory)).map_err(|error| self.failed("sync", directory, &error))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        fs::rename(self.path(from), self.path(to)).map_err(|error| self.failed("rename", from, &error))?;
        self.forget(from);
        self.forget(to);
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.forget(name);
        fs::remove_file(self.path(name)).map_err(|error| self.failed("remove", name, &error))
    }

    fn lock(&self) -> Result<(), StorageError> {
        let mut lock = held(&self.lock);
        let locked = || StorageError::Locked { path: self.path(LOCK_NAME).display().to_string() };
        if lock.is_some() {
            return Err(locked());
        }
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(self.path(LOCK_NAME));
        let file = file.map_err(|error| self.failed("open", LOCK_NAME, &error))?;
        match file.try_lock() {
            Ok(()) => *lock = Some(file),
            Err(TryLockError::WouldBlock) => return Err(locked()),
            Err(TryLockError::Error(error)) => return Err(self.failed("lock", LOCK_NAME, &error)),
        }
        Ok(())
    }

    fn unlock(&self) {
        // Closing the file gives the lock back.
        held(&self.lock).take();
    }

    fn is_locked(&self) -> Result<bool, StorageError> {
        let file = match File::open(self.path(LOCK_NAME)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            file => file.map_err(|error| self.failed("open", LOCK_NAME, &error))?,
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(self.failed("lock", LOCK_NAME, &error)),
        }
    }
}

/// Name of the lock file.
const LOCK_NAME: &str = "lock";

/// Files kept open for writing: the active segment, the next one, the watermark, the reserve, sidecars, some in quarantine.
const WRITING_COUNT_MAX: usize = 16;

/// Files kept open for reading: 128.
const READING_COUNT_MAX: usize = 128;

const ZERO_FILL_BYTES: usize = 1024 * 1024;

/// Writes zeros, so that later writes change no extent and their sync writes no metadata.
fn zero_fill(file: &File, bytes: u64) -> io::Result<()> {
    if bytes == 0 {
        return Ok(());
    }
    // Reserving the blocks in one step keeps them together and meets a full disk early. Not every file system can.
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
        Ok(()) | Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {}
        Err(error) => return Err(error.into()),
    }
    let zeros = vec![0; ZERO_FILL_BYTES.min(usize::try_from(bytes).unwrap_or(ZERO_FILL_BYTES))];
    let mut offset = 0;
    while offset < bytes {
        let part = usize::try_from(bytes - offset).map_or(zeros.len(), |left| left.min(zeros.len()));
        file.write_all_at(&zeros[..part], offset)?;
        offset += part as u64;
    }
    Ok(())
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// The tables behind these locks are whole at every step, so a panic elsewhere leaves nothing half-done.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
