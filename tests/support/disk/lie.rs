//! Planted bugs: storage that says yes and does something else.

use super::operation::Place;
use super::storage::DiskStorage;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tidings_engine::log::{Storage, StorageError};

/// A planted bug. Production code does not change: the storage under it lies, as if the code above had done this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Segments are never synced.
    SkipDataSync,
    /// Names are never made durable.
    SkipDirectorySync,
    /// A sync returns at once, and is done only when the next thing is.
    AckBeforeSync,
    /// A new segment gets its name before its bytes are durable.
    RenameBeforeSync,
    /// What recovery puts away is written nowhere.
    LoseQuarantine,
    /// A sync covers every second sector.
    SyncHalf,
    /// A write lacks its last bytes, and nobody looks.
    ShortWriteIgnored,
    /// The sync of a group waits for the next group, and only then both are acknowledged.
    SecondUnsyncedGroup,
    /// The keyring is never synced, so that a group can come before the keys that seal it.
    KeyringAfterLog,
    /// A group is shown to the checkpoint thread before its sync.
    CheckpointBeforeSync,
    /// A checkpoint gets its name before its bytes are durable.
    CheckpointRenameBeforeSync,
}

/// Every planted bug with its name on the command line.
pub const LIES: [(&str, Lie); 11] = [
    ("skip-data-sync", Lie::SkipDataSync),
    ("skip-directory-sync", Lie::SkipDirectorySync),
    ("ack-before-sync", Lie::AckBeforeSync),
    ("rename-before-sync", Lie::RenameBeforeSync),
    ("lose-quarantine", Lie::LoseQuarantine),
    ("sync-half", Lie::SyncHalf),
    ("short-write-ignored", Lie::ShortWriteIgnored),
    ("second-unsynced-group", Lie::SecondUnsyncedGroup),
    ("keyring-after-log", Lie::KeyringAfterLog),
    ("checkpoint-before-sync", Lie::CheckpointBeforeSync),
    ("checkpoint-rename-before-sync", Lie::CheckpointRenameBeforeSync),
];

impl FromStr for Lie {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = LIES.iter().find(|(known, _)| *known == name).map(|(_, lie)| *lie);
        found.ok_or_else(|| {
            let names: Vec<_> = LIES.iter().map(|(name, _)| *name).collect();
            format!("no bug {name:?} can be planted; there are {}", names.join(", "))
        })
    }
}

impl fmt::Display for Lie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(LIES.iter().find(|(_, lie)| lie == self).map_or("?", |(name, _)| name))
    }
}

/// A folder of a disk that lies, or does not.
#[derive(Clone, Debug)]
pub struct Lying {
    inner: DiskStorage,
    lie: Option<Lie>,
    /// A file whose sync was promised and is not done yet.
    owed: Arc<Mutex<Option<String>>>,
    /// As `owed`, over all folders of a subject.
    late: Arc<Late>,
}

/// The segment whose sync comes late.
#[derive(Debug, Default)]
struct Late(Mutex<Option<(DiskStorage, String)>>);

impl Lying {
    /// This folder with this lie.
    #[must_use]
    pub fn new(inner: DiskStorage, lie: Option<Lie>) -> Self {
        Self { inner, lie, owed: Arc::default(), late: Arc::default() }
    }

    /// Another folder of the same subject.
    #[must_use]
    pub fn beside(&self, inner: DiskStorage) -> Self {
        Self { inner, lie: self.lie, owed: Arc::default(), late: Arc::clone(&self.late) }
    }

    /// Whether the sync of the last group was promised and not done, so that it may not be acknowledged: the lies that keep to
    /// this are [`Lie::SecondUnsyncedGroup`] and [`Lie::CheckpointBeforeSync`].
    #[must_use]
    pub fn owes_a_sync(&self) -> bool {
        match self.lie {
            Some(Lie::SecondUnsyncedGroup) => self.owed().is_some(),
            Some(Lie::CheckpointBeforeSync) => self.late.held().is_some(),
            _ => false,
        }
    }

    fn owed(&self) -> MutexGuard<'_, Option<String>> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what [`Lie::AckBeforeSync`] put off, and [`Lie::CheckpointBeforeSync`] unless a checkpoint is what comes next.
    fn settle(&self) -> Result<(), StorageError> {
        if !self.has_checkpoints() {
            self.late.sync()?;
        }
        if self.lie != Some(Lie::AckBeforeSync) {
            return Ok(());
        }
        let owed = self.owed().take();
        match owed {
            Some(name) if self.inner.file_bytes(&name).is_ok() => self.inner.sync_data(&name),
            _ => Ok(()),
        }
    }
}

