//! `GET /v1/connect`: where a server's carriers are.

use crate::connector::Connector;
use crate::error::ClientError;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Where a server's carriers are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Places {
    /// WebTransport, where the server offers it.
    #[serde(default)]
    pub webtransport: Option<WebTransportPlace>,
    /// WebSocket, where the server offers it.
    #[serde(default)]
    pub websocket: Option<Place>,
}

/// An address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The URL to connect to.
    pub url: String,
}

/// Where WebTransport is, and which certificates it shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebTransportPlace {
    /// The URL to connect to.
    pub url: String,
    /// SHA-256 of each certificate in hexadecimal; empty when the certificate is trusted like any other.
    #[serde(default)]
    pub certificate_hashes: Vec<String>,
}

impl Connector {
    /// Asks `server`, such as `http://127.0.0.1:8080`, where its carriers are.
    ///
    /// # Errors
    ///
    /// The server cannot be reached, or its answer is not what `GET /v1/connect` gives.
    pub async fn discover(&self, server: &str) -> Result<Places, ClientError> {
        let url = format!("{}/v1/connect", server.trim_end_matches('/'));
        let answer = self.request("GET", &url, &[], Bytes::new()).await?;
        match answer.status {
            200 => Ok(serde_json::from_slice(&answer.body)?),
            status => Err(ClientError::Refused { status: Some(status) }),
        }
    }
}
