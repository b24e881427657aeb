//! From the wire to a command: every limit of a request is checked here, once, for sessions and for HTTP.

mod commands;
mod fields;
mod publication;
mod query;
#[cfg(test)]
mod tests;

pub use commands::command;
pub use publication::publication;
pub use query::{After, Page, filter, page};
