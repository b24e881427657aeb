//! The engine: sole owner of the log and of the state. It decides, records, syncs, and only then answers.

mod folding;
mod open;
#[cfg(test)]
mod tests;

pub use folding::Folding;
pub use open::OpenError;

use crate::command::{Answer, Done, Outcome, Request};
use crate::decide::{Decision, Unsealed, decide};
use crate::event::{Audience, Event, Facts, Recorded};
use crate::ids::{CommandHash, Position, Revision, StreamId, Time};
use crate::keyring::{KeyId, KeyringError};
use crate::keys::Keys;
use crate::log::{
    Envelope, GROUP_BYTES_MAX, Log, LogError, LogReader, Record, Rewritten, Storage, Stored, group_bytes,
};
use crate::rejection::Rejection;
use crate::snapshot::{SnapshotError, Snapshots};
use crate::state::State;
use std::sync::Arc;

/// What a record takes in a group besides its own bytes: its entry in the table of ends.
const RECORD_OVERHEAD_BYTES: usize = 4;

/// Events that are not worth a snapshot: folding 10,000 takes a hundredth of a second.
const SAVED_EVENTS_MIN: u64 = 10_000;

/// The owner of one log.
pub struct Engine<S: Storage> {
    log: Log<S>,
    state: State,
    keys: Arc<Keys>,
    snapshots: Option<Snapshots>,
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

/// What became of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flushed {
    /// It is on the disk, or there was nothing to write.
    Durable,
    /// The disk is full: nothing was written, and the state is as it was before the group.
    Refused,
}

/// Requests that were decided and are not durable yet.
#[derive(Default)]
struct Pending {
    records: Vec<Record>,
    events: Vec<Arc<Recorded>>,
    outcomes: Vec<Outcome>,
    /// What the records take in a group.
    bytes: usize,
}

impl<S: Storage> Engine<S> {
    /// Decides each request against the state that the ones before it leave, and makes what happened durable: one write and
    /// one sync for up to 512 KiB. Nothing is told before its sync returned. A batch in which nothing happens costs no sync.
    ///
    /// # Errors
    /// [`CommitFailure`]: storage failed, and the engine must be dropped. A disk that was found full before anything was
    /// written is no failure: the requests of that group are `Unavailable`.
    pub fn commit(&mut self, requests: &[Request], now: Time) -> Result<Commit, Box<CommitFailure>> {
        let mut commit = Commit { outcomes: Vec::with_capacity(requests.len()), events: Vec::new() };
        if self.is_dead {
            return Err(self.fail(LogError::Poisoned.into(), &mut commit));
        }
        let mut pending = Pending::default();
        let room = GROUP_BYTES_MAX - group_bytes(&[]);
        for request in requests {
            match decide(&self.state, &self.keys, request) {
                Ok(Decision::Nothing(done)) => pending.outcomes.push(Ok(done)),
                Err(rejection) => pending.outcomes.push(Err(rejection)),
                Ok(Decision::Record { drafts, command }) => {
                    let (records, events) = match self.record(request, drafts, command, now) {
                        Ok(made) => made,
                        Err(error) => return Err(self.fail(error.into(), &mut commit)),
                    };
                    let bytes: usize =
                        records.iter().map(|record| record.encoded_bytes() + RECORD_OVERHEAD_BYTES).sum();
                    let overflows = !pending.records.is_empty() && pending.bytes + bytes > room;
                    if overflows && self.flush(&mut pending, &mut commit)? == Flushed::Refused {
                        // What was just decided rested on what was undone with the rest of the group.
                        pending.outcomes.push(Err(Rejection::Unavailable));
                        continue;
                    }
                    pending.bytes += bytes;
                    pending.outcomes.push(Ok(done(&events)));
                    pending.records.extend(records);
                    pending.events.extend(events);
                }
            }
        }
        self.flush(&mut pending, &mut commit)?;
        Ok(commit)
    }

