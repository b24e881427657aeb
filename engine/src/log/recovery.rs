//! Opening a log: reading its headers and its last segment, and putting away what a crash left half-written.

use super::chain::Chain;
use super::damage::{Damage, What};
use super::directory::{Continuation, Segment, open_segment, peek, segment_names};
use super::error::LogError;
use super::group::Group;
use super::index::Index;
use super::keyed;
use super::options::LogOptions;
use super::segment::{Identity, SegmentHeader};
use super::sidecar::Sidecar;
use super::storage::{Storage, StorageError};
use super::tail::{Tail, examine};
use super::walk::{SCAN_READ_BYTES, Step, Walk};
use super::watermark::Watermark;
use crate::ids::{Position, Time};
use std::fmt;

/// What opening a log found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The log was created just now.
    pub fresh: bool,
    /// Position of the last event; 0 when there is none.
    pub last: Position,
    /// The chain after it.
    pub chain: Chain,
    /// Its recorded time; 0 when there is no event.
    pub last_time: Time,
    /// Bytes after the last event that no sync had covered, or that damage made so.
    pub quarantined: Option<Quarantined>,
    /// Why the log ends where it does, for a read-only log that goes on behind damage. The event at the damage's
    /// position, and all after it, are not served.
    pub damage: Option<Damage>,
}

/// Bytes that were taken out of the log's end when it was opened.
///
/// Usually a group whose append was cut by a crash and that nobody was told of. But damage to the very last group looks
/// the same, so the loss is always to be reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// The segment they stood in.
    pub segment: String,
    /// Their offset in it.
    pub offset: u64,
    /// How many.
    pub bytes: u64,
    /// Position of the first event that they may have held.
    pub position: Position,
    /// The file that holds them now; `None` when the log was opened read-only and they were left where they are.
    pub saved_as: Option<String>,
}

impl fmt::Display for Quarantined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { segment, offset, bytes, position, saved_as } = self;
        write!(f, "tail group lost, possibly acknowledged: segment {segment}, offset {offset}, position {position}")?;
        match saved_as {
            Some(file) => write!(f, ", {bytes} bytes saved in {file}"),
            None => write!(f, ", {bytes} bytes left in place"),
        }
    }
}

/// A log as it stands on disk.
pub(crate) struct Found {
    pub(crate) identity: Identity,
    pub(crate) index: Index,
    /// Where the last readable segment's groups end.
    pub(crate) tail: Walk,
    pub(crate) last_time: Time,
    pub(crate) term: u64,
    pub(crate) ending: Ending,
    pub(crate) watermark: Option<Watermark>,
    /// Sealed segments that had to be read because their sidecar was missing or did not fit.
    pub(crate) rebuilt: Vec<(Segment, Sidecar)>,
}

/// Why the groups end where they do.
#[derive(Clone)]
pub(crate) enum Ending {
    Clean,
    Torn { bytes: u64 },
    Damaged(Damage),
}

/// Reads the log: headers and links of all segments; of the last one all checksums, positions, and the chain with its
/// prefixes; of the sealed ones what their sidecars tell, or all of that too where it is asked for.
///
/// `None`: there is no segment file, and never was.
pub(crate) fn find(storage: &dyn Storage, options: &LogOptions) -> Result<Option<Found>, LogError> {
    // Read before the segments: beside a writer they hold at least this when they are read later.
    let watermark = Watermark::read(storage)?;
    let known = watermark.map_or(Position::ZERO, |mark| mark.position).max(options.known_durable);
    let names = segment_names(storage)?;
    let Some(first) = names.first() else {
        let lost =
            Damage { segment: String::new(), offset: 0, position: Position(1), what: What::Lost { through: known } };
        return if known == Position::ZERO { Ok(None) } else { Err(lost.into()) };
    };
    let segment = open_segment(storage, first, &Continuation::FIRST)?;
    let mut found = Found {
        identity: segment.header.identity,
        index: Index::new(segment.header.chain),
        tail: Walk::whole(segment),
        last_time: Time::default(),
        term: 0,
        ending: Ending::Clean,
        watermark,
        rebuilt: Vec::new(),
    };
    let next = |index: usize| names.get(index + 1).map(|name| peek(storage, name));
    found.read_segment(storage, next(0), options)?;
    for (index, name) in names.iter().enumerate().skip(1) {
        if !matches!(found.ending, Ending::Clean) {
            break;
        }
        let (head, chain) = found.index.head();
        let number = u32::try_from(index + 1).expect("segment numbers have eight digits");
        let expected = Continuation { number, first: head.next(), before: Some((found.identity, chain)) };
        match open_segment(storage, name, &expected) {
            Ok(segment) => {
                found.identity = segment.header.identity;
                found.tail = Walk::whole(segment);
                found.read_segment(storage, next(index), options)?;
            }
            Err(damage) => found.ending = Ending::Damaged(damage),
        }
    }
    found.compare(known);
    Ok(Some(found))
}

