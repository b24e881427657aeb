use crate::disk::Lie;
use std::fmt;
use thiserror::Error;

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum What {
    /// What was acknowledged is not there.
    #[error("acknowledged lost: the log ends at position {found}, {acknowledged} was acknowledged")]
    AcknowledgedLost {
        /// The last position found.
        found: u64,
        /// The last position that was acknowledged.
        acknowledged: u64,
    },
    /// A part of a group is there.
    #[error("half visible: the log ends at position {found}, within a group; groups end at {ends:?}")]
    HalfVisible {
        /// The last position found.
        found: u64,
        /// Where it may end.
        ends: Vec<u64>,
    },
    /// Recovery took acknowledged bytes for a torn tail.
    #[error("acknowledged group truncated: quarantine begins at position {found}, {acknowledged} was acknowledged")]
    AcknowledgedTruncated {
        /// First position put away.
        found: u64,
        /// The last position that was acknowledged.
        acknowledged: u64,
    },
    /// Bytes are gone that no quarantine holds.
    #[error("discarded without quarantine: {bytes} bytes of {file} from {offset} on")]
    Discarded {
        /// The file.
        file: String,
        /// Where.
        offset: usize,
        /// How many.
        bytes: usize,
    },
    /// The log does not open, or is said to be damaged, though only the power was cut.
    #[error("not opened: {0}")]
    NotOpened(String),
    /// A record is not the one that was written.
    #[error("wrong data: the record at position {position} is not what was written")]
    WrongData {
        /// Where.
        position: u64,
    },
    /// Content is there that was removed for good.
    #[error("erased is back: position {position} has its content")]
    ErasedIsBack {
        /// Where.
        position: u64,
    },
    /// A destroyed key is still on the disk.
    #[error("erased is back: {file} holds a key that was destroyed")]
    ErasedBytes {
        /// Where.
        file: String,
    },
    /// Log and keyring do not agree.
    #[error("keyring: {0}")]
    Keyring(String),
    /// A checkpoint is lost, spoiled, or not of the log.
    #[error("checkpoint: {0}")]
    Checkpoint(String),
    /// Reading fails.
    #[error("unreadable: {0}")]
    Unreadable(String),
    /// State or projections are not those of an uninterrupted run.
    #[error("other state: at position {position} {part} differs from an uninterrupted run")]
    OtherState {
        /// Where.
        position: u64,
        /// Which.
        part: &'static str,
    },
    /// After recovery the log takes no append, or the next start finds something else than this one left.
    #[error("no going on: {0}")]
    NoGoingOn(String),
    /// The audit finds damage after recovery.
    #[error("audit fails: {0}")]
    Audit(String),
    /// A failed operation was acknowledged, or the log went on after one.
    #[error("acknowledged after a failure: {0}")]
    AfterFailure(String),
    /// Damage was served as if it were sound, or not reported.
    #[error("unreported: {0}")]
    Unreported(String),
    /// Something panicked.
    #[error("panic: {0}")]
    Panic(String),
}

impl What {
    /// Names of all kinds, in the order in which they are counted.
    pub const NAMES: [&'static str; 16] = [
        "acknowledged lost",
        "half visible",
        "acknowledged groups truncated",
        "discarded without quarantine",
        "not opened",
        "wrong data",
        "unreadable",
        "other state",
        "no going on",
        "audit fails",
        "acknowledged after a failure",
        "unreported",
        "panics",
        "erased is back",
        "keyring and log disagree",
        "checkpoints broken",
    ];

    /// Which of [`What::NAMES`] it is.
    #[must_use]
    pub const fn kind(&self) -> usize {
        match self {
            Self::AcknowledgedLost { .. } => 0,
            Self::HalfVisible { .. } => 1,
            Self::AcknowledgedTruncated { .. } => 2,
            Self::Discarded { .. } => 3,
            Self::NotOpened(_) => 4,
            Self::WrongData { .. } => 5,
            Self::Unreadable(_) => 6,
            Self::OtherState { .. } => 7,
            Self::NoGoingOn(_) => 8,
            Self::Audit(_) => 9,
            Self::AfterFailure(_) => 10,
            Self::Unreported(_) => 11,
            Self::Panic(_) => 12,
            Self::ErasedIsBack { .. } | Self::ErasedBytes { .. } => 13,
            Self::Keyring(_) => 14,
            Self::Checkpoint(_) => 15,
        }
    }
}

/// A broken promise, and how to see it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which promise.
    pub what: What,
    /// Seed of the campaign.
    pub seed: u64,
    /// The bug that was planted.
    pub lie: Option<Lie>,
    /// Number of the workload.
    pub workload: usize,
    /// After how many operations the power was cut.
    pub operation: usize,
    /// Which loss it was there; `None` when the work itself failed, without any loss.
    pub subset: Option<usize>,
    /// What was done last and what was lost, in words.
    pub story: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.what)?;
        writeln!(f, "  {}", self.story)?;
        write!(f, "  replay it with: cargo xtask crash --seed {} --workload {}", self.seed, self.workload)?;
        if let Some(subset) = self.subset {
            write!(f, " --operation {} --subset {subset}", self.operation)?;
        }
        match self.lie {
            Some(lie) => write!(f, " --plant {lie}"),
            None => Ok(()),
        }
    }
}