    /// Makes what is pending durable, and moves it into the commit.
    fn flush(&mut self, pending: &mut Pending, commit: &mut Commit) -> Result<Flushed, Box<CommitFailure>> {
        let Pending { records, events, outcomes, .. } = std::mem::take(pending);
        if records.is_empty() {
            commit.outcomes.extend(outcomes);
            return Ok(Flushed::Durable);
        }
        match self.append(&records, &events) {
            Ok(()) => {
                commit.outcomes.extend(outcomes);
                commit.events.extend(events);
                Ok(Flushed::Durable)
            }
            Err(StorageFailure::Log(LogError::Full) | StorageFailure::Keyring(KeyringError::Full)) => {
                self.refuse_for_space(outcomes, commit)
            }
            Err(error) => Err(self.fail(error, commit)),
        }
    }

    /// Keys first, or a crash could leave content that nobody can open; their destruction last, or it could leave a
    /// person without a key whom no event calls erased. Between the two, the next start destroys them.
    fn append(&mut self, records: &[Record], events: &[Arc<Recorded>]) -> Result<(), StorageFailure> {
        let Some(vault) = self.keys.vault() else { return Ok(self.log.append(records).map(|_| ())?) };
        let (position, chain) = self.log.head();
        vault.flush(position, chain)?;
        let appended = self.log.append(records)?;
        let erased: Vec<_> = events.iter().filter_map(|event| erasure(event)).collect();
        if !erased.is_empty() {
            vault.destroy(&erased, appended.last, appended.chain)?;
        }
        Ok(())
    }

    /// The end of the engine: what the earlier groups made durable is told, the rest is unknown.
    fn fail(&mut self, error: StorageFailure, commit: &mut Commit) -> Box<CommitFailure> {
        self.is_dead = true;
        let Commit { outcomes, events } = std::mem::take(commit);
        Box::new(CommitFailure { error, outcomes, events })
    }

    /// Nothing of the group was written: what was decided for it is undone, by folding the log anew.
    fn refuse_for_space(&mut self, outcomes: Vec<Outcome>, commit: &mut Commit) -> Result<Flushed, Box<CommitFailure>> {
        match folding::fold(&self.log.reader(), self.snapshots.as_ref()) {
            Ok((state, _)) => {
                self.state = state;
                commit.outcomes.extend(outcomes.into_iter().map(undone));
                Ok(Flushed::Refused)
            }
            Err(_) => Err(self.fail(LogError::Full.into(), commit)),
        }
    }

    /// Turns drafts into records and applies them to the state, ahead of the sync.
    fn record(
        &mut self,
        request: &Request,
        drafts: Vec<crate::decide::Draft>,
        command: CommandHash,
        now: Time,
    ) -> Result<(Vec<Record>, Vec<Arc<Recorded>>), KeyringError> {
        let count = drafts.len();
        let mut made = (Vec::with_capacity(count), Vec::with_capacity(count));
        for (index, draft) in drafts.into_iter().enumerate() {
            let is_answer = index + 1 == count;
            let facts = Facts {
                actor: request.grant.stream,
                fingerprint: if is_answer { request.fingerprint } else { [0; 16] },
                event: draft.event,
            };
            let mut envelope = Envelope {
                position: self.state.position().next(),
                tenant: draft.tenant,
                tenant_sequence: self.state.tenant_sequence(draft.tenant) + 1,
                stream: draft.stream,
                revision: Revision(self.state.revision(draft.stream).0 + 1),
                event_type: facts.event.type_number(),
                event_version: facts.event.version(),
                command,
                command_index: u16::try_from(index).unwrap_or(u16::MAX),
                time: now.max(self.state.time()),
                key_id: 0,
            };
            let content = self.sealed(&facts, &mut envelope, draft.content)?;
            let record = Record { envelope, facts: facts.encode(), content: content.clone() };
            let recorded = Recorded { envelope: record.envelope, facts, content };
            self.state.apply(&recorded);
            made.0.push(record);
            made.1.push(Arc::new(recorded));
        }
        Ok(made)
    }

