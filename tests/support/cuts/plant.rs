/// A bug that is planted in the simulated server, to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// Catching up tells no removals.
    SkipTombstones,
    /// Catching up goes on one event after where the client stands.
    CursorTooFar,
    /// Now and then a delta gets lost on its way out of the outbox.
    DropFrame,
    /// Now and then a delta goes out twice.
    DoubleFrame,
    /// Now and then two deltas change places.
    SwapFrames,
    /// A subscription that comes with a cursor is told that it has caught up at once.
    ForgetTheGap,
    /// Counts are told as they were before the gap.
    OldCounts,
    /// A command that is sent again is done again.
    ForgetCommands,
}

/// Every bug with its name.
pub const PLANTS: [(&str, Plant); 8] = [
    ("skip-tombstones", Plant::SkipTombstones),
    ("cursor-too-far", Plant::CursorTooFar),
    ("drop-frame", Plant::DropFrame),
    ("double-frame", Plant::DoubleFrame),
    ("swap-frames", Plant::SwapFrames),
    ("forget-the-gap", Plant::ForgetTheGap),
    ("old-counts", Plant::OldCounts),
    ("forget-commands", Plant::ForgetCommands),
];
