//! Reading one file: what is whole, what a crash left, what is damaged.

use super::damage::What;
use super::header::Header;
use super::index::Located;
use super::slot::{Body, SLOT_BYTES, Slot, SlotBytes, Target};
use super::{KeyId, Mark};
use crate::log::fields::all_zero;

/// What stands in a file.
#[derive(Debug)]
pub(super) struct Scanned {
    /// Live keys.
    pub(super) keys: Vec<Located>,
    /// Behind the last whole batch.
    pub(super) end: Progress,
    /// What a crash left of a batch after it.
    pub(super) torn: Option<Torn>,
}

/// How far the whole batches go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// Slots in use.
    pub(super) used: u32,
    /// How many of them hold a destroyed key or an erasure.
    pub(super) dead: u32,
    /// The next key's id.
    pub(super) next: KeyId,
    /// The last mark.
    pub(super) mark: Option<Mark>,
    keys_count: usize,
}

/// Slots of a batch that was never finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Torn {
    pub(super) from: u32,
    /// The last one that is not zero.
    pub(super) through: u32,
    /// Its mark, where a slot tells it.
    pub(super) mark: Option<Mark>,
}

/// A slot that is not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) slot: u32,
    pub(super) key: KeyId,
    pub(super) what: What,
}

/// Reads the file of this header, `next` being the first id it can hold. Only the last file may end in something torn.
pub(super) fn scan(bytes: &[u8], header: &Header, next: KeyId, is_last: bool) -> Result<Scanned, Fault> {
    let start = Progress { used: 1, dead: 0, next, mark: header.before, keys_count: 0 };
    let mut scan = Scan { bytes, header, keys: Vec::new(), now: start, whole: start, expected: None };
    for slot in 1..header.slots {
        // What is wrong with the first slot that is not sound, the rest of the file tells.
        let Some(Ok(found)) = scan.read(slot) else { break };
        scan.take(slot, &found)?;
    }
    let torn = scan.rest(is_last)?;
    scan.keys.truncate(scan.whole.keys_count);
    scan.keys.shrink_to_fit();
    Ok(Scanned { keys: scan.keys, end: scan.whole, torn })
}

/// Targets of the erasure at the very end of the last file: the only one whose slots may not be overwritten yet, because
/// no change begins before the one before it was finished.
pub(super) fn last_erasure(bytes: &[u8], header: &Header) -> Vec<Target> {
    let read = |slot| read(bytes, header, slot).and_then(Result::ok);
    let slots = (1..header.slots).rev();
    let last = slots.clone().find(|slot| !all_zero(slot_at(bytes, *slot))).unwrap_or(0);
    let mut targets = Vec::new();
    for (left, slot) in slots.skip_while(|slot| *slot > last).enumerate() {
        match read(slot) {
            Some(Slot { first, left: found, body: Body::Erasure { targets: some, .. } })
                if usize::from(found) == left =>
            {
                targets.extend(some);
                if first {
                    return targets;
                }
            }
            _ => break,
        }
    }
    Vec::new()
}

struct Scan<'a> {
    bytes: &'a [u8],
    header: &'a Header,
    keys: Vec<Located>,
    now: Progress,
    whole: Progress,
    /// Within a batch: how many slots follow the next one, and whether it is an erasure.
    expected: Option<(u16, bool)>,
}

