//! Bytes from a disk, as a group of the log.

use super::reach;
use tidings_engine::log::group::{self, GROUP_BYTES_MAX, Group, GroupContext};

/// Bytes of a group before its table, of one entry of the table, of a record before its facts, of the group's end.
const HEADER_BYTES: usize = 48;
const END_BYTES: usize = 4;
const RECORD_HEADER_BYTES: usize = 96;
const TRAILER_BYTES: usize = 36;

/// Decodes the bytes as they are, and once more with all checksums made right, so that what is behind them is reached.
pub fn run(data: &[u8]) {
    check(data);
    check(&with_sound_checksums(data));
}

/// What decodes must encode to the same bytes, but for the chain, which needs what came before.
fn check(bytes: &[u8]) {
    let Ok(Group { header, records, chain }) = group::decode(bytes) else { return reach("refused") };
    reach(if records.len() > 1 { "several records" } else { "decoded" });
    assert_eq!(records.len(), usize::try_from(header.count).expect("a count is small"));
    assert!(header.group_bytes() <= GROUP_BYTES_MAX && header.group_bytes() <= bytes.len());
    let context = GroupContext { term: header.term, durable_through: header.durable_through, salt: header.salt, chain };
    let again = group::encode(&records, &context);
    assert_eq!(again.len(), header.group_bytes());
    let same = again.len() - TRAILER_BYTES;
    assert_eq!(again[..same], bytes[..same]);
}

/// The bytes cut to one group whose magic, length and checksums are right; its counts and ends stay as they were.
pub(super) fn with_sound_checksums(data: &[u8]) -> Vec<u8> {
    let mut bytes = data.to_vec();
    let Some(payload_bytes) = bytes.len().checked_sub(HEADER_BYTES + TRAILER_BYTES) else { return bytes };
    bytes[..4].copy_from_slice(b"TdG1");
    put_u32(&mut bytes, 4, u32::try_from(payload_bytes).unwrap_or(u32::MAX));
    seal(&mut bytes, 0, 44);
    let count = u32_at(&bytes, 8) as usize;
    let trailer_at = HEADER_BYTES + payload_bytes;
    let records_at = HEADER_BYTES.saturating_add(END_BYTES.saturating_mul(count));
    let mut start = records_at;
    for end_at in (HEADER_BYTES..records_at.min(trailer_at)).step_by(END_BYTES) {
        let end = records_at + u32_at(&bytes, end_at) as usize;
        if end < start + RECORD_HEADER_BYTES || end > trailer_at {
            break;
        }
        let body = crc32c::crc32c(&bytes[start + RECORD_HEADER_BYTES..end]);
        put_u32(&mut bytes, start + RECORD_HEADER_BYTES - 8, body);
        seal(&mut bytes, start, start + RECORD_HEADER_BYTES - 4);
        start = end;
    }
    let checksum_at = bytes.len() - 4;
    seal(&mut bytes, HEADER_BYTES, checksum_at);
    bytes
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn put_u32(bytes: &mut [u8], at: usize, number: u32) {
    bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
}

/// Writes the checksum of the bytes from `from` to `at` at `at`.
fn seal(bytes: &mut [u8], from: usize, at: usize) {
    let checksum = crc32c::crc32c(&bytes[from..at]);
    put_u32(bytes, at, checksum);
}
