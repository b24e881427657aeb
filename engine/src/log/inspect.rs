//! What is in the folder of a log: read without its lock, also beside a writer, and without changing anything.

use super::chain::{Chain, LogId};
use super::damage::Damage;
use super::directory::{Segment, peek, segment_names};
use super::error::LogError;
use super::options::LogOptions;
use super::plan::{Plan, plan};
use super::recovery::{DIRECTORY, Ending, Found, Quarantined, find};
use super::segment::SEGMENT_HEADER_BYTES;
use super::storage::{Storage, StorageError};
use super::walk::{Step, Walk};
use super::watermark::Watermark;
use crate::ids::Position;

/// What [`inspect`] found.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// Identity of the log; `None` when no segment header can be read.
    pub log: Option<LogId>,
    /// Its generation: that of its last readable segment.
    pub epoch: u64,
    /// The last event before any damage, and the chain after it.
    pub head: (Position, Chain),
    /// Every segment file by itself, in order.
    pub segments: Vec<SegmentReport>,
    /// The last position that was known durable.
    pub watermark: Option<Watermark>,
    /// Files in quarantine, with their bytes.
    pub quarantine: Vec<(String, u64)>,
    /// Whether somebody has the log open for writing.
    pub is_locked: bool,
    /// What is wrong with it.
    pub finding: Finding,
    /// What a repair would do about it.
    pub plan: Option<Plan>,
}

/// The state of a log as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// There is no log.
    Absent,
    /// Nothing is wrong.
    Sound,
    /// A group at the end is unfinished: being written just now when the log is locked, else left so by a crash. The next
    /// opening saves it in quarantine.
    Torn(Quarantined),
    /// The log opens read-only.
    Damaged(Damage),
}

/// One segment file, read as far as it can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentReport {
    /// Its name.
    pub name: String,
    /// Length of the file.
    pub file_bytes: u64,
    /// What its header says; `None` when that cannot be read.
    pub header: Option<HeaderReport>,
    /// Position of its last readable event; the one before its first when there is none.
    pub last: Position,
    /// How many readable groups.
    pub groups: u64,
    /// How many readable events.
    pub events: u64,
    /// Events whose content was removed.
    pub redacted: u64,
    /// Bytes of header and readable groups.
    pub used_bytes: u64,
    /// First and last term of its groups.
    pub terms: Option<(u64, u64)>,
    /// What ends the reading, taken by itself. The last segment's may be a torn tail.
    pub damage: Option<Damage>,
}

/// What a segment header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderReport {
    /// Generation.
    pub epoch: u64,
    /// Position of the first event.
    pub first: Position,
    /// How often the file was rewritten without the content of erased people.
    pub redactions: u32,
}

/// Reads all of the log in `storage`. `known_durable`: a position known durable by other means, such as a checkpoint; 0
/// when there is none.
///
/// # Errors
/// [`LogError::Format`] and [`LogError::Storage`]; damage is no error.
pub fn inspect(storage: &dyn Storage, known_durable: Position) -> Result<Inspection, LogError> {
    let options = LogOptions { read_only: true, read_all: true, known_durable, ..LogOptions::DEFAULT };
    let mut attempts_left = ATTEMPTS_COUNT_MAX;
    let (found, damage) = loop {
        let (found, damage) = look(storage, &options)?;
        let is_quiet = found.as_ref().is_some_and(|found| matches!(found.ending, Ending::Clean));
        // Beside a writer the last group may have been read while it was written.
        if is_quiet || attempts_left == 0 || !storage.is_locked()? {
            break (found, damage);
        }
        attempts_left -= 1;
    };
    let finding = match (&found, &damage) {
        (_, Some(damage)) => Finding::Damaged(damage.clone()),
        (None, None) => Finding::Absent,
        (Some(found), None) => found.half_written().map_or(Finding::Sound, Finding::Torn),
    };
    let names = segment_names(storage)?;
    let segments = names.iter().map(|name| survey(storage, name)).collect::<Result<Vec<_>, _>>()?;
    let headers: Vec<_> = names.iter().filter_map(|name| peek(storage, name)).collect();
    let plan = damage.as_ref().and_then(|damage| plan(storage, found.as_ref(), damage, known_durable));
    let start = |log| Chain::start(log);
    let log = headers.last().map(|header| header.identity.log);
    let head = found.as_ref().map(|found| found.index.head());
    Ok(Inspection {
        log,
        epoch: headers.last().map_or(0, |header| header.identity.epoch),
        head: head.unwrap_or((Position::ZERO, log.map_or(Chain([0; 32]), start))),
        segments,
        watermark: Watermark::read(storage)?,
        quarantine: quarantined(storage)?,
        is_locked: storage.is_locked()?,
        finding,
        plan,
    })
}

