//! What the log needs of a disk.

use std::io;
use thiserror::Error;

/// A directory of files by name, as the log uses it. Names are flat but for one level, `quarantine/…`.
///
/// Nothing is durable before [`Storage::sync_data`] (bytes) or [`Storage::sync_directory`] (names) returned. No method
/// retries a failed write or sync: what is on disk after one is unknown, and the log opens anew to find out.
pub trait Storage: Send + Sync + 'static {
    /// Names of the files in `directory`, `""` for the top; empty when it does not exist.
    ///
    /// # Errors
    /// When the directory cannot be read.
    fn list(&self, directory: &str) -> Result<Vec<String>, StorageError>;

    /// Creates, or replaces, a file of this many zero bytes, really written. Not durable yet.
    ///
    /// # Errors
    /// [`StorageError::Full`] when there is no room; the file may be left behind, shorter.
    fn create(&self, name: &str, bytes: u64) -> Result<(), StorageError>;

    /// Length of a file in bytes.
    ///
    /// # Errors
    /// When it does not exist.
    fn file_bytes(&self, name: &str) -> Result<u64, StorageError>;

    /// Fills `into` from `offset` on.
    ///
    /// # Errors
    /// When the file does not exist or ends before.
    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> Result<(), StorageError>;

    /// Writes `bytes` at `offset` of an existing file, in one call to the system.
    ///
    /// # Errors
    /// Also when fewer bytes were written than asked; what is there afterwards is unknown.
    fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), StorageError>;

    /// Makes what was written to the file durable.
    ///
    /// # Errors
    /// When the system cannot promise it; it must not be asked again.
    fn sync_data(&self, name: &str) -> Result<(), StorageError>;

    /// Makes creations, renames and removals in `directory` durable.
    ///
    /// # Errors
    /// When the system cannot promise it.
    fn sync_directory(&self, directory: &str) -> Result<(), StorageError>;

    /// Gives a file another name, replacing what had it.
    ///
    /// # Errors
    /// When it does not exist.
    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError>;

    /// Removes a file.
    ///
    /// # Errors
    /// When it does not exist.
    fn remove(&self, name: &str) -> Result<(), StorageError>;

    /// Takes the one writer's lock until [`Storage::unlock`], or until the process ends.
    ///
    /// # Errors
    /// [`StorageError::Locked`], at once, when another holds it, in this process or another.
    fn lock(&self) -> Result<(), StorageError>;

    /// Gives the lock back. Does nothing without it.
    fn unlock(&self);

    /// Whether a writer, this one included, holds the lock now.
    ///
    /// # Errors
    /// When the lock cannot be asked.
    fn is_locked(&self) -> Result<bool, StorageError>;
}

/// Why a storage operation failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StorageError {
    /// Another writer holds the lock.
    #[error("locked by another writer: {path}")]
    Locked {
        /// The lock file.
        path: String,
    },
    /// There is no room on the disk, or in the quota.
    #[error("no room to write {path}")]
    Full {
        /// The file being written.
        path: String,
    },
    /// Fewer bytes were written than asked.
    #[error("wrote {written} of {asked} bytes to {path}")]
    ShortWrite {
        /// The file being written.
        path: String,
        /// Bytes written.
        written: usize,
        /// Bytes that were to be written.
        asked: usize,
    },
    /// The system refused.
    #[error("{operation} {path}: {kind}{}", code.map(|code| format!(" (os error {code})")).unwrap_or_default())]
    Io {
        /// What was asked of it.
        operation: &'static str,
        /// The file or directory.
        path: String,
        /// Which kind of failure.
        kind: io::ErrorKind,
        /// The system's number for it.
        code: Option<i32>,
    },
}

impl StorageError {
    /// The failure of `operation` on `path`.
    pub(crate) fn new(operation: &'static str, path: &str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path: path.to_owned() },
            kind => Self::Io { operation, path: path.to_owned(), kind, code: error.raw_os_error() },
        }
    }
}
