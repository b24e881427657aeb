//! Who is who, and what only they may read: people's streams and the keys that seal content.
//!
//! A person's stream is random, not made from the name: the keyring alone leads from the one to the other. So when a
//! person's entry is destroyed, neither their content nor the way from their name to their events is left, and the same
//! name is a new person.

mod people;
pub(crate) mod seal;
#[cfg(test)]
mod tests;

pub use people::PersonKey;
pub use seal::SealError;

use crate::entropy::Entropy;
use crate::event::{Audience, Content, DecodeError, Event, RevokedTokens};
use crate::ids::{Position, StreamId, TenantId};
use crate::keyring::{
    ADD_COUNT_MAX, DataKey, KeyId, Keyring, KeyringError, KeyringRecovery, Lookup, Mark, NewKey, Person,
};
use crate::log::{Chain, Envelope, Stored};
use parking_lot::{Mutex, RwLock};
use people::{Fresh, People};
use std::sync::Arc;

/// The people of one log and the keys of its content.
///
/// Anybody may look people up; whoever is new gets a stream at once, and an entry in the keyring before the first event
/// that names them. Only the engine adds keys and destroys them.
pub struct Vault {
    keyring: Arc<Keyring>,
    people: RwLock<People>,
    entropy: Mutex<Entropy>,
    pending: Mutex<Pending>,
    /// Where the log stood when keys were written that a crash left unfinished.
    unfinished_at: Option<Position>,
}

/// Keys that sealed something which is not appended yet. The keyring gets them first.
#[derive(Default)]
struct Pending {
    keys: Vec<(NewKey, DataKey)>,
}

/// Why content cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// Its key does not open it, or what it opens is no content: the log or the keyring was changed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// It is of no known codec.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The keyring cannot be read.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// It is sealed, and no keyring was given.
    #[error("content is sealed and there is no keyring to open it with")]
    NoKeyring,
}

impl Vault {
    /// A vault over a keyring that was opened just now. `seed` is random and used once: keys, streams and nonces are drawn
    /// from it.
    ///
    /// # Errors
    /// The keyring cannot be read.
    pub fn new(keyring: Keyring, found: &KeyringRecovery, seed: [u8; 32]) -> Result<Self, KeyringError> {
        let people = keyring.people().collect::<Result<People, _>>()?;
        Ok(Self {
            unfinished_at: found.discarded.as_ref().and_then(|discarded| discarded.mark).map(|mark| mark.position),
            keyring: Arc::new(keyring),
            people: RwLock::new(people),
            entropy: Mutex::new(Entropy::new(seed)),
            pending: Mutex::default(),
        })
    }

    /// The keyring.
    #[must_use]
    pub const fn keyring(&self) -> &Arc<Keyring> {
        &self.keyring
    }

    /// Where the log stood when keys were written that are not whole now. A log that went on from there proves that they
    /// were whole once.
    pub(crate) const fn unfinished_at(&self) -> Option<Position> {
        self.unfinished_at
    }

    /// Stream of the person with this lookup; a new one for whoever is not known.
    pub(crate) fn stream(&self, lookup: Lookup) -> StreamId {
        if let Some(known) = self.people.read().stream(lookup) {
            return known;
        }
        let mut entropy = self.entropy.lock();
        let (stream, key) = (StreamId(entropy.draw()), DataKey::new(entropy.draw()));
        drop(entropy);
        self.people.write().begin(lookup, stream, key)
    }

    /// Stream of a person who is known already.
    pub(crate) fn known(&self, lookup: Lookup) -> Option<StreamId> {
        self.people.read().stream(lookup)
    }

    /// Number and fingerprint of a person's key; `None` for whoever no event has named, and after an erasure.
    pub(crate) fn person_key(&self, person: StreamId) -> Option<PersonKey> {
        let id = self.people.read().key(person)?;
        let key = self.key(id).ok()??;
        Some(PersonKey { id: id.0, fingerprint: key.fingerprint() })
    }

    /// Sees to it that everyone whom an event names has a key in the keyring when the event is appended.
    pub(crate) fn keep(&self, event: &Event, envelope: &Envelope, actor: StreamId) {
        if !self.people.read().has_fresh() {
            return;
        }
        let mut people = self.people.write();
        let mut keep = |person| self.keep_one(&mut people, person, envelope.tenant);
        keep(envelope.stream);
        keep(actor);
        if let Event::NotificationPublished(published) = event
            && let Audience::People(named) = &published.audience
        {
            named.iter().for_each(|person| keep(*person));
        }
        if let Event::TokensRevoked { which: RevokedTokens::Subject { subject, .. }, .. } = event {
            keep(*subject);
        }
        if let Event::ConsentChanged { subject, .. } = event {
            keep(*subject);
        }
    }

    fn keep_one(&self, people: &mut People, person: StreamId, tenant: TenantId) {
        let Some(Fresh { lookup, key }) = people.take_fresh(person) else { return };
        let id = self.add(NewKey::Person(Person { lookup, stream: person, tenant }), key);
        people.keep(person, id);
    }

