//! The half of the engine that writes: groups in the order in which they were decided, each durable before it is told.

use super::decider::Restart;
use super::prepared::Prepared;
use super::{Commit, StorageFailure};
use crate::event::{Event, Recorded};
use crate::ids::StreamId;
use crate::keyring::{KeyId, KeyringError};
use crate::keys::Keys;
use crate::log::{Encoded, Log, LogError, Rewritten, Storage};
use std::sync::Arc;

/// Sole owner of the log.
pub struct Committer<S: Storage> {
    log: Log<S>,
    keys: Arc<Keys>,
    /// Storage failed: what is on the disk is unknown, so nothing is written any more.
    is_dead: bool,
}

/// Why a group was not written.
pub enum Unwritten {
    /// The disk is full. Nothing of it was written; what rests on it is undone from here.
    Refused(Box<(Prepared, Restart)>),
    /// Storage failed: what of it is on the disk is unknown, and the committer is of no more use.
    Failed(StorageFailure),
}

impl<S: Storage> Committer<S> {
    pub(super) const fn new(log: Log<S>, keys: Arc<Keys>) -> Self {
        Self { log, keys, is_dead: false }
    }

    /// The log.
    #[must_use]
    pub const fn log(&self) -> &Log<S> {
        &self.log
    }

    /// Bytes left in the segment that is written to, for [`super::Decider::written`].
    #[must_use]
    pub fn left(&self) -> u64 {
        self.log.bytes_left()
    }

    /// Makes a group durable: one write and one sync, and one more of the keyring where it has new keys. Without events
    /// nothing is written.
    ///
    /// # Errors
    /// [`Unwritten`].
    pub fn commit(&mut self, prepared: Prepared) -> Result<Commit, Unwritten> {
        if self.is_dead {
            return Err(Unwritten::Failed(LogError::Poisoned.into()));
        }
        let Some(group) = &prepared.group else {
            return Ok(Commit { outcomes: prepared.outcomes, events: prepared.events });
        };
        match self.write(group, &prepared.events) {
            Ok(()) => Ok(Commit { outcomes: prepared.outcomes, events: prepared.events }),
            Err(StorageFailure::Log(LogError::Full) | StorageFailure::Keyring(KeyringError::Full)) => {
                Err(Unwritten::Refused(Box::new((prepared, Restart::of(&self.log)))))
            }
            Err(error) => {
                self.is_dead = true;
                Err(Unwritten::Failed(error))
            }
        }
    }

    /// Keys first, or a crash could leave content that nobody can open; their destruction last, or it could leave a
    /// person without a key whom no event calls erased. Between the two, the next start destroys them.
    fn write(&mut self, group: &Encoded, events: &[Arc<Recorded>]) -> Result<(), StorageFailure> {
        let Some(vault) = self.keys.vault() else { return Ok(self.log.write(group).map(|_| ())?) };
        let (position, chain) = self.log.head();
        vault.flush(position, chain)?;
        let appended = self.log.write(group)?;
        let erased: Vec<_> = events.iter().filter_map(|event| erasure(event)).collect();
        if !erased.is_empty() {
            vault.destroy(&erased, appended.last, appended.chain)?;
        }
        Ok(())
    }

    /// Puts a redacted segment in the place of the old one; see [`crate::log::LogReader::rewrite`].
    ///
    /// # Errors
    /// [`LogError`]; the committer is of no more use then.
    pub fn adopt(&mut self, rewritten: Rewritten) -> Result<(), LogError> {
        self.log.adopt(rewritten).inspect_err(|_| self.is_dead = true)
    }

    /// Whether [`crate::log::Space::prepare`] has something to do.
    #[must_use]
    pub fn wants_room(&self) -> bool {
        self.log.wants_room()
    }
}

/// Whom an event erased, and the number of their key.
fn erasure(recorded: &Recorded) -> Option<(StreamId, KeyId)> {
    match recorded.facts.event {
        Event::SubjectErased { subject, key, .. } => Some((subject, KeyId(key))),
        _ => None,
    }
}
