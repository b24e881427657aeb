//! Where the fields of files are that can be made anew: a flip in one may have no effect.

use super::spot::{Owner, Spot};
use std::sync::Arc;

const SLOT_BYTES: usize = 512;

const WATERMARK_FIELDS: [(&str, usize, usize); 6] = [
    ("watermark: magic", 0, 8),
    ("watermark: sequence", 8, 8),
    ("watermark: position", 16, 8),
    ("watermark: chain", 24, 32),
    ("watermark: zeros", 56, 508 - 56),
    ("watermark: CRC", 508, 4),
];

const SIDECAR_FIELDS: [(&str, usize, usize); 11] = [
    ("sidecar: magic", 0, 8),
    ("sidecar: version", 8, 4),
    ("sidecar: number", 12, 4),
    ("sidecar: log id", 16, 16),
    ("sidecar: file bytes", 32, 8),
    ("sidecar: redactions, count", 40, 8),
    ("sidecar: first position", 48, 8),
    ("sidecar: last position", 56, 8),
    ("sidecar: chain", 64, 32),
    ("sidecar: term", 96, 8),
    ("sidecar: time", 104, 8),
];

const INDEX_FIELDS: [(&str, usize, usize); 11] = [
    ("index: magic", 0, 8),
    ("index: version", 8, 4),
    ("index: number", 12, 4),
    ("index: log id", 16, 16),
    ("index: first position", 32, 8),
    ("index: events", 40, 8),
    ("index: file bytes", 48, 8),
    ("index: redactions", 56, 4),
    ("index: chain", 60, 32),
    ("index: streams, tenants", 92, 8),
    ("index: postings bytes", 100, 8),
];

const SNAPSHOT_FIELDS: [(&str, usize, usize); 8] = [
    ("snapshot: magic", 0, 8),
    ("snapshot: kind, schema", 8, 8),
    ("snapshot: log id", 16, 16),
    ("snapshot: epoch", 32, 8),
    ("snapshot: position", 40, 8),
    ("snapshot: chain", 48, 32),
    ("snapshot: parts, hash", 80, 40),
    ("snapshot: CRC", 120, 4),
];

/// The fields of the watermark, in both slots.
pub(super) fn watermark(name: &Arc<str>, bytes: &[u8]) -> Vec<Spot> {
    let slots = (0..bytes.len() / SLOT_BYTES).map(|slot| slot * SLOT_BYTES);
    let written = slots.filter(|at| bytes[*at..*at + 8] == *b"TIDINGSW");
    written.flat_map(|at| fields(name, bytes, &WATERMARK_FIELDS, at)).collect()
}

/// The fields of a sidecar, of the index of a segment, or of a snapshot.
pub(super) fn index(name: &Arc<str>, bytes: &[u8]) -> Vec<Spot> {
    let (table, entries, entries_at): (&[_], _, _) = match bytes.get(..8) {
        Some(b"TIDINGSX") => (&SIDECAR_FIELDS, "sidecar: entries, CRC", 112),
        Some(b"TIDINGSS") => (&SNAPSHOT_FIELDS, "snapshot: body", 124),
        Some(_) if name.ends_with(".sidx") => (&INDEX_FIELDS, "index: rows, postings, CRCs", 128),
        _ => return Vec::new(),
    };
    let mut spots = fields(name, bytes, table, 0);
    spots.extend(fields(name, bytes, &[(entries, entries_at, bytes.len().saturating_sub(entries_at))], 0));
    spots
}

/// Those of the fields that are there: a crash may have left the file shorter.
fn fields(name: &Arc<str>, file: &[u8], table: &[(&'static str, usize, usize)], at: usize) -> Vec<Spot> {
    let owner = Owner::Rebuildable;
    let spot = |(field, start, bytes): &(&'static str, usize, usize)| Spot {
        field,
        file: Arc::clone(name),
        start: at + start,
        bytes: *bytes,
        owner,
    };
    table.iter().filter(|(_, start, bytes)| *bytes > 0 && at + start + bytes <= file.len()).map(spot).collect()
}
