//! How a log is opened.

use crate::ids::Position;

/// How a log is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// Bytes of a new segment, rounded up to 4,096 and to what its first group needs; existing ones keep theirs.
    /// From 8 KiB to 1 GiB; default 64 MiB.
    pub segment_bytes: u64,
    /// Bytes held back for what a full disk must not stop; see [`super::RoomFor::Urgent`]. Default: as a segment. 0: none.
    pub reserve_bytes: Option<u64>,
    /// Takes no lock, changes nothing, and serves what is before any damage. Default: no.
    pub read_only: bool,
    /// Reads the records of sealed segments too, so that damage there is met now and not when it is read. Default: no.
    pub read_all: bool,
    /// The last position known durable by other means than the log, such as a checkpoint: a log that ends before it is
    /// damaged. Default: 0.
    pub known_durable: Position,
    /// Starts even though the last event was recorded long after the clock's now. Default: no.
    pub accept_clock: bool,
}

impl LogOptions {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        segment_bytes: 64 * 1024 * 1024,
        reserve_bytes: None,
        read_only: false,
        read_all: false,
        known_durable: Position::ZERO,
        accept_clock: false,
    };
}

impl Default for LogOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}
