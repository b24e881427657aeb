//! A disk that is simulated down to its sectors, and all that a power cut can leave of it.
//!
//! [`SimulatedDisk`] holds several folders (log, keyring, …), each a [`tidings_engine::log::Storage`], and records every
//! operation on any of them in one order. [`Medium`] is the model: which bytes and names are durable, and which only
//! written. A recording is played back operation by operation, and [`losses`] names what a power cut at that point may
//! take; [`Medium::after`] is the disk found then, an [`Image`].
//!
//! The engine's own unit tests use the smaller `MemoryStorage`: it is part of the engine and cannot know this package.
//!
//! What the model assumes of a disk: a sector of 512 bytes is torn at one byte at most, and bytes of it that were not
//! written keep their value; everything else is lost, kept and reordered freely until the sync that covers it.

mod image;
mod lie;
mod loss;
mod medium;
mod operation;
mod storage;

pub use image::{Content, Image};
pub use lie::{LIES, Lie, Lying};
pub use loss::{FileLoss, Loss, LossKind, NameLoss, losses, random_loss};
pub use medium::{Medium, SECTOR_BYTES};
pub use operation::{Operation, OperationKind, Place};
pub use storage::{DiskStorage, Fault, SimulatedDisk};

#[cfg(test)]
mod tests;
