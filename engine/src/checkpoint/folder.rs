//! A folder of kept checkpoints: the one in the data directory, or a sink.

use super::accumulator::Accumulator;
use super::comparison::Named;
use super::note::NOTE_BYTES_MAX;
use super::signed::SignedCheckpoint;
use super::thinning::{stamp, superfluous};
use crate::ids::{Position, Time};
use crate::log::{LogId, LogReader, Storage, StorageError, write_whole};
use std::fmt;
use std::sync::Arc;

/// What the names of checkpoints end with: `LOGID-POSITION-STAMP.checkpoint`.
const SUFFIX: &str = ".checkpoint";

/// Name of the disposable file that saves reading the whole log at the next start.
const ACCUMULATOR: &str = "accumulator";
const ACCUMULATOR_DRAFT: &str = "accumulator.draft";

/// A frontier has at most 64 subtrees: 8 + 16 + 32 + 8 + 64 * 32 + 32 bytes.
const ACCUMULATOR_BYTES_MAX: u64 = 4 * 1024;

/// A folder of kept checkpoints. Several logs may share one, but only one server writes for each. Cheap to clone.
#[derive(Clone)]
pub struct Folder {
    storage: Arc<dyn Storage>,
    label: String,
}

/// A checkpoint that is kept, by its file's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kept {
    /// When it was signed.
    pub stamp: String,
    /// The last event that it covers.
    pub position: Position,
    /// Id of its log, in hexadecimal.
    pub log: String,
    /// The file.
    pub name: String,
}

impl fmt::Debug for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Folder").field(&self.label).finish()
    }
}

impl Folder {
    /// The checkpoints in a storage, whose names are given out with `label` before them.
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>, label: impl Into<String>) -> Self {
        Self { storage, label: label.into() }
    }

    /// What it is called.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Writes a checkpoint durably: after a crash it is there whole, or not at all; once this returned it is there. Gives the
    /// name of its file.
    ///
    /// # Errors
    /// What the storage says; at most a draft is left behind, which the next checkpoint of the log replaces.
    pub fn keep(&self, signed: &SignedCheckpoint) -> Result<String, StorageError> {
        let checkpoint = signed.checkpoint();
        let (log, position) = (checkpoint.log, checkpoint.position.0);
        let name = format!("{log}-{position:020}-{}{SUFFIX}", stamp(checkpoint.time));
        write_whole(&*self.storage, &format!(".{log}.draft"), &name, &signed.encode())?;
        Ok(name)
    }

    /// The checkpoints of a log, in order of time.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn kept(&self, log: LogId) -> Result<Vec<Kept>, StorageError> {
        let log = log.to_string();
        Ok(self.all()?.into_iter().filter(|kept| kept.log == log).collect())
    }

    /// The checkpoints of every log, in order of time. Files of other names are none.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn all(&self) -> Result<Vec<Kept>, StorageError> {
        let mut kept: Vec<Kept> = self.storage.list("")?.iter().filter_map(|name| parse(name)).collect();
        kept.sort_unstable();
        Ok(kept)
    }

    /// Removes the checkpoints of a log that are not needed any more. A folder that refuses keeps them all, which is no
    /// fault: that of a sink which can only be added to is meant to.
    pub fn thin(&self, log: LogId, now: Time) {
        let kept = self.kept(log).unwrap_or_default();
        for superfluous in superfluous(&kept, now) {
            // A removal that a crash undoes is done again by the next thinning, so no sync waits for it.
            let _ = self.storage.remove(&superfluous.name);
        }
    }

    /// Reads a kept checkpoint.
    ///
    /// # Errors
    /// The file cannot be read. What it holds may still be no checkpoint.
    pub fn read(&self, kept: &Kept) -> Result<Named, StorageError> {
        // One byte more than is allowed is enough to be refused.
        let length = self.storage.file_bytes(&kept.name)?.min(NOTE_BYTES_MAX as u64 + 1);
        let mut bytes = vec![0; usize::try_from(length).expect("it is at most 64 KiB")];
        self.storage.read_at(&kept.name, 0, &mut bytes)?;
        let name = format!("{}/{}", self.label, kept.name);
        Ok(Named { name, signed: SignedCheckpoint::parse(&bytes) })
    }

    /// What was remembered of this very log; `None` when nothing was. Where there is none that fits, the log itself has to
    /// be read.
    ///
    /// # Errors
    /// [`NoRecall`].
    pub fn recall(&self, reader: &LogReader) -> Result<Option<Accumulator>, NoRecall> {
        if !self.storage.list("")?.iter().any(|name| name == ACCUMULATOR) {
            return Ok(None);
        }
        let length = self.storage.file_bytes(ACCUMULATOR)?;
        if length > ACCUMULATOR_BYTES_MAX {
            return Err(NoRecall::Unfit);
        }
        let mut bytes = vec![0; usize::try_from(length).expect("it is at most 4 KiB")];
        self.storage.read_at(ACCUMULATOR, 0, &mut bytes)?;
        let fits = |stored: &Accumulator| {
            let (log, position) = (stored.log(), stored.position());
            log == reader.id() && reader.chain_at(position).is_ok_and(|chain| chain == stored.chain())
        };
        Accumulator::decode(&bytes).filter(fits).map(Some).ok_or(NoRecall::Unfit)
    }

    /// Remembers what was taken in. Not synced: a file that a crash spoils is made anew from the log.
    ///
    /// # Errors
    /// What the storage says; nothing is remembered then, or what was before.
    pub fn remember(&self, accumulator: &Accumulator) -> Result<(), StorageError> {
        let bytes = accumulator.encode();
        self.storage.create(ACCUMULATOR_DRAFT, bytes.len() as u64)?;
        self.storage.write_at(ACCUMULATOR_DRAFT, 0, &bytes)?;
        self.storage.rename(ACCUMULATOR_DRAFT, ACCUMULATOR)
    }
}

/// Why nothing is known of the log from an earlier start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRecall {
    /// The bytes are spoiled, or of another log or history.
    #[error("does not fit the log")]
    Unfit,
    /// It cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

fn parse(name: &str) -> Option<Kept> {
    let (log, rest) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    let (position, stamp) = rest.split_once('-')?;
    let is_position = position.len() == 20 && position.bytes().all(|byte| byte.is_ascii_digit());
    if log.len() != 32 || !is_position || stamp.is_empty() {
        return None;
    }
    let position = Position(position.parse().ok()?);
    Some(Kept { stamp: stamp.to_owned(), position, log: log.to_owned(), name: name.to_owned() })
}
