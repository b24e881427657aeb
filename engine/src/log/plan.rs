//! What a repair would do about a damaged log, found by looking and named by a hash of what was found.

use super::chain::{Chain, sha256};
use super::damage::{Damage, What};
use super::directory::{peek, segment_names};
use super::fields::{all_zero, bytes_at};
use super::group::{GROUP_HEADER_BYTES, GroupHeader};
use super::heal::{self, Obliged};
use super::recovery::Found;
use super::segment::{Identity, SEGMENT_BYTES_MAX, SEGMENT_HEADER_BYTES, SegmentHeader, parse_name};
use super::storage::{Storage, StorageError};
use super::tail::headers;
use super::watermark::Watermark;
use crate::ids::Position;
use aws_lc_rs::digest;
use std::fmt;

/// What a repair would do. It does this and nothing else, and only while the log is as it was when the plan was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Hash of the files that were found: 16 hex digits.
    pub id: String,
    /// What it is about.
    pub damage: Damage,
    pub(super) action: Action,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// The segment's header is written anew, as its own checksum and the files beside it prove.
    Header { segment: String, header: SegmentHeader },
    /// One bit is set right, as the chain proves.
    Bit { segment: String, flip: heal::Flip },
    /// The file gets the length that its header says, with zeros where bytes are missing.
    Length { segment: String, header: SegmentHeader },
    /// Files that belong to nothing go to quarantine: the log goes on in the file after them.
    Strays(Vec<String>),
    /// What stands behind a sealed segment's last group becomes zero: the header after it proves that nothing belongs there.
    End(Region),
    /// The log goes on from before the damage.
    Cut(Cut),
}

/// Bytes of a segment that go to quarantine and are zero afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) segment: String,
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

/// What is given up, and where the log goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Bytes behind the last good group of the last segment that stays; none when they are zero.
    pub(super) tail: Option<Region>,
    /// Segment files that go to quarantine whole, in order.
    pub(super) moved: Vec<String>,
    /// The segment in which the log goes on.
    pub(super) next: SegmentHeader,
    /// The last position that is known to have been in the log, when that is after the cut.
    pub(super) lost_through: Option<Position>,
}

impl Plan {
    /// Positions of the events that are lost, as far as is known; `None` when none is.
    #[must_use]
    pub fn lost(&self) -> Option<(Position, Position)> {
        match &self.action {
            Action::Cut(cut) => cut.lost_through.map(|through| (cut.next.first, through)),
            _ => None,
        }
    }

    /// The log's generation afterwards; `None` when it stays.
    #[must_use]
    pub fn epoch(&self) -> Option<u64> {
        match &self.action {
            Action::Cut(cut) => Some(cut.next.identity.epoch),
            _ => None,
        }
    }
}

/// A line for each step, and what is lost.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.action {
            Action::Header { segment, .. } => {
                writeln!(f, "write the header of {segment} anew: its checksum and the files beside it prove it")?;
            }
            Action::Bit { segment, flip } => {
                let heal::Flip { offset, mask } = flip;
                writeln!(f, "set one bit of {segment} right, offset {offset}, mask {mask:#04x}: the chain proves it")?;
            }
            Action::Length { segment, header } => {
                let bytes = header.bytes;
                writeln!(f, "keep {segment} in quarantine and give it the {bytes} bytes that its header says")?;
                writeln!(f, "what its missing bytes held is shown by the next inspection")?;
            }
            Action::Strays(files) => {
                for file in files {
                    writeln!(f, "move {file} to quarantine: the log goes on in the file after it")?;
                }
            }
            Action::End(region) => {
                writeln!(f, "{region}: the header of the segment after it proves that nothing belongs there")?;
            }
            Action::Cut(cut) => {
                if let Some(region) = &cut.tail {
                    writeln!(f, "{region}")?;
                }
                for file in &cut.moved {
                    writeln!(f, "move {file} to quarantine")?;
                }
                let SegmentHeader { first, number, identity, .. } = &cut.next;
                writeln!(f, "begin segment {number} at position {first} with epoch {}", identity.epoch)?;
                writeln!(f, "set the watermark to position {}", first.0 - 1)?;
            }
        }
        match self.lost() {
            Some((from, through)) => {
                write!(f, "lost: positions {from} to {through}, {} events", through.0 - from.0 + 1)
            }
            None if self.epoch().is_some() => write!(f, "lost: no event that is known of"),
            None => write!(f, "lost: nothing"),
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { segment, offset, bytes } = self;
        write!(f, "move {bytes} bytes of {segment} from offset {offset} on to quarantine and leave zeros")
    }
}

