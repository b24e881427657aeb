//! Where the fields of a segment file are: format 1, from its document.

use super::spot::{Owner, Spot};
use std::sync::Arc;

const SEGMENT_HEADER_BYTES: usize = 4096;
const GROUP_HEADER_BYTES: usize = 48;
const TRAILER_BYTES: usize = 36;
const RECORD_HEADER_BYTES: usize = 96;

const SEGMENT_FIELDS: [(&str, usize, usize); 12] = [
    ("segment: magic", 0, 8),
    ("segment: format", 8, 4),
    ("segment: number", 12, 4),
    ("segment: log id", 16, 16),
    ("segment: epoch", 32, 8),
    ("segment: salt", 40, 8),
    ("segment: first position", 48, 8),
    ("segment: file bytes", 56, 8),
    ("segment: chain before", 64, 32),
    ("segment: redactions", 96, 4),
    ("segment: zeros", 100, 4092 - 100),
    ("segment: CRC", 4092, 4),
];

const GROUP_FIELDS: [(&str, usize, usize); 8] = [
    ("group: magic", 0, 4),
    ("group: payload bytes", 4, 4),
    ("group: count", 8, 4),
    ("group: first position", 12, 8),
    ("group: term", 20, 8),
    ("group: durable through", 28, 8),
    ("group: salt", 36, 8),
    ("group: header CRC", 44, 4),
];

const RECORD_FIELDS: [(&str, usize, usize); 16] = [
    ("envelope: position", 0, 8),
    ("envelope: tenant", 8, 4),
    ("envelope: tenant sequence", 12, 8),
    ("envelope: stream", 20, 16),
    ("envelope: revision", 36, 8),
    ("envelope: event type", 44, 2),
    ("envelope: event version", 46, 2),
    ("envelope: command hash", 48, 16),
    ("envelope: command index", 64, 2),
    ("envelope: time", 66, 8),
    ("envelope: key id", 74, 4),
    ("record: flags", 78, 2),
    ("record: facts bytes", 80, 4),
    ("record: content bytes", 84, 4),
    ("record: body CRC", 88, 4),
    ("record: header CRC", 92, 4),
];

/// The fields of one segment.
pub(super) fn spots(name: &Arc<str>, bytes: &[u8], is_last: bool) -> Vec<Spot> {
    let mut map = Map { name, bytes, spots: Vec::new() };
    let first = u64_at(bytes, 48);
    let header = Owner::Log { start: 0, end: SEGMENT_HEADER_BYTES, first, last: first, is_tail: false };
    map.add(&SEGMENT_FIELDS, 0, header);
    let mut next = first;
    let mut at = SEGMENT_HEADER_BYTES;
    while bytes.len() >= at + GROUP_HEADER_BYTES && bytes[at..at + 4] == *b"TdG1" {
        let count = u64::from(u32_at(bytes, at + 8));
        let end = at + GROUP_HEADER_BYTES + u32_at(bytes, at + 4) as usize + TRAILER_BYTES;
        let follows = bytes.get(end..end + 4) == Some(b"TdG1");
        let owner = Owner::Log { start: at, end, first: next, last: next + count - 1, is_tail: is_last && !follows };
        map.group(at, end, count, owner);
        next += count;
        at = end;
    }
    let tail = Owner::Log { start: at, end: bytes.len(), first: next, last: next, is_tail: is_last };
    map.add_one(if is_last { "zeros after the log" } else { "zeros of a sealed segment" }, at, bytes.len() - at, tail);
    map.spots
}

struct Map<'a> {
    name: &'a Arc<str>,
    bytes: &'a [u8],
    spots: Vec<Spot>,
}

impl Map<'_> {
    fn add(&mut self, fields: &[(&'static str, usize, usize)], at: usize, owner: Owner) {
        fields.iter().for_each(|(field, start, bytes)| self.add_one(field, at + start, *bytes, owner));
    }

    fn add_one(&mut self, field: &'static str, start: usize, bytes: usize, owner: Owner) {
        if bytes > 0 {
            self.spots.push(Spot { field, file: Arc::clone(self.name), start, bytes, owner });
        }
    }

    fn group(&mut self, at: usize, end: usize, count: u64, owner: Owner) {
        self.add(&GROUP_FIELDS, at, owner);
        let ends_at = at + GROUP_HEADER_BYTES;
        let records_at = ends_at + 4 * usize::try_from(count).unwrap_or_default();
        self.add_one("group: ends of records", ends_at, records_at - ends_at, owner);
        let mut start = records_at;
        for index in 0..usize::try_from(count).unwrap_or_default() {
            let stop = records_at + u32_at(self.bytes, ends_at + 4 * index) as usize;
            self.add(&RECORD_FIELDS, start, owner);
            let facts = u32_at(self.bytes, start + 80) as usize;
            let content = u32_at(self.bytes, start + 84) as usize;
            self.add_one("facts", start + RECORD_HEADER_BYTES, facts, owner);
            let is_redacted = self.bytes[start + 78] & 1 == 1;
            let field = if is_redacted { "hash of a redacted content" } else { "content" };
            self.add_one(field, start + RECORD_HEADER_BYTES + facts, content, owner);
            start = stop;
        }
        self.add_one("group: chain", end - TRAILER_BYTES, 32, owner);
        self.add_one("group: CRC", end - 4, 4, owner);
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
