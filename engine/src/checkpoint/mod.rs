//! Signed checkpoints: what the log was up to a position, in a form that anybody can keep and check.
//!
//! The form is that of C2SP, byte for byte: a [`Note`] is a *signed note*, its text a *tlog-checkpoint*, [`VerifierKey`] the
//! key in the form that other tools take. Who holds a checkpoint outside the machine finds with [`Comparison`] any edit,
//! removal, insertion, reorder, truncation and rollback below it, also when the whole log was rewritten and signed anew
//! with the stolen key. [`Folder`] keeps checkpoints durably, on any [`crate::log::Storage`].
//!
//! ```text
//! tidings/0f0e0d0c0b0a09080706050403020100          origin, which is also the name of the key: the log's id
//! 1000                                              size: the position
//! q8b3…=                                            RFC 6962 root over the leaves of the log
//! chain 41hs…=                                      the log's own chain at the position
//! time 2026-01-31T09:00:00.000Z                     when it was signed
//! epoch 1                                           generation of the log
//!
//! — tidings/0f0e… x08go/…=                          key hash and Ed25519 signature over all before the empty line
//! ```

mod accumulator;
mod comparison;
mod difference;
mod folder;
mod frontier;
mod key;
mod note;
mod signed;
mod standing;
mod statement;
mod taking_in;
#[cfg(test)]
mod tests;
mod thinning;
mod trust;

pub use accumulator::Accumulator;
pub use comparison::{Agreement, Comparison, Named};
pub use difference::{Difference, Disagreement, Place};
pub use folder::{Folder, Kept, NoRecall};
pub use frontier::{Frontier, FrontierError};
pub use key::{KeyError, SigningKey, VerifierKey};
pub use note::{NOTE_BYTES_MAX, Note, NoteError, SIGNATURES_COUNT_MAX, Signature};
pub use signed::{CheckpointError, SignedCheckpoint};
pub use standing::{Standing, standing};
pub use statement::{Checkpoint, StatementError, origin};
pub use taking_in::TakeInError;
pub use trust::{Signer, Trust};
