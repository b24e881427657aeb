//! The half of the engine that decides: it runs ahead of the disk, group by group.

use super::folding::fold;
use super::prepared::{Pending, Prepared};
use super::{OpenError, StorageFailure};
use crate::command::{Answer, Done, Outcome, Request};
use crate::decide::{Decision, Draft, Unsealed, decide};
use crate::event::{Audience, Event, Facts, Recorded};
use crate::ids::{CommandHash, Revision, Time};
use crate::keyring::KeyringError;
use crate::keys::Keys;
use crate::log::{
    Encoder, Envelope, GROUP_BYTES_MAX, Log, LogError, LogReader, Record, RoomFor, SEGMENT_HEADER_BYTES, Space,
    Storage, Stored, group_bytes,
};
use crate::rejection::Rejection;
use crate::snapshot::{SnapshotError, Snapshots};
use crate::state::State;
use std::sync::Arc;

/// How often a reserve that was given up is tried to be made anew, at most: once a second.
const RESTORE_MS: i64 = 1_000;

/// Events that are not worth a snapshot: folding 10,000 takes a hundredth of a second.
const SAVED_EVENTS_MIN: u64 = 10_000;

/// What sealing may add to the encoded parts of a record, with its own header: 512 bytes.
const RECORD_OVERHEAD_BYTES_MAX: usize = 512;

/// Sole owner of the state. What it decides rests on what it decided before, durable or not; so groups are written in the
/// order in which it closes them, and nothing of a group is told before that group is durable.
pub struct Decider {
    state: State,
    keys: Arc<Keys>,
    snapshots: Option<Snapshots>,
    reader: LogReader,
    encoder: Encoder,
    space: Arc<Space>,
    pending: Pending,
    /// Bytes left in the segment that the next group goes to, if all that is on its way gets there.
    left: u64,
    /// A group on its way will go on in the spare segment.
    is_spare_claimed: bool,
    /// How many groups with events are on their way.
    in_flight: usize,
    restore_at: Time,
    is_read_only: bool,
}

/// What became of a request that was offered.
pub enum Offer {
    /// It is decided, and its outcome is in the group that is pending. Another group was full and goes first.
    Taken(Option<Prepared>),
    /// This group goes first; then the request is offered again.
    Before(Prepared),
    /// All that is on its way must be durable first; then the request is offered again.
    Wait,
}

/// Where a log stands that refused a group: what it would have held is undone from there.
pub struct Restart {
    encoder: Encoder,
    left: u64,
}

impl Restart {
    pub(super) fn of<S: Storage>(log: &Log<S>) -> Self {
        Self { encoder: log.encoder(), left: log.bytes_left() }
    }
}

impl Decider {
    pub(super) fn new<S: Storage>(log: &Log<S>, state: State, keys: Arc<Keys>, snapshots: Option<Snapshots>) -> Self {
        Self {
            state,
            keys,
            snapshots,
            reader: log.reader(),
            encoder: log.encoder(),
            space: log.space(),
            pending: Pending::default(),
            left: log.bytes_left(),
            is_spare_claimed: false,
            in_flight: 0,
            restore_at: Time::default(),
            is_read_only: log.is_read_only(),
        }
    }

    /// The state, ahead of what is durable by what is pending and on its way.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Where snapshots of the state are kept.
    #[must_use]
    pub const fn snapshots(&self) -> Option<&Snapshots> {
        self.snapshots.as_ref()
    }

    /// Writes a snapshot of the state, when there is a place for it, the newest one there is well behind, and all that was
    /// decided is durable: for whoever is about to end, since nothing is decided meanwhile. Gives whether one was written.
    ///
    /// # Errors
    /// [`SnapshotError`]; everything is as it was.
    pub fn save(&self) -> Result<bool, SnapshotError> {
        let head = self.reader.head().0;
        let Some(snapshots) = self.snapshots.as_ref().filter(|_| self.state.position() == head) else {
            return Ok(false);
        };
        let is_due = head.0 >= snapshots.newest_position().0 + SAVED_EVENTS_MIN;
        if is_due {
            snapshots.write(&self.state, &self.reader)?;
        }
        Ok(is_due)
    }

    /// Decides a request against what the ones before it leave. A full disk is met here, and changes nothing.
    ///
    /// # Errors
    /// Storage failed: the decider must be dropped.
    pub fn offer(&mut self, request: &Request, now: Time) -> Result<Offer, StorageFailure> {
        let (drafts, command) = match decide(&self.state, &self.keys, request) {
            Ok(Decision::Nothing(done)) => return Ok(self.answer(Ok(done))),
            Err(rejection) => return Ok(self.answer(Err(rejection))),
            Ok(Decision::Record { .. }) if self.is_read_only => return Ok(self.answer(Err(Rejection::ReadOnly))),
            Ok(Decision::Record { drafts, command }) => (drafts, command),
        };
        match self.admit(&drafts, request.command.room_for(), now)? {
            Admitted::Yes => {}
            Admitted::No => return Ok(self.answer(Err(Rejection::Unavailable))),
            Admitted::After(Some(group)) => return Ok(Offer::Before(group)),
            Admitted::After(None) => return Ok(Offer::Wait),
        }
        let (records, events) = self.record(request, drafts, command, now)?;
        let bytes = group_bytes(&records) - group_bytes(&[]);
        let overflows =
            !self.pending.records.is_empty() && self.pending.bytes + bytes > GROUP_BYTES_MAX - group_bytes(&[]);
        let full = if overflows { self.close()? } else { None };
        self.pending.bytes += bytes;
        self.pending.outcomes.push(Ok(done(&events)));
        self.pending.records.extend(records);
        self.pending.events.extend(events);
        Ok(Offer::Taken(full))
    }

