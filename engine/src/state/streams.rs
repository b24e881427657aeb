use super::chunks::Chunks;
use super::numbers::Numbers;
use crate::grant::Role;
use crate::ids::{Revision, StreamId, TenantId};

/// What is known of one stream: 44 bytes.
///
/// Packed, because four bytes of padding a stream are four megabytes a million.
#[derive(Clone, Copy, Debug, Default)]
#[repr(Rust, packed(4))]
pub(super) struct Stream {
    pub(super) id: StreamId,
    pub(super) revision: Revision,
    /// The tenant that it belongs to: what another one says of it counts for nothing.
    pub(super) tenant: TenantId,
    /// Number of the set of topics.
    pub(super) topics: u32,
    /// Number of the inbox with items of its own, from 1; 0 without one.
    pub(super) inbox: u32,
    /// How many entries of the tenant's list for everyone came before the person, or were taken over.
    pub(super) shared: u32,
    /// One bit a role, in the order of [`Role::ALL`].
    pub(super) roles: u16,
    pub(super) states: u16,
}

impl Stream {
    /// Something told of the person: from then on they see what everyone gets.
    pub(super) const IS_PERSON: u16 = 1;
    /// Roles and topics were recorded: a person that was only published to is known without them.
    pub(super) const IS_OBSERVED: u16 = 1 << 1;
    /// Whether it is in one of the states.
    pub(super) const fn is(&self, state: u16) -> bool {
        self.states & state != 0
    }

    /// A person is one no more.
    pub(super) fn forget_person(&mut self) {
        *self = Self { id: self.id, revision: self.revision, tenant: self.tenant, ..Self::default() };
    }
}

/// Roles as bits.
pub(super) fn role_bits(roles: &[Role]) -> u16 {
    roles.iter().fold(0, |bits, role| bits | 1 << *role as u16)
}

const _: () = assert!(Role::ALL.len() <= 16, "every role has a bit");

/// All streams, each by a number that is an accident of the order of events.
///
/// Ids are keyed hashes or random, so that their own bytes do for a hash.
#[derive(Debug, Default)]
pub(super) struct Streams {
    numbers: Numbers,
    streams: Chunks<Stream>,
}

impl Streams {
    /// Streams as they were, by their numbers.
    pub(super) fn restored(streams: Chunks<Stream>) -> Self {
        Self { numbers: Numbers::of(&streams, |stream| hash(stream.id)), streams }
    }

    pub(super) fn count(&self) -> usize {
        self.streams.count()
    }

    /// The number of a stream that is known.
    pub(super) fn number(&self, id: StreamId) -> Option<usize> {
        let is_it = |number| self.streams.get(number as usize).is_some_and(|stream| stream.id == id);
        self.numbers.find(hash(id), is_it).map(|number| number as usize)
    }

    /// The number of a stream, which is this tenant's from now on when it is new.
    pub(super) fn intern(&mut self, id: StreamId, tenant: TenantId) -> usize {
        self.number(id).unwrap_or_else(|| self.add(Stream { id, tenant, ..Stream::default() }))
    }

    /// Adds a stream that is not known yet; its number.
    fn add(&mut self, stream: Stream) -> usize {
        let number = self.streams.count();
        let short = u32::try_from(number).expect("fewer streams than 2^32: each takes 44 bytes of memory");
        let streams = &self.streams;
        let rehash = |number| streams.get(number as usize).map_or(0, |stream| hash(stream.id));
        self.numbers.insert(hash(stream.id), short, rehash);
        self.streams.push(stream);
        number
    }

    pub(super) fn get(&self, id: StreamId) -> Option<&Stream> {
        self.streams.get(self.number(id)?)
    }

    /// The stream with a number that was told here.
    pub(super) fn at(&mut self, number: usize) -> &mut Stream {
        self.streams.get_mut(number).expect("numbers of streams are given here and never taken back")
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Stream> {
        self.streams.iter()
    }
}

fn hash(id: StreamId) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = id.0;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}
