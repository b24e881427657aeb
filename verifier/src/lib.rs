//! Verifies a log of format 1, written from `docs/log-format.md` alone.
//!
//! Nothing here comes from the engine that writes the log: neither its code nor its checksum, hash or signature libraries,
//! so that a mistake there is not repeated here. [`verify`] reads a log from a [`Source`] once, in order, in bounded memory
//! (two reads ahead, and one entry for each stream and tenant), and checks every byte of it. [`Checkpoint`] reads a signed
//! statement about a log, which [`verify`] holds against it. The program `tidings-verify` is this on a command line.

mod base64;
mod checkpoint;
mod continuity;
mod crc32c;
mod damage;
mod event;
mod fields;
mod group;
mod note;
mod segment;
mod source;
mod tree;
mod verify;
mod walk;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use damage::{Damage, Failure, What};
pub use event::Event;
pub use note::{Key, KeyError, NoteError};
pub use source::{DirectorySource, MemorySource, SegmentBytes, Source};
pub use tree::Tree;
pub use verify::{Verified, verify};

/// SHA-256 of the parts, one after the other.
fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    use sha2::Digest as _;
    let mut hash = sha2::Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}