    fn add(&self, new: NewKey, key: DataKey) -> KeyId {
        let mut pending = self.pending.lock();
        let id = KeyId(self.keyring.next_id().0 + u32::try_from(pending.keys.len()).unwrap_or(u32::MAX));
        pending.keys.push((new, key));
        id
    }

    /// Seals the content of an event, and gives the number of its key: the person's where it is for one, or about one, else a
    /// key of the event itself.
    ///
    /// # Errors
    /// The keyring cannot be read. Nothing is changed that the next sealing would notice.
    pub(crate) fn seal(
        &self,
        unsealed: &crate::decide::Unsealed,
        event: &Event,
        envelope: &mut Envelope,
    ) -> Result<Stored, KeyringError> {
        if let Some(actor) = unsealed.actor {
            self.keep_one(&mut self.people.write(), actor, envelope.tenant);
        }
        let only = match event {
            Event::NotificationPublished(published) => match &published.audience {
                Audience::People(people) if people.len() == 1 => self.people.read().key(people[0]),
                _ => None,
            },
            Event::ConsentChanged { subject, .. } => self.people.read().key(*subject),
            _ => None,
        };
        let (id, key) = match only.map(|id| self.key(id).map(|key| key.map(|key| (id, key)))).transpose()?.flatten() {
            Some(own) => own,
            None => {
                let key = DataKey::new(self.entropy.lock().draw());
                let kept = DataKey::new(*key.bytes());
                (self.add(NewKey::Notification, kept), key)
            }
        };
        let actor = unsealed.actor.and_then(|actor| self.people.read().key(actor));
        let actor = actor.map(|id| self.key(id).map(|key| key.map(|key| (id, key)))).transpose()?.flatten();
        envelope.key_id = id.0;
        let actor = actor.as_ref().map(|(id, key)| (*id, key));
        Ok(seal::seal(&unsealed.content, &key, actor, envelope, &mut self.entropy.lock()).into())
    }

    /// Makes durable what sealed something since the last time. The group that uses it is appended after this, whose log
    /// ends at `position` with `chain` until then.
    ///
    /// # Errors
    /// The keyring failed: what it holds is unknown, and the group must not be appended.
    pub(crate) fn flush(&self, position: Position, chain: Chain) -> Result<(), KeyringError> {
        let mut pending = self.pending.lock();
        if pending.keys.is_empty() {
            return Ok(());
        }
        // More than fit one batch are added in several: each is whole, and nothing uses them before the last is durable.
        while !pending.keys.is_empty() {
            let count = pending.keys.len().min(ADD_COUNT_MAX);
            self.keyring.add(&pending.keys[..count], Mark { position, chain })?;
            pending.keys.drain(..count);
        }
        Ok(())
    }

    /// Destroys the keys of people who were erased, and forgets their names. Keys that are gone already are no error.
    ///
    /// # Errors
    /// The keyring failed: the keys may or may not be destroyed, and the next start will.
    pub(crate) fn destroy(
        &self,
        erased: &[(StreamId, KeyId)],
        position: Position,
        chain: Chain,
    ) -> Result<(), KeyringError> {
        let ids: Vec<KeyId> = erased.iter().map(|(_, id)| *id).collect();
        self.people.write().forget(erased.iter().map(|(stream, _)| *stream));
        self.keyring.destroy(&ids, Mark { position, chain })
    }

    /// Opens the content of an event. `None`: it has none, or nobody can read it any more.
    ///
    /// # Errors
    /// [`ContentError`]: it should open and does not.
    fn open(&self, envelope: &Envelope, sealed: &[u8]) -> Result<Option<Content>, ContentError> {
        let Some(key) = self.key(KeyId(envelope.key_id))? else { return Ok(None) };
        let actor = |id| self.key(id).map_err(ContentError::from);
        seal::open(sealed, &key, envelope, actor).map(Some)
    }

    /// A key, from what waits or from the keyring; `None` when it was destroyed.
    fn key(&self, id: KeyId) -> Result<Option<DataKey>, KeyringError> {
        if id >= self.keyring.next_id() {
            let pending = self.pending.lock();
            // The keyring may just have got what waited. While this lock is held, nothing moves.
            if let Some(index) = id.0.checked_sub(self.keyring.next_id().0) {
                return Ok(pending.keys.get(index as usize).map(|(_, key)| DataKey::new(*key.bytes())));
            }
        }
        self.keyring.key(id)
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}

/// Opens the stored content of an event. `None`: it has none, it was redacted, or nobody can read it any more.
///
/// # Errors
/// [`ContentError`].
pub(crate) fn content(
    vault: Option<&Vault>,
    envelope: &Envelope,
    stored: &Stored,
) -> Result<Option<Content>, ContentError> {
    match stored.bytes() {
        Some(bytes) if bytes.first() == Some(&seal::CODEC_SEALED) => {
            vault.ok_or(ContentError::NoKeyring)?.open(envelope, bytes)
        }
        Some(bytes) if !bytes.is_empty() => Ok(Some(Content::decode(bytes)?)),
        _ => Ok(None),
    }
}
