//! The wall clock, for comparing what a client saw with the stamps of `strace`, and for the times in tokens.

#![expect(
    clippy::disallowed_methods,
    reason = "the order of two processes' events is judged by the clock that both read"
)]

use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since 1970, as `strace -ttt` stamps its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Micros(pub(crate) u64);

impl Micros {
    /// This moment.
    pub(crate) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("this machine's clock is past 1970");
        Self(u64::try_from(since.as_micros()).expect("microseconds since 1970 fit for half a million years"))
    }

    /// Whole seconds since 1970, as tokens have them.
    pub(crate) fn seconds(self) -> i64 {
        i64::try_from(self.0 / 1_000_000).expect("a u64 divided by a million fits")
    }
}
