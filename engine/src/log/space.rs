//! Disk space ahead of need: the next segment's zeros, and a reserve for what must still go through when the disk is full.
//!
//! Shared by the writer, by whoever decides ahead of it, and by a thread that may make the zeros meanwhile. Files are made
//! under one lock, so whoever needs the spare waits for one that is being made and never makes a second.

use super::error::LogError;
use super::fields::all_zero;
use super::options::LogOptions;
use super::segment::{SEGMENT_BYTES_MAX, SEGMENT_HEADER_BYTES};
use super::storage::{Storage, StorageError};

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Name of the next segment before it has one.
pub(crate) const SPARE: &str = "spare";

/// Name of the reserve.
pub(crate) const RESERVE: &str = "reserve";

/// Who asks for room in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomFor {
    /// Anybody. Refused when the disk is full.
    Ordinary,
    /// Erasure, retraction and administration: what a full disk must not stop. The reserve is given up for it.
    Urgent,
}

/// The files of zeros that the log keeps ahead of need.
pub struct Space {
    storage: Arc<dyn Storage>,
    segment_bytes: u64,
    reserve_bytes: u64,
    files: Mutex<Files>,
    /// Bytes of the spare segment, 0 when there is none. Changed with `files` held; looked at without waiting.
    spare: AtomicU64,
    /// Whether the reserve stands, or none is wanted. Likewise.
    is_reserved: AtomicBool,
}

#[derive(Debug, Default)]
struct Files {
    /// Making a file failed otherwise than for want of room: the storage is not to be trusted any more.
    failure: Option<StorageError>,
}

impl Space {
    /// Begins with what a log that was just opened has: no spare. The reserve is made when the disk has room for it.
    ///
    /// # Errors
    /// The storage fails; a full disk is no failure.
    pub(crate) fn open(storage: Arc<dyn Storage>, options: &LogOptions) -> Result<Self, StorageError> {
        let space = Self {
            storage,
            segment_bytes: segment_bytes(options),
            reserve_bytes: options.reserve_bytes.map_or_else(|| segment_bytes(options), reserve_bytes),
            files: Mutex::default(),
            spare: AtomicU64::new(0),
            is_reserved: AtomicBool::new(false),
        };
        if space.reserve_bytes == 0 || space.has_reserve()? {
            space.is_reserved.store(true, Ordering::Release);
        }
        Ok(space)
    }

    /// For a log to which nothing is appended.
    pub(crate) fn none(storage: Arc<dyn Storage>) -> Self {
        Self {
            storage,
            segment_bytes: 0,
            reserve_bytes: 0,
            files: Mutex::default(),
            spare: AtomicU64::new(0),
            is_reserved: AtomicBool::new(true),
        }
    }

