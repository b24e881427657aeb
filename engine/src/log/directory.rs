//! The segment files of a log, in order, each checked to continue the one before.

use super::chain::Chain;
use super::damage::{Damage, What};
use super::segment::{Identity, SEGMENT_HEADER_BYTES, SegmentHeader, parse_name};
use super::storage::{Storage, StorageError};
use crate::ids::Position;
use std::sync::Arc;

/// A segment file whose header was read and belongs where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// Name of the file.
    pub(crate) name: Arc<str>,
    /// Its header.
    pub(crate) header: SegmentHeader,
}

/// What the next segment's header has to say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Continuation {
    /// Number of the file.
    pub(crate) number: u32,
    /// Position of its first event.
    pub(crate) first: Position,
    /// Log and chain; the first segment says them itself.
    pub(crate) before: Option<(Identity, Chain)>,
}

impl Continuation {
    /// What the first segment of a log has to say.
    pub(crate) const FIRST: Self = Self { number: 1, first: Position(1), before: None };

    fn accepts(&self, header: &SegmentHeader) -> bool {
        let (identity, chain) = self.before.unwrap_or((header.identity, Chain::start(header.identity.log)));
        header.number == self.number
            && header.first == self.first
            && header.identity.continues(&identity)
            && header.chain == chain
    }
}

/// Names of the segment files by number.
pub(crate) fn segment_names(storage: &dyn Storage) -> Result<Vec<String>, StorageError> {
    let mut names: Vec<_> = storage.list("")?.into_iter().filter(|name| parse_name(name).is_some()).collect();
    // Numbers have a fixed width in the name.
    names.sort_unstable();
    Ok(names)
}

/// What the file called `name` says of itself, when it can be read. Nothing is checked but its own checksum.
pub(crate) fn peek(storage: &dyn Storage, name: &str) -> Option<SegmentHeader> {
    let mut bytes = [0; SEGMENT_HEADER_BYTES];
    storage.read_at(name, 0, &mut bytes).ok()?;
    SegmentHeader::decode(&bytes).ok()
}

/// Reads the header of the segment called `name` and checks it against the file and what is before it.
pub(crate) fn open_segment(storage: &dyn Storage, name: &str, expected: &Continuation) -> Result<Segment, Damage> {
    let damage = |offset, what| Damage { segment: name.to_owned(), offset, position: expected.first, what };
    let (number, _) = parse_name(name).ok_or_else(|| damage(0, What::SegmentForeign))?;
    if number > expected.number {
        return Err(damage(0, What::SegmentMissing { number: expected.number }));
    }
    let found = storage.file_bytes(name).map_err(|error| damage(0, What::Unreadable(error)))?;
    if found < SEGMENT_HEADER_BYTES as u64 {
        return Err(damage(found, What::SegmentHeader));
    }
    let mut bytes = [0; SEGMENT_HEADER_BYTES];
    storage.read_at(name, 0, &mut bytes).map_err(|error| damage(0, What::Unreadable(error)))?;
    let header = SegmentHeader::decode(&bytes).map_err(|what| damage(0, what))?;
    if !expected.accepts(&header) || header.file_name() != name {
        return Err(damage(0, What::SegmentForeign));
    }
    if found != header.bytes {
        return Err(damage(found.min(header.bytes), What::SegmentBytes { found, expected: header.bytes }));
    }
    Ok(Segment { name: name.into(), header })
}
