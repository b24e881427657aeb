//! The state as parts of a snapshot and back. Everything is as it was, numbers included.

use super::State;
use super::idempotency::Key;
use super::inbox::{Inbox, Item};
use super::streams::Stream;
use super::tenant::{Kind, Notification, Retraction, Tenant};
use crate::access::{KeyRow, RevocationRow};
use crate::ids::{CommandHash, Position, Revision, StreamId, TenantId, Time};
use crate::item::Flags;
use crate::snapshot::{PartError, Sink, decode};
use tidings_wire::Severity;

/// How a part is to be read. Parts of a tenant come after the one that begins it.
mod tag {
    pub(super) const HEAD: u8 = 1;
    pub(super) const NAMES: u8 = 2;
    pub(super) const ERASED: u8 = 3;
    pub(super) const TOPICS: u8 = 4;
    pub(super) const STREAMS: u8 = 5;
    pub(super) const INBOXES: u8 = 6;
    pub(super) const ANSWERS: u8 = 7;
    pub(super) const TENANT: u8 = 8;
    pub(super) const STRINGS: u8 = 9;
    pub(super) const KINDS: u8 = 10;
    pub(super) const NOTIFICATIONS: u8 = 11;
    pub(super) const AUDIENCE: u8 = 12;
    pub(super) const RETRACTIONS: u8 = 13;
    pub(super) const END: u8 = 14;
    pub(super) const REVOCATIONS: u8 = 15;
    pub(super) const API_KEYS: u8 = 16;
}

type Head = (u64, i64, u32, Option<[u8; 32]>);

const SEVERITIES: [Severity; 4] = [Severity::High, Severity::Medium, Severity::Low, Severity::None];

impl State {
    /// Gives the whole state to a sink.
    pub(crate) fn write_parts<E>(&self, sink: &mut Sink<'_, E>) -> Result<(), E> {
        sink.part(tag::HEAD, &(self.position.0, self.time.0, self.key_max, self.checkpoint_key))?;
        sink.parts(tag::NAMES, self.tenant_ids.iter().map(|(name, id)| (name, id.0)), |(name, _)| name.len() + 16)?;
        sink.parts(tag::ERASED, self.erased.iter().map(|(stream, key)| (stream.0, *key)), |_| 20)?;
        let sets = (1..=self.topics.count()).map(|number| self.topics.bytes(u32::try_from(number).unwrap_or(u32::MAX)));
        sink.parts(tag::TOPICS, sets, |set| set.len() + 8)?;
        for (id, tenant) in &self.tenants {
            tenant.write_parts(*id, sink)?;
        }
        sink.rows(tag::STREAMS, self.streams.iter().map(|stream| stream.to_bytes()))?;
        let inboxes = self.inboxes.iter().map(|inbox| {
            let items: Vec<u8> = inbox.items().iter().flat_map(|item| item.to_bytes()).collect();
            (inbox.retractions(), items)
        });
        sink.parts(tag::INBOXES, inboxes, |(_, items)| items.len() + 12)?;
        sink.rows(tag::ANSWERS, self.answers.iter().map(|key| key.to_bytes()))?;
        sink.parts(tag::REVOCATIONS, self.access.revocation_rows(), |_| 80)?;
        sink.parts(tag::API_KEYS, self.access.key_rows(), |_| 80)?;
        sink.part(tag::END, &(self.streams.count() as u64, self.inboxes.count() as u64))
    }
}

impl Tenant {
    fn write_parts<E>(&self, id: TenantId, sink: &mut Sink<'_, E>) -> Result<(), E> {
        sink.part(tag::TENANT, &(id.0, self.sequence, self.stream.map(|stream| stream.0)))?;
        sink.parts(tag::STRINGS, self.strings.iter(), |text| text.len() + 8)?;
        let kinds = self.kinds.iter().map(|kind| (kind.severity as u8, kind.category, &kind.tags));
        sink.parts(tag::KINDS, kinds, |(.., tags)| tags.len() * 4 + 16)?;
        sink.rows(tag::NOTIFICATIONS, self.notifications.iter().map(|one| one.to_bytes()))?;
        sink.rows(tag::AUDIENCE, self.audience.iter().map(|ordinal| ordinal.to_le_bytes()))?;
        sink.rows(tag::RETRACTIONS, self.retractions.iter().map(|one| one.to_bytes()))
    }
}

/// A state that is being made of parts. Numbers are held against what they count as they come, so that nothing in it leads
/// nowhere.
#[derive(Debug, Default)]
pub(crate) struct Restoring {
    state: State,
    tenant: Option<TenantId>,
    has_head: bool,
    has_end: bool,
}

