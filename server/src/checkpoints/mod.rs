//! Signed checkpoints of the running log: made on a thread of their own, kept in the data directory and in every sink.
//!
//! The thread reads durable events as any reader does, so the log never waits for it. What it keeps between two starts, the
//! accumulator, is disposable: it is checked against the log's chain and made anew from the log when it does not fit.

pub mod folder;
mod keeper;
pub mod keys;
mod orders;
mod status;
#[cfg(test)]
mod tests;

pub use folder::CHECKPOINTS_FOLDER;
pub use keys::{AdoptionError, CheckpointKeys, RotationError, adopt};
pub use orders::{Checkpoints, admin_routes};
pub use status::Status;

pub(crate) use folder::{read, write_durably};

use crate::config;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;
use tidings_engine::engine::Engine;
use tidings_engine::ids::Time;
use tidings_engine::log::Storage;
use tracing::warn;

/// Longest wait for the last checkpoint when the server ends: 5 s. A sink that hangs must not hold it up.
const LAST_CHECKPOINT: Duration = Duration::from_secs(5);

/// The running thread.
pub struct Keeping {
    /// The way to it.
    pub checkpoints: Checkpoints,
    thread: JoinHandle<()>,
}

/// Has the log adopt the key of the data directory, and starts the thread.
///
/// # Errors
/// [`AdoptionError`]; the engine is to be dropped then.
pub fn start<S: Storage>(
    engine: &mut Engine<S>,
    data: &Path,
    settings: &config::Checkpoints,
    now: Time,
) -> Result<Keeping, Box<AdoptionError>> {
    let key = adopt(engine, data, now)?;
    let started = keeper::start(engine.reader(), key, data, settings);
    let (checkpoints, thread) = started.map_err(AdoptionError::System)?;
    Ok(Keeping { checkpoints, thread })
}

impl Keeping {
    /// Signs what the log has come to, and ends. The writer has ended before.
    pub async fn end(self) {
        self.checkpoints.stop();
        let ended = tokio::task::spawn_blocking(move || self.thread.join());
        if tokio::time::timeout(LAST_CHECKPOINT, ended).await.is_err() {
            warn!("the last checkpoint is not written yet; it is not waited for");
        }
    }
}