/// What can be done about this damage; `None` when nothing can: the medium cannot be read, the format is another one, or no
/// header tells which log it is.
pub(super) fn plan(
    storage: &dyn Storage,
    found: Option<&Found>,
    damage: &Damage,
    known_durable: Position,
) -> Option<Plan> {
    if matches!(damage.what, What::Unreadable(_) | What::Format { .. }) {
        return None;
    }
    let names = segment_names(storage).ok()?;
    let site = Site::new(storage, found, &names)?;
    let proven = site.header(damage).or_else(|| site.length(damage)).or_else(|| site.strays());
    let action = proven.or_else(|| site.group(found?, damage)).or_else(|| site.end());
    let action = match action {
        Some(action) => action,
        None => Action::Cut(site.cut(known_durable)?),
    };
    let id = identify(storage, &names, damage, &action).ok()?;
    Some(Plan { id, damage: damage.clone(), action })
}

/// The place up to which the log is sound.
struct Site<'a> {
    storage: &'a dyn Storage,
    /// All segment files in order.
    names: &'a [String],
    /// How many of them are sound up to the place.
    sound: usize,
    /// The last of these, and where its groups end.
    end: Option<(&'a str, u64)>,
    position: Position,
    chain: Chain,
    /// That of the last sound segment, or of any other where there is none.
    identity: Identity,
    /// Greatest epoch of any file of this log.
    epoch_max: u64,
    /// Length of one of its files.
    bytes: u64,
}

impl<'a> Site<'a> {
    fn new(storage: &'a dyn Storage, found: Option<&'a Found>, names: &'a [String]) -> Option<Self> {
        let headers: Vec<_> = names.iter().filter_map(|name| peek(storage, name)).collect();
        let healed = || heal::header_by_bit(&header_bytes(storage, names.first()?)?);
        let any = || headers.first().copied().or_else(healed).map(|header| header.identity);
        let identity = found.map(|found| found.identity).or_else(any)?;
        let epochs = headers.iter().filter(|header| header.identity.log == identity.log);
        let epoch_max = epochs.map(|header| header.identity.epoch).max().unwrap_or(identity.epoch);
        let (position, chain) = match found {
            Some(found) => (found.index.head().0.next(), found.index.head().1),
            None => (Position(1), Chain::start(identity.log)),
        };
        let last = found.map(|found| found.tail.segment());
        let sound = last.map_or(0, |last| names.iter().take_while(|name| name.as_str() <= &*last.name).count());
        let end = found.map(|found| (&*found.tail.segment().name, found.tail.offset()));
        let bytes = headers.first().map_or(NEXT_BYTES_MAX, |header| header.bytes);
        Some(Self { storage, names, sound, end, position, chain, identity, epoch_max, bytes })
    }