impl Restoring {
    /// Takes in the next part.
    pub(crate) fn take(&mut self, tag: u8, bytes: &[u8]) -> Result<(), PartError> {
        let state = &mut self.state;
        match tag {
            tag::HEAD => {
                let (position, time, key_max, checkpoint_key): Head = decode(bytes)?;
                (state.position, state.time) = (Position(position), Time(time));
                (state.key_max, state.checkpoint_key) = (key_max, checkpoint_key);
                self.has_head = true;
            }
            tag::NAMES => {
                let names: Vec<(String, u32)> = decode(bytes)?;
                names.iter().for_each(|(name, id)| state.access.name(TenantId(*id), name));
                state.tenant_ids.extend(names.into_iter().map(|(name, id)| (name, TenantId(id))));
            }
            tag::ERASED => {
                let erased: Vec<([u8; 16], u32)> = decode(bytes)?;
                state.erased.extend(erased.into_iter().map(|(stream, key)| (StreamId(stream), key)));
            }
            tag::TOPICS => decode::<Vec<Vec<u8>>>(bytes)?.into_iter().for_each(|set| state.topics.restore(set)),
            tag::STREAMS => rows(bytes, |row| self.stream(&Stream::of_bytes(row)))?,
            tag::INBOXES => {
                for (retractions, items) in decode::<Vec<(u32, Vec<u8>)>>(bytes)? {
                    let (items, rest) = items.as_chunks();
                    let items = items.iter().map(Item::of_bytes).collect();
                    state.inboxes.push(Inbox::restored(items, retractions));
                    if !rest.is_empty() {
                        return Err(PartError);
                    }
                }
            }
            tag::ANSWERS => rows(bytes, |row| {
                state.answers.remember(Key::of_bytes(row));
                Ok(())
            })?,
            tag::TENANT => {
                let (id, sequence, stream): (u32, u64, Option<[u8; 16]>) = decode(bytes)?;
                let tenant = Tenant { sequence, stream: stream.map(StreamId), ..Tenant::default() };
                state.tenants.insert(TenantId(id), tenant);
                self.tenant = Some(TenantId(id));
            }
            tag::REVOCATIONS => {
                decode::<Vec<RevocationRow>>(bytes)?
                    .into_iter()
                    .try_for_each(|row| state.access.restore(row).ok_or(PartError))?;
            }
            tag::API_KEYS => {
                decode::<Vec<KeyRow>>(bytes)?.into_iter().for_each(|row| state.access.restore_key(row));
            }
            tag::END => {
                let counts = (state.streams.count() as u64, state.inboxes.count() as u64);
                self.has_end = decode::<(u64, u64)>(bytes)? == counts && !self.has_end;
            }
            _ => {
                let tenant = self.tenant.and_then(|id| state.tenants.get_mut(&id)).ok_or(PartError)?;
                tenant.restore(tag, bytes)?;
            }
        }
        Ok(())
    }

    fn stream(&mut self, stream: &Stream) -> Result<(), PartError> {
        if !self.state.topics.restore_follower(stream.topics) {
            return Err(PartError);
        }
        self.state.streams.add(*stream);
        Ok(())
    }

    /// The state, when everything came.
    pub(crate) fn finish(self) -> Result<State, PartError> {
        let Self { state, has_head, has_end, .. } = self;
        let inboxes = state.inboxes.count();
        let is_whole = has_head && has_end && state.streams.iter().all(|stream| stream.inbox as usize <= inboxes);
        if is_whole { Ok(state) } else { Err(PartError) }
    }
}

impl Tenant {
    fn restore(&mut self, tag: u8, bytes: &[u8]) -> Result<(), PartError> {
        match tag {
            tag::STRINGS => decode::<Vec<String>>(bytes)?.into_iter().for_each(|text| {
                self.strings.intern(text);
            }),
            tag::KINDS => {
                for (severity, category, tags) in decode::<Vec<(u8, Option<u32>, Vec<u32>)>>(bytes)? {
                    let severity = *SEVERITIES.get(usize::from(severity)).ok_or(PartError)?;
                    self.kinds.intern(Kind { severity, category, tags });
                }
            }
            tag::NOTIFICATIONS => rows(bytes, |row| {
                let notification = Notification::of_bytes(row);
                let is_known = self.kinds.get(notification.kind()).is_some();
                self.notifications.push(notification);
                if is_known { Ok(()) } else { Err(PartError) }
            })?,
            tag::AUDIENCE => rows(bytes, |row| {
                let ordinal = u32::from_le_bytes(*row);
                self.audience.push(ordinal);
                if (ordinal as usize) < self.notifications.count() { Ok(()) } else { Err(PartError) }
            })?,
            tag::RETRACTIONS => rows(bytes, |row| {
                self.retractions.push(Retraction::of_bytes(row));
                Ok(())
            })?,
            _ => return Err(PartError),
        }
        Ok(())
    }
}

