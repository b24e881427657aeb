//! The one committer.

use super::chain::{Chain, LogId};
use super::directory::Segment;
use super::encoder::{Encoded, Encoder};
use super::error::LogError;
use super::index::{Index, Shared};
use super::options::LogOptions;
use super::reader::LogReader;
use super::record::Record;
use super::recovery::{Ending, Found, Recovery, find, quarantine};
use super::redact::remove_drafts;
use super::segment::{Identity, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::sidecar::Sidecar;
use super::space::{RESERVE, RoomFor, SPARE, Space, remove_spare};
use super::storage::{Storage, StorageError};
use super::watermark::WatermarkKeeper;
use crate::ids::{Position, Time};
use std::sync::Arc;

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
    space: Arc<Space>,
    watermark: WatermarkKeeper,
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
    /// Reads the headers of all segments and all of the last one. A sealed segment's records are verified when they are read,
    /// unless [`LogOptions::read_all`] asks for it. A tail that a crash left half-written is moved to `quarantine/` and told
    /// in [`Recovery`].
    ///
    /// # Errors
    /// [`LogError::Locked`], [`LogError::Format`], [`LogError::Corrupt`] (when not read-only), [`LogError::Absent`] (when
    /// read-only), [`LogError::Full`] or [`LogError::Storage`].
    pub fn open(storage: S, options: LogOptions, entropy: [u8; 16]) -> Result<(Self, Recovery), LogError> {
        let storage = Arc::new(storage);
        if options.read_only {
            let found = find(&*storage, &options)?.ok_or(LogError::Absent)?;
            return Self::serve(storage, &options, found);
        }
        storage.lock()?;
        let lock = Lock(Arc::clone(&storage));
        match find(&*storage, &options)? {
            Some(found) => Self::resume(storage, &options, found, lock),
            None => Self::begin(storage, &options, &entropy, lock),
        }
    }

    /// Appends the records as one group: one write and one sync. When it returns, they are durable and readers see them.
    ///
    /// They are at least one, and fit one group (see [`super::group_bytes`]).
    ///
    /// # Errors
    /// [`LogError::TooLarge`] and [`LogError::Full`] leave the log as it was: nothing of the batch was written. After any
    /// other error it is unknown what of the batch is on disk, and the log answers [`LogError::Poisoned`] from then on.
    ///
    /// # Panics
    /// When the positions do not follow the log's last one without a gap, or a time is before the one before.
    pub fn append(&mut self, records: &[Record]) -> Result<Appended, LogError> {
        self.writable()?;
        let group = self.encoder().encode(records)?;
        self.write(&group)
    }

    /// What makes groups to follow those that are durable, ahead of the disk. Whoever takes it is the only one to append.
    #[must_use]
    pub fn encoder(&self) -> Encoder {
        let (last, chain) = self.head();
        Encoder { term: self.term, salt: self.shared.identity.salt, last, chain, time: self.last_time }
    }

    /// Writes and syncs a group that follows the last durable one. When it returns, its events are durable and readers see
    /// them: at most this one group is unsynced on disk at any time.
    ///
    /// # Errors
    /// As for [`Log::append`], but [`LogError::TooLarge`].
    ///
    /// # Panics
    /// When the group does not follow the last durable one.
    pub fn write(&mut self, group: &Encoded) -> Result<Appended, LogError> {
        self.writable()?;
        let head = self.head().0;
        assert!(group.first == head.next(), "group of position {} is written after {head}", group.first);
        if group.bytes() > self.bytes_left() {
            self.roll(group.bytes())?;
        }
        let write = self.storage.write_at(&self.active.name, self.active.offset, &group.bytes);
        write.and_then(|()| self.storage.sync_data(&self.active.name)).map_err(|error| self.poison(error))?;

        // ---- durability line: only now may anybody see the events ----
        let Encoded { last, chain, .. } = *group;
        let mut index = self.shared.index_mut();
        index.add_group(self.active.offset, last, chain);
        index.add_prefixes(&group.prefixes);
        index.locate(self.active.offset, &group.places);
        drop(index);
        self.active.offset += group.bytes();
        self.last_time = group.time;
        self.watermark.raise(&*self.storage, last, chain);
        Ok(Appended { chain, last })
    }

    /// Makes the next segment while there is time, when [`Log::wants_room`] says so. An append that needs it does not wait
    /// for it then. A full disk is no failure.
    ///
    /// # Errors
    /// The storage fails, which poisons the log.
    pub fn prepare(&mut self) -> Result<(), LogError> {
        self.writable()?;
        if !self.wants_room() {
            return Ok(());
        }
        let prepared = self.space.prepare();
        prepared.inspect_err(|_| self.state = State::Poisoned)
    }

    /// Whether [`Space::prepare`] has something to do: the active segment is more than half full and there is no next one,
    /// or the reserve was given up.
    #[must_use]
    pub fn wants_room(&self) -> bool {
        let is_half_full = self.active.offset > self.active.bytes / 2;
        (is_half_full && self.space.spare_bytes().is_none()) || !self.space.is_reserved()
    }

    /// The space ahead of need, to be prepared from any thread.
    #[must_use]
    pub fn space(&self) -> Arc<Space> {
        Arc::clone(&self.space)
    }

    /// Bytes that the active segment has room for.
    pub(crate) fn bytes_left(&self) -> u64 {
        self.active.bytes - self.active.offset
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

    /// Whether nothing can be appended because the log was opened so.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.state == State::ReadOnly
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
        let space = Space::open(Arc::clone(&storage) as Arc<dyn Storage>, options)?;
        let shared = Arc::new(Shared::new(Arc::clone(&storage) as Arc<dyn Storage>, identity, Index::new(chain)));
        let mut log = Self {
            shared,
            state: State::Open,
            active: Active { number: 0, name: "".into(), bytes: 0, offset: 0 },
            term: 1,
            last_time: Time::default(),
            space: Arc::new(space),
            watermark: WatermarkKeeper::default(),
            storage,
            _lock: Some(lock),
        };
        log.roll(0)?;
        log.settle(None)?;
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
            make_room_for_quarantine(&*storage, quarantine(&*storage, torn), || quarantine(&*storage, torn))?;
        }
        for (segment, sidecar) in &found.rebuilt {
            // The next opening will do it again where this one could not.
            let _ = sidecar.write(&*storage, segment);
        }
        let watermark = found.watermark;
        let (mut log, mut recovery) = Self::serve(storage, options, found)?;
        recovery.quarantined = torn;
        log.state = State::Open;
        log._lock = Some(lock);
        log.settle(watermark)?;
        Ok((log, recovery))
    }

    /// Makes what a log that is open for writing has beside its segments.
    fn settle(&mut self, watermark: Option<super::watermark::Watermark>) -> Result<(), LogError> {
        self.watermark = WatermarkKeeper::start(&*self.storage, watermark);
        self.space.restore().map(drop)
    }

    /// The log as it was found, not writable yet.
    fn serve(storage: Arc<S>, options: &LogOptions, found: Found) -> Result<(Self, Recovery), LogError> {
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
        let space = match options.read_only {
            true => Space::none(Arc::clone(&storage) as Arc<dyn Storage>),
            false => Space::open(Arc::clone(&storage) as Arc<dyn Storage>, options)?,
        };
        let log = Self {
            shared: Arc::new(shared),
            state: State::ReadOnly,
            active,
            // Each opening for writing is an ownership of its own.
            term: found.term + 1,
            last_time: found.last_time,
            space: Arc::new(space),
            watermark: WatermarkKeeper::default(),
            storage,
            _lock: None,
        };
        Ok((log, recovery))
    }

    pub(crate) fn writable(&self) -> Result<(), LogError> {
        match self.state {
            State::Open => Ok(()),
            State::ReadOnly => Err(LogError::ReadOnly),
            State::Poisoned => Err(LogError::Poisoned),
        }
    }

    /// Goes on in a new segment, which has room for a group of so many bytes.
    ///
    /// The file gets its name only once its header is durable, so a segment with an unreadable header is damage and
    /// never a crash's work; and the name itself is durable before the first group is written.
    fn roll(&mut self, group_bytes: u64) -> Result<(), LogError> {
        let ensured = self.space.ensure(group_bytes, RoomFor::Ordinary);
        let bytes = ensured.inspect_err(|error| self.give_up_unless_full(error))?;
        let (head, chain) = self.head();
        let number = self.active.number + 1;
        let identity = self.shared.identity;
        let header = SegmentHeader { identity, number, first: head.next(), chain, bytes, redactions: 0 };
        let name = header.file_name();
        let named = self.storage.write_at(SPARE, 0, &header.encode());
        let named = named.and_then(|()| self.storage.sync_data(SPARE));
        match named.and_then(|()| self.storage.rename(SPARE, &name)) {
            Ok(()) => self.space.taken(),
            // It has no name yet and holds nothing: without room for it the log is as it was.
            Err(StorageError::Full { .. }) => {
                self.space.discard().inspect_err(|_| self.state = State::Poisoned)?;
                return Err(LogError::Full);
            }
            Err(error) => return Err(self.poison(error)),
        }
        self.storage.sync_directory("").map_err(|error| self.poison(error))?;
        self.seal();
        let name: Arc<str> = name.into();
        self.shared.index_mut().add_segment(Segment { name: Arc::clone(&name), header });
        self.active = Active { number, name, bytes, offset: SEGMENT_HEADER_BYTES as u64 };
        Ok(())
    }

    /// Writes the sidecar of the segment that nothing is appended to any more.
    fn seal(&self) {
        let index = self.shared.index();
        let Some(segment) = index.segment(self.active.number).cloned() else { return };
        let (last, chain) = index.head();
        let entries = index.last_places();
        drop(index);
        let sidecar = Sidecar { last, chain, term: self.term, time: self.last_time, entries };
        // Without it the next opening reads the segment and makes it anew.
        let _ = sidecar.write(&*self.storage, &segment);
    }

    fn give_up_unless_full(&mut self, error: &LogError) {
        if *error != LogError::Full {
            self.state = State::Poisoned;
        }
    }

    pub(crate) fn poison(&mut self, error: StorageError) -> LogError {
        self.state = State::Poisoned;
        LogError::Storage(error)
    }
}

/// Tries once more without the reserve when the disk had no room for what is to be saved: the next opening makes it anew.
fn make_room_for_quarantine(
    storage: &dyn Storage,
    first: Result<(), StorageError>,
    again: impl FnOnce() -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    match first {
        Err(StorageError::Full { .. }) if storage.list("")?.iter().any(|name| name == RESERVE) => {
            storage.remove(RESERVE)?;
            again()
        }
        other => other,
    }
}
