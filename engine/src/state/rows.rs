//! What stands in a snapshot in rows of fixed size.

use super::idempotency::Key;
use super::inbox::Item;
use super::runs::Run;
use super::streams::Stream;
use super::tenant::Retraction;
use crate::ids::{CommandHash, Position, Revision, StreamId, TenantId, Time};
use crate::item::Flags;

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
    pub(super) fn to_bytes(self) -> [u8; 44] {
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

    pub(super) fn of_bytes(row: &[u8; 44]) -> Self {
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

impl Retraction {
    pub(super) fn to_bytes(self) -> [u8; 12] {
        let Self { at, ordinal } = self;
        row(&[&at.0.to_le_bytes(), &ordinal.to_le_bytes()])
    }

    pub(super) fn of_bytes(row: &[u8; 12]) -> Self {
        let mut fields = Fields(row);
        Self { at: Position(fields.u64()), ordinal: fields.u32() }
    }
}

impl Item {
    pub(super) fn to_bytes(self) -> [u8; 6] {
        let Self { ordinal, flags } = self;
        row(&[&ordinal.to_le_bytes(), &flags.0.to_le_bytes()])
    }

    pub(super) fn of_bytes(row: &[u8; 6]) -> Self {
        let mut fields = Fields(row);
        Self { ordinal: fields.u32(), flags: Flags(fields.u16()) }
    }
}

impl Run {
    pub(super) fn to_bytes(self) -> [u8; 6] {
        let Self { end, flags } = self;
        row(&[&end.to_le_bytes(), &flags.0.to_le_bytes()])
    }

    pub(super) fn of_bytes(row: &[u8; 6]) -> Self {
        let mut fields = Fields(row);
        Self { end: fields.u32(), flags: Flags(fields.u16()) }
    }
}

impl Key {
    pub(super) fn to_bytes(self) -> [u8; 56] {
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

    pub(super) fn of_bytes(row: &[u8; 56]) -> Self {
        let mut fields = Fields(row);
        let (command, fingerprint) = (CommandHash(fields.next()), fields.next());
        let first = (Position(fields.u64()), Time(fields.i64()), fingerprint);
        Self::restored(command, first, TenantId(fields.u32()), fields.u32())
    }
}
