//! A copy of a log, or of a part of it, up to a position, byte for byte.

use super::chain::{Chain, LogId};
use super::damage::{Damage, What};
use super::directory::{Continuation, open_segment, peek, segment_names};
use super::error::LogError;
use super::segment::{Identity, SEGMENT_HEADER_BYTES, parse_name};
use super::storage::{Storage, StorageError};
use super::walk::{Step, Walk};
use crate::ids::Position;

/// What a part of a log follows. The part begins with a segment: see [`part_start`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartStart {
    /// The log.
    pub log: LogId,
    /// The last event before the part.
    pub position: Position,
    /// The chain after that event.
    pub chain: Chain,
}

impl PartStart {
    /// What the segment called `name` has to say when it is the first of the part.
    pub(crate) fn continuation(&self, storage: &dyn Storage, name: &str) -> Continuation {
        let number = parse_name(name).map_or(1, |(number, _)| number);
        // A header that cannot be read is refused as such when it is opened.
        let identity = peek(storage, name).map(|header| Identity { log: self.log, ..header.identity });
        let before = identity.map(|identity| (identity, self.chain));
        Continuation { number, first: self.position.next(), before }
    }
}

/// The last event before the segment that holds `position`: where a part of the log with that event can start.
///
/// # Errors
/// The segments cannot be listed.
pub fn part_start(storage: &dyn Storage, position: Position) -> Result<Position, StorageError> {
    let firsts = segment_names(storage)?.into_iter().filter_map(|name| Some(parse_name(&name)?.1));
    let first = firsts.filter(|first| *first <= position).max().unwrap_or(Position(1));
    Ok(Position(first.0.saturating_sub(1)))
}

/// Copies every group up to `last`, and the headers of their segments, into an empty storage, durably: from the first one
/// on, or from the segment after `start`. Each file has the name and the length of the original; what is after the last
/// copied group is zero, as in a log that ended there.
///
/// Takes no lock: what is durable is never written again, so a running server does not disturb it.
///
/// # Errors
/// [`LogError::NoSuchPosition`] when no group ends at `last`, [`LogError::Corrupt`] at the first damage before, and
/// [`LogError::Storage`]. What was copied so far is left behind.
pub fn copy(from: &dyn Storage, start: Option<&PartStart>, last: Position, into: &dyn Storage) -> Result<(), LogError> {
    let mut copied = start.map_or(Position::ZERO, |start| start.position);
    let is_within = |name: &String| parse_name(name).is_some_and(|(_, first)| first > copied);
    let names: Vec<String> = segment_names(from)?.into_iter().filter(is_within).collect();
    let mut expected = match (start, names.first()) {
        (Some(start), Some(name)) => start.continuation(from, name),
        _ => Continuation::FIRST,
    };
    let mut files = 0;
    for name in names {
        if copied >= last {
            break;
        }
        let segment = open_segment(from, &name, &expected)?;
        let (identity, number) = (segment.header.identity, segment.header.number + 1);
        files += 1;
        into.create(&name, segment.header.bytes)?;
        let mut chain = segment.header.chain;
        let mut walk = Walk::whole(segment);
        let header = walk.bytes(from, 0, SEGMENT_HEADER_BYTES)?;
        into.write_at(&name, 0, &header)?;
        while copied < last {
            let offset = walk.offset();
            match walk.step(from) {
                Step::Group(_, group) => {
                    let count = group.header.group_bytes();
                    let bytes = walk.bytes(from, offset, count)?;
                    into.write_at(&name, offset, &bytes)?;
                    (copied, chain) = (group.header.last(), group.chain);
                }
                Step::End => break,
                Step::Invalid(damage) => return Err(damage.into()),
            }
        }
        into.sync_data(&name)?;
        expected = Continuation { number, first: copied.next(), before: Some((identity, chain)) };
    }
    into.sync_directory("")?;
    match copied {
        _ if files == 0 => {
            let (segment, what) = (String::new(), What::NoSegments);
            Err(Damage { segment, offset: 0, position: copied.next(), what }.into())
        }
        copied if copied == last => Ok(()),
        head => Err(LogError::NoSuchPosition { position: last, head }),
    }
}
