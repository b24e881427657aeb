//! Adapters: they move bytes between the network and the engine's session, and decide nothing.
//!
//! A [`carrier::Carrier`] gives and takes frames; [`driver::drive`] runs one against a [`gateway::Protocol`]; the accept
//! loops in [`quic`] and [`tcp`] ask the [`gateway::Gateway`], which is the server, who may come in.

pub mod carrier;
pub mod certificate;
pub mod driver;
pub mod events;
mod events_pipe;
mod events_text;
pub mod framing;
pub mod gateway;
pub mod http;
pub mod proxied;
pub mod quic;
mod quic_streams;
mod raw_quic;
pub mod tcp;
pub mod websocket;
mod websocket_output;
pub mod webtransport;
