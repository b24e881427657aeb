//! The server under load, in a process of its own.

use crate::broadcast::{Broadcast, Plan, Publisher, broadcast};
use crate::child::{Child, Idle, measure_idle};
use crate::crowd::{Counts, Crowd, Place};
use crate::reader::Language;
use crate::tokens::Signer;
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::json;
use std::path::Path;
use std::process::Command;
use tidings_client::{Connector, Transport, Trust};

/// What a server did under load.
pub(crate) struct Measured {
    pub(crate) websocket: Option<Idle>,
    pub(crate) webtransport: Option<Idle>,
    pub(crate) broadcast: Broadcast,
}

impl Measured {
    /// Bytes of one delivery's frame.
    pub(crate) const fn frame_bytes(&self) -> usize {
        self.broadcast.frame_bytes
    }
}

/// Starts the server `binary`, connects everybody, measures, broadcasts.
pub(crate) async fn measure(binary: &Path, counts: Counts, plan: Plan) -> Result<Measured> {
    let directory = tempfile::tempdir().context("no place for the server's data")?;
    let data = directory.path().join("data");
    let mut command = Command::new(binary);
    command.args(["serve", "--dev", "--data"]).arg(&data);
    command.args(["--http", "127.0.0.1:0", "--quic", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    let server = Child::start(command, &directory.path().join("log"))?;
    let http = server.told("http").context("the server printed no http address")?;
    let signer = Signer::of(&data)?;
    let connector = Connector::new(&Trust::Anything);
    let places = connector.discover(&http).await?;
    let websocket = places.websocket.context("the server offers no WebSocket")?.url;
    let webtransport = places.webtransport.context("the server offers no WebTransport")?.url;
    let mut crowd = Crowd::new();
    let mut idle = [None, None];
    for (index, (transport, url)) in
        [(Transport::WebSocket, websocket), (Transport::WebTransport, webtransport)].into_iter().enumerate()
    {
        let place = Place { url, transport, language: Language::Tidings };
        let token = |number| signer.token(&format!("{transport:?}-{number}"), "user");
        let tokens = (0..counts.of(transport)).map(token).collect::<Result<Vec<_>>>()?;
        idle[index] = measure_idle(&mut crowd, &place, &tokens, server.pid()).await?;
    }
    let authorization = format!("Bearer {}", signer.token("mailer", "service")?);
    let mut publisher = Http { connector, url: format!("{http}/v1/notifications"), authorization };
    let clients = counts.websocket + counts.webtransport;
    let broadcast = broadcast(crowd, clients, plan, server.pid(), &mut publisher).await?;
    let [websocket, webtransport] = idle;
    Ok(Measured { websocket, webtransport, broadcast })
}

/// Publishes to everyone of the tenant over HTTP.
struct Http {
    connector: Connector,
    url: String,
    authorization: String,
}

impl Publisher for Http {
    async fn publish(&mut self, body: String) -> Result<()> {
        let body = Bytes::from(json!({"to": {"type": "tenant"}, "body": body}).to_string());
        let headers = [("authorization", self.authorization.as_str()), ("content-type", "application/json")];
        let answer = self.connector.request("POST", &self.url, &headers, body).await?;
        ensure!(answer.status == 201, "publishing was answered by {}: {:?}", answer.status, answer.body);
        Ok(())
    }
}
