//! One slot: 128 bytes that say one thing and stand in one sector.

use super::damage::What;
use super::secret::WRAPPED_BYTES;
use super::{KeyId, Lookup, Mark, NewKey, Person};
use crate::ids::{Position, StreamId, TenantId};
use crate::log::fields::{all_zero, bytes_at, put, u16_at, u32_at, u64_at};
use crate::log::{Chain, LogId};

/// Bytes of a slot: 128, a quarter of the smallest sector, so that no slot lies in two.
pub(super) const SLOT_BYTES: usize = 128;

/// Most keys that one erasure slot names: 5.
pub(super) const TARGETS_COUNT_MAX: usize = 5;

/// The bytes of a slot.
pub(super) type SlotBytes = [u8; SLOT_BYTES];

/// Which file a slot stands in. Every checksum covers it, so that bytes copied from elsewhere are not taken for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) log: LogId,
    pub(super) number: u32,
    pub(super) generation: u32,
}

/// What a slot says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// Whether it is the first of its batch. Always false when the key was destroyed.
    pub(super) first: bool,
    /// How many slots of its batch follow it.
    pub(super) left: u16,
    pub(super) body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// A live key.
    Key { key: KeyId, owner: NewKey, wrapped: [u8; WRAPPED_BYTES], mark: Mark },
    /// Where a key stood.
    Destroyed { key: KeyId },
    /// That keys are to be destroyed: written before the first of them is.
    Erasure { targets: Vec<Target>, mark: Mark },
    /// Last slot of a rewritten file: what the slots that are gone told of ids and marks.
    End { next: KeyId, mark: Mark },
}

/// A slot that is to be overwritten, and what it says afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Target {
    pub(super) number: u32,
    pub(super) generation: u32,
    pub(super) slot: u16,
    pub(super) left: u16,
    pub(super) key: KeyId,
}

impl Slot {
    /// What a destroyed key leaves behind.
    pub(super) const fn destroyed(target: &Target) -> Self {
        Self { first: false, left: target.left, body: Body::Destroyed { key: target.key } }
    }

    pub(super) fn encode(&self, place: &Place, slot: u32) -> SlotBytes {
        let mut bytes = [0; SLOT_BYTES];
        let kind = match &self.body {
            Body::Key { key, owner, wrapped, mark } => {
                put(&mut bytes, KEY_AT, &key.0.to_le_bytes());
                put(&mut bytes, WRAPPED_AT, wrapped);
                put_mark(&mut bytes, mark);
                put_owner(&mut bytes, owner)
            }
            Body::Destroyed { key } => {
                put(&mut bytes, KEY_AT, &key.0.to_le_bytes());
                DESTROYED
            }
            Body::Erasure { targets, mark } => {
                for (index, target) in targets.iter().enumerate() {
                    target.put(&mut bytes, TARGETS_AT + index * TARGET_BYTES);
                }
                put_mark(&mut bytes, mark);
                ERASURE
            }
            Body::End { next, mark } => {
                put(&mut bytes, KEY_AT, &next.0.to_le_bytes());
                put_mark(&mut bytes, mark);
                REWRITTEN_END
            }
        };
        bytes[0] = kind | if self.first { FIRST } else { 0 };
        put(&mut bytes, LEFT_AT, &self.left.to_le_bytes());
        let checksum = checksum(place, slot, &bytes);
        put(&mut bytes, CHECKSUM_AT, &checksum.to_le_bytes());
        bytes[END_AT] = END;
        bytes
    }

    /// Reads a slot that is not all zeros.
    pub(super) fn decode(bytes: &SlotBytes, place: &Place, slot: u32) -> Result<Self, What> {
        if bytes[END_AT] != END || u32_at(bytes, CHECKSUM_AT) != checksum(place, slot, bytes) {
            return Err(What::Checksum);
        }
        let first = bytes[0] & FIRST != 0;
        let kind = bytes[0] & !FIRST;
        let key = KeyId(u32_at(bytes, KEY_AT));
        let body = match kind {
            PERSON | NOTIFICATION => {
                let owner = owner(bytes, kind).ok_or(What::Slot)?;
                Body::Key { key, owner, wrapped: bytes_at(bytes, WRAPPED_AT), mark: mark(bytes) }
            }
            DESTROYED if !first && all_zero(&bytes[OWNER_AT..CHECKSUM_AT]) => Body::Destroyed { key },
            ERASURE => Body::Erasure { targets: targets(bytes)?, mark: mark(bytes) },
            REWRITTEN_END if all_zero(&bytes[OWNER_AT..MARK_AT]) => Body::End { next: key, mark: mark(bytes) },
            _ => return Err(What::Slot),
        };
        let no_key = [0, u32::MAX];
        let has_id = !matches!(body, Body::Key { key, .. } | Body::Destroyed { key } if no_key.contains(&key.0));
        if has_id { Ok(Self { first, left: u16_at(bytes, LEFT_AT), body }) } else { Err(What::Slot) }
    }

