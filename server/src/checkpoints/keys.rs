//! The keys that sign checkpoints: files of the data directory, adopted by events of the log.

use crate::secrets::{self, SecretError};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tidings_engine::checkpoint::{SigningKey, origin};
use tidings_engine::command::{Command, Request};
use tidings_engine::engine::{Engine, StorageFailure};
use tidings_engine::grant::Grant;
use tidings_engine::ids::Time;
use tidings_engine::log::Storage;
use tracing::{info, warn};

/// The key that signs.
const KEY: &str = "checkpoint.key";
/// The key that is to follow it: the server adopts it at its next start, endorsed by the one before, which it replaces.
const NEXT_KEY: &str = "checkpoint.key.next";

/// The keys of a data directory.
#[derive(Debug)]
pub struct CheckpointKeys {
    current: Option<SigningKey>,
    next: Option<SigningKey>,
}

/// A key cannot follow the one that signs now.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// A key file cannot be read or written.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// There is no key that could endorse another.
    #[error("there is no {KEY} yet: the server makes it at its first start")]
    NoKey,
    /// One is waiting already.
    #[error("{NEXT_KEY} is there already: the server adopts it at its next start")]
    Waiting,
}

/// A key was not adopted.
#[derive(Debug, thiserror::Error)]
pub enum AdoptionError {
    /// A key file cannot be read or written.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The log failed while the adoption was recorded.
    #[error(transparent)]
    Log(StorageFailure),
    /// The adopted key's file cannot be put in the place of the one before.
    #[error("{path}: {source}")]
    Replace {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The thread or its folder cannot be had.
    #[error("checkpoints: {0}")]
    System(io::Error),
}

impl AdoptionError {
    /// The log's own failure, where that is the cause.
    #[must_use]
    pub const fn log(&self) -> Option<&StorageFailure> {
        match self {
            Self::Log(error) => Some(error),
            _ => None,
        }
    }
}

impl CheckpointKeys {
    /// Reads the keys that are there. Makes none.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn read(data: &Path) -> Result<Self, SecretError> {
        let key = |name| Ok(secrets::read(&data.join(name))?.as_ref().map(SigningKey::from_seed));
        Ok(Self { current: key(KEY)?, next: key(NEXT_KEY)? })
    }

    /// The key that signs for a log which adopted `adopted` last. In a log that adopted none yet it is the current one.
    #[must_use]
    pub fn signer(&self, adopted: Option<&[u8; 32]>) -> Option<&SigningKey> {
        let is_it = |key: &&SigningKey| adopted.is_none_or(|adopted| key.public() == *adopted);
        self.current.iter().chain(&self.next).find(is_it)
    }

    /// As [`CheckpointKeys::signer`], without the other keys.
    #[must_use]
    pub fn into_signer(self, adopted: Option<&[u8; 32]>) -> Option<SigningKey> {
        let is_it = |key: &SigningKey| adopted.is_none_or(|adopted| key.public() == *adopted);
        self.current.into_iter().chain(self.next).find(is_it)
    }

    /// Makes the key that is to follow the current one. It signs nothing before the server has adopted it.
    ///
    /// # Errors
    /// [`RotationError`]; no file that is there is overwritten.
    pub fn prepare(data: &Path) -> Result<SigningKey, RotationError> {
        let keys = Self::read(data)?;
        match (keys.current, keys.next) {
            (None, _) => Err(RotationError::NoKey),
            (_, Some(_)) => Err(RotationError::Waiting),
            (Some(_), None) => Ok(SigningKey::from_seed(&secrets::read_or_make(&data.join(NEXT_KEY))?)),
        }
    }
}

/// Has the log adopt the key of the data directory, made now when there is none, and the key that is to follow it. Gives the
/// key that signs from here on; `None` when the log takes no events now.
///
/// # Errors
/// [`AdoptionError`]. After [`AdoptionError::Log`] the engine is of no more use.
pub fn adopt<S: Storage>(
    engine: &mut Engine<S>,
    data: &Path,
    now: Time,
) -> Result<Option<SigningKey>, Box<AdoptionError>> {
    let mut current = SigningKey::from_seed(&secrets::read_or_make(&data.join(KEY)).map_err(failed)?);
    let next = CheckpointKeys::read(data).map_err(failed)?.next;
    let adopted = engine.state().checkpoint_key().copied();
    // A crash between the adoption and the replacing of the file: the log is what counts.
    let is_half_done = next.as_ref().is_some_and(|next| adopted == Some(next.public()));
    if !is_half_done && adopted != Some(current.public()) {
        if adopted.is_some() {
            warn!(
                "the key of the checkpoints so far is gone: who trusts it will not trust the one that is adopted now"
            );
        }
        if !record(engine, &current, Vec::new(), now)? {
            return Ok(None);
        }
    }
    if let Some(next) = next {
        if !is_half_done {
            let name = origin(engine.reader().id());
            let text = next.verifier(&name).expect("an origin has neither space nor plus");
            if !record(engine, &next, current.endorse(&text), now)? {
                return Ok(Some(current));
            }
        }
        replace(data)?;
        current = next;
    }
    Ok(Some(current))
}

/// Whether the log has the adoption now.
fn record<S: Storage>(
    engine: &mut Engine<S>,
    key: &SigningKey,
    endorsement: Vec<u8>,
    now: Time,
) -> Result<bool, Box<AdoptionError>> {
    let command = Command::AdoptCheckpointKey { public: key.public(), endorsement };
    let grant = Arc::new(Grant::of_the_engine());
    let commit = engine.commit(&[Request { grant, key: None, fingerprint: [0; 16], command }], now);
    let commit = commit.map_err(|failure| AdoptionError::Log(failure.error))?;
    match commit.outcomes.first() {
        Some(Ok(done)) => {
            info!(position = done.position.0, key = ?key, "checkpoint key adopted");
            Ok(true)
        }
        refused => {
            warn!(?refused, "the log does not take the adoption of a checkpoint key");
            Ok(false)
        }
    }
}

fn replace(data: &Path) -> Result<(), Box<AdoptionError>> {
    let path = data.join(NEXT_KEY);
    let replaced = fs::rename(&path, data.join(KEY)).and_then(|()| fs::File::open(data)?.sync_all());
    replaced.map_err(|source| Box::new(AdoptionError::Replace { path, source }))
}

fn failed(error: SecretError) -> Box<AdoptionError> {
    Box::new(error.into())
}
