//! Encoding groups ahead of the disk: the next group can be made while the one before it is being synced.

use super::chain::Chain;
use super::error::LogError;
use super::group::{self, GROUP_BYTES_MAX, GroupContext};
use super::keyed::{self, Place};
use super::record::Record;
use crate::ids::{Position, Time};

/// Makes groups that follow each other without a gap. What it encodes must be written in the same order, by the log that it
/// came from, before that log appends anything else.
#[derive(Debug)]
pub struct Encoder {
    pub(crate) term: u64,
    pub(crate) salt: u64,
    pub(crate) last: Position,
    pub(crate) chain: Chain,
    pub(crate) time: Time,
}

/// A group that is ready to be written.
#[derive(Debug)]
pub struct Encoded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) prefixes: Vec<[u8; 4]>,
    pub(crate) places: Vec<Place>,
    pub(crate) first: Position,
    pub(crate) last: Position,
    pub(crate) chain: Chain,
    pub(crate) time: Time,
}

impl Encoded {
    /// Bytes that it takes in the log.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Position of its first record.
    #[must_use]
    pub const fn first(&self) -> Position {
        self.first
    }

    /// Position of its last record.
    #[must_use]
    pub const fn last(&self) -> Position {
        self.last
    }

    /// The chain after its last record.
    #[must_use]
    pub const fn chain(&self) -> Chain {
        self.chain
    }
}

impl Encoder {
    /// The last record encoded so far, durable or not, and the chain after it.
    #[must_use]
    pub const fn head(&self) -> (Position, Chain) {
        (self.last, self.chain)
    }

    /// Encodes the records as one group. They are at least one.
    ///
    /// # Errors
    /// [`LogError::TooLarge`]: nothing has changed.
    ///
    /// # Panics
    /// When the positions do not follow the last one encoded without a gap, or a time is before the one before.
    pub fn encode(&mut self, records: &[Record]) -> Result<Encoded, LogError> {
        self.check(records)?;
        let context = GroupContext {
            term: self.term,
            // It is written only once the group before it is durable.
            durable_through: self.last,
            salt: self.salt,
            chain: self.chain,
        };
        let (mut bytes, mut prefixes) = (Vec::new(), Vec::with_capacity(records.len()));
        let first = self.last.next();
        self.chain = group::encode_into(records, &context, &mut bytes, |chain| prefixes.push(chain.prefix()));
        self.last = Position(self.last.0 + records.len() as u64);
        self.time = records.last().map_or(self.time, |record| record.envelope.time);
        let places = keyed::places(records);
        Ok(Encoded { bytes, prefixes, places, first, last: self.last, chain: self.chain, time: self.time })
    }

    fn check(&self, records: &[Record]) -> Result<(), LogError> {
        assert!(!records.is_empty(), "an append has at least one record");
        let mut expected = self.last;
        let mut time = self.time;
        for record in records {
            expected = expected.next();
            let envelope = &record.envelope;
            assert!(envelope.position == expected, "position {} is appended, {expected} follows", envelope.position);
            assert!(envelope.time >= time, "time {} is appended after {}", envelope.time.0, time.0);
            time = envelope.time;
            record.check()?;
        }
        let bytes = group::group_bytes(records);
        if bytes > GROUP_BYTES_MAX {
            return Err(LogError::TooLarge { part: "group", bytes, bytes_max: GROUP_BYTES_MAX });
        }
        Ok(())
    }
}