/// What opening finds, with damage to the first segment's header as damage and not as an error.
pub(super) fn look(storage: &dyn Storage, options: &LogOptions) -> Result<(Option<Found>, Option<Damage>), LogError> {
    match find(storage, options) {
        Ok(found) => {
            let damage = found.as_ref().and_then(|found| match &found.ending {
                Ending::Damaged(damage) => Some(damage.clone()),
                Ending::Clean | Ending::Torn { .. } => None,
            });
            Ok((found, damage))
        }
        Err(LogError::Corrupt(damage)) => Ok((None, Some(damage))),
        Err(error) => Err(error),
    }
}

fn survey(storage: &dyn Storage, name: &str) -> Result<SegmentReport, StorageError> {
    let mut report = SegmentReport {
        name: name.to_owned(),
        file_bytes: storage.file_bytes(name)?,
        header: None,
        last: Position::ZERO,
        groups: 0,
        events: 0,
        redacted: 0,
        used_bytes: 0,
        terms: None,
        damage: None,
    };
    let Some(mut header) = peek(storage, name) else { return Ok(report) };
    let (first, epoch) = (header.first, header.identity.epoch);
    report.header = Some(HeaderReport { epoch, first, redactions: header.redactions });
    report.last = Position(first.0.saturating_sub(1));
    // A file that is longer or shorter than it says is read as far as it goes.
    header.bytes = header.bytes.min(report.file_bytes);
    let mut walk = Walk::whole(Segment { name: name.into(), header });
    report.damage = loop {
        match walk.step(storage) {
            Step::Group(_, group) => {
                let term = group.header.term;
                report.groups += 1;
                report.events += group.records.len() as u64;
                report.redacted += group.records.iter().filter(|record| record.content.is_redacted()).count() as u64;
                report.terms = Some((report.terms.map_or(term, |(first, _)| first), term));
                report.last = group.header.last();
            }
            Step::End => break None,
            Step::Invalid(damage) => break Some(damage),
        }
    };
    report.used_bytes = walk.offset();
    Ok(report)
}

fn quarantined(storage: &dyn Storage) -> Result<Vec<(String, u64)>, StorageError> {
    let mut files = storage.list(DIRECTORY)?;
    files.sort_unstable();
    files
        .into_iter()
        .map(|file| {
            let bytes = storage.file_bytes(&format!("{DIRECTORY}/{file}"))?;
            Ok((file, bytes))
        })
        .collect()
}

/// Some bytes around a damaged place, for a person to look at: their offset in the file, and the bytes.
///
/// # Errors
/// The file cannot be read there.
pub fn excerpt(storage: &dyn Storage, damage: &Damage) -> Result<(u64, Vec<u8>), StorageError> {
    if damage.segment.is_empty() {
        return Ok((0, Vec::new()));
    }
    let end = storage.file_bytes(&damage.segment)?;
    let start = (damage.offset.saturating_sub(EXCERPT_BYTES / 4) & !15).min(end);
    let count = usize::try_from(EXCERPT_BYTES.min(end - start)).unwrap_or(SEGMENT_HEADER_BYTES);
    let mut bytes = vec![0; count];
    storage.read_at(&damage.segment, start, &mut bytes)?;
    Ok((start, bytes))
}

/// How often a log that somebody writes is read before its end is judged: 8.
const ATTEMPTS_COUNT_MAX: u32 = 8;

/// Bytes shown around a damaged place: 256.
const EXCERPT_BYTES: u64 = 256;
