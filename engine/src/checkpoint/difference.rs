//! What a checkpoint and a log disagree about, and where.

use super::signed::CheckpointError;
use super::trust::Signer;
use crate::ids::{Position, Time};
use crate::log::LogId;
use std::fmt;

/// One checkpoint, as it is spoken of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What the auditor calls it: its file.
    pub name: String,
    /// The last event that it covers.
    pub position: Position,
    /// When it says it was made.
    pub time: Time,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (position {}, {})", self.name, self.position, self.time.rfc3339())
    }
}

/// What a checkpoint disagrees about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// Its bytes are not a checkpoint.
    #[error("unreadable: {0}")]
    Malformed(CheckpointError),
    /// It is of another log.
    #[error("replaced: the checkpoint is of log {checkpoint}, this is log {log}")]
    OtherLog {
        /// The checkpoint's.
        checkpoint: LogId,
        /// The one that was read.
        log: LogId,
    },
    /// The log ends before it.
    #[error("rolled back: the checkpoint knows {checkpoint} events, the log has {log}")]
    RolledBack {
        /// How many the checkpoint knows.
        checkpoint: Position,
        /// How many there are.
        log: Position,
    },
    /// The events up to it are not those that it was made of.
    #[error("rewritten: {} of the events up to its position", if *chain { "root and chain are not those" } else { "the root is not that" })]
    Rewritten {
        /// Whether the chain differs too: it does, unless the checkpoint contradicts itself.
        chain: bool,
    },
    /// Its root is right and its chain is not: it contradicts itself.
    #[error("contradictory: its root is right and its chain is not")]
    Chain,
    /// It knows a later generation of the log.
    #[error("rolled back: the checkpoint knows epoch {checkpoint}, the log is at {log}")]
    Epoch {
        /// The checkpoint's.
        checkpoint: u64,
        /// The log's.
        log: u64,
    },
    /// Its signature is wrong.
    #[error("forged: the signature is not that of the key which it names")]
    Forged,
    /// The log had replaced its key by then.
    #[error("its key was replaced at position {at}")]
    Replaced {
        /// Where.
        at: Position,
    },
    /// Its key is believed only after it.
    #[error("its key counts only from position {from} on")]
    NotYet {
        /// From where on.
        from: Position,
    },
    /// Its key was adopted without the endorsement of a believed one.
    #[error("its key was adopted at position {at} without the endorsement of a key that is trusted")]
    Unendorsed {
        /// Where.
        at: Position,
    },
    /// Its key is not known.
    #[error("signed by no key that is trusted")]
    UnknownKey,
}

impl Difference {
    /// What is wrong with a signer; `None` for one that is believed.
    pub(super) fn of_signer(signer: &Signer) -> Option<Self> {
        Some(match signer {
            Signer::Believed(_) => return None,
            Signer::Replaced { at } => Self::Replaced { at: *at },
            Signer::NotYet { from } => Self::NotYet { from: *from },
            Signer::Unendorsed { at } => Self::Unendorsed { at: *at },
            Signer::Unknown => Self::UnknownKey,
            Signer::Forged => Self::Forged,
        })
    }

    /// Whether it says that events up to a place are others than they were.
    #[must_use]
    pub const fn is_of_events(&self) -> bool {
        matches!(self, Self::Rewritten { .. } | Self::RolledBack { .. })
    }
}

/// A log and a checkpoint disagree: the first one by position, with what is known about the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// The checkpoint; its position is 0 when it is unreadable.
    pub first: Place,
    /// What about.
    pub what: Difference,
    /// What is wrong with its signer besides, where something is.
    pub signer: Option<Difference>,
    /// The last checkpoint before it that agrees.
    pub last_agreeing: Option<Place>,
    /// How many more disagree.
    pub others: usize,
}

impl Disagreement {
    /// The positions among which something was changed: those after the last agreeing checkpoint, up to the first that
    /// disagrees. `None` when the checkpoint itself is at fault.
    #[must_use]
    pub fn positions(&self) -> Option<(Position, Position)> {
        let after = self.last_agreeing.as_ref().map_or(Position::ZERO, |place| place.position);
        self.what.is_of_events().then(|| (after.next(), self.first.position))
    }
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "checkpoint {}: {}", self.first, self.what)?;
        if let Some(signer) = &self.signer {
            write!(f, "; {signer}")?;
        }
        if let Some((from, through)) = self.positions() {
            write!(f, "; the place is among positions {from} to {through}")?;
        }
        match &self.last_agreeing {
            Some(place) => write!(f, "; the last checkpoint that agrees is {place}")?,
            None => f.write_str("; no checkpoint before it agrees")?,
        }
        if self.others > 0 { write!(f, "; {} more disagree", self.others) } else { Ok(()) }
    }
}

impl std::error::Error for Disagreement {}
