//! The only place of this package that reads the clock.

#![expect(clippy::disallowed_methods, reason = "measuring is what this package is for; nothing decides by it")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A running measurement.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    started: Instant,
}

impl Stopwatch {
    /// Starts measuring.
    #[must_use]
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// Time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// What `work` gives, and how long it took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let watch = Stopwatch::start();
    let result = work();
    (result, watch.elapsed())
}

/// What `work` gives, and how long a core worked at it on this thread: what others do on the machine leaves it alone, where
/// the system tells. Where it does not, and for work that is short beside the steps in which it tells, the time that passed.
pub fn worked<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let before = thread_time();
    let (result, passed) = timed(work);
    if passed < STEPS {
        return (result, passed);
    }
    let took = thread_time().zip(before).map(|(after, before)| after.saturating_sub(before));
    (result, took.unwrap_or(passed))
}

/// Long beside the steps, of a few milliseconds, in which the scheduler adds up a thread's time.
const STEPS: Duration = Duration::from_millis(50);

/// Time that this thread has run, in nanoseconds, from the system's scheduler.
fn thread_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_ascii_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// Time since midnight UTC, as log lines tell it.
///
/// # Panics
/// On a machine whose clock is before 1970.
#[must_use]
pub fn time_of_day() -> Duration {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("this machine's clock is past 1970");
    Duration::new(since.as_secs() % 86_400, since.subsec_nanos())
}

/// Seconds since 1970, as tokens have them.
///
/// # Panics
/// On a machine whose clock is before 1970.
#[must_use]
pub fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("this machine's clock is past 1970").as_secs()
}
