//! How long a stage took: the only place of this package that reads the clock.

#![expect(clippy::disallowed_methods, reason = "stages are timed for the person who waits; nothing decides by it")]

use std::time::{Duration, Instant};

/// A running measurement.
pub(crate) struct Stopwatch {
    started: Instant,
}

impl Stopwatch {
    /// Starts measuring.
    pub(crate) fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// Time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}
