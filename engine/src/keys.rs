//! The secrets of one log and what is made with them: stream names, item ids, cursors, command hashes.

use crate::event::Content;
use crate::ids::{CommandHash, Position, StreamId};
use crate::keyring::Lookup;
use crate::log::{Envelope, Stored};
use crate::vault::{self, ContentError, PersonKey, Vault};
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_256, DecryptingKey, DecryptionContext, EncryptingKey, UnboundCipherKey};
use aws_lc_rs::hmac;
use data_encoding::{BASE32_DNSSEC, BASE64URL_NOPAD};
use std::fmt;
use std::sync::Arc;

/// Bytes of the one secret that all others are derived from: 32.
pub const SECRET_BYTES: usize = 32;

/// Most characters an item id may have to be looked at: an encoded block has 26.
const ITEM_ID_CHARACTERS: usize = 26;
const BLOCK_BYTES: usize = 16;
const SEAL_TAG_BYTES: usize = 16;

/// Marks item ids and cursors of one tenant. A keyed hash of its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TenantTag(pub [u8; 8]);

/// Whose stream it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamKind {
    /// The tenant's own: what is published, and the marks of the tenant inbox.
    Tenant,
    /// One person's or service's own actions.
    User,
    /// The platform's.
    Platform,
}

/// The derived keys of one log. Cheap to share by reference; `Debug` shows nothing.
pub struct Keys {
    streams: hmac::Key,
    commands: hmac::Key,
    tags: hmac::Key,
    groups: hmac::Key,
    item_encrypt: EncryptingKey,
    item_decrypt: DecryptingKey,
    cursors: LessSafeKey,
    lookups: hmac::Key,
    fingerprints: hmac::Key,
    tokens: hmac::Key,
    vault: Option<Arc<Vault>>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

impl Keys {
    /// Derives every key from the log's secret. People's streams are derived too and content is not sealed, so nobody can
    /// be erased: for tools and tests. A server has [`Keys::with_vault`].
    ///
    /// # Panics
    /// Never: the lengths are those that the algorithms take.
    #[must_use]
    pub fn new(secret: &[u8; SECRET_BYTES]) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let derive = |purpose: &str| hmac::sign(&root, purpose.as_bytes());
        let mac = |purpose: &str| hmac::Key::new(hmac::HMAC_SHA256, derive(purpose).as_ref());
        let cipher = || {
            UnboundCipherKey::new(&AES_256, derive("tidings item id").as_ref()).expect("a SHA-256 output is 32 bytes")
        };
        let cursor_key = UnboundKey::new(&AES_256_GCM_SIV, derive("tidings cursor").as_ref());
        Self {
            streams: mac("tidings stream"),
            commands: mac("tidings command"),
            tags: mac("tidings tenant tag"),
            groups: mac("tidings group key"),
            item_encrypt: EncryptingKey::ecb(cipher()).expect("AES takes the mode"),
            item_decrypt: DecryptingKey::ecb(cipher()).expect("AES takes the mode"),
            cursors: LessSafeKey::new(cursor_key.expect("a SHA-256 output is 32 bytes")),
            lookups: mac("tidings lookup"),
            fingerprints: mac("tidings fingerprint"),
            tokens: mac("tidings token id"),
            vault: None,
        }
    }

    /// Derives every key from the log's secret, but for what concerns people: that the vault has.
    #[must_use]
    pub fn with_vault(secret: &[u8; SECRET_BYTES], vault: Arc<Vault>) -> Self {
        Self { vault: Some(vault), ..Self::new(secret) }
    }

    /// Who is who, and what seals their content.
    #[must_use]
    pub const fn vault(&self) -> Option<&Arc<Vault>> {
        self.vault.as_ref()
    }

