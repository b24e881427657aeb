//! The one place that reads the clock.

use std::time::{SystemTime, UNIX_EPOCH};
use tidings_engine::ids::Time;

/// The wall clock, in milliseconds since the Unix epoch. A clock before 1970 reads as 0.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "everything else takes `now` as an argument that comes from here")]
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
