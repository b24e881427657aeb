//! Single flipped bits in every field of every structure of real disks.
//!
//! [`spots`] names the fields of a disk, from the written format and not by the code that reads it. Each flip is judged:
//! reported with its place, or without any effect; never wrong data, and never a panic.

mod campaign;
mod corpus;
mod judge;
mod keyring;
mod rebuildable;
mod segment;
mod spot;

pub use campaign::{Flips, FlipsOutcome, run_flips};
pub use judge::Told;
pub use spot::{Owner, Spot, spots};
