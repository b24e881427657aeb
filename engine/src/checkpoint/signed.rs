//! A checkpoint with its signatures.

use super::key::SigningKey;
use super::note::{Note, NoteError};
use super::statement::{Checkpoint, StatementError, origin};

/// A checkpoint as it is kept and handed on. Its signatures are not verified yet: see [`super::Trust`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
}

/// Bytes are not a signed checkpoint of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// They are not a signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The note is no checkpoint.
    #[error(transparent)]
    Statement(#[from] StatementError),
}

impl SignedCheckpoint {
    /// Signs a checkpoint.
    #[must_use]
    pub fn sign(checkpoint: Checkpoint, key: &SigningKey) -> Self {
        let note = key.sign(&origin(checkpoint.log), checkpoint.text());
        Self { checkpoint, note: note.expect("an origin has neither space nor plus") }
    }

    /// Reads a signed checkpoint.
    ///
    /// # Errors
    /// [`CheckpointError`]. Never panics, whatever the bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let note = Note::parse(bytes)?;
        let checkpoint = Checkpoint::parse(&note.text)?;
        Ok(Self { checkpoint, note })
    }

    /// What it states.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note.
    #[must_use]
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// The bytes that are kept and handed on.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.note.encode()
    }
}
