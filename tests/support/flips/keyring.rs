//! Where the fields of the keyring's files are: slots of 128 bytes, the first of which is the header.

use super::spot::{Owner, Spot};
use std::sync::Arc;

const SLOT_BYTES: usize = 128;

const HEADER_FIELDS: [(&str, usize, usize); 10] = [
    ("keyring header: magic", 0, 8),
    ("keyring header: format", 8, 4),
    ("keyring header: number", 12, 4),
    ("keyring header: log id", 16, 16),
    ("keyring header: generation", 32, 4),
    ("keyring header: slots", 36, 4),
    ("keyring header: first key", 40, 4),
    ("keyring header: check", 44, 40),
    ("keyring header: mark", 84, 40),
    ("keyring header: CRC", 124, 4),
];

const KEY_FIELDS: [(&str, usize, usize); 9] = [
    ("keyring: kind", 0, 1),
    ("keyring: slots left", 1, 2),
    ("keyring: key id", 3, 4),
    ("keyring: tenant", 7, 4),
    ("keyring: lookup", 11, 16),
    ("keyring: stream", 27, 16),
    ("keyring: wrapped key", 43, 40),
    ("keyring: mark", 83, 40),
    ("keyring: CRC, end", 123, 5),
];

const DESTROYED_FIELDS: [(&str, usize, usize); 1] = [("keyring: destroyed", 0, SLOT_BYTES)];

const ERASURE_FIELDS: [(&str, usize, usize); 1] = [("keyring: erasure", 0, SLOT_BYTES)];

/// The fields of one file, up to its last slot in use.
pub(super) fn spots(name: &Arc<str>, bytes: &[u8]) -> Vec<Spot> {
    let mut spots = Vec::new();
    for (number, slot) in bytes.chunks_exact(SLOT_BYTES).enumerate() {
        let fields: &[(&'static str, usize, usize)] = match (number, slot[0] & 0x7F) {
            (0, _) => &HEADER_FIELDS,
            (_, 1 | 2) => &KEY_FIELDS,
            (_, 3) => &DESTROYED_FIELDS,
            (_, 4) => &ERASURE_FIELDS,
            _ => continue,
        };
        let at = number * SLOT_BYTES;
        spots.extend(fields.iter().map(|(field, start, bytes)| Spot {
            field,
            file: Arc::clone(name),
            start: at + start,
            bytes: *bytes,
            owner: Owner::Keyring { slot: at },
        }));
    }
    spots
}
