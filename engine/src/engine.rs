//! The engine: sole owner of the log and of the state. It decides, records, syncs, and only then answers.
//!
//! It has two halves: the [`Decider`] owns the state and runs ahead, the [`Committer`] owns the log and writes what was
//! decided, group by group. [`Engine::commit`] lets them take turns; a server gives each a thread of its own, so that the
//! next group is decided and encoded while one is synced.

mod committer;
mod decider;
mod folding;
mod open;
mod prepared;
#[cfg(test)]
mod tests;

pub use committer::{Committer, Unwritten};
pub use decider::{Decider, Offer, Restart};
pub use folding::Folding;
pub use open::OpenError;
pub use prepared::Prepared;

use crate::command::{Outcome, Request};
use crate::event::Recorded;
use crate::ids::{Position, Time};
use crate::keyring::KeyringError;
use crate::keys::Keys;
use crate::log::{Log, LogError, LogReader, Rewritten, Storage};
use crate::snapshot::{SnapshotError, Snapshots};
use crate::state::State;
use std::sync::Arc;

/// The owner of one log.
pub struct Engine<S: Storage> {
    decider: Decider,
    committer: Committer<S>,
    /// Storage failed: the state may hold what the disk does not, so nothing is answered from it any more.
    is_dead: bool,
}

/// What a batch of requests came to, once it is durable.
#[derive(Debug, Default)]
pub struct Commit {
    /// One for each request, in their order.
    pub outcomes: Vec<Outcome>,
    /// What happened, in the order of the log.
    pub events: Vec<Arc<Recorded>>,
}

/// What of the storage failed.
#[derive(Debug, thiserror::Error)]
pub enum StorageFailure {
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The keyring.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
}

/// Storage failed within a batch. The engine is of no more use.
#[derive(Debug, thiserror::Error)]
#[error("storage failed: {error}")]
pub struct CommitFailure {
    /// What failed.
    pub error: StorageFailure,
    /// Outcomes of the leading requests whose events are durable; of the others it is unknown.
    pub outcomes: Vec<Outcome>,
    /// The durable events.
    pub events: Vec<Arc<Recorded>>,
}

impl<S: Storage> Engine<S> {
    fn new(log: Log<S>, state: State, keys: Arc<Keys>, snapshots: Option<Snapshots>) -> Self {
        let decider = Decider::new(&log, state, Arc::clone(&keys), snapshots);
        Self { decider, committer: Committer::new(log, keys), is_dead: false }
    }

    /// Decides each request against the state that the ones before it leave, and makes what happened durable: one write and
    /// one sync for up to 512 KiB. Nothing is told before its sync returned. A batch in which nothing happens costs no sync.
    ///
    /// # Errors
    /// [`CommitFailure`]: storage failed, and the engine must be dropped. A full disk is no failure: it is met before
    /// anything is decided, and what had to be recorded is `Unavailable`.
    pub fn commit(&mut self, requests: &[Request], now: Time) -> Result<Commit, Box<CommitFailure>> {
        let mut commit = Commit { outcomes: Vec::with_capacity(requests.len()), events: Vec::new() };
        let done = if self.is_dead { Err(LogError::Poisoned.into()) } else { self.all(requests, now, &mut commit) };
        done.map_err(|error| {
            self.is_dead = true;
            let Commit { outcomes, events } = std::mem::take(&mut commit);
            Box::new(CommitFailure { error, outcomes, events })
        })?;
        Ok(commit)
    }

    fn all(&mut self, requests: &[Request], now: Time, commit: &mut Commit) -> Result<(), StorageFailure> {
        for request in requests {
            loop {
                match self.decider.offer(request, now)? {
                    Offer::Taken(full) => {
                        full.map_or(Ok(()), |group| self.write(group, commit))?;
                        break;
                    }
                    Offer::Before(group) => self.write(group, commit)?,
                    Offer::Wait => unreachable!("each group is written before the next request is offered"),
                }
            }
        }
        self.decider.close()?.map_or(Ok(()), |group| self.write(group, commit))
    }

    /// Makes a group durable, and moves it into the commit.
    fn write(&mut self, group: Prepared, commit: &mut Commit) -> Result<(), StorageFailure> {
        let has_events = group.has_events();
        match self.committer.commit(group) {
            Ok(Commit { outcomes, events }) => {
                commit.outcomes.extend(outcomes);
                commit.events.extend(events);
                if has_events {
                    self.decider.written(self.committer.left());
                }
                Ok(())
            }
            Err(Unwritten::Refused(refused)) => {
                let (group, restart) = *refused;
                commit.outcomes.extend(group.refused());
                self.decider.undo(restart).map_err(|_| LogError::Full.into())
            }
            Err(Unwritten::Failed(error)) => Err(error),
        }
    }

    /// The two halves, for a thread each.
    #[must_use]
    pub fn split(self) -> (Decider, Committer<S>) {
        (self.decider, self.committer)
    }

    /// Puts a redacted segment in the place of the old one; see [`LogReader::rewrite`].
    ///
    /// # Errors
    /// [`LogError`]; the engine must be dropped then.
    pub fn adopt(&mut self, rewritten: Rewritten) -> Result<(), LogError> {
        self.committer.adopt(rewritten)
    }

    /// A reader of durable events, for any thread.
    #[must_use]
    pub fn reader(&self) -> LogReader {
        self.committer.log().reader()
    }

    /// The generation of the log.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.committer.log().epoch()
    }

    /// The state, which may be ahead of what is durable only within [`Engine::commit`].
    #[must_use]
    pub const fn state(&self) -> &State {
        self.decider.state()
    }

    /// Where snapshots of the state are kept.
    #[must_use]
    pub const fn snapshots(&self) -> Option<&Snapshots> {
        self.decider.snapshots()
    }

    /// Writes a snapshot of the state, as [`Decider::save`] does, unless storage has failed.
    ///
    /// # Errors
    /// [`SnapshotError`]; everything is as it was.
    pub fn save(&self) -> Result<bool, SnapshotError> {
        if self.is_dead { Ok(false) } else { self.decider.save() }
    }

    /// The last durable event.
    #[must_use]
    pub fn head(&self) -> Position {
        self.committer.log().head().0
    }
}
