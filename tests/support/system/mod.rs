//! What the tests of the release binary share. Each of them includes this module by its path, so that the library of
//! testkit, which the fuzz targets use too, needs no runtime and no sockets.

pub(crate) mod audited;
pub(crate) mod binary;
pub(crate) mod caller;
pub(crate) mod conversation;
pub(crate) mod damage;
pub(crate) mod document;
pub(crate) mod event_stream;
pub(crate) mod exposition;
pub(crate) mod follower;
pub(crate) mod lines;
pub(crate) mod server;
pub(crate) mod shown;
pub(crate) mod stopwatch;
pub(crate) mod strace;
pub(crate) mod tokens;

use std::time::Duration;

/// How long anything that must happen may take before the test fails. No test waits by it.
pub(crate) const GUARD: Duration = Duration::from_secs(60);

/// What comes of `future`, which must come.
///
/// # Panics
/// When it does not come within [`GUARD`].
pub(crate) async fn sure<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(GUARD, future).await.unwrap_or_else(|_| panic!("within {GUARD:?} there was no {what}"))
}
