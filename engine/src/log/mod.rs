//! The append-only log: segment files of groups of records, hashed into a chain.
//!
//! [`Log`] is the one committer: [`Log::append`] is one write and one `fdatasync`, after which its events are durable.
//! [`LogReader`] reads durable events from any thread. [`audit::verify`] re-reads everything beside a running server.
//! [`group`] is the encoding alone, without files. Storage is a trait: [`FileStorage`] on disk, [`MemoryStorage`] for tests.
//!
//! This is **format 1**, frozen: `docs/log-format.md` has every byte. All numbers are little endian.
//!
//! ```text
//! segment  header of 4096 bytes | group | group | … | zeros up to the segment's length
//! group    header (48) | end of each record (4 each) | records | chain after the last event (32) | CRC32C (4)
//! record   envelope (78) | flags (2) | facts bytes (4) | content bytes (4) | CRC32C of both (4) | CRC32C (4) | facts | content
//! ```

pub mod audit;
mod chain;
mod copy;
mod damage;
mod directory;
mod encoder;
mod envelope;
mod error;
pub(crate) mod fields;
mod file_storage;
pub mod group;
mod heal;
mod index;
mod inspect;
mod keyed;
mod memory_storage;
mod options;
mod plan;
mod reader;
mod record;
mod recovery;
mod redact;
mod repair;
mod restore;
mod segment;
mod sidecar;
mod space;
mod storage;
mod stored;
mod tail;
#[cfg(test)]
mod tests;
mod walk;
mod watermark;
mod whole_file;
mod writer;

pub(crate) use chain::sha256;
pub use chain::{Chain, LogId};
pub use copy::{PartStart, copy, part_start};
pub use damage::{Damage, What};
pub use encoder::{Encoded, Encoder};
pub use envelope::Envelope;
pub use error::LogError;
pub use file_storage::FileStorage;
pub use inspect::{Finding, HeaderReport, Inspection, SegmentReport, excerpt, inspect};
pub use keyed::KeyedScan;
pub use memory_storage::{Fault, MemoryStorage, Operations, Unsynced};
pub use options::LogOptions;
pub use plan::Plan;
pub use reader::{ChainCheck, LogReader, Scan};
pub use record::{CONTENT_BYTES_MAX, FACTS_BYTES_MAX, Record};
pub use recovery::{Quarantined, Recovery};
pub use redact::Rewritten;
pub use repair::{RepairError, repair};
pub use restore::{Restored, begin_epoch};
pub use segment::{FORMAT, SEGMENT_BYTES_MAX, SEGMENT_HEADER_BYTES};
pub use space::{RoomFor, Space};
pub use storage::{Storage, StorageError};
pub use stored::Stored;
pub use watermark::Watermark;
pub use whole_file::write_whole;
pub use writer::{Appended, Log};

pub use group::{GROUP_BYTES_MAX, group_bytes};
