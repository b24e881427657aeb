//! `cargo xtask`: installs what the tests need, runs every stage, and says what each one cost.
//!
//! A stage is one file in [`stages`]; [`stages::all`] is the list in the order in which they run. The package `testkit`
//! reads the same list, so plain `cargo test` can say what it leaves to this command.

pub mod arguments;
pub mod child;
pub mod command;
pub mod instrument;
pub mod licences;
pub mod report;
pub mod stages;
mod stopwatch;
pub mod workspace;
