//! A client of `tidings.v1` over WebTransport, WebSocket and raw QUIC.
//!
//! [`Connector::discover`] asks a server where its carriers are, [`Connector::connect`] opens one, and a [`Client`] sends
//! and receives frames. [`Backoff`] says how long to wait before coming back; what to resume from is the caller's last
//! cursor.
//!
//! ```no_run
//! # async fn example(token: String) -> Result<(), tidings_client::ClientError> {
//! use tidings_client::{Connector, Transport, Trust};
//! use tidings_wire::{ClientFrame, Hello};
//!
//! let connector = Connector::new(&Trust::System);
//! let places = connector.discover("http://127.0.0.1:8080").await?;
//! let mut client = connector.connect_to(&places, Transport::WebTransport).await?;
//! client.send(&ClientFrame::Hello(Hello { token, ticket: None, client: None, subscribe: Vec::new() })).await?;
//! println!("{:?}", client.recv().await?);
//! # Ok(())
//! # }
//! ```

mod backoff;
mod client;
mod connector;
mod discovery;
mod error;
mod frame_stream;
mod http;

/// The example there compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use backoff::Backoff;
pub use client::{Client, Transport};
pub use connector::{Connector, Trust};
pub use discovery::{Place, Places, WebTransportPlace};
pub use error::ClientError;
pub use http::Answer;