    /// Makes the spare segment when there is none, and then the reserve when it was given up. Takes as long as writing
    /// their zeros does: for a thread of its own, or for a moment when nobody waits. A full disk is no failure.
    ///
    /// # Errors
    /// The storage fails. The log is of no more use: its next append that needs room says so, too.
    pub fn prepare(&self) -> Result<(), LogError> {
        let mut files = self.files();
        let made = match self.spare_bytes() {
            None => self.make_spare(&mut files, self.segment_bytes),
            Some(_) => Ok(()),
        };
        match made {
            Ok(()) => self.restore_locked(&mut files).map(drop),
            Err(LogError::Full) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether ordinary requests may be taken as far as the reserve goes. Costs nothing.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        self.is_reserved.load(Ordering::Acquire)
    }

    /// Makes the reserve anew after it was given up, when there is room for it. Tells whether it stands.
    ///
    /// # Errors
    /// The storage fails.
    pub fn restore(&self) -> Result<bool, LogError> {
        self.restore_locked(&mut self.files())
    }

    /// Bytes of the spare segment; `None` when there is none. Costs nothing.
    pub(crate) fn spare_bytes(&self) -> Option<u64> {
        Some(self.spare.load(Ordering::Acquire)).filter(|bytes| *bytes > 0)
    }

    /// A spare segment with room for a group of so many bytes: the one that is there, or a new one. Returns its bytes.
    ///
    /// # Errors
    /// [`LogError::Full`]: nothing has changed. [`LogError::Storage`]: the log is of no more use.
    pub(crate) fn ensure(&self, group_bytes: u64, room_for: RoomFor) -> Result<u64, LogError> {
        let mut files = self.files();
        if let Some(failure) = &files.failure {
            return Err(LogError::Storage(failure.clone()));
        }
        let bytes_min = (SEGMENT_HEADER_BYTES as u64 + group_bytes).next_multiple_of(4096);
        if let Some(bytes) = self.spare_bytes().filter(|bytes| *bytes >= bytes_min) {
            return Ok(bytes);
        }
        let bytes = self.segment_bytes.max(bytes_min);
        match self.make_spare(&mut files, bytes) {
            Ok(()) => Ok(bytes),
            Err(LogError::Full) if room_for == RoomFor::Urgent => self.give_up_reserve(&mut files, bytes_min),
            Err(error) => Err(error),
        }
    }

    /// The spare has become a segment.
    pub(crate) fn taken(&self) {
        let _files = self.files();
        self.spare.store(0, Ordering::Release);
    }

    /// Takes away a spare that could not become a segment.
    ///
    /// # Errors
    /// The storage fails.
    pub(crate) fn discard(&self) -> Result<(), LogError> {
        let mut files = self.files();
        self.spare.store(0, Ordering::Release);
        self.storage.remove(SPARE).map_err(|error| failed(&mut files, error))
    }

    /// Writes the zeros of the next segment. A full disk is met here, before anything is decided.
    fn make_spare(&self, files: &mut Files, bytes: u64) -> Result<(), LogError> {
        self.spare.store(0, Ordering::Release);
        self.make(files, SPARE, bytes)?;
        self.spare.store(bytes, Ordering::Release);
        Ok(())
    }

    fn restore_locked(&self, files: &mut Files) -> Result<bool, LogError> {
        if self.is_reserved() {
            return Ok(true);
        }
        match self.make(files, RESERVE, self.reserve_bytes) {
            Ok(()) => {
                self.is_reserved.store(true, Ordering::Release);
                Ok(true)
            }
            Err(LogError::Full) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The reserve becomes the spare as it is, so that nobody else on the disk can take the room between the two.
    fn give_up_reserve(&self, files: &mut Files, bytes_min: u64) -> Result<u64, LogError> {
        if self.reserve_bytes < bytes_min || !self.is_reserved() {
            return Err(LogError::Full);
        }
        self.is_reserved.store(false, Ordering::Release);
        // It may be older than this opening: what is not zero any more is not to become a segment's end.
        if !self.is_zero(RESERVE, self.reserve_bytes).map_err(|error| failed(files, error))? {
            self.storage.remove(RESERVE).map_err(|error| failed(files, error))?;
            return Err(LogError::Full);
        }
        self.storage.rename(RESERVE, SPARE).map_err(|error| failed(files, error))?;
        self.spare.store(self.reserve_bytes, Ordering::Release);
        Ok(self.reserve_bytes)
    }

    /// Without room for it nothing is left of it.
    fn make(&self, files: &mut Files, name: &str, bytes: u64) -> Result<(), LogError> {
        match self.storage.create(name, bytes).and_then(|()| self.storage.sync_data(name)) {
            Ok(()) => Ok(()),
            Err(StorageError::Full { .. }) => {
                self.storage.remove(name).map_err(|error| failed(files, error))?;
                Err(LogError::Full)
            }
            Err(error) => Err(failed(files, error)),
        }
    }

    fn is_zero(&self, name: &str, bytes: u64) -> Result<bool, StorageError> {
        let mut chunk = vec![0; 1024 * 1024];
        let mut at = 0;
        while at < bytes {
            let count = usize::try_from(bytes - at).map_or(chunk.len(), |left| left.min(chunk.len()));
            self.storage.read_at(name, at, &mut chunk[..count])?;
            if !all_zero(&chunk[..count]) {
                return Ok(false);
            }
            at += count as u64;
        }
        Ok(true)
    }

    /// Whether a whole reserve is there from before. One of another size, or cut short by a crash, is removed.
    fn has_reserve(&self) -> Result<bool, StorageError> {
        if !self.storage.list("")?.iter().any(|name| name == RESERVE) {
            return Ok(false);
        }
        if self.storage.file_bytes(RESERVE)? == self.reserve_bytes {
            return Ok(true);
        }
        self.storage.remove(RESERVE)?;
        Ok(false)
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        // What the lock guards is set in single steps, so a panic elsewhere leaves nothing half-done.
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(files: &mut Files, error: StorageError) -> LogError {
    files.failure = Some(error.clone());
    LogError::Storage(error)
}

/// Removes the zeros that a crash left behind: they may be shorter than they should be, or not zero.
pub(crate) fn remove_spare(storage: &dyn Storage) -> Result<(), StorageError> {
    if storage.list("")?.iter().any(|name| name == SPARE) { storage.remove(SPARE) } else { Ok(()) }
}

const SEGMENT_BYTES_MIN: u64 = 8 * 1024;

/// Bytes of a new segment, within what the format allows.
pub(crate) fn segment_bytes(options: &LogOptions) -> u64 {
    options.segment_bytes.clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX).next_multiple_of(4096)
}

fn reserve_bytes(asked: u64) -> u64 {
    if asked == 0 { 0 } else { asked.clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX).next_multiple_of(4096) }
}
