//! What can be wrong with the bytes of a log, and where.

use super::storage::StorageError;
use crate::ids::{Position, StreamId, TenantId};
use std::fmt;
use thiserror::Error;

/// A place in the log whose bytes are not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Name of the segment file; empty when the log as a whole is meant.
    pub segment: String,
    /// Byte offset in the file: of the field where it is known, else of the group.
    pub offset: u64,
    /// The first event that cannot be trusted.
    pub position: Position,
    /// What is wrong there.
    pub what: What,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segment {}, offset {}, position {}: {}", self.segment, self.offset, self.position, self.what)
    }
}

impl std::error::Error for Damage {}

/// What is wrong with some bytes of a log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum What {
    /// There is no segment file at all.
    #[error("no segment file was found")]
    NoSegments,
    /// A segment file is missing between or before others.
    #[error("segment number {number} is missing")]
    SegmentMissing {
        /// Number of the missing file.
        number: u32,
    },
    /// The segment header's magic bytes or checksum do not match.
    #[error("segment header is unreadable")]
    SegmentHeader,
    /// The segment belongs to another format version.
    #[error("log format {found} is not readable, this version reads format 1")]
    Format {
        /// The format found.
        found: u32,
    },
    /// A header is sound but does not belong here: other log, other number, other first position, other chain.
    #[error("segment header does not continue the log before it")]
    SegmentForeign,
    /// The file is shorter or longer than its header says.
    #[error("segment is {found} bytes long, its header says {expected}")]
    SegmentBytes {
        /// Length of the file.
        found: u64,
        /// Length in the header.
        expected: u64,
    },
    /// A group header's magic bytes, lengths or checksum do not match.
    #[error("group header is unreadable")]
    GroupHeader,
    /// A group header is sound but was written for another log.
    #[error("group belongs to another log")]
    GroupForeign,
    /// A group ends after the bytes that are there.
    #[error("group ends after its segment")]
    GroupCut,
    /// A record's header or the table of record ends does not match.
    #[error("record header is unreadable")]
    RecordHeader,
    /// Facts and content do not match their checksum.
    #[error("record checksum does not match")]
    RecordChecksum,
    /// The group does not match its checksum.
    #[error("group checksum does not match")]
    GroupChecksum,
    /// The chain computed from the records is not the one stored.
    #[error("chain does not match the records")]
    Chain,
    /// An event has another position than the one before it says.
    #[error("position is {found}")]
    PositionGap {
        /// The position found.
        found: Position,
    },
    /// A term is smaller than the one before it.
    #[error("term is {found} after {before}")]
    TermBackwards {
        /// The term found.
        found: u64,
        /// The term of the group before.
        before: u64,
    },
    /// A recorded time is before the one of the event before it.
    #[error("time is {found} ms after {before} ms")]
    TimeBackwards {
        /// The time found, milliseconds since the Unix epoch.
        found: i64,
        /// The time before it.
        before: i64,
    },
    /// A stream's revisions have a gap.
    #[error("stream {stream} is at revision {found}, expected {expected}")]
    RevisionGap {
        /// The stream.
        stream: StreamId,
        /// The revision found.
        found: u64,
        /// The revision that had to follow.
        expected: u64,
    },
    /// A tenant's sequence has a gap.
    #[error("tenant {} is at sequence {found}, expected {expected}", tenant.0)]
    TenantSequenceGap {
        /// The tenant.
        tenant: TenantId,
        /// The sequence found.
        found: u64,
        /// The sequence that had to follow.
        expected: u64,
    },
    /// The log ends before events that are known to have been durable.
    #[error("events through position {through} were durable and are missing")]
    Lost {
        /// The last position known durable.
        through: Position,
    },
    /// The events are not the ones that are known to have been durable.
    #[error("the events through this position are not the ones that were durable")]
    OtherHistory,
    /// Bytes after the last group are not zero.
    #[error("bytes after the last group are not zero")]
    NotZero,
    /// The storage could not read the bytes.
    #[error("unreadable: {0}")]
    Unreadable(StorageError),
}

impl What {
    /// Whether a write that was cut short can leave this behind. All else is never the work of a crash.
    pub(crate) fn may_be_torn(&self) -> bool {
        matches!(
            self,
            Self::GroupHeader | Self::RecordHeader | Self::RecordChecksum | Self::GroupChecksum | Self::NotZero
        )
    }
}
