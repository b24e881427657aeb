//! Why the log cannot do what it was asked.

use super::damage::Damage;
use super::storage::StorageError;
use crate::ids::Position;
use thiserror::Error;

/// Why opening, appending or reading failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LogError {
    /// Another process, or another [`super::Log`] in this one, has the log open for writing.
    #[error("log is locked by another writer: {path}")]
    Locked {
        /// The lock file.
        path: String,
    },
    /// The log has a format that this version does not read. Nothing was changed.
    #[error("log format {found} is not readable, this version reads format 1")]
    Format {
        /// The format found.
        found: u32,
    },
    /// There is no log where one was to be read.
    #[error("no log was found")]
    Absent,
    /// Acknowledged bytes are not what was written. Nothing was changed; open read-only to read what is before.
    #[error("log is damaged: {0}")]
    Corrupt(Damage),
    /// The disk has no room for the next segment. Nothing of the batch was written and the log stays usable.
    #[error("disk is full: no room for the next segment")]
    Full,
    /// An earlier append failed half-way: what it wrote is unknown, so the log must be opened anew.
    #[error("log was given up after an earlier failure")]
    Poisoned,
    /// The log was opened read-only.
    #[error("log is open read-only")]
    ReadOnly,
    /// A part of a record, or a whole group, is larger than the format allows. Nothing was written.
    #[error("{part} is {bytes} bytes, at most {bytes_max} are allowed")]
    TooLarge {
        /// `facts`, `content` or `group`.
        part: &'static str,
        /// Its size.
        bytes: usize,
        /// Its limit.
        bytes_max: usize,
    },
    /// No durable event has this position.
    #[error("position {position} is not in the log, which ends at {head}")]
    NoSuchPosition {
        /// The position asked for.
        position: Position,
        /// The last durable position.
        head: Position,
    },
    /// The storage failed.
    #[error(transparent)]
    Storage(StorageError),
}

impl From<StorageError> for LogError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Locked { path } => Self::Locked { path },
            other => Self::Storage(other),
        }
    }
}

impl From<Damage> for LogError {
    fn from(damage: Damage) -> Self {
        match damage.what {
            super::What::Format { found } => Self::Format { found },
            super::What::Unreadable(error) => Self::Storage(error),
            _ => Self::Corrupt(damage),
        }
    }
}
