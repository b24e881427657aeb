//! Setting right what the rest of the log proves: a flipped bit in a group, or a segment header.
//!
//! A checksum finds the bit, and the hash chain proves that the result is what was written: nothing is guessed.

use super::chain::Chain;
use super::fields::{bytes_at, u32_at};
use super::group::{self, GROUP_HEADER_BYTES, GroupHeader};
use super::segment::{Identity, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::storage::Storage;
use super::walk::Walk;
use bytes::Bytes;

/// A byte to be changed: `byte ^= mask`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flip {
    /// Offset in the segment file.
    pub(crate) offset: u64,
    /// Its one bit that is wrong.
    pub(crate) mask: u8,
}

/// The one bit whose change makes the group at the walk's place what was written there. `before` is the chain before it.
pub(crate) fn flipped_bit(storage: &dyn Storage, walk: &mut Walk, before: Chain) -> Option<Flip> {
    let start = walk.offset();
    let found: [u8; GROUP_HEADER_BYTES] = bytes_at(&walk.bytes(storage, start, GROUP_HEADER_BYTES).ok()?, 0);
    let salt = walk.segment().header.identity.salt;
    let position = walk.position();
    let belongs = |header: &GroupHeader| header.salt == salt && header.first == position;
    if let Some(header) = GroupHeader::decode(&found).ok().filter(belongs) {
        let mut bytes = walk.bytes(storage, start, header.group_bytes()).ok()?.to_vec();
        let (at, mask) = wrong_bit(&bytes, GROUP_HEADER_BYTES)?;
        bytes[at] ^= mask;
        return is_whole(&header, bytes, before).then_some(Flip { offset: start + at as u64, mask });
    }
    for bit in 0..GROUP_HEADER_BYTES * 8 {
        let (at, mask) = (bit / 8, 1 << (bit % 8));
        let mut changed = found;
        changed[at] ^= mask;
        let Some(header) = GroupHeader::decode(&changed).ok().filter(belongs) else { continue };
        let Ok(bytes) = walk.bytes(storage, start, header.group_bytes()) else { continue };
        if is_whole(&header, bytes.to_vec(), before) {
            return Some(Flip { offset: start + at as u64, mask });
        }
    }
    None
}

/// Whether the bytes are a sound group that takes the chain from `before` to where it says.
fn is_whole(header: &GroupHeader, bytes: Vec<u8>, before: Chain) -> bool {
    let group = group::decode_shared(header, &Bytes::from(bytes));
    group.is_ok_and(|group| group.chains(before).last() == Some(group.chain))
}

/// Where the one wrong bit is, from `start` on or in the checksum of all that, which is at the end: as the checksum tells.
fn wrong_bit(bytes: &[u8], start: usize) -> Option<(usize, u8)> {
    let checksum_at = bytes.len() - 4;
    let difference = crc32c::crc32c(&bytes[start..checksum_at]) ^ u32_at(bytes, checksum_at);
    if difference.is_power_of_two() {
        let bit = difference.trailing_zeros() as usize;
        return Some((checksum_at + bit / 8, 1 << (bit % 8)));
    }
    // What a flip of each bit of the byte at `at` adds to the checksum, from the last byte backwards.
    let mut effects: [u32; 8] = std::array::from_fn(|bit| after_byte(1 << bit));
    for at in (start..checksum_at).rev() {
        if let Some(bit) = effects.iter().position(|effect| *effect == difference) {
            return Some((at, 1 << bit));
        }
        effects = effects.map(|effect| (effect >> 8) ^ after_byte(effect & 0xff));
    }
    None
}

/// The register of CRC32C after a byte, from a register that differs from it by this.
const fn after_byte(low: u32) -> u32 {
    TABLE[low as usize]
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut register, mut bit) = (byte as u32, 0);
        while bit < 8 {
            register = if register & 1 == 1 { register >> 1 ^ 0x82F6_3B78 } else { register >> 1 };
            bit += 1;
        }
        table[byte] = register;
        byte += 1;
    }
    table
};

/// What the log before and after a segment obliges its header to say, but for what only the header itself knows.
pub(crate) struct Obliged {
    /// The file's number, first position, chain and length.
    pub(crate) header: SegmentHeader,
    /// Greatest epoch it may have.
    pub(crate) epoch_max: u64,
}

/// The header that was written there, when one bit of it is wrong.
pub(crate) fn header_by_bit(found: &[u8; SEGMENT_HEADER_BYTES]) -> Option<SegmentHeader> {
    let (at, mask) = wrong_bit(found, 0)?;
    let mut bytes = *found;
    bytes[at] ^= mask;
    SegmentHeader::decode(&bytes).ok()
}

/// The header that was written there: the one that is obliged and has the checksum, or all the other bytes, that are there.
pub(crate) fn header(found: &[u8; SEGMENT_HEADER_BYTES], obliged: &Obliged) -> Option<SegmentHeader> {
    let base = obliged.header;
    let epochs = base.identity.epoch..=obliged.epoch_max.min(base.identity.epoch + EPOCHS_COUNT_MAX);
    for epoch in epochs {
        for redactions in 0..=REDACTIONS_COUNT_MAX {
            let header = SegmentHeader { identity: Identity { epoch, ..base.identity }, redactions, ..base };
            let bytes = header.encode();
            let end = SEGMENT_HEADER_BYTES - 4;
            if bytes[end..] == found[end..] || bytes[..end] == found[..end] {
                return Some(header);
            }
        }
    }
    None
}

/// How many epochs are tried for a header: 64.
const EPOCHS_COUNT_MAX: u64 = 64;

/// How many numbers of redactions are tried for a header: 256.
const REDACTIONS_COUNT_MAX: u32 = 256;
