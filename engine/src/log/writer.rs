//! The one committer.

use super::chain::{Chain, LogId};
use super::directory::Segment;
use super::error::LogError;
use super::group::{self, GROUP_BYTES_MAX, GroupContext};
use super::index::{Index, Shared};
use super::reader::LogReader;
use super::record::Record;
use super::recovery::{Ending, Found, Recovery, find, quarantine};
use super::redact::remove_drafts;
use super::segment::{Identity, SEGMENT_BYTES_MAX, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::storage::{Storage, StorageError};
use crate::ids::{Position, Time};
use std::sync::Arc;

/// How a log is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// Bytes of a new segment, rounded up to 4,096 and to what its first group needs; existing ones keep theirs.
    /// From 8 KiB to 1 GiB; default 64 MiB.
    pub segment_bytes: u64,
    /// Takes no lock, changes nothing, and serves what is before any damage. Default: no.
    pub read_only: bool,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { segment_bytes: 64 * 1024 * 1024, read_only: false }
    }
}

/// What an append reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The chain after the last record.
    pub chain: Chain,
    /// Position of the last record.
    pub last: Position,
}

/// The one committer of a log. Dropping it gives the lock back.
pub struct Log<S: Storage> {
    pub(crate) storage: Arc<S>,
    pub(crate) shared: Arc<Shared>,
    state: State,
    active: Active,
    term: u64,
    last_time: Time,
    segment_bytes: u64,
    /// Bytes of the spare segment, when there is one.
    spare_bytes: Option<u64>,
    buffer: Vec<u8>,
    prefixes: Vec<[u8; 4]>,
    _lock: Option<Lock<S>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    ReadOnly,
    Poisoned,
}

/// The last segment, and where its next group goes.
struct Active {
    number: u32,
    name: Arc<str>,
    bytes: u64,
    offset: u64,
}

struct Lock<S: Storage>(Arc<S>);

impl<S: Storage> Drop for Lock<S> {
    fn drop(&mut self) {
        self.0.unlock();
    }
}

impl<S: Storage> Log<S> {
    /// Opens the log in `storage`, or creates it. `entropy` becomes the identity of a new log: 16 random bytes.
    ///
    /// Reads everything. A tail that a crash left half-written is moved to `quarantine/` and told in [`Recovery`].
    ///
    /// # Errors
    /// [`LogError::Locked`], [`LogError::Format`], [`LogError::Corrupt`] (when not read-only), [`LogError::Absent`] (when
    /// read-only), [`LogError::Full`] or [`LogError::Storage`].
    pub fn open(storage: S, options: LogOptions, entropy: [u8; 16]) -> Result<(Self, Recovery), LogError> {
        let storage = Arc::new(storage);
        if options.read_only {
            let found = find(&*storage)?.ok_or(LogError::Absent)?;
            return Ok(Self::serve(storage, found));
        }
        storage.lock()?;
        let lock = Lock(Arc::clone(&storage));
        match find(&*storage)? {
            Some(found) => Self::resume(storage, &options, found, lock),
            None => Self::begin(storage, &options, &entropy, lock),
        }
    }

    /// Appends the records as one group: one write and one sync. When it returns, they are durable and readers see them.
    ///
    /// They are at least one, and fit one group (see [`group::group_bytes`]).
    ///
    /// # Errors
    /// [`LogError::TooLarge`] and [`LogError::Full`] leave the log as it was: nothing of the batch was written. After any
    /// other error it is unknown what of the batch is on disk, and the log answers [`LogError::Poisoned`] from then on.
    ///
    /// # Panics
    /// When the positions do not follow the log's last one without a gap, or a time is before the one before.
    pub fn append(&mut self, records: &[Record]) -> Result<Appended, LogError> {
        self.writable()?;
        self.check(records)?;
        let bytes = group::group_bytes(records) as u64;
        if bytes > self.active.bytes - self.active.offset {
            self.roll(bytes)?;
        }
        let (head, chain) = self.head();
        let salt = self.shared.identity.salt;
        let context = GroupContext { term: self.term, durable_through: head, salt, chain };
        let Self { buffer, prefixes, .. } = self;
        prefixes.clear();
        let chain = group::encode_into(records, &context, buffer, |chain| prefixes.push(chain.prefix()));
        let write = self.storage.write_at(&self.active.name, self.active.offset, &self.buffer);
        write.and_then(|()| self.storage.sync_data(&self.active.name)).map_err(|error| self.poison(error))?;

        // ---- durability line: only now may anybody see the events ----
        let last = Position(head.0 + records.len() as u64);
        let mut index = self.shared.index_mut();
        index.add_group(self.active.offset, last, chain);
        index.add_prefixes(&self.prefixes);
        drop(index);
        self.active.offset += bytes;
        self.last_time = records.last().map_or(self.last_time, |record| record.envelope.time);
        Ok(Appended { chain, last })
    }

