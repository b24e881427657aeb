//! What the tests share: the bodies of the fuzz targets, step scripts, two readers of one log, and a simulated disk with
//! what is proved on it.

pub mod chance;
pub mod conversation;
pub mod crash;
pub mod cuts;
pub mod disk;
pub mod event_text;
pub mod flips;
pub mod fuzz;
pub mod http;
pub mod insides;
pub mod script;
mod source;
pub mod tokens;
pub mod verdicts;
