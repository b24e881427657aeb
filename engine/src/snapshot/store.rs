use super::header::{Header, Stamp};
use super::parts::{PART_BYTES_MAX, Sink, Tally};
use crate::event::{DecodeError, Recorded};
use crate::ids::Position;
use crate::log::{LogError, LogReader, Storage, StorageError};
use crate::state::{Restoring, State};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// The snapshots of one log, in a folder of their own. Cheap to clone; who writes waits for whoever writes already.
#[derive(Clone)]
pub struct Snapshots {
    storage: Arc<dyn Storage>,
    writing: Arc<Mutex<()>>,
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
        Self { storage, writing: Arc::default() }
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
        for file in names.into_iter().rev() {
            match self.read(&file, reader) {
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
        let mut tally = Tally::new();
        let mut count = |bytes: &[u8]| -> Result<(), StorageError> {
            tally.add(bytes);
            Ok(())
        };
        state.write_parts(&mut Sink::new(&mut count))?;
        let header = Header { stamp, body_bytes: tally.bytes, body_hash: tally.hash() };
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.write_file(state, &header)?;
        self.keep_newest()?;
        Ok(())
    }

    fn write_file(&self, state: &State, header: &Header) -> Result<(), StorageError> {
        let storage = &*self.storage;
        storage.create(DRAFT, Header::BYTES as u64 + header.body_bytes)?;
        let mut buffer = header.encode().to_vec();
        let mut at = 0;
        let mut take = |bytes: &[u8]| {
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
        storage.rename(DRAFT, &file_name(header.stamp.position))?;
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

    fn read(&self, file: &str, reader: &LogReader) -> Result<State, IgnoredWhy> {
        let storage = &*self.storage;
        let file_bytes = storage.file_bytes(file)?;
        let mut bytes = [0; Header::BYTES];
        if file_bytes < Header::BYTES as u64 {
            return Err(IgnoredWhy::Damaged);
        }
        storage.read_at(file, 0, &mut bytes)?;
        let header = Header::decode(&bytes).ok_or(IgnoredWhy::Damaged)?;
        if file_bytes - Header::BYTES as u64 != header.body_bytes {
            return Err(IgnoredWhy::Damaged);
        }
        let Stamp { log, epoch, position, chain } = header.stamp;
        let is_of_this_log = log == reader.id() && epoch <= reader.epoch();
        if !is_of_this_log || !reader.chain_at(position).is_ok_and(|found| found == chain) {
            return Err(IgnoredWhy::Foreign);
        }
        let state = self.body(file, &header)?;
        if state.position() == position { Ok(state) } else { Err(IgnoredWhy::Damaged) }
    }

    /// Reads the parts while their hash is made: what they gave counts for nothing until the hash is right.
    fn body(&self, file: &str, header: &Header) -> Result<State, IgnoredWhy> {
        let mut body = Body { storage: &*self.storage, file, at: Header::BYTES as u64, left: header.body_bytes };
        let (mut tally, mut restoring) = (Tally::new(), Restoring::default());
        let mut part = Vec::new();
        while body.left > 0 {
            let mut head = [0; 5];
            body.read(&mut head)?;
            tally.add(&head);
            let [tag, length @ ..] = head;
            let length = u32::from_le_bytes(length) as usize;
            if length > PART_BYTES_MAX {
                return Err(IgnoredWhy::Damaged);
            }
            part.resize(length, 0);
            body.read(&mut part)?;
            tally.add(&part);
            restoring.take(tag, &part).map_err(|_| IgnoredWhy::Damaged)?;
        }
        if tally.hash() != header.body_hash {
            return Err(IgnoredWhy::Damaged);
        }
        restoring.finish().map_err(|_| IgnoredWhy::Damaged)
    }
}

/// What is left of a body.
struct Body<'a> {
    storage: &'a dyn Storage,
    file: &'a str,
    at: u64,
    left: u64,
}

impl Body<'_> {
    fn read(&mut self, into: &mut [u8]) -> Result<(), IgnoredWhy> {
        let count = into.len() as u64;
        self.left = self.left.checked_sub(count).ok_or(IgnoredWhy::Damaged)?;
        self.storage.read_at(self.file, self.at, into)?;
        self.at += count;
        Ok(())
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