    /// The file behind the last sound one, when that is the damaged one.
    fn next_file(&self, damage: &Damage) -> Option<&'a String> {
        self.names.get(self.sound).filter(|name| **name == damage.segment)
    }

    /// Whether the damaged file lacks nothing but a sound header.
    fn header(&self, damage: &Damage) -> Option<Action> {
        let segment = self.next_file(damage)?;
        if damage.what != What::SegmentHeader {
            return None;
        }
        let bytes = self.storage.file_bytes(segment).ok()?;
        let found = header_bytes(self.storage, segment)?;
        let (number, first) = parse_name(segment)?;
        if (number as usize, first) != (self.sound + 1, self.position) || bytes > SEGMENT_BYTES_MAX {
            return None;
        }
        let (identity, chain) = (self.identity, self.chain);
        // A log's first segment has the first epoch; nothing before it tells.
        let identity = if self.sound == 0 { Identity { epoch: 1, ..identity } } else { identity };
        let header = SegmentHeader { identity, number, first, chain, bytes, redactions: 0 };
        let obliged = Obliged { header, epoch_max: self.epoch_max };
        let header = heal::header_by_bit(&found)
            .filter(|healed| SegmentHeader { redactions: 0, identity, ..*healed } == header)
            .filter(|healed| healed.identity.continues(&identity))
            .or_else(|| heal::header(&found, &obliged))?;
        Some(Action::Header { segment: segment.clone(), header })
    }

    /// Whether the damaged file goes on with the log and lacks nothing but its length.
    fn length(&self, damage: &Damage) -> Option<Action> {
        let segment = self.next_file(damage)?;
        let header = peek(self.storage, segment).filter(|header| self.continues(header))?;
        let is_length = matches!(damage.what, What::SegmentBytes { .. });
        is_length.then(|| Action::Length { segment: segment.clone(), header })
    }

    /// Whether the log goes on in a later file than the next one.
    fn strays(&self) -> Option<Action> {
        let rest = &self.names[self.sound..];
        let goes_on = |name: &String| {
            peek(self.storage, name).is_some_and(|header| self.continues(&header) && header.file_name() == *name)
        };
        let strays = rest.iter().position(goes_on).filter(|strays| *strays > 0)?;
        Some(Action::Strays(rest[..strays].to_vec()))
    }

    /// Whether a segment with this header goes on where the sound ones end.
    fn continues(&self, header: &SegmentHeader) -> bool {
        header.first == self.position
            && header.chain == self.chain
            && header.number as usize == self.sound + 1
            && header.identity.continues(&self.identity)
    }

    /// Whether one bit is all that is wrong with the group at the place.
    fn group(&self, found: &Found, damage: &Damage) -> Option<Action> {
        let (segment, _) = self.end.filter(|(segment, _)| *segment == damage.segment)?;
        let mut walk = found.tail.again();
        let flip = heal::flipped_bit(self.storage, &mut walk, self.chain)?;
        Some(Action::Bit { segment: segment.to_owned(), flip })
    }

    /// Whether the segment after this one goes on at this place, so that what stands here belongs to nothing.
    fn end(&self) -> Option<Action> {
        let next = peek(self.storage, self.names.get(self.sound)?)?;
        let region = self.tail().ok()?.filter(|_| self.continues(&next))?;
        Some(Action::End(region))
    }

    fn cut(&self, known_durable: Position) -> Option<Cut> {
        let moved = self.names[self.sound..].to_vec();
        let tail = self.tail().ok()?;
        let mut through = Watermark::read(self.storage).ok()?.map_or(Position::ZERO, |mark| mark.position);
        through = through.max(known_durable);
        let from = self.end.into_iter();
        for (name, offset) in from.chain(moved.iter().map(|name| (name.as_str(), 0))) {
            through = through.max(self.evidence(name, offset).ok()?);
        }
        let number = u32::try_from(self.sound + 1).ok()?;
        let identity = Identity { epoch: self.epoch_max + 1, ..self.identity };
        let bytes = self.bytes.min(NEXT_BYTES_MAX);
        let next = SegmentHeader { identity, number, first: self.position, chain: self.chain, bytes, redactions: 0 };
        let lost_through = Some(through).filter(|through| *through >= self.position);
        Some(Cut { tail, moved, next, lost_through })
    }

    /// What is not zero behind the groups of the last sound segment.
    fn tail(&self) -> Result<Option<Region>, StorageError> {
        let Some((segment, offset)) = self.end else { return Ok(None) };
        let mut end = offset;
        chunks(self.storage, segment, offset, &mut |at, bytes| {
            if !all_zero(bytes) {
                end = at + bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1);
            }
        })?;
        Ok((end > offset).then(|| Region { segment: segment.to_owned(), offset, bytes: end - offset }))
    }

    /// The last position that a header in this file speaks of.
    fn evidence(&self, name: &str, from: u64) -> Result<Position, StorageError> {
        let mut last = Position::ZERO;
        if from == 0
            && let Some(header) = peek(self.storage, name).filter(|header| header.identity.log == self.identity.log)
        {
            last = Position(header.first.0.saturating_sub(1));
        }
        let mut rest = Vec::new();
        chunks(self.storage, name, from, &mut |_, bytes| {
            // A header across the border of two chunks is seen whole.
            rest.extend_from_slice(bytes);
            let of_this_log = headers(&rest).filter(|header| header.salt == self.identity.salt);
            last = of_this_log.map(|header: GroupHeader| header.last()).chain([last]).max().unwrap_or(last);
            rest.drain(..rest.len().saturating_sub(GROUP_HEADER_BYTES - 1));
        })?;
        Ok(last)
    }
}

