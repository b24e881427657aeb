use crate::grant::Role;
use crate::ids::{Position, TenantId, Time};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE64URL_NOPAD;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How every secret begins, so that it is told from a token, and found by who looks for secrets that leaked.
pub const SECRET_PREFIX: &str = "sk_";

/// Characters of a secret: the prefix and 32 bytes in base64.
const SECRET_CHARACTERS: usize = SECRET_PREFIX.len() + 43;

/// A key that a service calls with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its identity: the position of its creation.
    pub position: Position,
    /// Whose it is.
    pub tenant: TenantId,
    /// SHA-256 of its secret.
    pub hash: [u8; 32],
    /// What its grants may be.
    pub roles: Vec<Role>,
    /// When it ends by itself.
    pub expires: Option<Time>,
    /// When it was made.
    pub created: Time,
}

/// The text of a secret, which is told once.
#[must_use]
pub fn secret_text(random: &[u8; 32]) -> String {
    format!("{SECRET_PREFIX}{}", BASE64URL_NOPAD.encode(random))
}

/// What is kept of a secret: SHA-256 of its text. It is 32 random bytes, so that a slow hash would protect nothing more.
///
/// # Panics
/// Never: SHA-256 gives 32 bytes.
#[must_use]
pub fn secret_hash(secret: &str) -> [u8; 32] {
    digest(&SHA256, secret.as_bytes()).as_ref().try_into().expect("SHA-256 gives 32 bytes")
}

/// All keys.
#[derive(Clone, Debug, Default)]
pub(super) struct ApiKeys {
    keys: BTreeMap<Position, ApiKey>,
    tenants: BTreeSet<(TenantId, Position)>,
    /// By the first half of their hashes; the rest is compared in constant time.
    hashes: HashMap<[u8; 16], Position>,
    /// Those that end by themselves, in that order.
    due: BTreeSet<(Time, Position)>,
}

impl ApiKeys {
    pub(super) fn add(&mut self, key: ApiKey) {
        self.tenants.insert((key.tenant, key.position));
        self.hashes.insert(half(&key.hash), key.position);
        if let Some(expires) = key.expires {
            self.due.insert((expires, key.position));
        }
        self.keys.insert(key.position, key);
    }

    pub(super) fn remove(&mut self, position: Position) {
        let Some(key) = self.keys.remove(&position) else { return };
        self.tenants.remove(&(key.tenant, position));
        self.hashes.remove(&half(&key.hash));
        if let Some(expires) = key.expires {
            self.due.remove(&(expires, position));
        }
    }

    /// Forgets those that ended before `now`.
    pub(super) fn forget(&mut self, now: Time) {
        while let Some((_, position)) = self.due.first().copied().filter(|(expires, _)| *expires < now) {
            self.remove(position);
        }
    }

    pub(super) fn get(&self, position: Position) -> Option<&ApiKey> {
        self.keys.get(&position)
    }

    pub(super) fn with_secret(&self, secret: &str) -> Option<&ApiKey> {
        if secret.len() != SECRET_CHARACTERS {
            return None;
        }
        let hash = secret_hash(secret);
        let key = self.keys.get(self.hashes.get(&half(&hash))?)?;
        verify_slices_are_equal(&key.hash, &hash).is_ok().then_some(key)
    }

    /// Those of a tenant, newest first.
    pub(super) fn of(&self, tenant: TenantId) -> impl Iterator<Item = &ApiKey> {
        let range = (tenant, Position::ZERO)..=(tenant, Position(u64::MAX));
        self.tenants.range(range).rev().filter_map(|(_, position)| self.keys.get(position))
    }

    /// How many there are of the tenant, and of all.
    pub(super) fn counts(&self, tenant: TenantId) -> (usize, usize) {
        (self.of(tenant).count(), self.keys.len())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &ApiKey> {
        self.keys.values()
    }
}

fn half(hash: &[u8; 32]) -> [u8; 16] {
    *hash.first_chunk().expect("a half is shorter than the whole")
}
