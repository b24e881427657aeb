//! As rows of a snapshot.

use super::Access;
use super::api_keys::ApiKey;
use super::revocations::Revocation;
use crate::event::RevokedTokens;
use crate::grant::Role;
use crate::ids::{Position, StreamId, TenantId, Time};

/// Position, tenant's stream, kind, id or subject, issued before, until, recorded at.
pub(crate) type RevocationRow = (u64, [u8; 16], u8, [u8; 16], i64, i64, i64);

/// Position, tenant, hash, roles as bits, expires, created.
pub(crate) type KeyRow = (u64, u32, [u8; 32], u16, Option<i64>, i64);

impl Access {
    pub(crate) fn revocation_rows(&self) -> impl Iterator<Item = RevocationRow> {
        self.revocations.iter().map(|(tenant, Revocation { position, which, at, until })| {
            let (kind, id, issued_before) = match which {
                RevokedTokens::Token { id } => (0, *id, Time::default()),
                RevokedTokens::Subject { subject, issued_before } => (1, subject.0, *issued_before),
                RevokedTokens::Tenant { issued_before } => (2, [0; 16], *issued_before),
            };
            (position.0, tenant.0, kind, id, issued_before.0, until.0, at.0)
        })
    }

    /// Takes in a row; `None`: it is none.
    pub(crate) fn restore(&mut self, row: RevocationRow) -> Option<()> {
        let (position, tenant, kind, id, issued_before, until, at) = row;
        let issued_before = Time(issued_before);
        let which = match kind {
            0 => RevokedTokens::Token { id },
            1 => RevokedTokens::Subject { subject: StreamId(id), issued_before },
            2 => RevokedTokens::Tenant { issued_before },
            _ => return None,
        };
        let revocation = Revocation { position: Position(position), which, at: Time(at), until: Time(until) };
        self.revocations.add(StreamId(tenant), revocation);
        Some(())
    }

    pub(crate) fn key_rows(&self) -> impl Iterator<Item = KeyRow> {
        self.keys.iter().map(|key| {
            let roles = key.roles.iter().fold(0, |bits, role| bits | 1 << *role as u16);
            (key.position.0, key.tenant.0, key.hash, roles, key.expires.map(|time| time.0), key.created.0)
        })
    }

    pub(crate) fn restore_key(&mut self, row: KeyRow) {
        let (position, tenant, hash, roles, expires, created) = row;
        let roles = Role::ALL.into_iter().filter(|role| roles & (1 << *role as u16) != 0).collect();
        let (position, tenant, expires) = (Position(position), TenantId(tenant), expires.map(Time));
        self.keys.add(ApiKey { position, tenant, hash, roles, expires, created: Time(created) });
    }
}
