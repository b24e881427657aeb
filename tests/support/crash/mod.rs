//! The crash proof: scripts run on a simulated disk, and every disk that a power cut can leave is opened and judged.
//!
//! [`record`] runs a [`crate::script::Script`] once and keeps each storage operation, with what was acknowledged when.
//! [`enumerate`] plays the operations back and hands out the disk of every loss at every operation. [`judge`] opens such a
//! disk as the server would and compares what it finds with what was promised. [`Campaign`] does it for all workloads.

mod campaign;
mod checkpoints;
mod engine_subject;
mod enumerate;
mod faults;
mod finding;
mod histogram;
mod judge;
mod log_subject;
mod promise;
mod record;
mod replay;
mod requests;
mod subject;

pub use campaign::{Campaign, Outcome, run};
pub use checkpoints::Checkpoints;
pub use engine_subject::WRAPPING_KEY;
pub use enumerate::{CrashState, enumerate};
pub use faults::{FAULTS, FaultOutcome, run_faults};
pub use finding::{Finding, What};
pub use histogram::Histogram;
pub use judge::{guarded, judge};
pub use promise::{Group, Kept, Promise};
pub use record::{Recording, record};
pub use replay::replay;
pub use subject::{Opened, Setting, Subject, open};

#[cfg(test)]
mod tests;
