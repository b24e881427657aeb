use super::Engine;
use crate::event::{DecodeError, Recorded};
use crate::ids::{Position, Time};
use crate::keys::Keys;
use crate::log::{Log, LogError, LogOptions, LogReader, Recovery, Storage};
use crate::state::State;
use std::sync::Arc;

/// Farthest that the last recorded time may be ahead of the clock at start: 5 minutes.
///
/// Recorded time never goes back, so a log that is far ahead would give wrong times for as long as it is.
const AHEAD_MS_MAX: i64 = 5 * 60 * 1_000;

/// Why an engine does not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The log does not open.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An event cannot be read by this version.
    #[error("event at position {position}: {source}")]
    Event {
        /// Which.
        position: Position,
        /// Why.
        source: DecodeError,
    },
    /// The clock is behind the log.
    #[error(
        "the last event was recorded {ahead_ms} ms after the clock's now; set the clock, at most {AHEAD_MS_MAX} ms are allowed"
    )]
    ClockBehind {
        /// By how much.
        ahead_ms: i64,
    },
}

impl OpenError {
    /// Whether the log itself is damaged.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::Log(LogError::Corrupt(_)) | Self::Event { .. })
    }
}

impl<S: Storage> Engine<S> {
    /// Opens the log, recovers its tail, and folds it into the state. `entropy` names a fresh log.
    ///
    /// # Errors
    /// [`OpenError`]; the log is left as it was, but for a torn tail that was put into quarantine.
    pub fn open(
        storage: S,
        options: LogOptions,
        keys: Arc<Keys>,
        entropy: [u8; 16],
        now: Time,
    ) -> Result<(Self, Recovery), OpenError> {
        let (log, recovery) = Log::open(storage, options, entropy)?;
        let ahead_ms = log.last_time().since(now);
        if recovery.last != Position::ZERO && ahead_ms > AHEAD_MS_MAX {
            return Err(OpenError::ClockBehind { ahead_ms });
        }
        let state = fold(&log.reader())?;
        Ok((Self { log, state, keys, is_dead: false }, recovery))
    }
}

/// The state after every durable event.
pub(super) fn fold(reader: &LogReader) -> Result<State, OpenError> {
    let mut state = State::default();
    for record in reader.scan(Position(1)) {
        let record = record?;
        let position = record.envelope.position;
        let recorded = Recorded::decode(record).map_err(|source| OpenError::Event { position, source })?;
        state.apply(&recorded);
    }
    Ok(state)
}
