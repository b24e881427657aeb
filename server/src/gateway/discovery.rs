//! Where the carriers are, as a client reaches them.

use super::Server;
use serde_json::{Value, json};
use std::net::SocketAddr;
use tidings_adapters::http::Reached;

impl Server {
    /// The answer of `GET /v1/connect`.
    pub(super) fn places(&self, reached: Reached<'_>) -> Value {
        let is_secure = reached.is_secure.unwrap_or(self.is_secure);
        let (http, ws) = if is_secure { ("https", "wss") } else { ("http", "ws") };
        let host = reached.host.unwrap_or("localhost");
        // The name that the client used reaches this machine: QUIC is at the same name, on its own port.
        let name = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(name, _)| name);
        let own_webtransport =
            || format!("https://{}:{}/v1/connect/webtransport", quic_name(name, self.quic), self.quic.port());
        let webtransport = self.public.read().webtransport.clone().unwrap_or_else(own_webtransport);
        let own_websocket = || format!("{ws}://{host}/v1/connect/websocket");
        let websocket = self.public.read().websocket.clone().unwrap_or_else(own_websocket);
        let own_events = || format!("{http}://{host}/v1/connect/events");
        let events = self.public.read().events.clone().unwrap_or_else(own_events);
        let hashes: Vec<&String> = self.pinned.iter().collect();
        json!({
            "webtransport": { "url": webtransport, "certificateHashes": hashes },
            "websocket": { "url": websocket },
            "events": { "url": events },
            "http": { "url": format!("{http}://{host}") },
        })
    }
}

/// The name for QUIC: an address that QUIC listens on alone is told as such, since `localhost` may mean another one.
fn quic_name(name: &str, quic: SocketAddr) -> String {
    match quic {
        SocketAddr::V4(address) if name == "localhost" => address.ip().to_string(),
        _ => name.to_owned(),
    }
}
