use super::{keyring, rebuildable, segment};
use crate::disk::{Image, Place};
use std::sync::Arc;

/// Bytes of one field, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Which field of which structure.
    pub field: &'static str,
    /// The file, by its path on the disk.
    pub file: Arc<str>,
    /// Its first byte.
    pub start: usize,
    /// How many bytes.
    pub bytes: usize,
    /// What it is a part of.
    pub owner: Owner,
}

/// What a field is a part of, as far as a report has to name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A part of the log: a report names the segment, an offset and a position within these.
    Log {
        /// Offset at which the part starts.
        start: usize,
        /// Offset behind it.
        end: usize,
        /// First position in it, or after it when it has none.
        first: u64,
        /// Last position in it, or `first`.
        last: u64,
        /// Whether nothing follows it in the log: what happens to it cannot be told from a torn write.
        is_tail: bool,
    },
    /// A slot of the keyring: a report names the file and the slot's offset.
    Keyring {
        /// Offset of the slot.
        slot: usize,
    },
    /// What can be made anew.
    Rebuildable,
}

/// Every field on the disk.
#[must_use]
pub fn spots(image: &Image) -> Vec<Spot> {
    let segments: Vec<_> = image.files.iter().filter(|(name, _)| Place::of(name) == Place::Segment).collect();
    let mut all = Vec::new();
    for (index, (name, content)) in segments.iter().enumerate() {
        all.extend(segment::spots(name, &content.bytes, index + 1 == segments.len()));
    }
    for (name, content) in &image.files {
        match Place::of(name) {
            Place::Watermark => all.extend(rebuildable::watermark(name, &content.bytes)),
            Place::Keyring => all.extend(keyring::spots(name, &content.bytes)),
            Place::Rebuildable => all.extend(rebuildable::index(name, &content.bytes)),
            _ => {}
        }
    }
    all
}
