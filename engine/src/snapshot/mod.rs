//! Snapshots of folds: files that save folding the whole log at the next start.
//!
//! Disposable and never believed. A snapshot says which log it is of, up to which position, and the chain there; a file
//! whose bytes are not those that were written, or whose chain is not the log's, is passed by. Removing all of them costs a
//! slow start and nothing else. Nothing personal is in them, for there is nothing personal in what is folded.

mod header;
mod parts;
mod reading;
mod store;

pub use header::Stamp;
pub(crate) use parts::{PartError, Sink};
pub use store::{Ignored, IgnoredWhy, SnapshotError, Snapshots};

pub(crate) use parts::decode;
