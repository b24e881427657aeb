use super::header::{Header, Line, Stamp};
use super::parts::{Sink, hash};
use super::reading::{Loaded, load};
use crate::event::{DecodeError, Recorded};
use crate::ids::Position;
use crate::log::{LogError, LogReader, Storage, StorageError};
use crate::state::State;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The snapshots of one log, in a folder of their own. Cheap to clone; who writes waits for whoever writes already.
#[derive(Clone)]
pub struct Snapshots {
    storage: Arc<dyn Storage>,
    writing: Arc<Mutex<()>>,
    ahead: Arc<Mutex<Option<Ahead>>>,
}

/// A snapshot that was read before the log was open, or could not be.
struct Ahead {
    file: String,
    loaded: Result<Loaded, IgnoredWhy>,
}

impl fmt::Debug for Snapshots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Snapshots")
    }
}

/// A snapshot that was passed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Its file.
    pub file: String,
    /// Why it is of no use.
    pub why: IgnoredWhy,
}

/// Why a snapshot is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IgnoredWhy {
    /// The bytes are not those that were written, or were written by another version.
    #[error("damaged, or of another version")]
    Damaged,
    /// It is of another log, or of a history that this log does not have (any more).
    #[error("of another history than the log's")]
    Foreign,
    /// The file cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why no snapshot was written. The log, and the snapshots that were there, are as they were.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The snapshot cannot be written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An event cannot be read by this version.
    #[error("event at position {position}: {source}")]
    Event {
        /// Which.
        position: Position,
        /// Why.
        source: DecodeError,
    },
    /// The log was read through without coming to the chain that it had: it is not what was written.
    #[error("the state is not of the log's position {0}")]
    Ahead(Position),
}