impl Lying {
    fn has_checkpoints(&self) -> bool {
        Place::of(&self.inner.path("")) == Place::Checkpoint
    }
}

impl Late {
    fn held(&self) -> MutexGuard<'_, Option<(DiskStorage, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sync(&self) -> Result<(), StorageError> {
        let late = self.held().take();
        late.map_or(Ok(()), |(folder, name)| folder.sync_data(&name))
    }
}

/// Whoever closes a log syncs it before.
impl Drop for Late {
    fn drop(&mut self) {
        // With the power off there is nothing to be done.
        let _ = self.sync();
    }
}

fn is_segment(name: &str) -> bool {
    name.ends_with(".seg")
}

fn is_quarantine(name: &str) -> bool {
    name.starts_with("quarantine")
}

impl Storage for Lying {
    fn list(&self, directory: &str) -> Result<Vec<String>, StorageError> {
        self.inner.list(directory)
    }

    fn create(&self, name: &str, bytes: u64) -> Result<(), StorageError> {
        self.settle()?;
        self.inner.create(name, bytes)
    }

    fn file_bytes(&self, name: &str) -> Result<u64, StorageError> {
        self.inner.file_bytes(name)
    }

    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> Result<(), StorageError> {
        self.inner.read_at(name, offset, into)
    }

    fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        // The watermark follows every sync at once, and would leave no time in which the sync is owed.
        if name != "watermark" {
            self.settle()?;
        }
        match self.lie {
            Some(Lie::LoseQuarantine) if is_quarantine(name) => Ok(()),
            // It would tell of the group before its sync.
            Some(Lie::CheckpointBeforeSync) if name == "watermark" => Ok(()),
            Some(Lie::ShortWriteIgnored) if is_segment(name) && bytes.len() > SHORT_BYTES => {
                self.inner.write_at(name, offset, &bytes[..bytes.len() - SHORT_BYTES])
            }
            _ => self.inner.write_at(name, offset, bytes),
        }
    }

    fn sync_data(&self, name: &str) -> Result<(), StorageError> {
        self.settle()?;
        match self.lie {
            Some(Lie::SkipDataSync) if is_segment(name) => Ok(()),
            Some(Lie::KeyringAfterLog) if name.ends_with(".keys") => Ok(()),
            Some(Lie::AckBeforeSync) if is_segment(name) => {
                *self.owed() = Some(name.to_owned());
                Ok(())
            }
            Some(Lie::CheckpointBeforeSync) if is_segment(name) => {
                *self.late.held() = Some((self.inner.clone(), name.to_owned()));
                Ok(())
            }
            Some(Lie::RenameBeforeSync) if !is_segment(name) && !is_quarantine(name) => {
                *self.owed() = Some(name.to_owned());
                Ok(())
            }
            Some(Lie::CheckpointRenameBeforeSync) if self.has_checkpoints() => {
                *self.owed() = Some(name.to_owned());
                Ok(())
            }
            Some(Lie::SecondUnsyncedGroup) if is_segment(name) => {
                let mut owed = self.owed();
                match owed.take() {
                    None => *owed = Some(name.to_owned()),
                    Some(first) => {
                        self.inner.sync_data(&first)?;
                        self.inner.sync_data(name)?;
                    }
                }
                Ok(())
            }
            Some(Lie::SyncHalf) if is_segment(name) => {
                self.inner.disk().sync_half(&self.inner.path(name));
                Ok(())
            }
            _ => self.inner.sync_data(name),
        }
    }

    fn sync_directory(&self, directory: &str) -> Result<(), StorageError> {
        self.settle()?;
        if self.lie == Some(Lie::SkipDirectorySync) {
            return Ok(());
        }
        self.inner.sync_directory(directory)?;
        if matches!(self.lie, Some(Lie::RenameBeforeSync | Lie::CheckpointRenameBeforeSync))
            && let Some(name) = self.owed().take()
        {
            return self.inner.sync_data(&name);
        }
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.settle()?;
        self.inner.rename(from, to)?;
        let mut owed = self.owed();
        if owed.as_deref() == Some(from) {
            *owed = Some(to.to_owned());
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.settle()?;
        self.inner.remove(name)
    }

    fn lock(&self) -> Result<(), StorageError> {
        self.inner.lock()
    }

    fn unlock(&self) {
        self.inner.unlock();
    }

    fn is_locked(&self) -> Result<bool, StorageError> {
        self.inner.is_locked()
    }
}

/// What [`Lie::ShortWriteIgnored`] leaves out.
const SHORT_BYTES: usize = 40;
