//! `GET /v1/connect`: where a server's carriers are.

use crate::connector::Connector;
use crate::error::ClientError;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::header::{ACCEPT, HOST};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};

/// Most bytes of the answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

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
        let uri: Uri = url.parse().map_err(|error| wrong(&url, &error))?;
        self.within(async {
            let stream = self.open_tcp(&uri).await?;
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(ClientError::failed)?;
            let answer = async {
                let request = Request::get(uri.path())
                    .header(HOST, uri.authority().map_or("", |authority| authority.as_str()))
                    .header(ACCEPT, "application/json")
                    .body(Empty::<&[u8]>::new())
                    .map_err(|error| wrong(&url, &error))?;
                let response = sender.send_request(request).await.map_err(ClientError::failed)?;
                if !response.status().is_success() {
                    return Err(ClientError::Refused { status: Some(response.status().as_u16()) });
                }
                let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
                Ok(serde_json::from_slice(&body.map_err(ClientError::failed)?.to_bytes())?)
            };
            tokio::pin!(connection);
            tokio::pin!(answer);
            // The connection must be driven beside the question; it may end just before the answer is complete.
            tokio::select! {
                places = &mut answer => places,
                ended = &mut connection => {
                    ended.map_err(ClientError::failed)?;
                    answer.await
                }
            }
        })
        .await
    }
}

pub(crate) fn wrong(url: &str, cause: &dyn std::fmt::Display) -> ClientError {
    ClientError::Url { url: url.to_owned(), cause: cause.to_string() }
}