impl Snapshots {
    /// The snapshots in a folder.
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        Self { storage, writing: Arc::default(), ahead: Arc::default() }
    }

    /// Reads the newest snapshot beside whatever opens the log: [`Snapshots::newest`] takes it from here. Whether there is one.
    pub fn read_ahead(&self) -> bool {
        let newest = self.names().ok().and_then(|mut names| names.pop());
        let ahead = newest.map(|file| Ahead { loaded: load(&*self.storage, &file), file });
        let is_there = ahead.is_some();
        *self.ahead() = ahead;
        is_there
    }

    fn ahead(&self) -> MutexGuard<'_, Option<Ahead>> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest snapshot that fits the log, with its position; and those that were passed by on the way.
    #[must_use]
    pub fn newest(&self, reader: &LogReader) -> (Option<State>, Vec<Ignored>) {
        let mut ignored = Vec::new();
        let names = match self.names() {
            Ok(names) => names,
            Err(error) => {
                return (None, vec![Ignored { file: String::new(), why: error.into() }]);
            }
        };
        // Of use once: the state is taken out of it, and later there may be another file of that name.
        let mut ahead = self.ahead().take();
        for file in names.into_iter().rev() {
            let loaded = match ahead.take().filter(|ahead| ahead.file == file) {
                Some(ahead) => ahead.loaded,
                None => load(&*self.storage, &file),
            };
            match loaded.and_then(|loaded| loaded.state_of(reader)) {
                Ok(state) => return (Some(state), ignored),
                Err(why) => ignored.push(Ignored { file, why }),
            }
        }
        (None, ignored)
    }

    /// Removes snapshots that are of no use, so that they do not count as the newest. Those that could not be read stay.
    ///
    /// # Errors
    /// The first that cannot be removed.
    pub fn discard(&self, ignored: &[Ignored]) -> Result<(), StorageError> {
        let useless = ignored.iter().filter(|one| !matches!(one.why, IgnoredWhy::Storage(_)));
        useless.into_iter().try_for_each(|one| self.storage.remove(&one.file))
    }

    /// Position of the newest snapshot by its name, which promises nothing; 0 without one.
    #[must_use]
    pub fn newest_position(&self) -> Position {
        let names = self.names().unwrap_or_default();
        names.last().and_then(|name| position_in(name)).unwrap_or_default()
    }

    /// Writes a snapshot of the state durably, and removes all but the two newest. The state is of durable events alone,
    /// up to a position of the reader's log.
    ///
    /// # Errors
    /// [`SnapshotError`]; the snapshots that were there are still there.
    pub fn write(&self, state: &State, reader: &LogReader) -> Result<(), SnapshotError> {
        let position = state.position();
        if position > reader.head().0 {
            return Err(SnapshotError::Ahead(position));
        }
        let stamp = Stamp { log: reader.id(), epoch: reader.epoch(), position, chain: reader.chain_at(position)? };
        let (mut table, mut bytes) = (Vec::new(), 0);
        let mut count = |tag: u8, part: &[u8]| -> Result<(), StorageError> {
            let length = u32::try_from(part.len()).expect("parts are a few megabytes at most");
            table.extend_from_slice(&Line { tag, bytes: length, hash: hash(part) }.encode());
            bytes += u64::from(length);
            Ok(())
        };
        state.write_parts(&mut Sink::new(&mut count))?;
        let parts_count = (table.len() / Line::BYTES) as u64;
        let header = Header { stamp, parts_count, table_hash: hash(&table) };
        let mut start = header.encode().to_vec();
        start.append(&mut table);
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.write_file(state, position, start, bytes)?;
        self.keep_newest()?;
        Ok(())
    }

    /// Writes what stands before the parts, and then those, which are so many bytes.
    fn write_file(
        &self,
        state: &State,
        position: Position,
        start: Vec<u8>,
        parts_bytes: u64,
    ) -> Result<(), StorageError> {
        let storage = &*self.storage;
        storage.create(DRAFT, start.len() as u64 + parts_bytes)?;
        let mut buffer = start;
        let mut at = 0;
        let mut take = |_: u8, bytes: &[u8]| {
            buffer.extend_from_slice(bytes);
            if buffer.len() >= WRITE_BYTES {
                storage.write_at(DRAFT, at, &buffer)?;
                at += buffer.len() as u64;
                buffer.clear();
            }
            Ok(())
        };
        state.write_parts(&mut Sink::new(&mut take))?;
        if !buffer.is_empty() {
            storage.write_at(DRAFT, at, &buffer)?;
        }
        storage.sync_data(DRAFT)?;
        storage.rename(DRAFT, &file_name(position))?;
        storage.sync_directory("")
    }

    fn keep_newest(&self) -> Result<(), StorageError> {
        let names = self.names()?;
        let old = names.len().saturating_sub(KEPT_COUNT);
        names[..old].iter().try_for_each(|name| self.storage.remove(name))
    }

    /// Folds what the log has beyond the newest snapshot, and writes the next one: takes nothing of the writer's time.
    /// `goes_on` is asked every few thousand events. Gives the position of the snapshot; `None` when it was not to go on.
    ///
    /// # Errors
    /// [`SnapshotError`]; the snapshots that were there are still there.
    pub fn advance(&self, reader: &LogReader, goes_on: &dyn Fn() -> bool) -> Result<Option<Position>, SnapshotError> {
        let mut state = self.newest(reader).0.unwrap_or_default();
        if state.position() == reader.head().0 {
            return Ok(Some(state.position()));
        }
        for (index, record) in reader.scan(state.position().next()).enumerate() {
            if index % LOOK_COUNT == 0 && !goes_on() {
                return Ok(None);
            }
            let record = record?;
            let position = record.envelope.position;
            let recorded = Recorded::decode(record).map_err(|source| SnapshotError::Event { position, source })?;
            state.apply(&recorded);
        }
        self.write(&state, reader)?;
        Ok(Some(state.position()))
    }

    fn names(&self) -> Result<Vec<String>, StorageError> {
        let mut names = self.storage.list("")?;
        names.retain(|name| position_in(name).is_some());
        // Positions have a fixed width in the name.
        names.sort_unstable();
        Ok(names)
    }
}

fn file_name(position: Position) -> String {
    format!("{PREFIX}{:020}{SUFFIX}", position.0)
}

fn position_in(name: &str) -> Option<Position> {
    let digits = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let is_number = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { digits.parse().ok().map(Position) } else { None }
}

const PREFIX: &str = "state-";
const SUFFIX: &str = ".snap";
/// A snapshot before it has a name. One that a crash left is written over.
const DRAFT: &str = "state.draft";
/// Snapshots that stay: the newest, and the one before it for the case that the newest is damaged.
const KEPT_COUNT: usize = 2;
const WRITE_BYTES: usize = 1024 * 1024;
const LOOK_COUNT: usize = 8_192;
