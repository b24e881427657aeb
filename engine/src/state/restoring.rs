//! A state out of the parts of a snapshot.

use super::State;
use super::chunks::{CHUNK_COUNT, Chunks};
use super::differences;
use super::idempotency::{Idempotency, Key};
use super::inbox::{Inbox, Item};
use super::parts::{NO_RUNS, tag};
use super::runs::{Run, Runs};
use super::streams::{Stream, Streams};
use super::tenant::{Kind, Notification, Retraction, Tenant};
use crate::access::{KeyRow, RevocationRow};
use crate::consent::{PersonRow, TenantRow};
use crate::delivered::DeliveredRow;
use crate::ids::{Position, StreamId, TenantId, Time};
use crate::snapshot::{PartError, decode};
use tidings_wire::Severity;

/// Position, time, greatest key and the key of checkpoints.
type Head = (u64, i64, u32, Option<[u8; 32]>);

/// Items in chunks of a list.
type Rows<T> = Vec<Vec<T>>;

const SEVERITIES: [Severity; 4] = [Severity::High, Severity::Medium, Severity::Low, Severity::None];

/// What one part says, which takes no other part to read.
pub(crate) struct Piece(Said);

enum Said {
    Head(Head),
    Names(Vec<(String, u32)>),
    Erased(Vec<([u8; 16], u32)>),
    Topics(Vec<Vec<u8>>),
    Streams(Rows<Stream>),
    Inboxes(Vec<Inbox>),
    Answers(Rows<Key>),
    Revocations(Vec<RevocationRow>),
    ApiKeys(Vec<KeyRow>),
    Consents(Vec<PersonRow>),
    Settings(Vec<TenantRow>),
    Delivered(Vec<DeliveredRow>),
    Tenant(u32, u64, Option<[u8; 16]>),
    Strings(Vec<String>),
    Kinds(Vec<Kind>),
    Notifications {
        rows: Rows<Notification>,
        /// Greatest number of a kind in them.
        kind_max: u32,
    },
    Audience(Rows<u32>),
    Retractions(Rows<Retraction>),
    End(u64, u64),
}

impl Piece {
    /// Reads a part.
    pub(crate) fn decode(tag: u8, bytes: &[u8]) -> Result<Self, PartError> {
        Ok(Self(match tag {
            tag::HEAD => Said::Head(decode(bytes)?),
            tag::NAMES => Said::Names(decode(bytes)?),
            tag::ERASED => Said::Erased(decode(bytes)?),
            tag::TOPICS => Said::Topics(decode(bytes)?),
            tag::STREAMS => Said::Streams(rows(bytes, Stream::of_bytes)?),
            tag::INBOXES => Said::Inboxes(inboxes(bytes)?),
            tag::ANSWERS => Said::Answers(rows(bytes, Key::of_bytes)?),
            tag::REVOCATIONS => Said::Revocations(decode(bytes)?),
            tag::API_KEYS => Said::ApiKeys(decode(bytes)?),
            tag::CONSENTS => Said::Consents(decode(bytes)?),
            tag::SETTINGS => Said::Settings(decode(bytes)?),
            tag::DELIVERED => Said::Delivered(decode(bytes)?),
            tag::TENANT => {
                let (id, sequence, stream) = decode(bytes)?;
                Said::Tenant(id, sequence, stream)
            }
            tag::STRINGS => Said::Strings(decode(bytes)?),
            tag::KINDS => {
                let kinds = decode::<Vec<(u8, Option<u32>, Vec<u32>)>>(bytes)?;
                let kinds = kinds.into_iter().map(|(severity, category, tags)| {
                    let severity = *SEVERITIES.get(usize::from(severity)).ok_or(PartError)?;
                    Ok(Kind { severity, category, tags })
                });
                Said::Kinds(kinds.collect::<Result<_, PartError>>()?)
            }
            tag::NOTIFICATIONS => {
                let rows = differences::decode(bytes, CHUNK_COUNT)?;
                let kind_max = rows.iter().flatten().map(|one| one.kind()).max().unwrap_or_default();
                Said::Notifications { rows, kind_max }
            }
            tag::AUDIENCE => Said::Audience(rows(bytes, |row| u32::from_le_bytes(*row))?),
            tag::RETRACTIONS => Said::Retractions(rows(bytes, Retraction::of_bytes)?),
            tag::END => {
                let (streams, inboxes) = decode(bytes)?;
                Said::End(streams, inboxes)
            }
            _ => return Err(PartError),
        }))
    }
}

/// Every row of a part of rows.
fn rows<T, const N: usize>(bytes: &[u8], item: impl Fn(&[u8; N]) -> T) -> Result<Rows<T>, PartError> {
    let (rows, rest) = bytes.as_chunks();
    if rest.is_empty() { Ok(Chunks::of_rows(rows, item)) } else { Err(PartError) }
}

fn inboxes(mut bytes: &[u8]) -> Result<Vec<Inbox>, PartError> {
    let mut inboxes = Vec::new();
    while !bytes.is_empty() {
        let ([retractions, items, from, runs], rest) = numbers(bytes).ok_or(PartError)?;
        let (items, rest) = six(rest, items).ok_or(PartError)?;
        let (runs, rest) = six(rest, runs).ok_or(PartError)?;
        bytes = rest;
        let shared = match from {
            NO_RUNS => None,
            from => Some(Runs::restored(from, runs.iter().map(Run::of_bytes).collect()).ok_or(PartError)?),
        };
        inboxes.push(Inbox::restored(items.iter().map(Item::of_bytes).collect(), shared, retractions));
    }
    Ok(inboxes)
}