fn header_bytes(storage: &dyn Storage, name: &str) -> Option<[u8; SEGMENT_HEADER_BYTES]> {
    let mut bytes = [0; SEGMENT_HEADER_BYTES];
    storage.read_at(name, 0, &mut bytes).ok()?;
    Some(bytes)
}

/// Shows the bytes of a file from an offset on, in pieces.
fn chunks(storage: &dyn Storage, name: &str, from: u64, each: &mut dyn FnMut(u64, &[u8])) -> Result<(), StorageError> {
    let end = storage.file_bytes(name)?;
    let up_to = |left: u64| usize::try_from(left).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
    let mut chunk = vec![0; up_to(end.saturating_sub(from))];
    let mut at = from;
    while at < end {
        let count = up_to(end - at);
        storage.read_at(name, at, &mut chunk[..count])?;
        each(at, &chunk[..count]);
        at += count as u64;
    }
    Ok(())
}

/// Hash of all that the plan rests on: names, lengths and headers of the segments, every byte that it would move or change,
/// the watermark, and what it would do.
fn identify(storage: &dyn Storage, names: &[String], damage: &Damage, action: &Action) -> Result<String, StorageError> {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(format!("{damage:?}{action:?}{:?}", Watermark::read(storage)?).as_bytes());
    for name in names {
        let bytes = storage.file_bytes(name)?;
        hash.update(format!("{name} {bytes}").as_bytes());
        let mut header =
            vec![0; usize::try_from(bytes).map_or(SEGMENT_HEADER_BYTES, |all| all.min(SEGMENT_HEADER_BYTES))];
        storage.read_at(name, 0, &mut header)?;
        hash.update(&sha256(&header));
    }
    let touched: Vec<(&str, u64)> = match action {
        Action::Header { segment, .. } | Action::Length { segment, .. } => vec![(segment, 0)],
        Action::Strays(files) => files.iter().map(|name| (name.as_str(), 0)).collect(),
        Action::Bit { segment, flip } => vec![(segment, flip.offset)],
        Action::End(region) => vec![(&region.segment, region.offset)],
        Action::Cut(cut) => {
            let tail = cut.tail.iter().map(|region| (region.segment.as_str(), region.offset));
            tail.chain(cut.moved.iter().map(|name| (name.as_str(), 0))).collect()
        }
    };
    for (name, from) in touched {
        chunks(storage, name, from, &mut |_, bytes| hash.update(bytes))?;
    }
    let id: [u8; 8] = bytes_at(hash.finish().as_ref(), 0);
    Ok(id.iter().map(|byte| format!("{byte:02x}")).collect())
}

const CHUNK_BYTES: usize = 1024 * 1024;

/// Most bytes of a segment that a repair begins: 1 MiB. It is no longer than the other ones, and zeros take time.
const NEXT_BYTES_MAX: u64 = 1024 * 1024;