/// Every row of a part of rows.
fn rows<const N: usize>(
    bytes: &[u8],
    mut each: impl FnMut(&[u8; N]) -> Result<(), PartError>,
) -> Result<(), PartError> {
    let bytes: Vec<u8> = decode(bytes)?;
    let (rows, rest) = bytes.as_chunks();
    rows.iter().try_for_each(&mut each)?;
    if rest.is_empty() { Ok(()) } else { Err(PartError) }
}

/// Fields of fixed size, one after the other.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn next<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self.0.split_first_chunk().expect("a row has all its fields");
        self.0 = rest;
        *field
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.next())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.next())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.next())
    }

    fn i64(&mut self) -> i64 {
        i64::from_le_bytes(self.next())
    }
}

/// The fields of a row, which are exactly so many bytes together.
fn row<const N: usize>(fields: &[&[u8]]) -> [u8; N] {
    let mut row = [0; N];
    let mut at = 0;
    for field in fields {
        row[at..at + field.len()].copy_from_slice(field);
        at += field.len();
    }
    debug_assert_eq!(at, N);
    row
}

impl Stream {
    fn to_bytes(self) -> [u8; 44] {
        let Self { id, revision, tenant, topics, inbox, shared, roles, states } = self;
        row(&[
            &id.0,
            &revision.0.to_le_bytes(),
            &tenant.0.to_le_bytes(),
            &topics.to_le_bytes(),
            &inbox.to_le_bytes(),
            &shared.to_le_bytes(),
            &roles.to_le_bytes(),
            &states.to_le_bytes(),
        ])
    }

    fn of_bytes(row: &[u8; 44]) -> Self {
        let mut fields = Fields(row);
        Self {
            id: StreamId(fields.next()),
            revision: Revision(fields.u64()),
            tenant: TenantId(fields.u32()),
            topics: fields.u32(),
            inbox: fields.u32(),
            shared: fields.u32(),
            roles: fields.u16(),
            states: fields.u16(),
        }
    }
}

impl Notification {
    fn to_bytes(self) -> [u8; 20] {
        let (position, created) = (self.position.0, self.created.0);
        let kind = self.kind_and_state();
        row(&[&position.to_le_bytes(), &created.to_le_bytes(), &kind.to_le_bytes()])
    }

    fn of_bytes(row: &[u8; 20]) -> Self {
        let mut fields = Fields(row);
        Self::restored(Position(fields.u64()), Time(fields.i64()), fields.u32())
    }
}

impl Retraction {
    fn to_bytes(self) -> [u8; 12] {
        let Self { at, ordinal } = self;
        row(&[&at.0.to_le_bytes(), &ordinal.to_le_bytes()])
    }

    fn of_bytes(row: &[u8; 12]) -> Self {
        let mut fields = Fields(row);
        Self { at: Position(fields.u64()), ordinal: fields.u32() }
    }
}

impl Item {
    fn to_bytes(self) -> [u8; 6] {
        let Self { ordinal, flags } = self;
        row(&[&ordinal.to_le_bytes(), &flags.0.to_le_bytes()])
    }

    fn of_bytes(row: &[u8; 6]) -> Self {
        let mut fields = Fields(row);
        Self { ordinal: fields.u32(), flags: Flags(fields.u16()) }
    }
}

impl Key {
    fn to_bytes(self) -> [u8; 56] {
        let (position, time, tenant, answer) = (self.position.0, self.time.0, self.tenant.0, self.answer);
        let (command, fingerprint) = (self.command, self.fingerprint);
        row(&[
            &command.0,
            &fingerprint,
            &position.to_le_bytes(),
            &time.to_le_bytes(),
            &tenant.to_le_bytes(),
            &answer.to_le_bytes(),
        ])
    }

    fn of_bytes(row: &[u8; 56]) -> Self {
        let mut fields = Fields(row);
        let (command, fingerprint) = (CommandHash(fields.next()), fields.next());
        let first = (Position(fields.u64()), Time(fields.i64()), fingerprint);
        Self::restored(command, first, TenantId(fields.u32()), fields.u32())
    }
}
