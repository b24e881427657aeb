use super::chunks::Chunks;
use super::numbers::Numbers;
use crate::event::{Audience, Event, Recorded};
use crate::ids::{CommandHash, Position, TenantId, Time};
use crate::limits::{IDEMPOTENCY_KEYS_NODE_MAX, IDEMPOTENCY_KEYS_TENANT_MAX, IDEMPOTENCY_MS_MAX};
use std::collections::HashMap;

/// What a command that carried a key was first answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct First {
    /// Hash of its arguments.
    pub fingerprint: [u8; 16],
    /// Its last event.
    pub position: Position,
    /// Recorded time of that event.
    pub time: Time,
    /// What it was told.
    pub answer: FirstAnswer,
}

/// What a first answer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstAnswer {
    /// A notification was published at the position.
    Published {
        /// How many people it named.
        recipients: Option<u32>,
    },
    /// A notification was taken back.
    Retracted,
    /// Items were marked.
    Marked,
    /// A person was erased.
    Erased,
    /// Tokens were revoked.
    TokensRevoked,
    /// A key was made at the position.
    KeyCreated,
    /// A key was revoked.
    KeyRevoked,
    /// A consent was recorded.
    ConsentChanged,
    /// What a tenant decides was recorded.
    SettingsChanged,
}

/// The keys of the last 24 hours of recorded time, a bounded number for each tenant and for all, oldest out first.
///
/// Two lists go through the keys in the order of the log, one of all and one of each tenant, so that whoever is to go is at
/// the start of one.
#[derive(Debug)]
pub(super) struct Idempotency {
    keys: Chunks<Key>,
    /// Numbers of keys by command.
    numbers: Numbers,
    /// First of the places that are free, linked by `next`.
    free: u32,
    all: Ends,
    tenants: HashMap<TenantId, Ends>,
    tenant_max: u32,
    node_max: u32,
}

/// A key that is remembered: 72 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed(4))]
pub(super) struct Key {
    pub(super) command: CommandHash,
    pub(super) fingerprint: [u8; 16],
    pub(super) position: Position,
    pub(super) time: Time,
    pub(super) tenant: TenantId,
    /// The answer as a number, see [`Key::answer`].
    pub(super) answer: u32,
    in_all: Links,
    in_tenant: Links,
}

/// Places before and after in a list; [`NOWHERE`] at its ends.
#[derive(Clone, Copy, Debug)]
struct Links {
    before: u32,
    next: u32,
}

/// First and last place of a list, and how many there are.
#[derive(Clone, Copy, Debug)]
struct Ends {
    first: u32,
    last: u32,
    count: u32,
}

/// A list as seen from a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    All,
    Tenant,
}

/// Answers that came later, as numbers above every count of recipients.
const TOKENS_REVOKED: u32 = u32::MAX;
const KEY_CREATED: u32 = u32::MAX - 1;
const KEY_REVOKED: u32 = u32::MAX - 2;
const CONSENT_CHANGED: u32 = u32::MAX - 3;
const SETTINGS_CHANGED: u32 = u32::MAX - 4;

const NOWHERE: u32 = u32::MAX;

impl Ends {
    const EMPTY: Self = Self { first: NOWHERE, last: NOWHERE, count: 0 };
}

impl Links {
    const NONE: Self = Self { before: NOWHERE, next: NOWHERE };
}

impl Default for Idempotency {
    fn default() -> Self {
        Self::with_limits(IDEMPOTENCY_KEYS_TENANT_MAX, IDEMPOTENCY_KEYS_NODE_MAX)
    }
}

impl Idempotency {
    fn with_limits(tenant_max: u32, node_max: u32) -> Self {
        Self {
            keys: Chunks::default(),
            numbers: Numbers::default(),
            free: NOWHERE,
            all: Ends::EMPTY,
            tenants: HashMap::new(),
            tenant_max,
            node_max,
        }
    }

