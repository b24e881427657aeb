//! What an HTTP connection may take: its head, its requests, and its time without a good token.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::sync::atomic::Ordering;
use support::Server;
use tidings_engine::limits::{HTTP_HEAD_BYTES_MAX, HTTP_HEADERS_COUNT_MAX, HTTP_STREAMS_MAX, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends a request on a connection of its own; the status of the answer.
async fn status(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(server.http).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    String::from_utf8(answer[9..].to_vec()).unwrap()
}

#[tokio::test]
async fn a_head_may_have_its_most_headers_and_bytes_and_not_more() {
    let server = Server::start().await;
    let headers = |count: usize| {
        let more: String = (1..count).map(|number| format!("X-{number}: y\r\n")).collect();
        format!("GET / HTTP/1.1\r\nHost: x\r\n{more}\r\n")
    };
    assert_eq!(status(&server, &headers(HTTP_HEADERS_COUNT_MAX)).await, "200");
    assert_eq!(status(&server, &headers(HTTP_HEADERS_COUNT_MAX + 1)).await, "431");
    let bytes = |count: usize| {
        let rest = "GET / HTTP/1.1\r\nHost: x\r\nX: \r\n\r\n".len();
        format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(count - rest))
    };
    assert_eq!(status(&server, &bytes(HTTP_HEAD_BYTES_MAX)).await, "200");
    // The library looks at what it has read each time, so the end of a head that is a little longer can still come through.
    assert_eq!(status(&server, &bytes(2 * HTTP_HEAD_BYTES_MAX)).await, "431");
}

#[tokio::test]
async fn an_http2_connection_is_told_how_many_requests_it_may_have_open() {
    let server = Server::start_with_tls().await;
    let mut stream = server.http2_stream().await;
    // The preface and empty settings; the answer begins with the server's own settings: six bytes each, the first two its name.
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4, "settings come first");
    let mut settings = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
    stream.read_exact(&mut settings).await.unwrap();
    let setting = |name: u8| {
        settings.chunks(6).find(|one| one[1] == name).map(|one| u32::from_be_bytes(one[2..].try_into().unwrap()))
    };
    assert_eq!((setting(3), setting(6)), (Some(HTTP_STREAMS_MAX), Some(HTTP_HEAD_BYTES_MAX as u32)));
}

/// A connection kept alive by the client.
struct Kept(TcpStream);

impl Kept {
    async fn new(server: &Server) -> Self {
        Self(TcpStream::connect(server.http).await.unwrap())
    }

    /// The body of the answer; `None` when the connection has ended.
    async fn ask(&mut self, path: &str) -> Option<String> {
        self.0.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.ok()?;
        let mut answer = String::new();
        while !answer.contains("\r\n\r\n") {
            answer.push(char::from(self.0.read_u8().await.ok()?));
        }
        let length = answer.to_lowercase().split_once("content-length: ")?.1.split_once('\r')?.0.parse().ok()?;
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.ok()?;
        String::from_utf8(body).ok()
    }

    async fn ends(mut self) -> bool {
        self.0.read_to_end(&mut Vec::new()).await.is_ok_and(|bytes| bytes == 0)
    }
}

#[tokio::test]
async fn an_http_connection_that_shows_no_good_token_in_time_is_ended_and_one_that_did_stays() {
    let server = Server::start().await;
    *server.recorder.limits.lock() = Limits { hello_ms_max: 300, ..Limits::default() };
    let (mut known, mut unknown) = (Kept::new(&server).await, Kept::new(&server).await);
    assert_eq!(known.ask("/token/good").await.as_deref(), Some("known"));
    assert_eq!(unknown.ask("/").await.as_deref(), Some("hello"));
    assert!(unknown.ends().await);
    assert_eq!(known.ask("/").await.as_deref(), Some("hello"));
}

#[tokio::test]
async fn an_http_connection_that_shows_bad_tokens_is_ended_after_the_answer_that_is_one_too_many() {
    let server = Server::start().await;
    let mut tries = Kept::new(&server).await;
    for _ in 0..2 {
        assert_eq!(tries.ask("/token/bad").await.as_deref(), Some("refused"));
    }
    assert!(tries.ends().await);
    let mut once = Kept::new(&server).await;
    for path in ["/token/bad", "/token/good", "/token/good"] {
        assert!(once.ask(path).await.is_some(), "{path}");
    }
    server.recorder.crowded.store(true, Ordering::SeqCst);
    let mut one_over = Kept::new(&server).await;
    assert_eq!(one_over.ask("/token/good").await.as_deref(), Some("crowded"));
    assert!(one_over.ends().await);
}