    /// Name of a stream in the log. For [`StreamKind::Tenant`] and [`StreamKind::Platform`] `name` is empty. A person who is
    /// not known is known from now on.
    #[must_use]
    pub fn stream(&self, tenant: &str, kind: StreamKind, name: &str) -> StreamId {
        if let (StreamKind::User, Some(vault)) = (kind, &self.vault) {
            return vault.stream(self.lookup(tenant, name));
        }
        let kind = match kind {
            StreamKind::Tenant => 1,
            StreamKind::User => 2,
            StreamKind::Platform => 3,
        };
        StreamId(tagged(&self.streams, &[tenant.as_bytes(), &[kind], name.as_bytes()]))
    }

    /// Stream of a person who is known already.
    #[must_use]
    pub fn known_person(&self, tenant: &str, name: &str) -> Option<StreamId> {
        match &self.vault {
            Some(vault) => vault.known(self.lookup(tenant, name)),
            None => Some(self.stream(tenant, StreamKind::User, name)),
        }
    }

    /// The key that seals what is for this person alone; `None` for whoever no event has named, and without a vault.
    #[must_use]
    pub fn person_key(&self, person: StreamId) -> Option<PersonKey> {
        self.vault.as_ref()?.person_key(person)
    }

    fn lookup(&self, tenant: &str, name: &str) -> Lookup {
        Lookup(tagged(&self.lookups, &[tenant.as_bytes(), name.as_bytes()]))
    }

    /// Reads the content of an event. `None`: it has none, it was redacted, or nobody can read it any more.
    ///
    /// # Errors
    /// [`ContentError`].
    pub fn content(&self, envelope: &Envelope, stored: &Stored) -> Result<Option<Content>, ContentError> {
        vault::content(self.vault.as_deref(), envelope, stored)
    }

    /// The tag of a tenant.
    #[must_use]
    pub fn tenant_tag(&self, tenant: &str) -> TenantTag {
        let [a, b, c, d, e, f, g, h, ..] = tagged::<BLOCK_BYTES>(&self.tags, &[tenant.as_bytes()]);
        TenantTag([a, b, c, d, e, f, g, h])
    }

    /// Hash of a command's key within its scope: tenant and actor.
    #[must_use]
    pub fn command(&self, tenant: &str, actor: StreamId, key: &str) -> CommandHash {
        CommandHash(tagged(&self.commands, &[tenant.as_bytes(), &actor.0, key.as_bytes()]))
    }

    /// Fingerprint of a command's arguments: a keyed hash, because it stays in the log for ever and what it covers does
    /// not. Never all zero in practice.
    #[must_use]
    pub fn fingerprint(&self, arguments: &[u8]) -> [u8; 16] {
        tagged(&self.fingerprints, &[arguments])
    }

    /// Keyed hash of a token's `jti` within its tenant: it stays in the log for ever, and tells nobody which token it was.
    #[must_use]
    pub fn token_id(&self, tenant: &str, jti: &str) -> [u8; 16] {
        tagged(&self.tokens, &[tenant.as_bytes(), jti.as_bytes()])
    }

    /// Keyed hash of a group key within its tenant.
    #[must_use]
    pub fn group(&self, tenant: &str, key: &str) -> [u8; 16] {
        tagged(&self.groups, &[tenant.as_bytes(), key.as_bytes()])
    }

    /// The opaque id of a notification: 26 characters, one encrypted block of position and tenant tag.
    ///
    /// # Panics
    /// Never: one block is what the mode takes.
    #[must_use]
    pub fn item_id(&self, tenant: TenantTag, notification: Position) -> String {
        let mut block = [0; BLOCK_BYTES];
        block[..8].copy_from_slice(&notification.0.to_le_bytes());
        block[8..].copy_from_slice(&tenant.0);
        self.item_encrypt.encrypt(&mut block).expect("one block needs no padding");
        BASE32_DNSSEC.encode(&block)
    }