    /// Keys as they were, oldest first.
    pub(super) fn restored(keys: Chunks<Key>) -> Self {
        let mut restored = Self { numbers: Numbers::of(&keys, |key| hash(key.command)), keys, ..Self::default() };
        (0..restored.keys.count()).filter_map(|number| u32::try_from(number).ok()).for_each(|number| {
            restored.link(List::All, number);
            restored.link(List::Tenant, number);
        });
        restored
    }

    pub(super) fn get(&self, tenant: TenantId, command: CommandHash, now: Time) -> Option<First> {
        let key = self.key(self.number(command)?);
        let is_theirs = { key.tenant } == tenant && now.since(key.time) <= IDEMPOTENCY_MS_MAX;
        is_theirs.then(|| key.first())
    }

    pub(super) fn apply(&mut self, recorded: &Recorded) {
        let envelope = &recorded.envelope;
        if envelope.command == CommandHash::NONE {
            return;
        }
        let Some(answer) = answer_of(&recorded.facts.event) else { return };
        self.remember(Key {
            command: envelope.command,
            fingerprint: recorded.facts.fingerprint,
            position: envelope.position,
            time: envelope.time,
            tenant: envelope.tenant,
            answer: Key::number_of(answer),
            in_all: Links::NONE,
            in_tenant: Links::NONE,
        });
    }

    /// Every key, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Key> {
        let mut next = self.all.first;
        std::iter::from_fn(move || {
            let key = *self.keys.get(next as usize)?;
            next = key.in_all.next;
            Some(key)
        })
    }

    /// Remembers the newest key of all. Whatever is too old or too much then is forgotten.
    pub(super) fn remember(&mut self, key: Key) {
        while let Some(oldest) = self.keys.get(self.all.first as usize) {
            if { key.time }.since(oldest.time) <= IDEMPOTENCY_MS_MAX {
                break;
            }
            self.forget(self.all.first);
        }
        if let Some(number) = self.number(key.command) {
            self.forget(number);
        }
        let tenant = self.tenants.get(&{ key.tenant }).copied().unwrap_or(Ends::EMPTY);
        if tenant.count == self.tenant_max {
            self.forget(tenant.first);
        } else if self.all.count == self.node_max {
            self.forget(self.all.first);
        }
        let number = self.place(key);
        let keys = &self.keys;
        let rehash = |number| keys.get(number as usize).map_or(0, |key| hash(key.command));
        self.numbers.insert(hash(key.command), number, rehash);
        self.link(List::All, number);
        self.link(List::Tenant, number);
    }

    fn place(&mut self, key: Key) -> u32 {
        match self.keys.get_mut(self.free as usize) {
            Some(place) => {
                let next = place.in_all.next;
                *place = key;
                std::mem::replace(&mut self.free, next)
            }
            None => {
                self.keys.push(key);
                u32::try_from(self.keys.count() - 1).expect("the limit of a node is far below 2^32")
            }
        }
    }

    fn forget(&mut self, number: u32) {
        let command = self.key(number).command;
        self.numbers.remove(hash(command), number);
        self.unlink(List::All, number);
        self.unlink(List::Tenant, number);
        let free = self.free;
        self.links(List::All, number).next = free;
        self.free = number;
    }

    fn link(&mut self, list: List, number: u32) {
        let ends = self.ends(list, number);
        let last = std::mem::replace(&mut ends.last, number);
        ends.count += 1;
        if last == NOWHERE {
            ends.first = number;
        } else {
            self.links(list, last).next = number;
        }
        *self.links(list, number) = Links { before: last, next: NOWHERE };
    }

    fn unlink(&mut self, list: List, number: u32) {
        let Links { before, next } = *self.links(list, number);
        if before != NOWHERE {
            self.links(list, before).next = next;
        }
        if next != NOWHERE {
            self.links(list, next).before = before;
        }
        let ends = self.ends(list, number);
        ends.count -= 1;
        if before == NOWHERE {
            ends.first = next;
        }
        if next == NOWHERE {
            ends.last = before;
        }
        let is_empty = ends.count == 0;
        if list == List::Tenant && is_empty {
            let tenant = self.key(number).tenant;
            self.tenants.remove(&tenant);
        }
    }

    fn ends(&mut self, list: List, number: u32) -> &mut Ends {
        match list {
            List::All => &mut self.all,
            List::Tenant => {
                let tenant = self.key(number).tenant;
                self.tenants.entry(tenant).or_insert(Ends::EMPTY)
            }
        }
    }

    fn links(&mut self, list: List, number: u32) -> &mut Links {
        let key = self.keys.get_mut(number as usize).expect("numbers in lists are those of keys");
        match list {
            List::All => &mut key.in_all,
            List::Tenant => &mut key.in_tenant,
        }
    }

    fn key(&self, number: u32) -> &Key {
        self.keys.get(number as usize).expect("numbers in lists are those of keys")
    }

    fn number(&self, command: CommandHash) -> Option<u32> {
        let is_it = |number| { self.key(number).command } == command;
        self.numbers.find(hash(command), is_it)
    }
}

