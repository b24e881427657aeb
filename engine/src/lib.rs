//! The engine of Tidings: decide, apply, log, token, session and admission.
//!
//! Nothing here knows a runtime, a clock, a socket or a source of randomness: `now` and entropy are arguments. The one
//! exception to "pure" is blocking file I/O in [`log`] and [`keyring`], behind a storage trait that memory implements too.

pub mod access;
pub mod admission;
pub mod audience;
pub mod audit;
pub mod checkpoint;
pub mod command;
pub mod consent;
pub mod cursor;
pub mod decide;
pub mod delivered;
pub mod drain;
pub mod engine;
pub mod entropy;
pub mod event;
pub mod grant;
pub mod ids;
pub mod item;
pub mod keyring;
pub mod keys;
pub mod limits;
pub mod log;
mod parallel;
pub mod proxies;
pub mod rate;
pub mod rejection;
pub mod request;
pub mod session;
pub mod snapshot;
pub mod state;
pub mod tickets;
pub mod token;
pub mod vault;