/// The next four numbers, and what follows them.
fn numbers(bytes: &[u8]) -> Option<([u32; 4], &[u8])> {
    let (numbers, rest) = bytes.split_first_chunk::<16>()?;
    let (numbers, _) = numbers.as_chunks::<4>();
    Some((std::array::from_fn(|index| u32::from_le_bytes(numbers[index])), rest))
}

/// So many rows of six bytes, and what follows them.
fn six(bytes: &[u8], count: u32) -> Option<(&[[u8; 6]], &[u8])> {
    let (rows, rest) = bytes.split_at_checked((count as usize).checked_mul(6)?)?;
    Some((rows.as_chunks().0, rest))
}

/// A state that is being made of pieces. What they count and name is held against each other, so that nothing leads nowhere.
#[derive(Debug, Default)]
pub(crate) struct Restoring {
    state: State,
    streams: Chunks<Stream>,
    answers: Chunks<Key>,
    tenant: Option<TenantId>,
    has_head: bool,
    has_end: bool,
}

impl Restoring {
    /// Takes in the next piece.
    pub(crate) fn take(&mut self, Piece(said): Piece) -> Result<(), PartError> {
        let state = &mut self.state;
        let fits = match said {
            Said::Head((position, time, key_max, checkpoint_key)) => {
                (state.position, state.time) = (Position(position), Time(time));
                (state.key_max, state.checkpoint_key) = (key_max, checkpoint_key);
                !std::mem::replace(&mut self.has_head, true)
            }
            Said::Names(names) => {
                names.iter().for_each(|(name, id)| state.access.name(TenantId(*id), name));
                state.tenant_ids.extend(names.into_iter().map(|(name, id)| (name, TenantId(id))));
                true
            }
            Said::Erased(erased) => {
                state.erased.extend(erased.into_iter().map(|(stream, key)| (StreamId(stream), key)));
                true
            }
            Said::Topics(sets) => {
                sets.into_iter().for_each(|set| state.topics.restore(set));
                true
            }
            Said::Streams(rows) => self.streams.append(rows),
            Said::Inboxes(inboxes) => {
                inboxes.into_iter().for_each(|inbox| state.inboxes.push(inbox));
                true
            }
            Said::Answers(rows) => self.answers.append(rows),
            Said::Revocations(rows) => rows.into_iter().all(|row| state.access.restore(row).is_some()),
            Said::ApiKeys(rows) => {
                rows.into_iter().for_each(|row| state.access.restore_key(row));
                true
            }
            Said::Consents(rows) => rows.into_iter().all(|row| state.consents.restore(row).is_some()),
            Said::Settings(rows) => {
                rows.into_iter().for_each(|row| state.consents.restore_tenant(row));
                true
            }
            Said::Delivered(rows) => {
                rows.into_iter().for_each(|row| state.delivered.restore(row));
                true
            }
            Said::Tenant(id, sequence, stream) => {
                let tenant = Tenant { sequence, stream: stream.map(StreamId), ..Tenant::default() };
                self.tenant = Some(TenantId(id));
                state.tenants.insert(TenantId(id), tenant).is_none()
            }
            Said::End(streams, inboxes) => {
                let counts = (self.streams.count() as u64, state.inboxes.count() as u64);
                (streams, inboxes) == counts && !std::mem::replace(&mut self.has_end, true)
            }
            of_tenant => {
                let tenant = self.tenant.and_then(|id| state.tenants.get_mut(&id)).ok_or(PartError)?;
                tenant.restore(of_tenant)
            }
        };
        if fits { Ok(()) } else { Err(PartError) }
    }

    /// The state, when everything came.
    pub(crate) fn finish(self) -> Result<State, PartError> {
        let Self { mut state, streams, answers, has_head, has_end, .. } = self;
        let inboxes = state.inboxes.count();
        let mut is_whole = has_head && has_end;
        for stream in streams.iter() {
            is_whole &= stream.inbox as usize <= inboxes && state.topics.restore_follower(stream.topics);
        }
        if !is_whole {
            return Err(PartError);
        }
        state.streams = Streams::restored(streams);
        state.answers = Idempotency::restored(answers);
        Ok(state)
    }
}

impl Tenant {
    /// Takes in a piece of a tenant. Whether it fits what came before.
    fn restore(&mut self, said: Said) -> bool {
        match said {
            Said::Strings(strings) => {
                strings.into_iter().for_each(|text| {
                    self.strings.intern(text);
                });
                true
            }
            Said::Kinds(kinds) => {
                kinds.into_iter().for_each(|kind| {
                    self.kinds.intern(kind);
                });
                true
            }
            Said::Notifications { rows, kind_max } => {
                self.kinds.get(kind_max).is_some() && self.notifications.append(rows)
            }
            Said::Audience(rows) => {
                let newest = rows.iter().flatten().max().copied().unwrap_or_default();
                (newest as usize) < self.notifications.count() && self.audience.append(rows)
            }
            Said::Retractions(rows) => self.retractions.append(rows),
            _ => false,
        }
    }
}
