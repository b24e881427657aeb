//! Receipts of erasures: signed, and bound to the event in the log.

use crate::checkpoints::keys::CheckpointKeys;
use crate::secrets::SecretError;
use data_encoding::HEXLOWER;
use std::path::Path;
use tidings_engine::checkpoint::{SigningKey, origin};
use tidings_engine::event::{Event, Recorded};
use tidings_engine::grant::Grant;
use tidings_engine::ids::Position;
use tidings_engine::keys::Keys;
use tidings_engine::log::LogReader;
use tidings_engine::rejection::Rejection;
use tidings_wire::Receipt;
use tracing::error;

/// First line of the note, so that no other signed text can pass for a receipt.
const TITLE: &str = "tidings erasure receipt v1";

/// Gives receipts of one log.
#[derive(Debug)]
pub struct Receipts {
    signer: Option<SigningKey>,
}

impl Receipts {
    /// Receipts signed by the key of a data directory that the log adopted last.
    ///
    /// # Errors
    /// The key cannot be read.
    pub fn of(data: &Path, adopted: Option<[u8; 32]>) -> Result<Self, SecretError> {
        Ok(Self { signer: CheckpointKeys::read(data)?.into_signer(adopted.as_ref()) })
    }

    /// The receipt of the erasure at this position of the log, if it is one of the grant's tenant.
    ///
    /// # Errors
    /// `NotFound` for every other position; `Unavailable` without a key; `Internal` when the log cannot be read.
    pub fn receipt(
        &self,
        reader: &LogReader,
        keys: &Keys,
        grant: &Grant,
        event: Position,
    ) -> Result<Receipt, Rejection> {
        let signer = self.signer.as_ref().ok_or(Rejection::Unavailable)?;
        if event == Position::ZERO || event > reader.head().0 {
            return Err(Rejection::NotFound);
        }
        let failed = |why: &dyn std::fmt::Display| {
            error!(error = %why, position = event.0, "receipt cannot be made");
            Rejection::Internal
        };
        let record = reader.read(event).map_err(|error| failed(&error))?;
        let leaf = HEXLOWER.encode(&record.leaf());
        let recorded = Recorded::decode(record).map_err(|error| failed(&error))?;
        let Event::SubjectErased { fingerprint, .. } = recorded.facts.event else { return Err(Rejection::NotFound) };
        if recorded.envelope.stream != grant.tenant_stream {
            return Err(Rejection::NotFound);
        }
        let id = keys.item_id(grant.tenant_tag, event);
        let erased_at = recorded.envelope.time.rfc3339();
        let key_fingerprint = HEXLOWER.encode(&fingerprint);
        let name = origin(reader.id());
        let text = format!("{TITLE}\n{name}\nid {id}\ntime {erased_at}\nkey {key_fingerprint}\nleaf {leaf}\n");
        let note = signer.sign(&name, text).map_err(|error| failed(&error))?;
        let note = String::from_utf8(note.encode()).map_err(|error| failed(&error))?;
        Ok(Receipt { id, erased_at, key_fingerprint, leaf, note })
    }
}
