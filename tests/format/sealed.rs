//! Sealed content, written and read here by `docs/log-format.md` alone, against what the engine seals and opens.

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use bytes::Bytes;
use testkit::verdicts::storage_of;
use tidings_engine::command::{Command, Publication, Request};
use tidings_engine::engine::Engine;
use tidings_engine::event::{Audience, Content, Published};
use tidings_engine::grant::{Grant, Role};
use tidings_engine::ids::{Position, StreamId, TenantId, Time};
use tidings_engine::keyring::{DataKey, KeyId, Keyring, Lookup, Mark, NewKey, Person};
use tidings_engine::keys::{Keys, StreamKind};
use tidings_engine::log::{ChainCheck, Envelope, Log, LogId, LogReader, MemoryStorage};
use tidings_engine::vault::Vault;
use tidings_wire::Severity;

use crate::author::{SMALL, open};
use crate::events::content;
use crate::golden;

/// The keys of the golden log: the first seals contents, the second actors.
const CONTENT_KEY: [u8; 32] = [0x71; 32];
const ACTOR_KEY: [u8; 32] = [0x72; 32];

/// Their numbers in the keyring.
pub(crate) const CONTENT_KEY_ID: u32 = 1;
const ACTOR_KEY_ID: u32 = 2;

const WRAPPING_KEY: [u8; 32] = [0x73; 32];

/// What may follow the envelope's part of the associated data.
const MAIN: u8 = 0;
const ACTOR: u8 = 1;

/// The example content, sealed for an event; with the actor in a compartment of its own, or with the rest.
pub(crate) fn seal(envelope: &Envelope, actor_apart: bool) -> Bytes {
    let mut main = content();
    let mut actor = Vec::new();
    if actor_apart {
        let name = main.actor.take().unwrap();
        actor.extend_from_slice(&ACTOR_KEY_ID.to_le_bytes());
        actor.extend(sealed(&ACTOR_KEY, name.into_bytes(), &associated(envelope, ACTOR)));
    }
    let mut out = vec![2];
    out.extend_from_slice(&u16::try_from(actor.len()).unwrap().to_le_bytes());
    out.extend(actor);
    out.extend(sealed(&CONTENT_KEY, main.encode().to_vec(), &associated(envelope, MAIN)));
    out.into()
}

#[test]
fn the_engine_opens_what_is_sealed_by_the_document() {
    let files = golden::committed();
    let log = open(&storage_of(&files), golden::ENTROPY);
    let (keys, log) = (keys(log.id()), log.reader());
    let mut opened = 0;
    for record in log.scan_checked(Position(1), ChainCheck::Verify).map(Result::unwrap) {
        if record.envelope.key_id != CONTENT_KEY_ID || record.content.is_redacted() {
            continue;
        }
        assert_eq!(keys.content(&record.envelope, &record.content).unwrap(), Some(content()));
        let mut moved = record.envelope;
        moved.revision.0 += 1;
        assert!(keys.content(&moved, &record.content).is_err(), "sealed bytes open for another event");
        moved = record.envelope;
        moved.position.0 += 1;
        assert!(keys.content(&moved, &record.content).is_ok(), "a copy at another position does not open");
        opened += 1;
    }
    assert!(opened >= 2, "the golden log has {opened} sealed contents");
}

#[test]
fn what_the_engine_seals_is_opened_by_the_document() {
    let (reader, keyring) = published_by_the_engine();
    let mut opened = 0;
    for record in reader.scan(Position(1)).map(Result::unwrap) {
        let Some(stored) = record.content.bytes().filter(|bytes| !bytes.is_empty()) else { continue };
        let key = |id| *keyring.key(KeyId(id)).unwrap().unwrap().bytes();
        let (envelope, (first, rest)) = (&record.envelope, stored.split_at(3));
        assert_eq!(first[0], 2);
        let (actor, main) = rest.split_at(usize::from(u16::from_le_bytes([first[1], first[2]])));
        let (id, name) = actor.split_at(4);
        let id = u32::from_le_bytes(id.try_into().unwrap());
        assert_eq!(unsealed(&key(id), name, &associated(envelope, ACTOR)), content().actor.unwrap().into_bytes());
        let main = unsealed(&key(envelope.key_id), main, &associated(envelope, MAIN));
        assert_eq!(Content::decode(&main).unwrap(), Content { actor: None, ..content() });
        opened += 1;
    }
    assert_eq!(opened, 2);
}

