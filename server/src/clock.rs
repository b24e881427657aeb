//! The one place that reads the clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tidings_engine::ids::Time;

/// The wall clock, in milliseconds since the Unix epoch. A clock before 1970 reads as 0.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "everything else takes `now` as an argument that comes from here")]
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Measures how long something takes, for statistics alone: nothing is decided by it.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins here.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "statistics need finer steps than the wall clock has")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Seconds since the beginning.
    #[must_use]
    pub fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