    /// The notification of an id; [`Position::ZERO`], which no notification has, when the id is malformed or another
    /// tenant's. The work is the same for a foreign id and for one that was never given.
    #[must_use]
    pub fn notification(&self, tenant: TenantTag, id: &str) -> Position {
        let mut block = [0; BLOCK_BYTES];
        let decoded = id.len() == ITEM_ID_CHARACTERS && BASE32_DNSSEC.decode_mut(id.as_bytes(), &mut block).is_ok();
        let canonical = decoded && BASE32_DNSSEC.encode(&block) == id;
        let plain = self.item_decrypt.decrypt(&mut block, DecryptionContext::None).is_ok();
        let (position, tag) = block.split_at(8);
        if !canonical || !plain || tag != tenant.0 {
            return Position::ZERO;
        }
        Position(u64::from_le_bytes(position.try_into().expect("split at eight bytes")))
    }

    /// Seals a few bytes for one tenant. The same bytes give the same text, so that one encoding serves all who follow.
    ///
    /// # Panics
    /// Never: a cursor is far below the cipher's limit.
    #[must_use]
    pub fn seal(&self, tenant: TenantTag, plain: &[u8]) -> String {
        let mut bytes = plain.to_vec();
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        self.cursors
            .seal_in_place_append_tag(nonce, Aad::from(tenant.0), &mut bytes)
            .expect("GCM-SIV takes any short plaintext, and may see a nonce twice");
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// Opens what [`Keys::seal`] gave for the same tenant; `None` for everything else.
    #[must_use]
    pub fn open(&self, tenant: TenantTag, text: &str, bytes_max: usize) -> Option<Vec<u8>> {
        if text.len() > (bytes_max + SEAL_TAG_BYTES).div_ceil(3) * 4 {
            return None;
        }
        let mut bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        let count = self.cursors.open_in_place(nonce, Aad::from(tenant.0), &mut bytes).ok()?.len();
        bytes.truncate(count);
        Some(bytes)
    }
}

/// The first bytes of a keyed hash over parts, each with its length before it, so that no two lists of parts collide.
fn tagged<const N: usize>(key: &hmac::Key, parts: &[&[u8]]) -> [u8; N] {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part);
    }
    context.sign().as_ref()[..N].try_into().expect("an HMAC-SHA256 gives 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::{Keys, Position, StreamKind};

    #[test]
    fn an_item_id_opens_for_its_tenant_alone_and_in_one_form_alone() {
        let keys = Keys::new(&[7; 32]);
        let (acme, other) = (keys.tenant_tag("acme"), keys.tenant_tag("other"));
        let id = keys.item_id(acme, Position(42));
        assert_eq!(id.len(), 26);
        assert_eq!(keys.notification(acme, &id), Position(42));
        assert_eq!(keys.notification(other, &id), Position::ZERO);
        for wrong in ["", "x", &id.to_uppercase(), &format!("{id}0"), &"v".repeat(26), "ÄÄÄÄÄÄÄÄÄÄÄÄÄ"] {
            assert_eq!(keys.notification(acme, wrong), Position::ZERO, "{wrong} was taken");
        }
        assert_eq!(Keys::new(&[8; 32]).notification(acme, &id), Position::ZERO);
    }

    #[test]
    fn a_seal_is_stable_and_opens_for_its_tenant_alone() {
        let keys = Keys::new(&[7; 32]);
        let (acme, other) = (keys.tenant_tag("acme"), keys.tenant_tag("other"));
        let sealed = keys.seal(acme, b"place");
        assert_eq!(sealed, keys.seal(acme, b"place"));
        assert_eq!(keys.open(acme, &sealed, 64).as_deref(), Some(b"place".as_slice()));
        assert_eq!(keys.open(other, &sealed, 64), None);
        assert_eq!(keys.open(acme, "AAAA", 64), None);
        assert_eq!(keys.open(acme, &"A".repeat(4096), 64), None);
    }

    #[test]
    fn streams_of_two_tenants_or_kinds_never_share_a_name() {
        let keys = Keys::new(&[7; 32]);
        assert_ne!(keys.stream("a", StreamKind::User, "bc"), keys.stream("ab", StreamKind::User, "c"));
        assert_ne!(keys.stream("a", StreamKind::User, ""), keys.stream("a", StreamKind::Tenant, ""));
    }
}