/// A notification to one person and one to the tenant, each with an actor, by the engine itself.
fn published_by_the_engine() -> (LogReader, Arc<Keyring>) {
    let (log, recovery) = Log::open(MemoryStorage::new(), SMALL, [1; 16]).unwrap();
    let vault = vault(log.id(), &[]);
    let keyring = Arc::clone(vault.keyring());
    let keys = Arc::new(Keys::with_vault(&[2; 32], Arc::new(vault)));
    let now = Time(1_769_850_000_000);
    let mut engine = Engine::over(log, &recovery, Arc::clone(&keys), now, None).unwrap().0;
    let person = |name| keys.stream("acme", StreamKind::User, name);
    let grant = Arc::new(Grant {
        tenant: "acme".into(),
        tenant_stream: keys.stream("acme", StreamKind::Tenant, ""),
        tenant_tag: keys.tenant_tag("acme"),
        subject: "mailer".into(),
        stream: person("mailer"),
        roles: vec![Role::Service],
        ..Grant::of_the_engine()
    });
    for audience in [Audience::People(vec![person("ada")]), Audience::Tenant] {
        let facts = Published {
            audience,
            severity: Severity::None,
            category: None,
            tags: vec![],
            workflow: None,
            expires: None,
            group: None,
        };
        let publication = Publication { facts, content: content(), actor: Some(person("billing")) };
        let command = Command::Publish(Box::new(publication));
        let request = Request { grant: Arc::clone(&grant), key: None, fingerprint: [0; 16], command };
        assert!(engine.commit(&[request], now).unwrap().outcomes.remove(0).is_ok());
    }
    (engine.reader(), keyring)
}

/// The keys of the golden log, in a keyring.
fn keys(log: LogId) -> Keys {
    let person = Person { lookup: Lookup([1; 16]), stream: StreamId([1; 16]), tenant: TenantId(1) };
    let vault = vault(
        log,
        &[(NewKey::Notification, DataKey::new(CONTENT_KEY)), (NewKey::Person(person), DataKey::new(ACTOR_KEY))],
    );
    Keys::with_vault(&[2; 32], Arc::new(vault))
}

fn vault(log: LogId, keys: &[(NewKey, DataKey)]) -> Vault {
    let (keyring, found) = Keyring::open(Arc::new(MemoryStorage::new()), &WRAPPING_KEY, log).unwrap();
    if !keys.is_empty() {
        let mark = Mark { position: Position(0), chain: tidings_engine::log::Chain::start(log) };
        assert_eq!(keyring.add(keys, mark).unwrap(), [KeyId(CONTENT_KEY_ID), KeyId(ACTOR_KEY_ID)]);
    }
    Vault::new(keyring, &found, [5; 32]).unwrap()
}

fn associated(envelope: &Envelope, compartment: u8) -> Vec<u8> {
    let mut bytes = envelope.tenant.0.to_le_bytes().to_vec();
    bytes.extend_from_slice(&envelope.stream.0);
    bytes.extend_from_slice(&envelope.revision.0.to_le_bytes());
    bytes.extend_from_slice(&envelope.event_type.to_le_bytes());
    bytes.extend_from_slice(&envelope.event_version.to_le_bytes());
    bytes.push(compartment);
    assert_eq!(bytes.len(), 33);
    bytes
}

/// Nonce, ciphertext and tag. The nonce is the same each time, as it must never be but in a test vector.
fn sealed(key: &[u8; 32], mut plain: Vec<u8>, associated: &[u8]) -> Vec<u8> {
    let nonce = [0x6e; 12];
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap());
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(associated), &mut plain).unwrap();
    [&nonce[..], &plain].concat()
}

fn unsealed(key: &[u8; 32], sealed: &[u8], associated: &[u8]) -> Vec<u8> {
    let (nonce, sealed) = sealed.split_at(12);
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap());
    let nonce = Nonce::assume_unique_for_key(nonce.try_into().unwrap());
    let mut bytes = sealed.to_vec();
    key.open_in_place(nonce, Aad::from(associated), &mut bytes).unwrap().to_vec()
}
