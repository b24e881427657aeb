//! From the wire to a command: every limit of a request is checked here, once, for sessions and for HTTP.

mod access;
mod audit;
#[cfg(test)]
mod audit_tests;
mod commands;
mod consent;
mod fields;
mod publication;
mod query;
mod settings;
#[cfg(test)]
mod tests;

pub use access::{Asker, managed};
pub use audit::{
    At, Events, EventsAsked, Replay, ReplayAsked, StateAsked, StateAt, Who, audit_events, audit_replay, audit_state,
    audit_verify, scope_tag,
};
pub use commands::command;
pub use publication::publication;
pub use query::{After, Page, filter, page};
