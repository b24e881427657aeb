//! A copy of a log up to a position, byte for byte.

use super::damage::{Damage, What};
use super::directory::{Continuation, open_segment, segment_names};
use super::error::LogError;
use super::segment::SEGMENT_HEADER_BYTES;
use super::storage::Storage;
use super::walk::{Step, Walk};
use crate::ids::Position;

/// Copies every group up to `last`, and the headers of their segments, into an empty storage, durably. Each file has the
/// name and the length of the original; what is after the last copied group is zero, as in a log that ended there.
///
/// Takes no lock: what is durable is never written again, so a running server does not disturb it.
///
/// # Errors
/// [`LogError::NoSuchPosition`] when no group ends at `last`, [`LogError::Corrupt`] at the first damage before, and
/// [`LogError::Storage`]. What was copied so far is left behind.
pub fn copy(from: &dyn Storage, last: Position, into: &dyn Storage) -> Result<(), LogError> {
    let mut expected = Continuation::FIRST;
    let mut copied = Position::ZERO;
    for name in segment_names(from)? {
        if copied >= last {
            break;
        }
        let segment = open_segment(from, &name, &expected)?;
        let (identity, number) = (segment.header.identity, segment.header.number + 1);
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
        Position::ZERO => {
            Err(Damage { segment: String::new(), offset: 0, position: Position(1), what: What::NoSegments }.into())
        }
        copied if copied == last => Ok(()),
        head => Err(LogError::NoSuchPosition { position: last, head }),
    }
}