impl Key {
    /// A key as it was; the caller keeps the order.
    pub(super) const fn restored(
        command: CommandHash,
        first: (Position, Time, [u8; 16]),
        tenant: TenantId,
        answer: u32,
    ) -> Self {
        let (position, time, fingerprint) = first;
        Self { command, fingerprint, position, time, tenant, answer, in_all: Links::NONE, in_tenant: Links::NONE }
    }

    fn first(&self) -> First {
        First { fingerprint: self.fingerprint, position: self.position, time: self.time, answer: self.answer() }
    }

    fn answer(&self) -> FirstAnswer {
        match self.answer {
            0 => FirstAnswer::Retracted,
            1 => FirstAnswer::Marked,
            2 => FirstAnswer::Erased,
            3 => FirstAnswer::Published { recipients: None },
            TOKENS_REVOKED => FirstAnswer::TokensRevoked,
            KEY_CREATED => FirstAnswer::KeyCreated,
            KEY_REVOKED => FirstAnswer::KeyRevoked,
            CONSENT_CHANGED => FirstAnswer::ConsentChanged,
            SETTINGS_CHANGED => FirstAnswer::SettingsChanged,
            number => FirstAnswer::Published { recipients: Some(number.saturating_sub(4)) },
        }
    }

    const fn number_of(answer: FirstAnswer) -> u32 {
        match answer {
            FirstAnswer::Retracted => 0,
            FirstAnswer::Marked => 1,
            FirstAnswer::Erased => 2,
            FirstAnswer::TokensRevoked => TOKENS_REVOKED,
            FirstAnswer::KeyCreated => KEY_CREATED,
            FirstAnswer::KeyRevoked => KEY_REVOKED,
            FirstAnswer::ConsentChanged => CONSENT_CHANGED,
            FirstAnswer::SettingsChanged => SETTINGS_CHANGED,
            FirstAnswer::Published { recipients: None } => 3,
            FirstAnswer::Published { recipients: Some(count) } => count.saturating_add(4),
        }
    }
}

fn answer_of(event: &Event) -> Option<FirstAnswer> {
    match event {
        Event::NotificationPublished(published) => Some(FirstAnswer::Published {
            recipients: match &published.audience {
                Audience::People(people) => u32::try_from(people.len()).ok(),
                _ => None,
            },
        }),
        Event::NotificationRetracted { .. } => Some(FirstAnswer::Retracted),
        Event::ItemsMarked { .. } | Event::AllItemsMarked { .. } => Some(FirstAnswer::Marked),
        Event::SubjectErased { .. } => Some(FirstAnswer::Erased),
        Event::TokensRevoked { .. } => Some(FirstAnswer::TokensRevoked),
        Event::ApiKeyCreated { .. } => Some(FirstAnswer::KeyCreated),
        Event::ApiKeyRevoked { .. } => Some(FirstAnswer::KeyRevoked),
        Event::ConsentChanged { .. } => Some(FirstAnswer::ConsentChanged),
        Event::TenantSettingsChanged { .. } => Some(FirstAnswer::SettingsChanged),
        Event::ItemsDelivered { .. } => None,
        Event::TenantCreated { .. }
        | Event::SubjectObserved { .. }
        | Event::AuditRead { .. }
        | Event::CheckpointKeyAdopted { .. } => None,
    }
}

