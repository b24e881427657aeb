//! A client that shares nothing with this project but the document of the wire: the crate web-transport-quinn.
//!
//! `tests/foreign/rust_client.py` starts a server and runs it: hello, subscribe, delta, command, resume. Exit 0 when all is
//! as docs/wire.md has it.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use web_transport_quinn::{ClientBuilder, RecvStream, SendStream, Session};

/// Longest time that anything may take.
const WAIT: Duration = Duration::from_secs(30);

/// What the server is and who asks, from the command line.
struct Given {
    /// Host and port of HTTP.
    http: String,
    url: url::Url,
    hash: Vec<u8>,
    ada: String,
    service: String,
}

impl Given {
    fn read() -> Result<Self> {
        let mut words = std::env::args().skip(1);
        let mut next = || words.next().context("give HTTP, URL, HASH, the token of ada and that of a service");
        Ok(Self { http: next()?, url: next()?.parse()?, hash: hex::decode(next()?)?, ada: next()?, service: next()? })
    }

    /// Publishes to ada over HTTP; the id of the notification.
    async fn publish(&self, body: &str) -> Result<String> {
        let json = json!({"to": "ada", "body": body}).to_string();
        let Self { http, service, .. } = self;
        let request = format!(
            "POST /v1/notifications HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\nAuthorization: Bearer {service}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{json}",
            json.len()
        );
        let mut stream = tokio::net::TcpStream::connect(http).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        ensure!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").context("an answer has a body")?;
        let answer: Value = serde_json::from_str(body)?;
        Ok(answer["data"]["id"].as_str().context("a notification has an id")?.to_owned())
    }
}

/// One session: frames are a QUIC varint and that many bytes of JSON.
struct Conversation {
    session: Session,
    send: SendStream,
    receive: RecvStream,
}

impl Conversation {
    async fn begin(given: &Given, from: Option<&str>) -> Result<Self> {
        let client = ClientBuilder::new().with_server_certificate_hashes(vec![given.hash.clone()])?;
        let session = tokio::time::timeout(WAIT, client.connect(given.url.clone())).await??;
        let (send, receive) = session.open_bi().await?;
        let mut begun = Self { session, send, receive };
        let mut subscribe = json!({"inbox": "me"});
        if let Some(from) = from {
            subscribe["from"] = json!(from);
        }
        let hello =
            json!({"type": "hello", "token": given.ada, "client": "web-transport-quinn", "subscribe": [subscribe]});
        begun.say(&hello).await?;
        begun.expect(&["welcome"]).await?;
        Ok(begun)
    }

    async fn say(&mut self, frame: &Value) -> Result<()> {
        let text = frame.to_string();
        // Two bytes are enough for all that is said here.
        let length = u16::try_from(text.len())? | 0x4000;
        ensure!(text.len() < 0x4000, "a frame of {} bytes", text.len());
        self.send.write_all(&[&length.to_be_bytes(), text.as_bytes()].concat()).await?;
        Ok(())
    }

    async fn hear(&mut self) -> Result<Value> {
        let mut first = [0];
        self.receive.read_exact(&mut first).await?;
        let mut length = u64::from(first[0] & 0x3f);
        for _ in 1..1 << (first[0] >> 6) {
            let mut byte = [0];
            self.receive.read_exact(&mut byte).await?;
            length = length << 8 | u64::from(byte[0]);
        }
        ensure!(length <= 65_536, "a frame of {length} bytes");
        let mut text = vec![0; usize::try_from(length)?];
        self.receive.read_exact(&mut text).await?;
        Ok(serde_json::from_slice(&text)?)
    }

    /// The next frame that says something, which must be one of these.
    async fn expect(&mut self, kinds: &[&str]) -> Result<Value> {
        loop {
            let frame = tokio::time::timeout(WAIT, self.hear()).await??;
            match frame["type"].as_str() {
                Some("ping") => self.say(&json!({"type": "pong"})).await?,
                Some(kind) if kinds.contains(&kind) => return Ok(frame),
                _ => anyhow::bail!("{frame} is none of {kinds:?}"),
            }
        }
    }
}

/// Bodies of the items that a delta brings.
fn added(delta: &Value) -> Vec<&str> {
    let changes = delta["changes"].as_array().into_iter().flatten();
    changes.filter(|change| change["op"] == "added").filter_map(|change| change["item"]["body"].as_str()).collect()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let given = Given::read()?;
    let mut first = Conversation::begin(&given, None).await?;
    first.expect(&["snapshot"]).await?;
    let item = given.publish("over a foreign crate").await?;
    let delta = first.expect(&["delta"]).await?;
    ensure!(added(&delta) == ["over a foreign crate"], "{delta}");
    let command =
        json!({"type": "command", "id": "1", "command": "mark_read", "notifications": [item], "commandId": "c"});
    first.say(&command).await?;
    let mut cursor = None;
    let mut replied = false;
    while cursor.is_none() || !replied {
        let frame = first.expect(&["delta", "reply"]).await?;
        if frame["type"] == "reply" {
            ensure!(frame["ok"] == true && frame["id"] == "1", "{frame}");
            replied = true;
        } else {
            ensure!(frame["changes"][0]["op"] == "changed", "{frame}");
            cursor = frame["cursor"].as_str().map(str::to_owned);
        }
    }
    first.session.close(0, b"");
    given.publish("while away").await?;

    let mut second = Conversation::begin(&given, cursor.as_deref()).await?;
    let mut found = Vec::new();
    loop {
        let frame = second.expect(&["behind", "delta", "counts", "caught_up"]).await?;
        if frame["type"] == "caught_up" {
            break;
        }
        found.extend(added(&frame).into_iter().map(str::to_owned));
    }
    ensure!(found == ["while away"], "{found:?}");
    given.publish("live again").await?;
    let delta = second.expect(&["delta"]).await?;
    ensure!(added(&delta) == ["live again"], "{delta}");
    second.session.close(0, b"");
    Ok(())
}
