//! Taking a copy of a log into use: from here on it is another log than the one that it was copied from.

use super::chain::Chain;
use super::error::LogError;
use super::options::LogOptions;
use super::recovery::{Ending, find};
use super::repair::begin;
use super::segment::{Identity, SegmentHeader};
use super::storage::Storage;
use super::watermark::Watermark;
use crate::ids::Position;

/// A log that goes on from a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Position of its last event.
    pub last: Position,
    /// The chain after it.
    pub chain: Chain,
    /// Its new generation.
    pub epoch: u64,
}

/// Begins a new generation of the log in `storage`: a new segment with the next epoch. What the copy lacks was acknowledged
/// elsewhere, so cursors and receipts of the old generation must not be taken for those of this one.
///
/// # Errors
/// [`LogError::Locked`] when the log is in use, [`LogError::Absent`], [`LogError::Corrupt`] when it does not end cleanly,
/// [`LogError::Storage`]. Nothing of the log that was there is changed.
pub fn begin_epoch(storage: &dyn Storage) -> Result<Restored, LogError> {
    storage.lock()?;
    let restored = begin_locked(storage);
    storage.unlock();
    restored
}

fn begin_locked(storage: &dyn Storage) -> Result<Restored, LogError> {
    let options = LogOptions { read_all: true, ..LogOptions::DEFAULT };
    let found = find(storage, &options)?.ok_or(LogError::Absent)?;
    if let Ending::Damaged(damage) = found.ending {
        return Err(damage.into());
    }
    let (last, chain) = found.index.head();
    let before = found.tail.segment().header;
    let epoch = before.identity.epoch + 1;
    let identity = Identity { epoch, ..before.identity };
    let (number, first) = (before.number + 1, last.next());
    begin(storage, &SegmentHeader { identity, number, first, chain, redactions: 0, ..before })?;
    Watermark::reset(storage, last, chain)?;
    Ok(Restored { last, chain, epoch })
}
