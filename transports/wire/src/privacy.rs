//! What a privacy officer asks for and is given.

use serde::{Deserialize, Serialize};

/// Whom to erase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Erase {
    /// The person's name within the tenant.
    pub subscriber_id: String,
}

/// Proof of an erasure. It names nobody: who was erased is known to whoever asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// Opaque id of the erasure, for asking again.
    pub id: String,
    /// Recorded time of the erasure.
    pub erased_at: String,
    /// First 16 bytes of the SHA-256 of the destroyed key, hexadecimal.
    pub key_fingerprint: String,
    /// The event's leaf in the log, hexadecimal: whoever holds a later checkpoint can prove it.
    pub leaf: String,
    /// All of it as a C2SP signed note by the key that signs checkpoints.
    pub note: String,
}
