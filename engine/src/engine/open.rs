use super::Engine;
use super::folding::{Folding, fold};
use crate::event::DecodeError;
use crate::ids::{Position, Time};
use crate::keyring::{KeyId, KeyringError};
use crate::keys::Keys;
use crate::log::{Log, LogError, LogOptions, Recovery, Storage};
use crate::snapshot::Snapshots;
use crate::state::State;
use crate::vault::Vault;
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
    /// The keyring cannot be read.
    #[error("keyring: {0}")]
    Keyring(#[from] KeyringError),
    /// The log is not the one that the keyring was last used with: it ends before, or its history is another one.
    #[error(
        "the log is older than its keyring, or its history was changed: the keyring knows position {known}, the log ends at {head}"
    )]
    LogBehindKeyring {
        /// The position that the keyring knows of.
        known: Position,
        /// The log's last one.
        head: Position,
    },
    /// The log uses keys that the keyring never had: it is an older copy, or another one.
    #[error(
        "the keyring is older than the log: the log uses key {used}, the keyring gave {given}; restore the newer keyring"
    )]
    KeyringBehindLog {
        /// Greatest number of a key in the log.
        used: u32,
        /// Greatest number in the keyring.
        given: u32,
    },
    /// Keys at the keyring's end are not whole, and the log went on after them: they were acknowledged, and are lost.
    #[error(
        "keys that were added at position {known} are damaged, and the log goes on to {head}: restore the keyring's backup"
    )]
    KeysLost {
        /// Where the log stood when they were added.
        known: Position,
        /// The log's last position.
        head: Position,
    },
    /// The log is open read-only because it is damaged, and somebody who was erased still has a key: only a repaired log can
    /// finish that.
    #[error("an erasure is not finished, and a damaged log cannot finish it: repair the log first")]
    ErasureUnfinished,
    /// The clock is behind the log.
    #[error(
        "the last event was recorded {ahead_ms} ms after the clock's now, at most {AHEAD_MS_MAX} ms are allowed; set the clock, or start with --accept-clock"
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
        matches!(
            self,
            Self::Log(LogError::Corrupt(_))
                | Self::Event { .. }
                | Self::Keyring(KeyringError::Corrupt(_))
                | Self::LogBehindKeyring { .. }
                | Self::KeyringBehindLog { .. }
                | Self::KeysLost { .. }
                | Self::ErasureUnfinished
        )
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
        // A clock that is accepted as it is counts as not behind.
        let now = if options.accept_clock { now.max(log.last_time()) } else { now };
        let (engine, _) = Self::over(log, &recovery, keys, now, None)?;
        Ok((engine, recovery))
    }

    /// An engine over a log that was opened just now. The vault of the keys, where there is one, must agree with it; what
    /// an interrupted erasure left to do there is done. The state begins with the newest snapshot that fits the log, where
    /// there is a place for them.
    ///
    /// # Errors
    /// [`OpenError`]; the log is left as it was.
    pub fn over(
        log: Log<S>,
        recovery: &Recovery,
        keys: Arc<Keys>,
        now: Time,
        snapshots: Option<Snapshots>,
    ) -> Result<(Self, Folding), OpenError> {
        let ahead_ms = log.last_time().since(now);
        if recovery.last != Position::ZERO && ahead_ms > AHEAD_MS_MAX {
            return Err(OpenError::ClockBehind { ahead_ms });
        }
        let (state, folding) = fold(&log.reader(), snapshots.as_ref())?;
        if let Some(vault) = keys.vault() {
            agree(vault, &log, &state)?;
        }
        Ok((Self::new(log, state, keys, snapshots), folding))
    }
}

/// Holds log and keyring against each other: a copy of either that is older than the other is noticed here.
fn agree<S: Storage>(vault: &Vault, log: &Log<S>, state: &State) -> Result<(), OpenError> {
    let keyring = vault.keyring();
    let (head, chain) = log.head();
    if log.is_read_only() {
        // Its end is missing, so that the keyring is ahead of it is no news; and nothing is written to either.
        let mut erased = state.erased();
        let is_left = erased.any(|(_, key)| keyring.key(KeyId(key)).is_ok_and(|key| key.is_some()));
        return if is_left { Err(OpenError::ErasureUnfinished) } else { Ok(()) };
    }
    if let Some(mark) = keyring.mark() {
        let known = mark.position;
        let is_of_this_log = known <= head && log.reader().chain_at(known)? == mark.chain;
        if !is_of_this_log {
            return Err(OpenError::LogBehindKeyring { known, head });
        }
    }
    if let Some(known) = vault.unfinished_at().filter(|unfinished| *unfinished < head) {
        return Err(OpenError::KeysLost { known, head });
    }
    let (used, given) = (state.key_max(), keyring.next_id().0 - 1);
    if used > given {
        return Err(OpenError::KeyringBehindLog { used, given });
    }
    let mut left = Vec::new();
    for (subject, key) in state.erased() {
        if keyring.key(KeyId(key))?.is_some() {
            left.push((subject, KeyId(key)));
        }
    }
    keyring.clear_unfinished()?;
    if left.is_empty() { Ok(()) } else { Ok(vault.destroy(&left, head, chain)?) }
}
