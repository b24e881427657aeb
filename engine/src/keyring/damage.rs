//! Why the keyring cannot do what it was asked.

use super::KeyId;
use crate::log::{LogId, StorageError};
use std::fmt;
use thiserror::Error;

/// Why opening, changing or reading a keyring failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyringError {
    /// Another process, or another [`super::Keyring`] in this one, has it open for writing.
    #[error("keyring is locked by another writer: {path}")]
    Locked {
        /// The lock file.
        path: String,
    },
    /// The wrapping key is not the one that wrapped these keys. Nothing was changed.
    #[error("wrapping key is not the one that this keyring was written with")]
    WrongWrappingKey,
    /// The keyring belongs to another log. Nothing was changed.
    #[error("keyring belongs to log {found}, not to log {expected}")]
    WrongLog {
        /// The log it belongs to.
        found: LogId,
        /// The log it was opened for.
        expected: LogId,
    },
    /// The keyring has a format that this version does not read. Nothing was changed.
    #[error("keyring format {found} is not readable, this version reads format 1")]
    Format {
        /// The format found.
        found: u32,
    },
    /// Acknowledged bytes are not what was written.
    #[error("keyring is damaged: {0}")]
    Corrupt(Damage),
    /// The disk has no room for another file. Nothing was changed and the keyring stays usable.
    #[error("disk is full: no room for another file of the keyring")]
    Full,
    /// An earlier change failed half-way: what it wrote is unknown, so the keyring must be opened anew.
    #[error("keyring was given up after an earlier failure")]
    Poisoned,
    /// The keyring was opened read-only.
    #[error("keyring is open read-only")]
    ReadOnly,
    /// Too many keys at once. Nothing was changed.
    #[error("{count} keys are added at once, at most {count_max} are allowed")]
    TooMany {
        /// How many.
        count: usize,
        /// The limit.
        count_max: usize,
    },
    /// All 4,294,967,294 key ids were given. Nothing was changed.
    #[error("no key id is left")]
    NoIdLeft,
    /// The storage failed.
    #[error(transparent)]
    Storage(StorageError),
}

impl From<StorageError> for KeyringError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Locked { path } => Self::Locked { path },
            other => Self::Storage(other),
        }
    }
}

/// A place in the keyring whose bytes are not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Name of the file.
    pub file: String,
    /// Byte offset of the damaged slot in it.
    pub offset: u64,
    /// The key that stands there, or the next one when the slot is not a key's; `None` when the file as a whole is meant.
    pub key: Option<KeyId>,
    /// What is wrong there.
    pub what: What,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, offset, key, what } = self;
        write!(f, "file {file}, offset {offset}")?;
        if let Some(key) = key {
            write!(f, ", key {key}")?;
        }
        write!(f, ": {what}")
    }
}

impl std::error::Error for Damage {}

/// What is wrong with some bytes of a keyring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum What {
    /// A file is missing between or before others.
    #[error("file number {number} is missing")]
    FileMissing {
        /// Number of the missing file.
        number: u32,
    },
    /// The first slot's magic bytes or checksum do not match.
    #[error("file header is unreadable")]
    Header,
    /// The file belongs to another format version.
    #[error("keyring format {found} is not readable, this version reads format 1")]
    Format {
        /// The format found.
        found: u32,
    },
    /// The header is sound but does not continue the file before it.
    #[error("file header does not continue the file before it")]
    HeaderForeign,
    /// The file is shorter or longer than its header says.
    #[error("file is {found} bytes long, its header says {expected}")]
    FileBytes {
        /// Length of the file.
        found: u64,
        /// Length in the header.
        expected: u64,
    },
    /// The slot does not match its checksum.
    #[error("slot checksum does not match")]
    Checksum,
    /// The slot matches its checksum and is none that this version writes.
    #[error("slot is none that was ever written")]
    Slot,
    /// The slot is sound but does not follow the one before it.
    #[error("slot does not follow the one before it")]
    Order,
    /// Slots after this one are written, and this one is not.
    #[error("slot is missing")]
    Hole,
    /// The key does not unwrap with the wrapping key that opened the keyring.
    #[error("key does not unwrap")]
    Unwrap,
}
