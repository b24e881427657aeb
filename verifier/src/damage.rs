//! What can be wrong with a log, and where.

use std::fmt;

/// A place in a log whose bytes are not what the format says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Name of the segment file; empty when the log as a whole is meant.
    pub segment: String,
    /// Offset in the file: of the field where that is known, else of the group.
    pub offset: u64,
    /// The first event that cannot be trusted.
    pub position: u64,
    /// What is wrong there.
    pub what: What,
}

/// What is wrong. The names are those of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// There is no segment file.
    NoSegments,
    /// The segment with this number is missing.
    SegmentMissing(u32),
    /// A segment header is cut, or its magic bytes, checksum, length or zeros do not hold.
    SegmentHeader,
    /// The segment says this format.
    Format(u32),
    /// The segment does not continue the one before it.
    SegmentForeign,
    /// The file has so many bytes, its header says otherwise.
    SegmentBytes {
        /// Bytes of the file.
        found: u64,
        /// Bytes that its header says.
        expected: u64,
    },
    /// A group header's magic bytes, numbers or checksum do not hold.
    GroupHeader,
    /// The group has another log's salt.
    GroupForeign,
    /// The group ends after its segment.
    GroupCut,
    /// A record's end, header, flags or lengths do not hold.
    RecordHeader,
    /// Facts and content do not have the checksum in their record's header.
    RecordChecksum,
    /// The group does not have the checksum at its end, or its records do not fill it.
    GroupChecksum,
    /// The chain over the records is not the one stored.
    Chain,
    /// This position is not the one that follows.
    PositionGap(u64),
    /// A term after a greater one.
    TermBackwards {
        /// The term found.
        found: u64,
        /// The one before it.
        before: u64,
    },
    /// A time after a later one, both in milliseconds since 1970.
    TimeBackwards {
        /// The time found.
        found: i64,
        /// The one before it.
        before: i64,
    },
    /// A revision is not the one that follows in its stream.
    RevisionGap {
        /// The revision found.
        found: u64,
        /// The one that follows.
        expected: u64,
    },
    /// A sequence is not the one that follows for its tenant.
    TenantSequenceGap {
        /// The sequence found.
        found: u64,
        /// The one that follows.
        expected: u64,
    },
    /// A byte after the last group is not zero.
    NotZero,
    /// A checkpoint was signed for another log.
    CheckpointForeign,
    /// A checkpoint was signed for more events than there are.
    CheckpointBeyond(u64),
    /// The root over the events is not the one that was signed.
    CheckpointRoot,
    /// The chain over the events is not the one that was signed.
    CheckpointChain,
}

/// Why a log was not found sound.
#[derive(Debug)]
pub enum Failure {
    /// Its bytes are not what the format, or a checkpoint, says.
    Damage(Damage),
    /// The files could not be read.
    Unreadable {
        /// The segment file, or empty for the directory.
        segment: String,
        /// What the system said.
        error: std::io::Error,
    },
}

impl From<Damage> for Failure {
    fn from(damage: Damage) -> Self {
        Self::Damage(damage)
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let segment = if self.segment.is_empty() { "-" } else { &self.segment };
        write!(f, "segment {segment}, offset {}, position {}: {}", self.offset, self.position, self.what)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSegments => f.write_str("there is no segment file"),
            Self::SegmentMissing(number) => write!(f, "segment number {number} is missing"),
            Self::SegmentHeader => f.write_str("segment header does not hold"),
            Self::Format(found) => write!(f, "format is {found}, this program reads 1"),
            Self::SegmentForeign => f.write_str("segment does not continue the log before it"),
            Self::SegmentBytes { found, expected } => write!(f, "file has {found} bytes, its header says {expected}"),
            Self::GroupHeader => f.write_str("group header does not hold"),
            Self::GroupForeign => f.write_str("group has the salt of another log"),
            Self::GroupCut => f.write_str("group ends after its segment"),
            Self::RecordHeader => f.write_str("record header does not hold"),
            Self::RecordChecksum => f.write_str("record does not have its checksum"),
            Self::GroupChecksum => f.write_str("group does not have its checksum"),
            Self::Chain => f.write_str("chain is not that of the records"),
            Self::PositionGap(found) => write!(f, "position is {found}"),
            Self::TermBackwards { found, before } => write!(f, "term is {found} after {before}"),
            Self::TimeBackwards { found, before } => write!(f, "time is {found} ms after {before} ms"),
            Self::RevisionGap { found, expected } => write!(f, "revision is {found}, expected {expected}"),
            Self::TenantSequenceGap { found, expected } => write!(f, "tenant sequence is {found}, expected {expected}"),
            Self::NotZero => f.write_str("byte after the last group is not zero"),
            Self::CheckpointForeign => f.write_str("checkpoint was signed for another log"),
            Self::CheckpointBeyond(size) => write!(f, "checkpoint was signed for {size} events"),
            Self::CheckpointRoot => f.write_str("root is not the one in the checkpoint"),
            Self::CheckpointChain => f.write_str("chain is not the one in the checkpoint"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damage(damage) => damage.fmt(f),
            Self::Unreadable { segment, error } if segment.is_empty() => write!(f, "cannot be read: {error}"),
            Self::Unreadable { segment, error } => write!(f, "segment {segment} cannot be read: {error}"),
        }
    }
}

impl std::error::Error for Damage {}
impl std::error::Error for Failure {}
