//! The one language of scripts: what is done to an engine, or to a log alone, step by step.
//!
//! A [`Script`] is data: a seed gives the same one everywhere, and a failure is shown as its steps.

mod generate;
mod step;

pub use generate::{WORKLOADS_COUNT, workload};
pub use step::{Act, Level, Script, Step};
