//! Server-sent events as a client reads them that shares no code with the server: HTTP/1.1 by hand.

use super::server::Addresses;
use super::sure;
use serde_json::Value;
use testkit::event_text;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// An open stream. Dropping it leaves.
pub(crate) struct EventStream {
    from: BufReader<TcpStream>,
    /// The head of the answer, lower case.
    pub(crate) head: String,
    text: String,
    /// How many comments came.
    pub(crate) comments: usize,
}

/// One event.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Event {
    /// Its name.
    pub(crate) event: String,
    /// Its id, where it has one.
    pub(crate) id: Option<String>,
    /// How long to stay away, where that is said.
    pub(crate) retry: Option<u64>,
    /// Its data, read as JSON.
    pub(crate) data: Value,
}

/// An answer that is no stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refused {
    /// The status.
    pub(crate) status: u16,
    /// The problem.
    pub(crate) body: Value,
}

impl EventStream {
    /// Asks for `/v1/connect/events` and this query, with these headers.
    ///
    /// # Errors
    /// The server refused.
    pub(crate) async fn open(addresses: &Addresses, query: &str, headers: &[(&str, &str)]) -> Result<Self, Refused> {
        let address = addresses.http.trim_start_matches("http://");
        Self::open_at(TcpStream::connect(address).await.expect("the server is there"), query, headers).await
    }

    /// As [`open`](Self::open), on a connection of the caller's.
    ///
    /// # Errors
    /// The server refused.
    pub(crate) async fn open_at(mut to: TcpStream, query: &str, headers: &[(&str, &str)]) -> Result<Self, Refused> {
        let mut request = format!("GET /v1/connect/events{query} HTTP/1.1\r\nHost: localhost\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        to.write_all(format!("{request}\r\n").as_bytes()).await.expect("the server is there");
        let mut from = BufReader::new(to);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = sure("head of the answer", from.read_line(&mut head)).await.expect("the head is text");
            assert!(read > 0, "the server hung up after {head:?}");
        }
        head.make_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("an answer has a status");
        if status == 200 {
            return Ok(Self { from, head, text: String::new(), comments: 0 });
        }
        let length = header(&head, "content-length").and_then(|length| length.parse().ok());
        let mut body = vec![0; length.expect("a problem has a length")];
        sure("problem", from.read_exact(&mut body)).await.expect("the problem is whole");
        Err(Refused { status, body: serde_json::from_slice(&body).expect("a problem is JSON") })
    }

    /// With a token, from a snapshot on.
    ///
    /// # Errors
    /// The server refused.
    pub(crate) async fn with_token(addresses: &Addresses, query: &str, token: &str) -> Result<Self, Refused> {
        Self::open(addresses, query, &[("Authorization", &format!("Bearer {token}"))]).await
    }

    /// A line of the head.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// The next event; `None` when the stream has ended in good order.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        sure("event", async {
            loop {
                if let Some(end) = self.text.find("\n\n") {
                    let block: String = self.text.drain(..end + 2).collect();
                    match event(&block) {
                        Some(event) => return Some(event),
                        None => self.comments += 1,
                    }
                } else if !self.read_chunk().await {
                    assert!(self.text.is_empty(), "the stream was cut within {:?}", self.text);
                    return None;
                }
            }
        })
        .await
    }

    /// The next event, which must come.
    pub(crate) async fn must(&mut self) -> Event {
        self.next().await.expect("the stream goes on")
    }

    /// Reads until so many comments have come in all; events before them are lost.
    pub(crate) async fn until_comments(&mut self, count: usize) {
        sure("comment", async {
            while self.comments < count {
                self.comments += self.text.matches(": ping\n\n").count();
                self.text.clear();
                assert!(self.read_chunk().await, "the stream ended");
            }
        })
        .await;
    }

    /// False at the last chunk.
    async fn read_chunk(&mut self) -> bool {
        let mut line = String::new();
        self.from.read_line(&mut line).await.expect("a chunk has a length");
        let length = usize::from_str_radix(line.trim(), 16).unwrap_or_else(|_| panic!("{line:?} is no length"));
        let mut chunk = vec![0; length + 2];
        self.from.read_exact(&mut chunk).await.expect("a chunk is whole");
        self.text.push_str(std::str::from_utf8(&chunk[..length]).expect("events are UTF-8"));
        length > 0
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// `None` for a comment.
fn event(block: &str) -> Option<Event> {
    let read = event_text::read(block);
    assert!(read.is_whole && read.unknown.is_empty(), "{block:?}");
    let event_text::Event { event, id, retry, data } = read.events.into_iter().next()?;
    Some(Event { event, id, retry, data: serde_json::from_str(&data).expect("data is JSON") })
}
