//! Keeping an accumulator up with its log.

use super::accumulator::Accumulator;
use crate::ids::Position;
use crate::log::{LogError, LogReader};

/// How many events are taken in between two looks at whether to go on.
const LOOK_EVENTS: u64 = 4_096;

/// Why the events of a log were not all taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TakeInError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// What is read is not what was written: the chain of the records differs from the one that the writer kept.
    #[error("the events up to position {0} do not hash to the chain of the log")]
    Chain(Position),
    /// It was not to go on.
    #[error("the server ends before the log was read up to its head")]
    Leaving,
}

impl Accumulator {
    /// Takes in the durable events since the last time, and checks them against the chain that the writer keeps. `goes_on`
    /// is asked now and then, with the number of events that are left.
    ///
    /// # Errors
    /// [`TakeInError`]. After [`TakeInError::Chain`] it is of no more use.
    pub fn take_in(&mut self, reader: &LogReader, goes_on: &dyn Fn(u64) -> bool) -> Result<(), TakeInError> {
        let (head, chain) = reader.head();
        if self.position() == head && self.chain() == chain {
            return Ok(());
        }
        for record in reader.scan(self.position().next()) {
            let record = record?;
            if record.envelope.position > head {
                break;
            }
            self.push(record.leaf());
            let position = self.position().0;
            if position.is_multiple_of(LOOK_EVENTS) && !goes_on(head.0 - position) {
                return Err(TakeInError::Leaving);
            }
        }
        if self.chain() == chain { Ok(()) } else { Err(TakeInError::Chain(self.position())) }
    }
}
