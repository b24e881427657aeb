//! All that a checkpoint needs of the log up to a position, in about a kilobyte.

use super::frontier::Frontier;
use super::statement::Checkpoint;
use crate::ids::{Position, Time};
use crate::log::{Chain, LogId, PartStart, sha256};

/// What the stored form begins with.
const MAGIC: [u8; 8] = *b"TdAccum1";

/// Root and chain of a log, kept up leaf by leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accumulator {
    log: LogId,
    frontier: Frontier,
    chain: Chain,
}

impl Accumulator {
    /// Before the first event of a log.
    #[must_use]
    pub fn new(log: LogId) -> Self {
        Self { log, frontier: Frontier::default(), chain: Chain::start(log) }
    }

    /// Takes in the leaf of the next event.
    pub fn push(&mut self, leaf: [u8; 32]) {
        self.chain = self.chain.then(&leaf);
        self.frontier.push(leaf);
    }

    /// Which log.
    #[must_use]
    pub const fn log(&self) -> LogId {
        self.log
    }

    /// The last event taken in.
    #[must_use]
    pub const fn position(&self) -> Position {
        Position(self.frontier.count())
    }

    /// The log's chain after it.
    #[must_use]
    pub const fn chain(&self) -> Chain {
        self.chain
    }

    /// The root over all leaves.
    #[must_use]
    pub fn root(&self) -> [u8; 32] {
        self.frontier.root()
    }

    /// Where the part of a log starts that comes after this.
    #[must_use]
    pub const fn part_start(&self) -> PartStart {
        PartStart { log: self.log, position: self.position(), chain: self.chain }
    }

    /// The checkpoint of this position.
    #[must_use]
    pub fn checkpoint(&self, time: Time, epoch: u64) -> Checkpoint {
        Checkpoint { log: self.log, position: self.position(), root: self.root(), chain: self.chain, time, epoch }
    }

    /// The stored form, from which it can be gone on with: magic, log id, chain, frontier, SHA-256 of all before.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = [&MAGIC[..], &self.log.0, &self.chain.0, &self.frontier.encode()].concat();
        let hash = sha256(&bytes);
        bytes.extend_from_slice(&hash);
        bytes
    }

    /// Reads what [`Accumulator::encode`] wrote; `None` when a byte of it is another. Whether it fits the log is the caller's
    /// question: the log's chain at [`Accumulator::position`] must be [`Accumulator::chain`].
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (bytes, hash) = bytes.split_last_chunk::<32>()?;
        if sha256(bytes) != *hash {
            return None;
        }
        let bytes = bytes.strip_prefix(&MAGIC)?;
        let (log, bytes) = bytes.split_first_chunk()?;
        let (chain, bytes) = bytes.split_first_chunk()?;
        // No log has as many events as that, and there would be none after.
        let frontier = Frontier::decode(bytes).ok().filter(|frontier| frontier.count() < u64::MAX)?;
        Some(Self { log: LogId(*log), frontier, chain: Chain(*chain) })
    }
}
