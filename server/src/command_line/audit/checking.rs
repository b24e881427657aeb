//! Comparing a log with the checkpoints that were kept: those of its data directory, and those that are given.

use super::super::fail;
use crate::checkpoints::{self, CHECKPOINTS_FOLDER};
use crate::exit::Exit;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use tidings_engine::checkpoint::{Accumulator, Agreement, Comparison, Disagreement, Kept, Named, Trust, VerifierKey};
use tidings_engine::ids::Position;
use tidings_engine::log::audit::{self, Verified};
use tidings_engine::log::{Damage, FileStorage, LogId, Record, StorageError};

/// The file in which an export tells what precedes a part of a log.
pub(crate) const PART_START: &str = "part.start";

/// A frontier has at most 64 subtrees, which take 2,144 bytes with all around.
const PART_START_BYTES_MAX: u64 = 4 * 1024;

#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct CheckingArguments {
    /// Signed checkpoint to compare the log with, or a folder of them; besides those in DIR/checkpoints
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Verifier key that is trusted, as `audit key` prints it, and every key endorsed after it. Without: the first key that
    /// the log itself names
    #[arg(long, value_name = "VKEY")]
    key: Vec<String>,
}

/// Why a log was not compared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckError {
    /// The log does not say which one it is.
    #[error(transparent)]
    Damage(#[from] Damage),
    /// A given key is none, or another log's.
    #[error("--key {text}: {why}")]
    Key { text: String, why: String },
    /// A file or folder cannot be read.
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    /// Kept checkpoints cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What precedes a part of a log is not what was written there.
    #[error("{0} does not tell what precedes the part of the log")]
    Start(PathBuf),
    /// A folder that was given holds nothing to compare with.
    #[error("{0} has no checkpoint")]
    Empty(PathBuf),
}

impl CheckError {
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Damage(_) | Self::Start(_) => Exit::Damage,
            Self::Key { .. } => Exit::Usage,
            Self::File { .. } | Self::Storage(_) | Self::Empty(_) => Exit::Failed,
        }
    }
}

impl CheckingArguments {
    /// Reads keys and checkpoints. To be done before the log is read: then the log has all that they know, also beside a
    /// running server.
    pub(crate) fn comparison(&self, data: &Path, storage: &FileStorage) -> Result<Comparison, CheckError> {
        let accumulator = match part_start(data)? {
            Some(accumulator) => accumulator,
            None => Accumulator::new(audit::log_id(storage)?),
        };
        let log = accumulator.log();
        let keys: Result<Vec<_>, _> = self.key.iter().map(|text| key(text, log)).collect();
        let mut named = Vec::new();
        let own = data.join(CHECKPOINTS_FOLDER);
        if own.is_dir() {
            folder(&own, |_| true, &mut named)?;
        }
        for path in &self.checkpoint {
            if path.is_dir() {
                shared(path, log, &mut named)?;
            } else {
                named.push(checkpoints::read(path).map_err(|source| CheckError::File { path: path.clone(), source })?);
            }
        }
        Ok(Comparison::new(accumulator, Trust::new(log, &keys?), named))
    }
}

/// What precedes the log of a directory that has a part of one alone.
fn part_start(data: &Path) -> Result<Option<Accumulator>, CheckError> {
    let path = data.join(PART_START);
    let mut bytes = Vec::new();
    match File::open(&path).and_then(|file| file.take(PART_START_BYTES_MAX).read_to_end(&mut bytes)) {
        Ok(_) => Accumulator::decode(&bytes).map(Some).ok_or(CheckError::Start(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(CheckError::File { path, source }),
    }
}

/// Verifies the log of a directory, or the part of one, beside a server or without, and compares it.
pub(crate) fn verified(storage: &FileStorage, comparison: &mut Comparison) -> Result<Verified, Damage> {
    let start = comparison.accumulator().part_start();
    let mut each = |record: &Record| {
        if !comparison.is_done() {
            comparison.record(record);
        }
    };
    if start.position != Position::ZERO {
        return audit::verify_part(storage, &start, &mut each);
    }
    audit::verify_settled(storage, &mut each)
}

fn key(text: &str, log: LogId) -> Result<VerifierKey, CheckError> {
    let wrong = |why: String| CheckError::Key { text: text.to_owned(), why };
    let key = VerifierKey::parse(text).map_err(|error| wrong(error.to_string()))?;
    let origin = tidings_engine::checkpoint::origin(log);
    if key.name() == origin { Ok(key) } else { Err(wrong(format!("is not a key of this log, which is {origin}"))) }
}

/// A folder that several logs may share: those of this log, or all when there are none of it, since this log stands where
/// one of the others did.
fn shared(path: &Path, log: LogId, named: &mut Vec<Named>) -> Result<(), CheckError> {
    let (before, log) = (named.len(), log.to_string());
    folder(path, |kept| kept.log == log, named)?;
    if named.len() == before {
        folder(path, |_| true, named)?;
    }
    if named.len() == before { Err(CheckError::Empty(path.to_owned())) } else { Ok(()) }
}

fn folder(path: &Path, is_meant: impl Fn(&Kept) -> bool, named: &mut Vec<Named>) -> Result<(), CheckError> {
    let folder = checkpoints::folder::at(path)?;
    for kept in folder.all()?.iter().filter(|kept| is_meant(kept)) {
        match folder.read(kept) {
            Ok(read) => named.push(read),
            // A running server thins its history.
            Err(StorageError::Io { kind: io::ErrorKind::NotFound, .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Ends the comparison with a log that was verified, or with the part of it before damage.
pub(crate) fn judged(
    comparison: Comparison,
    verified: &Result<Verified, Damage>,
) -> Result<Agreement, Box<Disagreement>> {
    match verified {
        Ok(verified) => comparison.finish(verified.epoch),
        Err(_) => comparison.finish_early(),
    }
}

/// One line about checkpoints that agree; none when there are none.
pub(crate) fn summary(agreement: &Agreement) -> Option<String> {
    let (last, key) = agreement.last.as_ref()?;
    let (count, position, time) = (agreement.count, last.position, last.time.rfc3339());
    let noun = if count == 1 { "checkpoint agrees" } else { "checkpoints agree" };
    let more =
        if agreement.before == 0 { String::new() } else { format!("; {} lie before the part", agreement.before) };
    Some(format!("{count} {noun}, the newest at position {position} of {time}, signed by {key}{more}"))
}

/// Says what was found wrong, and where: damage, a disagreement, or both.
pub(crate) fn found(damage: Option<&Damage>, judged: &Result<Agreement, Box<Disagreement>>) -> Exit {
    if let Err(disagreement) = judged {
        fail(Exit::Damage, disagreement);
    }
    if let Some(damage) = damage {
        fail(Exit::Damage, damage);
        if let Ok(Agreement { last: Some((place, _)), .. }) = judged {
            fail(Exit::Damage, &format!("the last checkpoint before the damage agrees: {place}"));
        }
    }
    Exit::Damage
}