impl Found {
    /// Reads the segment at the tail. `next`: the header of the one after it, when there is one and its header is sound.
    fn read_segment(
        &mut self,
        storage: &dyn Storage,
        next: Option<Option<SegmentHeader>>,
        options: &LogOptions,
    ) -> Result<(), LogError> {
        let segment = self.tail.segment().clone();
        let is_last = next.is_none();
        if let Some(next) = next.flatten().filter(|_| !options.read_all)
            && let Some(sidecar) = Sidecar::read(storage, &segment, &next)
        {
            self.skip(segment, &sidecar);
            return Ok(());
        }
        self.index.add_segment(segment.clone());
        let mut sidecar = Sidecar::before(&segment, self.term, self.last_time);
        loop {
            let damage = match self.tail.step(storage) {
                Step::Group(offset, group) => match self.take(offset, &group, is_last, options) {
                    Ok(()) => {
                        sidecar.add(offset, &group);
                        continue;
                    }
                    Err(what) => {
                        // Back to the group that is not taken: the log ends before it.
                        self.tail = Walk::at(segment, offset, group.header.first, SCAN_READ_BYTES);
                        self.tail.damage(what)
                    }
                },
                Step::End if is_last => return Ok(()),
                Step::End => {
                    self.rebuilt.push((segment, sidecar));
                    return Ok(());
                }
                Step::Invalid(damage) => damage,
            };
            let torn = is_last && damage.what.may_be_torn();
            self.ending = match torn.then(|| examine(storage, &mut self.tail)).transpose()? {
                Some(Tail::Torn { bytes }) => Ending::Torn { bytes },
                Some(Tail::Corrupt) | None => Ending::Damaged(damage),
            };
            return Ok(());
        }
    }

    /// Goes behind a sealed segment by what its sidecar tells.
    fn skip(&mut self, segment: Segment, sidecar: &Sidecar) {
        if sidecar.last >= segment.header.first {
            self.term = self.term.max(sidecar.term);
            self.last_time = sidecar.time;
        }
        self.index.add_sealed(segment, sidecar);
    }

    fn take(&mut self, offset: u64, group: &Group, is_last: bool, options: &LogOptions) -> Result<(), What> {
        if group.header.term < self.term {
            return Err(What::TermBackwards { found: group.header.term, before: self.term });
        }
        let mut prefixes = Vec::new();
        if is_last || options.read_all {
            let mut chain = self.index.head().1;
            prefixes.reserve(group.records.len());
            for after in group.chains(chain) {
                prefixes.push(after.prefix());
                chain = after;
            }
            if chain != group.chain {
                return Err(What::Chain);
            }
        }
        self.index.add_group(offset, group.header.last(), group.chain);
        if is_last {
            self.index.locate(offset, &keyed::places(&group.records));
        }
        self.index.add_prefixes(&prefixes);
        self.term = group.header.term;
        self.last_time = group.records.last().map_or(self.last_time, |record| record.envelope.time);
        Ok(())
    }

    /// Holds what was found against what is known to have been durable: a tail that is missing below it is no torn one.
    fn compare(&mut self, known: Position) {
        if matches!(self.ending, Ending::Damaged(_)) {
            return;
        }
        let (head, chain) = self.index.head();
        let differs = self.watermark.is_some_and(|mark| match self.index.prefix(mark.position) {
            Some(prefix) => prefix != mark.chain.prefix(),
            None => mark.position == head && mark.chain != chain,
        });
        let what = if known > head {
            What::Lost { through: known }
        } else if differs {
            What::OtherHistory
        } else {
            return;
        };
        self.ending = Ending::Damaged(self.tail.damage(what));
    }

    /// Where a log that ends in something half-written has it, and what.
    pub(crate) fn half_written(&self) -> Option<Quarantined> {
        let Ending::Torn { bytes } = self.ending else { return None };
        Some(Quarantined {
            segment: self.tail.segment().name.to_string(),
            offset: self.tail.offset(),
            bytes,
            position: self.tail.position(),
            saved_as: None,
        })
    }
}

/// Copies half-written bytes into a file of their own, durably, and only then replaces them by zeros.
pub(crate) fn quarantine(storage: &dyn Storage, torn: &mut Quarantined) -> Result<(), StorageError> {
    // A later crash can leave another tail at the same place; none may replace an earlier one.
    let name = free_name(storage, &format!("{}-{}", torn.segment, torn.offset), "torn")?;
    let length = usize::try_from(torn.bytes).expect("half-written bytes are at most one group");
    let mut bytes = vec![0; length];
    storage.read_at(&torn.segment, torn.offset, &mut bytes)?;
    storage.create(&name, torn.bytes)?;
    storage.write_at(&name, 0, &bytes)?;
    storage.sync_data(&name)?;
    storage.sync_directory(DIRECTORY)?;
    bytes.fill(0);
    storage.write_at(&torn.segment, torn.offset, &bytes)?;
    storage.sync_data(&torn.segment)?;
    torn.saved_as = Some(name);
    Ok(())
}

/// Folder of what was taken out of the log.
pub(crate) const DIRECTORY: &str = "quarantine";

/// A name in quarantine that nothing has: no file there ever replaces another.
pub(crate) fn free_name(storage: &dyn Storage, stem: &str, ending: &str) -> Result<String, StorageError> {
    let taken = storage.list(DIRECTORY)?;
    let file = (1..).map(|number: u32| format!("{stem}-{number}.{ending}")).find(|file| !taken.contains(file));
    Ok(format!("{DIRECTORY}/{}", file.expect("fewer files than numbers")))
}