    /// Closes the pending group, which is to be written next; `None` when nothing was decided since.
    ///
    /// # Errors
    /// A record is larger than the format allows, which no decision asks for: the decider must be dropped.
    pub fn close(&mut self) -> Result<Option<Prepared>, StorageFailure> {
        let Pending { records, events, outcomes, .. } = std::mem::take(&mut self.pending);
        if records.is_empty() {
            return Ok((!outcomes.is_empty()).then(|| Prepared { group: None, events, outcomes }));
        }
        let group = self.encoder.encode(&records)?;
        self.in_flight += 1;
        match self.left.checked_sub(group.bytes()) {
            Some(left) => self.left = left,
            None => {
                let spare = self.space.spare_bytes().unwrap_or_default();
                self.left = spare.saturating_sub(SEGMENT_HEADER_BYTES as u64 + group.bytes());
                self.is_spare_claimed = true;
            }
        }
        Ok(Some(Prepared { group: Some(group), events, outcomes }))
    }

    /// A group with events is durable. `left`: what [`super::Committer::left`] says since.
    pub fn written(&mut self, left: u64) {
        self.in_flight -= 1;
        if self.in_flight == 0 {
            self.left = left;
            self.is_spare_claimed = false;
        }
    }

    /// Whether nothing is on its way.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.in_flight == 0
    }

    /// Undoes what is pending, and what was on its way and was refused, by folding the log anew.
    ///
    /// # Errors
    /// The log cannot be read: the decider must be dropped.
    pub fn undo(&mut self, restart: Restart) -> Result<(), OpenError> {
        self.state = fold(&self.reader, self.snapshots.as_ref())?.0;
        self.encoder = restart.encoder;
        self.left = restart.left;
        self.in_flight = 0;
        self.is_spare_claimed = false;
        let outcomes = std::mem::take(&mut self.pending).outcomes;
        self.pending.outcomes = outcomes.into_iter().map(super::prepared::undone).collect();
        Ok(())
    }

    fn answer(&mut self, outcome: Outcome) -> Offer {
        self.pending.outcomes.push(outcome);
        Offer::Taken(None)
    }

    /// Sees to it that what is about to be recorded has room, before anything changes.
    fn admit(&mut self, drafts: &[Draft], room_for: RoomFor, now: Time) -> Result<Admitted, StorageFailure> {
        if room_for == RoomFor::Ordinary && !self.has_reserve(now)? {
            return Ok(Admitted::No);
        }
        let (group_max, pending) = (GROUP_BYTES_MAX as u64, self.pending.group_bytes());
        let spare = if self.is_spare_claimed { None } else { self.space.spare_bytes() };
        if pending + group_max <= self.left
            || spare.is_some_and(|spare| spare >= SEGMENT_HEADER_BYTES as u64 + 2 * group_max)
        {
            return Ok(Admitted::Yes);
        }
        // Near the end of a segment it is looked at closely.
        let bytes = drafts.iter().map(bytes_max).sum::<usize>() as u64;
        let together = pending.max(group_bytes(&[]) as u64) + bytes;
        let fits = together <= self.left || spare.is_some_and(|spare| SEGMENT_HEADER_BYTES as u64 + together <= spare);
        if fits && together <= group_max {
            return Ok(Admitted::Yes);
        }
        if !self.pending.records.is_empty() {
            return Ok(Admitted::After(self.close()?));
        }
        if self.in_flight > 0 {
            return Ok(Admitted::After(None));
        }
        match self.space.ensure(together.min(group_max), room_for) {
            Ok(_) => Ok(Admitted::Yes),
            Err(LogError::Full) => Ok(Admitted::No),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the reserve stands, which ordinary requests may not live on.
    fn has_reserve(&mut self, now: Time) -> Result<bool, StorageFailure> {
        if self.space.is_reserved() {
            return Ok(true);
        }
        if now < self.restore_at {
            return Ok(false);
        }
        self.restore_at = now.plus(RESTORE_MS);
        Ok(self.space.restore()?)
    }

    /// Turns drafts into records and applies them to the state, ahead of the sync.
    fn record(
        &mut self,
        request: &Request,
        drafts: Vec<Draft>,
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
}

enum Admitted {
    Yes,
    /// The disk is full.
    No,
    /// Once this group is written; or without one, all that is on its way.
    After(Option<Prepared>),
}

/// At least what a draft takes in a group.
fn bytes_max(draft: &Draft) -> usize {
    let content = draft.content.as_ref().map_or(0, |unsealed| unsealed.content.encode().len());
    let event = postcard::to_allocvec(&draft.event).map_or(GROUP_BYTES_MAX, |event| event.len());
    event + content + RECORD_OVERHEAD_BYTES_MAX
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
        Event::AuditRead { .. } => Answer::AuditRecorded { tenant: last.envelope.tenant },
        Event::CheckpointKeyAdopted { .. } => Answer::Recorded,
        Event::TokensRevoked { .. } => Answer::TokensRevoked,
        Event::ApiKeyCreated { .. } => Answer::KeyCreated,
        Event::ApiKeyRevoked { .. } => Answer::KeyRevoked,
        Event::ConsentChanged { .. } => Answer::ConsentChanged,
        Event::TenantSettingsChanged { .. } => Answer::SettingsChanged,
        Event::ItemsDelivered { .. } => Answer::DeliveryRecorded,
    };
    Done { answer, position, replayed: false }
}
