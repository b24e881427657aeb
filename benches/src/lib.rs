//! What the benches and the load tool share: a stopwatch, a table, sample events, and what the system says of a process.

pub mod choice;
pub mod probe;
pub mod process;
pub mod samples;
pub mod sealed;
pub mod spread;
pub mod stopwatch;
pub mod table;