/// Hashes of commands are keyed, so that their own bytes do for a hash.
fn hash(command: CommandHash) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = command.0;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use super::{CommandHash, Idempotency, Key, Links, Position, TenantId, Time};
    use crate::limits::IDEMPOTENCY_MS_MAX;

    /// The key with a number, recorded at that position and time.
    fn key(number: u64, tenant: u32) -> Key {
        let mut command = [0; 16];
        command[..8].copy_from_slice(&number.to_le_bytes());
        Key {
            command: CommandHash(command),
            fingerprint: [0; 16],
            position: Position(number),
            time: Time(i64::try_from(number).unwrap()),
            tenant: TenantId(tenant),
            answer: 1,
            in_all: Links::NONE,
            in_tenant: Links::NONE,
        }
    }

    fn known(keys: &Idempotency) -> Vec<u64> {
        keys.iter().map(|key| { key.position }.0).collect()
    }

    #[test]
    fn a_tenant_at_its_limit_loses_its_own_oldest_key() {
        let mut keys = Idempotency::with_limits(2, 100);
        for (number, tenant) in [(1, 1), (2, 2), (3, 1), (4, 1), (5, 2), (6, 1)] {
            keys.remember(key(number, tenant));
        }
        assert_eq!(known(&keys), [2, 4, 5, 6]);
    }

    #[test]
    fn a_node_at_its_limit_loses_the_oldest_key_of_all() {
        let mut keys = Idempotency::with_limits(100, 3);
        for number in 1..=5 {
            keys.remember(key(number, u32::try_from(number).unwrap() % 2));
        }
        assert_eq!(known(&keys), [3, 4, 5]);
        assert_eq!(keys.keys.count(), 3, "places are used again");
    }

    #[test]
    fn a_key_is_forgotten_after_its_time_whoever_comes_next() {
        let mut keys = Idempotency::default();
        keys.remember(key(1, 1));
        keys.remember(key(2, 1));
        let mut late = key(3, 2);
        late.time = Time(2 + IDEMPOTENCY_MS_MAX);
        keys.remember(late);
        assert_eq!(known(&keys), [2, 3]);
        assert!(keys.get(TenantId(1), key(2, 1).command, late.time).is_some());
        assert!(keys.get(TenantId(1), key(2, 1).command, late.time.plus(1)).is_none());
        assert!(keys.get(TenantId(2), key(2, 1).command, late.time).is_none(), "a key is the tenant's own");
    }

    /// Against a plain list that is searched.
    #[test]
    fn keys_are_remembered_and_forgotten_as_a_plain_list_would() {
        let (mut keys, mut plain) = (Idempotency::with_limits(5, 12), Vec::<(u64, u32, u64)>::new());
        let mut seed = 7_u64;
        for number in 1..3_000_u64 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (name, tenant) = (seed >> 33 & 31, u32::try_from(seed >> 60).unwrap() % 4);
            let mut one = key(name, tenant);
            one.position = Position(number);
            one.time = Time(i64::try_from(number).unwrap());
            keys.remember(one);
            plain.retain(|(known, ..)| *known != name);
            if plain.iter().filter(|(_, of, _)| *of == tenant).count() == 5 {
                let oldest = plain.iter().position(|(_, of, _)| *of == tenant).unwrap();
                plain.remove(oldest);
            } else if plain.len() == 12 {
                plain.remove(0);
            }
            plain.push((name, tenant, number));
            assert_eq!(known(&keys), plain.iter().map(|(.., number)| *number).collect::<Vec<_>>());
        }
    }
}