    /// The content as it is stored: sealed wherever there is a vault.
    fn sealed(
        &self,
        facts: &Facts,
        envelope: &mut Envelope,
        unsealed: Option<Unsealed>,
    ) -> Result<Stored, KeyringError> {
        let Some(vault) = self.keys.vault() else {
            return Ok(unsealed.map_or(Stored::EMPTY, |unsealed| unsealed.content.encode().into()));
        };
        vault.keep(&facts.event, envelope, facts.actor);
        unsealed.map_or(Ok(Stored::EMPTY), |unsealed| vault.seal(&unsealed, &facts.event, envelope))
    }

    /// Puts a redacted segment in the place of the old one; see [`LogReader::rewrite`].
    ///
    /// # Errors
    /// [`LogError`]; the engine must be dropped then.
    pub fn adopt(&mut self, rewritten: Rewritten) -> Result<(), LogError> {
        self.log.adopt(rewritten)
    }

    /// A reader of durable events, for any thread.
    #[must_use]
    pub fn reader(&self) -> LogReader {
        self.log.reader()
    }

    /// The generation of the log.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.log.epoch()
    }

    /// The state, which may be ahead of what is durable only within [`Engine::commit`].
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Where snapshots of the state are kept.
    #[must_use]
    pub const fn snapshots(&self) -> Option<&Snapshots> {
        self.snapshots.as_ref()
    }

    /// Writes a snapshot of the state, when there is a place for it and the newest one there is well behind: for whoever is
    /// about to drop the engine, since nothing is committed meanwhile. Gives whether one was written.
    ///
    /// # Errors
    /// [`SnapshotError`]; everything is as it was.
    pub fn save(&self) -> Result<bool, SnapshotError> {
        let Some(snapshots) = self.snapshots.as_ref().filter(|_| !self.is_dead) else { return Ok(false) };
        let is_due = self.head().0 >= snapshots.newest_position().0 + SAVED_EVENTS_MIN;
        if is_due {
            snapshots.write(&self.state, &self.log.reader())?;
        }
        Ok(is_due)
    }

    /// The last durable event.
    #[must_use]
    pub fn head(&self) -> Position {
        self.log.head().0
    }
}

/// What is told instead of an outcome whose group was undone. Only a no that the request alone explains stands: a yes,
/// "not found" and "another body" may have rested on what was undone.
fn undone(outcome: Outcome) -> Outcome {
    match outcome {
        Err(no @ (Rejection::Forbidden | Rejection::Invalid { .. })) => Err(no),
        _ => Err(Rejection::Unavailable),
    }
}

/// Whom an event erased, and the number of their key.
fn erasure(recorded: &Recorded) -> Option<(StreamId, KeyId)> {
    match recorded.facts.event {
        Event::SubjectErased { subject, key, .. } => Some((subject, KeyId(key))),
        _ => None,
    }
}

/// The answer that the last of a command's events holds.
fn done(events: &[Arc<Recorded>]) -> Done {
    let last = events.last().expect("a decision to record has at least one draft");
    let position = last.envelope.position;
    let answer = match &last.facts.event {
        Event::NotificationPublished(published) => Answer::Published {
            notification: position,
            recipients: match &published.audience {
                Audience::People(people) => u32::try_from(people.len()).ok(),
                _ => None,
            },
        },
        Event::NotificationRetracted { .. } => Answer::Retracted,
        Event::ItemsMarked { .. } | Event::AllItemsMarked { .. } => Answer::Marked,
        Event::TenantCreated { .. } | Event::SubjectObserved { .. } => Answer::Observed,
        Event::SubjectErased { .. } => Answer::Erased,
        Event::AuditRead { .. } | Event::CheckpointKeyAdopted { .. } => Answer::Recorded,
    };
    Done { answer, position, replayed: false }
}