impl Scan<'_> {
    fn read(&self, slot: u32) -> Option<Result<Slot, What>> {
        read(self.bytes, self.header, slot)
    }

    fn take(&mut self, slot: u32, found: &Slot) -> Result<(), Fault> {
        if !self.is_in_order(slot, found) {
            return Err(Fault { slot, key: self.now.next, what: What::Order });
        }
        match found.body {
            Body::Key { key, mark, .. } => {
                self.keys.push(Located { key, slot: narrow(slot), left: found.left });
                self.now.next = KeyId(key.0 + 1);
                self.now.mark = Some(mark);
            }
            Body::Destroyed { key } => {
                self.now.next = KeyId(key.0 + 1);
                self.now.dead += 1;
            }
            Body::Erasure { mark, .. } => {
                self.now.mark = Some(mark);
                self.now.dead += 1;
            }
            Body::End { next, mark } => {
                self.now.next = next;
                self.now.mark = Some(mark);
            }
        }
        self.now.used = slot + 1;
        self.now.keys_count = self.keys.len();
        let erases = matches!(found.body, Body::Erasure { .. });
        self.expected = found.left.checked_sub(1).map(|left| (left, erases));
        if self.expected.is_none() {
            self.whole = self.now;
        }
        Ok(())
    }

    /// Whether the slot continues its batch, or begins one, and the file.
    fn is_in_order(&self, slot: u32, found: &Slot) -> bool {
        let erases = matches!(found.body, Body::Erasure { .. });
        let in_batch = match self.expected {
            None => found.first || matches!(found.body, Body::Destroyed { .. }),
            Some(expected) => !found.first && (found.left, erases) == expected,
        };
        let rewritten = self.header.place.generation > 0;
        let is_end = rewritten && slot + 1 == self.header.slots;
        let in_file = match found.body {
            Body::Key { key, .. } | Body::Destroyed { key } if rewritten => {
                found.left == 0 && key >= self.now.next && !is_end
            }
            Body::Key { key, .. } | Body::Destroyed { key } => key == self.now.next,
            Body::Erasure { .. } => !rewritten,
            Body::End { next, .. } => found.left == 0 && next >= self.now.next && is_end,
        };
        in_batch && in_file
    }

    /// Judges what is behind the last whole batch.
    fn rest(&self, is_last: bool) -> Result<Option<Torn>, Fault> {
        let from = self.whole.used;
        let is_zero = all_zero(&self.bytes[from as usize * SLOT_BYTES..]);
        let rewritten = self.header.place.generation > 0;
        if is_zero && (!rewritten || from == self.header.slots) {
            return Ok(None);
        }
        if is_last && !rewritten {
            return self.torn(from).map(Some);
        }
        Err(self.first_fault(from))
    }

    /// Whether all that is not zero from here on can be one batch that was never finished.
    fn torn(&self, from: u32) -> Result<Torn, Fault> {
        let mut torn = Torn { from, through: from, mark: None };
        let mut batch_end = None;
        for slot in from..self.header.slots {
            let found = match self.read(slot) {
                None => continue,
                Some(Ok(found)) => found,
                Some(Err(_)) if Slot::is_unfinished(slot_at(self.bytes, slot)) => {
                    torn.through = slot;
                    continue;
                }
                Some(Err(what)) => return Err(self.fault(slot, what)),
            };
            let end = slot + u32::from(found.left);
            let fits = batch_end.is_none_or(|before| before == end) && end < self.header.slots;
            if !fits || found.first != (slot == from) || !self.may_be_torn(slot, &found) {
                return Err(self.first_fault(from));
            }
            batch_end = Some(end);
            torn.through = slot;
            if let Body::Key { mark, .. } | Body::Erasure { mark, .. } = found.body {
                torn.mark = Some(mark);
            }
        }
        // Also what is unfinished belongs to the batch.
        if batch_end.is_some_and(|end| torn.through > end) { Err(self.first_fault(from)) } else { Ok(torn) }
    }

    /// Whether the slot can be part of a batch that begins after the last whole one.
    fn may_be_torn(&self, slot: u32, found: &Slot) -> bool {
        match found.body {
            Body::Key { key, .. } => Some(key.0) == self.whole.next.0.checked_add(slot - self.whole.used),
            Body::Erasure { .. } => true,
            Body::Destroyed { .. } | Body::End { .. } => false,
        }
    }

    /// The first slot from here on that is not sound, or that is not there, or else the first.
    fn first_fault(&self, from: u32) -> Fault {
        let mut slots = from..self.header.slots;
        let unsound = slots.clone().find_map(|slot| Some((slot, self.read(slot)?.err()?)));
        let missing = || slots.find(|slot| self.read(*slot).is_none()).map(|slot| (slot, What::Hole));
        let (slot, what) = unsound.or_else(missing).unwrap_or((from, What::Order));
        self.fault(slot, what)
    }

    fn fault(&self, slot: u32, what: What) -> Fault {
        Fault { slot, key: KeyId(self.whole.next.0.saturating_add(slot - self.whole.used)), what }
    }
}

/// The slot, unless it is all zeros.
fn read(bytes: &[u8], header: &Header, slot: u32) -> Option<Result<Slot, What>> {
    let bytes = slot_at(bytes, slot);
    (!all_zero(bytes)).then(|| Slot::decode(bytes, &header.place, slot))
}

/// The bytes of a slot.
pub(super) fn slot_at(bytes: &[u8], slot: u32) -> &SlotBytes {
    let (slots, _) = bytes.as_chunks();
    &slots[slot as usize]
}

/// A slot number in two bytes.
pub(super) fn narrow(slot: u32) -> u16 {
    u16::try_from(slot).expect("a file has at most 65,536 slots")
}