    /// Whether a write that was cut short may have left these bytes: its last byte, which is never zero, is missing.
    pub(super) const fn is_unfinished(bytes: &SlotBytes) -> bool {
        bytes[END_AT] == 0
    }
}

impl Target {
    fn put(&self, bytes: &mut SlotBytes, at: usize) {
        put(bytes, at, &self.number.to_le_bytes());
        put(bytes, at + 4, &self.generation.to_le_bytes());
        put(bytes, at + 8, &self.slot.to_le_bytes());
        put(bytes, at + 10, &self.left.to_le_bytes());
        put(bytes, at + 12, &self.key.0.to_le_bytes());
    }

    fn at(bytes: &SlotBytes, at: usize) -> Self {
        Self {
            number: u32_at(bytes, at),
            generation: u32_at(bytes, at + 4),
            slot: u16_at(bytes, at + 8),
            left: u16_at(bytes, at + 10),
            key: KeyId(u32_at(bytes, at + 12)),
        }
    }
}

/// The targets of an erasure slot: at least one, and zeros after them.
fn targets(bytes: &SlotBytes) -> Result<Vec<Target>, What> {
    let all = (0..TARGETS_COUNT_MAX).map(|index| Target::at(bytes, TARGETS_AT + index * TARGET_BYTES));
    let targets: Vec<Target> = all.take_while(|target| target.key.0 != 0).collect();
    let rest = &bytes[TARGETS_AT + targets.len() * TARGET_BYTES..MARK_AT];
    let sound = targets.iter().all(|target| target.number != 0 && target.slot != 0);
    if sound && !targets.is_empty() && all_zero(rest) { Ok(targets) } else { Err(What::Slot) }
}

fn put_owner(bytes: &mut SlotBytes, owner: &NewKey) -> u8 {
    match owner {
        NewKey::Notification => NOTIFICATION,
        NewKey::Person(person) => {
            put(bytes, OWNER_AT, &person.tenant.0.to_le_bytes());
            put(bytes, OWNER_AT + 4, &person.lookup.0);
            put(bytes, OWNER_AT + 20, &person.stream.0);
            PERSON
        }
    }
}

fn owner(bytes: &SlotBytes, kind: u8) -> Option<NewKey> {
    if kind == NOTIFICATION {
        return all_zero(&bytes[OWNER_AT..WRAPPED_AT]).then_some(NewKey::Notification);
    }
    Some(NewKey::Person(Person {
        lookup: Lookup(bytes_at(bytes, OWNER_AT + 4)),
        stream: StreamId(bytes_at(bytes, OWNER_AT + 20)),
        tenant: TenantId(u32_at(bytes, OWNER_AT)),
    }))
}

fn put_mark(bytes: &mut SlotBytes, mark: &Mark) {
    put(bytes, MARK_AT, &mark.position.0.to_le_bytes());
    put(bytes, MARK_AT + 8, &mark.chain.0);
}

fn mark(bytes: &SlotBytes) -> Mark {
    Mark { position: Position(u64_at(bytes, MARK_AT)), chain: Chain(bytes_at(bytes, MARK_AT + 8)) }
}

/// CRC32C of where the slot stands and all that is before the checksum: in one go, for a million slots at each start.
fn checksum(place: &Place, slot: u32, bytes: &SlotBytes) -> u32 {
    let mut covered = [0; PLACE_BYTES + CHECKSUM_AT];
    put(&mut covered, 0, &place.log.0);
    put(&mut covered, 16, &place.number.to_le_bytes());
    put(&mut covered, 20, &place.generation.to_le_bytes());
    put(&mut covered, 24, &slot.to_le_bytes());
    put(&mut covered, PLACE_BYTES, &bytes[..CHECKSUM_AT]);
    crc32c::crc32c(&covered)
}

const PLACE_BYTES: usize = 28;
const LEFT_AT: usize = 1;
const KEY_AT: usize = 3;
const OWNER_AT: usize = 7;
const WRAPPED_AT: usize = 43;
const TARGETS_AT: usize = 3;
const TARGET_BYTES: usize = 16;
const MARK_AT: usize = 83;
const CHECKSUM_AT: usize = 123;
const END_AT: usize = 127;

const _: () = assert!(WRAPPED_AT + WRAPPED_BYTES == MARK_AT);
const _: () = assert!(TARGETS_AT + TARGETS_COUNT_MAX * TARGET_BYTES == MARK_AT);
const _: () = assert!(MARK_AT + 40 == CHECKSUM_AT && CHECKSUM_AT + 4 == END_AT && END_AT + 1 == SLOT_BYTES);

const PERSON: u8 = 1;
const NOTIFICATION: u8 = 2;
const DESTROYED: u8 = 3;
const ERASURE: u8 = 4;
const REWRITTEN_END: u8 = 5;
const FIRST: u8 = 0x80;

/// Last byte of every slot. No single flipped bit makes it zero, so that damage is told from a write that was cut short.
const END: u8 = 0xE5;