    /// Makes the next segment while there is time, when the active one is more than half full. An append that needs it
    /// does not wait for it then.
    ///
    /// # Errors
    /// [`LogError::Full`] leaves the log as it was. Any other error poisons it.
    pub fn prepare(&mut self) -> Result<(), LogError> {
        self.writable()?;
        if self.spare_bytes.is_some() || self.active.offset < self.active.bytes / 2 {
            return Ok(());
        }
        self.make_spare(self.segment_bytes)
    }

    /// A reader of what is durable, for any thread.
    #[must_use]
    pub fn reader(&self) -> LogReader {
        LogReader::new(Arc::clone(&self.shared))
    }

    /// The last durable position and the chain after it.
    #[must_use]
    pub fn head(&self) -> (Position, Chain) {
        self.shared.index().head()
    }

    /// Recorded time of the last event; 0 when there is none.
    #[must_use]
    pub fn last_time(&self) -> Time {
        self.last_time
    }

    /// Identity of the log.
    #[must_use]
    pub fn id(&self) -> LogId {
        self.shared.identity.log
    }

    /// Generation of the log; see [`LogReader::epoch`].
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.shared.identity.epoch
    }

    /// Where the files are.
    #[must_use]
    pub fn storage(&self) -> &Arc<S> {
        &self.storage
    }

    fn begin(
        storage: Arc<S>,
        options: &LogOptions,
        entropy: &[u8; 16],
        lock: Lock<S>,
    ) -> Result<(Self, Recovery), LogError> {
        remove_spare(&*storage)?;
        remove_drafts(&*storage)?;
        let identity = Identity::fresh(entropy);
        let chain = Chain::start(identity.log);
        let shared = Arc::new(Shared::new(Arc::clone(&storage) as Arc<dyn Storage>, identity, Index::new(chain)));
        let mut log = Self {
            shared,
            state: State::Open,
            active: Active { number: 0, name: "".into(), bytes: 0, offset: 0 },
            term: 1,
            last_time: Time::default(),
            segment_bytes: segment_bytes(options),
            spare_bytes: None,
            buffer: Vec::new(),
            prefixes: Vec::new(),
            storage,
            _lock: Some(lock),
        };
        log.roll(0)?;
        let recovery = Recovery {
            fresh: true,
            last: Position::ZERO,
            chain,
            last_time: Time::default(),
            quarantined: None,
            damage: None,
        };
        Ok((log, recovery))
    }

    fn resume(
        storage: Arc<S>,
        options: &LogOptions,
        found: Found,
        lock: Lock<S>,
    ) -> Result<(Self, Recovery), LogError> {
        if let Ending::Damaged(damage) = found.ending {
            return Err(damage.into());
        }
        remove_spare(&*storage)?;
        remove_drafts(&*storage)?;
        let mut torn = found.half_written();
        if let Some(torn) = &mut torn {
            quarantine(&*storage, torn)?;
        }
        let (mut log, mut recovery) = Self::serve(storage, found);
        recovery.quarantined = torn;
        log.state = State::Open;
        log.segment_bytes = segment_bytes(options);
        log._lock = Some(lock);
        Ok((log, recovery))
    }

    /// The log as it was found, not writable yet.
    fn serve(storage: Arc<S>, found: Found) -> (Self, Recovery) {
        let (last, chain) = found.index.head();
        let recovery = Recovery {
            fresh: false,
            last,
            chain,
            last_time: found.last_time,
            quarantined: found.half_written(),
            damage: match found.ending {
                Ending::Damaged(damage) => Some(damage),
                Ending::Clean | Ending::Torn { .. } => None,
            },
        };
        let Segment { name, header } = found.tail.segment().clone();
        let active = Active { number: header.number, name, bytes: header.bytes, offset: found.tail.offset() };
        let shared = Shared::new(Arc::clone(&storage) as Arc<dyn Storage>, found.identity, found.index);
        let log = Self {
            shared: Arc::new(shared),
            state: State::ReadOnly,
            active,
            // Each opening for writing is an ownership of its own.
            term: found.term + 1,
            last_time: found.last_time,
            segment_bytes: 0,
            spare_bytes: None,
            buffer: Vec::new(),
            prefixes: Vec::new(),
            storage,
            _lock: None,
        };
        (log, recovery)
    }

    pub(crate) fn writable(&self) -> Result<(), LogError> {
        match self.state {
            State::Open => Ok(()),
            State::ReadOnly => Err(LogError::ReadOnly),
            State::Poisoned => Err(LogError::Poisoned),
        }
    }

    fn check(&self, records: &[Record]) -> Result<(), LogError> {
        assert!(!records.is_empty(), "an append has at least one record");
        let mut expected = self.head().0;
        let mut time = self.last_time;
        for record in records {
            expected = expected.next();
            let envelope = &record.envelope;
            assert!(envelope.position == expected, "position {} is appended, {expected} follows", envelope.position);
            assert!(envelope.time >= time, "time {} is appended after {}", envelope.time.0, time.0);
            time = envelope.time;
            record.check()?;
        }
        let bytes = group::group_bytes(records);
        if bytes > GROUP_BYTES_MAX {
            return Err(LogError::TooLarge { part: "group", bytes, bytes_max: GROUP_BYTES_MAX });
        }
        Ok(())
    }

    /// Goes on in a new segment, which has room for a group of so many bytes.
    ///
    /// The file gets its name only once its header is durable, so a segment with an unreadable header is damage and
    /// never a crash's work; and the name itself is durable before the first group is written.
    fn roll(&mut self, group_bytes: u64) -> Result<(), LogError> {
        let bytes_min = (SEGMENT_HEADER_BYTES as u64 + group_bytes).next_multiple_of(4096);
        let bytes = match self.spare_bytes {
            Some(bytes) if bytes >= bytes_min => bytes,
            _ => {
                let bytes = self.segment_bytes.max(bytes_min);
                self.make_spare(bytes)?;
                bytes
            }
        };
        let (head, chain) = self.head();
        let number = self.active.number + 1;
        let identity = self.shared.identity;
        let header = SegmentHeader { identity, number, first: head.next(), chain, bytes, redactions: 0 };
        let name = header.file_name();
        let named = self.storage.write_at(SPARE, 0, &header.encode());
        let named = named.and_then(|()| self.storage.sync_data(SPARE));
        named.and_then(|()| self.storage.rename(SPARE, &name)).map_err(|error| self.spare_failed(error))?;
        self.spare_bytes = None;
        self.storage.sync_directory("").map_err(|error| self.poison(error))?;
        let name: Arc<str> = name.into();
        self.shared.index_mut().add_segment(Segment { name: Arc::clone(&name), header });
        self.active = Active { number, name, bytes, offset: SEGMENT_HEADER_BYTES as u64 };
        Ok(())
    }

    /// Writes the zeros of the next segment. A full disk is met here, before anything of a batch is written.
    fn make_spare(&mut self, bytes: u64) -> Result<(), LogError> {
        let made = self.storage.create(SPARE, bytes).and_then(|()| self.storage.sync_data(SPARE));
        made.map_err(|error| self.spare_failed(error))?;
        self.spare_bytes = Some(bytes);
        Ok(())
    }

    /// The spare holds nothing yet: without room for it the log is as it was.
    fn spare_failed(&mut self, error: StorageError) -> LogError {
        match error {
            StorageError::Full { .. } => {
                self.spare_bytes = None;
                match self.storage.remove(SPARE) {
                    Ok(()) => LogError::Full,
                    Err(error) => self.poison(error),
                }
            }
            error => self.poison(error),
        }
    }

    pub(crate) fn poison(&mut self, error: StorageError) -> LogError {
        self.state = State::Poisoned;
        LogError::Storage(error)
    }
}

/// Name of the next segment before it has one.
const SPARE: &str = "spare";

/// A spare that a crash left behind may be shorter than it should be, or not zero.
fn remove_spare(storage: &dyn Storage) -> Result<(), StorageError> {
    if storage.list("")?.iter().any(|name| name == SPARE) { storage.remove(SPARE) } else { Ok(()) }
}

const SEGMENT_BYTES_MIN: u64 = 8 * 1024;

fn segment_bytes(options: &LogOptions) -> u64 {
    options.segment_bytes.clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX).next_multiple_of(4096)
}
