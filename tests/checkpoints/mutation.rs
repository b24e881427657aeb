//! Ways to falsify a log that leave nothing wrong in it by itself.

use crate::history::{EVENTS, History, ROTATION, STEP, event};
use tidings_engine::ids::{CommandHash, Position, StreamId, TenantId, Time};
use tidings_engine::log::{Envelope, Record};

/// What is done to a log. After all but the rollback it is written anew, every checksum and the whole chain included, and
/// signed anew with the stolen keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The facts of an event are edited.
    Facts,
    /// The content of an event is edited.
    Content,
    /// A field of an event's envelope is edited.
    Envelope,
    /// An event is taken out, and those after it move up.
    Removal,
    /// Two events change places.
    Reorder,
    /// An event is put in, and those after it move down.
    Insertion,
    /// The last events are cut off.
    Truncation,
    /// The last events are cut off, and others written in their stead.
    Regrowth,
    /// The whole directory is an older copy, checkpoints included.
    Rollback,
    /// It is another log of the same events.
    OtherLog,
}

impl Kind {
    pub(crate) const ALL: [Self; 10] = [
        Self::Facts,
        Self::Content,
        Self::Envelope,
        Self::Removal,
        Self::Reorder,
        Self::Insertion,
        Self::Truncation,
        Self::Regrowth,
        Self::Rollback,
        Self::OtherLog,
    ];
}

/// Chooses, the same again for the same seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// A number below `count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % count
    }
}

/// The falsified log, and the first position that is no more what it was.
pub(crate) fn mutate(honest: &History, kind: Kind, dice: &mut Dice) -> (History, Position) {
    let mut records = honest.records.clone();
    // The first event is the adoption of the key that the auditor knows.
    let mut index = 1 + dice.below(EVENTS - 1);
    if kind == Kind::Facts && index == ROTATION {
        // Another key there is found without any checkpoint from outside: nobody endorsed it.
        index += 1;
    }
    let mut place = index;
    match kind {
        Kind::Facts => records[index].facts = changed(&records[index].facts, dice).into(),
        Kind::Content => {
            let content = records[index].content.bytes().cloned().unwrap_or_default();
            records[index].content = changed(&content, dice).into();
        }
        Kind::Envelope => edit(&mut records, index, dice),
        Kind::Removal => drop(records.remove(index)),
        Kind::Reorder => {
            let other = 1 + (index + dice.below(EVENTS - 2)) % (EVENTS - 1);
            let (a, b) = (index.min(other), index.max(other));
            records.swap(a, b);
            place = a;
        }
        Kind::Insertion => records.insert(index, event(1_000 + index as u64)),
        Kind::Truncation => records.truncate(index),
        Kind::Regrowth => {
            records.truncate(index);
            records.extend((0..1 + dice.below(EVENTS) as u64).map(|number| event(10_000 + number)));
        }
        Kind::Rollback => {
            // A copy is of a moment at which a checkpoint had just been signed.
            place = STEP * (1 + dice.below(EVENTS / STEP - 1));
            records.truncate(place);
        }
        Kind::OtherLog => return (History::elsewhere(records), Position(1)),
    }
    (History::of(records), Position(place as u64 + 1))
}

/// The bytes with one bit flipped, one byte more or one less.
fn changed(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    match (dice.below(3), bytes.is_empty()) {
        (_, true) | (0, _) => bytes.push(u8::try_from(dice.below(256)).unwrap()),
        (1, _) => drop(bytes.pop()),
        _ => {
            let at = dice.below(bytes.len());
            bytes[at] ^= 1 << dice.below(8);
        }
    }
    bytes
}

/// Changes one field of an envelope that is not a number which its place obliges it to.
fn edit(records: &mut [Record], index: usize, dice: &mut Dice) {
    let before = records[index - 1].envelope.time;
    let envelope: &mut Envelope = &mut records[index].envelope;
    match dice.below(8) {
        0 => envelope.tenant = TenantId(envelope.tenant.0 + 1),
        1 => envelope.stream = StreamId([0x77; 16]),
        2 => envelope.event_type += 1,
        3 => envelope.event_version += 1,
        4 => envelope.command = CommandHash([0x77; 16]),
        5 => envelope.command_index += 1,
        6 => envelope.time = Time(before.0.midpoint(envelope.time.0)),
        _ => envelope.key_id += 1,
    }
}
