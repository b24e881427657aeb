//! Whether the checkpoints that were kept agree with the log, before another one is signed.
//!
//! A sink outlives the data directory. So a server that starts with an older copy of its directory finds there what its
//! log has forgotten, and does not sign a second history under the same key.

use super::comparison::Named;
use super::folder::Folder;
use super::key::SigningKey;
use super::statement::{Checkpoint, origin};
use crate::log::{LogReader, StorageError};

/// What the newest kept checkpoint of a folder says about the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is kept, or it agrees.
    Agrees,
    /// It disagrees, and is ours. The text says what about.
    Disagrees(String),
    /// It disagrees, and the log has a later epoch: a repair or a restore gave events up, and said so.
    EarlierEpoch(String),
    /// It is no checkpoint, or it disagrees and somebody else signed it.
    Doubtful(String),
}

/// Compares the newest checkpoint of a folder with the log: the chain at its position covers every event before.
///
/// # Errors
/// The folder cannot be read.
pub fn standing(folder: &Folder, reader: &LogReader, key: &SigningKey) -> Result<Standing, StorageError> {
    let kept = folder.kept(reader.id())?;
    let Some(newest) = kept.iter().max_by_key(|kept| (kept.position, &kept.stamp)) else { return Ok(Standing::Agrees) };
    let Named { name, signed } = folder.read(newest)?;
    let signed = match signed {
        Ok(signed) => signed,
        Err(error) => return Ok(Standing::Doubtful(format!("{name}: {error}"))),
    };
    let Some(what) = difference(signed.checkpoint(), reader) else { return Ok(Standing::Agrees) };
    let text = format!("{name}: {what}");
    let own = key.verifier(&origin(reader.id())).ok().and_then(|own| own.verify(signed.note()));
    Ok(match own {
        _ if signed.checkpoint().epoch < reader.epoch() => Standing::EarlierEpoch(text),
        Some(true) => Standing::Disagrees(text),
        _ => Standing::Doubtful(text),
    })
}

fn difference(checkpoint: &Checkpoint, reader: &LogReader) -> Option<String> {
    let head = reader.head().0;
    if checkpoint.position > head {
        return Some(format!("the checkpoint knows {} events, the log has {head}", checkpoint.position));
    }
    if checkpoint.epoch > reader.epoch() {
        return Some(format!("the checkpoint knows epoch {}, the log is at {}", checkpoint.epoch, reader.epoch()));
    }
    match reader.chain_at(checkpoint.position) {
        Ok(chain) if chain == checkpoint.chain => None,
        Ok(_) => Some(format!("the log was rewritten at or before position {}", checkpoint.position)),
        Err(error) => Some(error.to_string()),
    }
}
