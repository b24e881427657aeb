//! The `tidings` server: configuration, writer thread, inbox thread, shutdown, telemetry, command line.

pub mod assets;
pub mod checkpoints;
pub mod clock;
pub mod command_line;
pub mod config;
pub mod connection;
pub mod connection_counts;
pub mod content;
pub mod dev_token;
pub mod entropy;
pub mod exit;
mod following;
pub mod gateway;
pub mod hub;
pub mod inbox;
pub mod node;
pub mod observed;
pub mod origins;
mod reading;
pub mod secrets;
pub mod telemetry;
pub mod tls;
pub mod verifier;
pub mod writer;
