//! Behind a proxy, on the release binary: whose word is taken for where a client is, and that nobody else's is.

#[path = "../support/system/mod.rs"]
#[allow(dead_code, reason = "each test of the release binary uses its own part")]
mod system;

use serde_json::{Value, json};
use std::net::SocketAddr;
use system::caller::{connector, request};
use system::event_stream::{EventStream, Refused};
use system::server::{Launch, Server};
use system::sure;
use system::tokens::Signer;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// Version 2 for a client at 203.0.113.9.
const BINARY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x09\x7f\0\0\x01\x12\x34\0\x50";

/// A proxy that speaks for itself, as its checks of health do.
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

struct World {
    server: Server,
    ada: String,
    _folder: TempDir,
}

impl World {
    async fn begin(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let server = Launch::new(&data).with_config(config).start().await;
        let ada = Signer::dev(&data).token("acme", "ada", "user");
        Self { server, ada, _folder: folder }
    }

    fn http(&self) -> SocketAddr {
        self.server.addresses.http.trim_start_matches("http://").parse().unwrap()
    }

    /// A connection from one of this machine's addresses.
    async fn from(&self, address: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
        socket.connect(self.http()).await.unwrap()
    }

    async fn stream(&self, from: &str, headers: &[(&str, &str)]) -> Result<EventStream, Refused> {
        let bearer = format!("Bearer {}", self.ada);
        let headers: Vec<_> = [("Authorization", bearer.as_str())].into_iter().chain(headers.iter().copied()).collect();
        EventStream::open_at(self.from(from).await, "", &headers).await
    }

    /// The address in the next line of the security log about an event.
    async fn logged(&self, from: usize, event: &str) -> String {
        let wanted = format!("\"event\":\"{event}\"");
        let line = self.server.log.find(event, from, |line| line.contains(&wanted)).await;
        let line: Value = serde_json::from_str(&line).unwrap();
        line["address"].as_str().unwrap().to_owned()
    }

    /// What is answered to these bytes; nothing when the connection is closed unread.
    async fn answer(&self, from: &str, bytes: &[u8]) -> String {
        let mut stream = self.from(from).await;
        // It may be closed before it is written to.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = sure("end of the answer", stream.read_to_end(&mut answer)).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}

fn asking(header: &[u8], path: &str) -> Vec<u8> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    [header, request.as_bytes()].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_that_a_trusted_proxy_tells_reaches_log_and_limits_and_no_other_does() {
    let world = World::begin("trusted_proxies = [\"127.0.0.2\"]\n[limits]\naddress_connections_max = 1\n").await;
    let from = world.server.log.count();
    let client = [("X-Forwarded-For", "6.6.6.6, 203.0.113.5")];
    let _first = world.stream("127.0.0.2", &client).await.map_err(|why| why.body).unwrap();
    assert_eq!(world.logged(from, "opened").await, "203.0.113.0/24");
    // One a client, and as many clients as the proxy has.
    let Err(refused) = world.stream("127.0.0.2", &client).await else { panic!("one too many of one client") };
    assert_eq!((refused.status, &refused.body["code"]), (429, &json!("rate_limited")));
    let _other =
        world.stream("127.0.0.2", &[("X-Forwarded-For", "198.51.100.7")]).await.map_err(|why| why.body).unwrap();
    for _ in 0..5 {
        assert!(world.answer("127.0.0.2", &asking(b"", "/healthz")).await.starts_with("HTTP/1.1 200"));
    }

    // Somebody else who says the same is where the connection comes from.
    let from = world.server.log.count();
    let _liar = world.stream("127.0.0.3", &[("X-Forwarded-For", "192.0.2.77")]).await.map_err(|why| why.body).unwrap();
    assert_eq!(world.logged(from, "opened").await, "127.0.0.0/24");
    let foreign = [("X-Forwarded-For", "203.0.113.99"), ("Origin", "https://foreign.example")];
    let from = world.server.log.count();
    assert_eq!(world.stream("127.0.0.2", &foreign).await.err().unwrap().status, 403);
    assert_eq!(world.logged(from, "refused").await, "203.0.113.0/24");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_a_trusted_proxy_brings_count_for_their_client_unless_they_show_a_good_token() {
    const ATTEMPTS: usize = 200;

    let world = World::begin("trusted_proxies = [\"127.0.0.2\"]\n[limits]\naddress_handshakes_per_second = 1\n").await;
    let asked = |client: &str, token: &str| {
        let head = format!("X-Forwarded-For: {client}\r\nAuthorization: Bearer {token}\r\nConnection: close");
        let bytes = String::from_utf8(asking(b"", "/v1/inbox/notifications")).unwrap();
        bytes.replace("Connection: close", &head)
    };
    let status = async |client: &str, token: &str| {
        let answer = world.answer("127.0.0.2", asked(client, token).as_bytes()).await;
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    for _ in 0..10 {
        assert_eq!(status("203.0.113.5", &world.ada).await, "200");
    }
    // Tokens are tried: each costs a handshake of its client, as a connection would.
    let from = world.server.log.count();
    let mut answers = Vec::new();
    while answers.len() < ATTEMPTS && answers.last().is_none_or(|last| last == "401") {
        answers.push(status("203.0.113.5", "nothing").await);
    }
    assert_eq!((answers[0].as_str(), answers.last().unwrap().as_str()), ("401", "429"), "{answers:?}");
    let line = world.server.log.find("refusal", from, |line| line.contains("\"reason\":\"address_handshakes\"")).await;
    assert!(line.contains("203.0.113.0/24"), "{line}");
    // Others are not held up, nor is the proxy itself.
    assert_eq!(status("198.51.100.7", "nothing").await, "401");
    for _ in 0..5 {
        assert!(world.answer("127.0.0.2", &asking(b"", "/healthz")).await.starts_with("HTTP/1.1 200"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn discovery_and_hsts_follow_a_trusted_proxy_alone() {
    let world = World::begin("trusted_proxies = [\"127.0.0.2\"]\n").await;
    let said = "X-Forwarded-Proto: https\r\nX-Forwarded-Host: notify.example\r\nConnection: close";
    let bytes = String::from_utf8(asking(b"", "/v1/connect")).unwrap().replace("Connection: close", said);
    let trusted = world.answer("127.0.0.2", bytes.as_bytes()).await;
    assert!(trusted.contains("wss://notify.example/v1/connect/websocket"), "{trusted}");
    assert!(trusted.contains("https://notify.example/v1/connect/events"), "{trusted}");
    assert!(trusted.contains("strict-transport-security"), "{trusted}");
    let stranger = world.answer("127.0.0.1", bytes.as_bytes()).await;
    assert!(stranger.contains("ws://localhost/v1/connect/websocket"), "{stranger}");
    assert!(!stranger.contains("notify.example") && !stranger.contains("strict-transport-security"), "{stranger}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_header_tells_the_client_and_who_may_not_send_one_is_not_heard() {
    let config =
        "trusted_proxies = [\"127.0.0.2\"]\n[http]\nproxy_protocol = \"required\"\n[limits]\nhandshake_ms_max = 500\n";
    let world = World::begin(config).await;
    let line = b"PROXY TCP4 203.0.113.9 127.0.0.1 4660 80\r\n";
    for header in [&line[..], BINARY] {
        let from = world.server.log.count();
        let mut stream = world.from("127.0.0.2").await;
        stream.write_all(header).await.unwrap();
        let bearer = format!("Bearer {}", world.ada);
        let opened = EventStream::open_at(stream, "", &[("Authorization", &bearer)]).await;
        assert_eq!(opened.map_err(|why| why.body).unwrap().must().await.event, "welcome");
        assert_eq!(world.logged(from, "opened").await, "203.0.113.0/24");
    }
    for header in [LOCAL, b"PROXY UNKNOWN\r\n"] {
        assert!(world.answer("127.0.0.2", &asking(header, "/healthz")).await.starts_with("HTTP/1.1 200"));
    }
    let endless = [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 4096]].concat();
    for (what, from, bytes) in [
        ("no header", "127.0.0.2", asking(b"", "/healthz")),
        ("a header that is none", "127.0.0.2", asking(b"PROXY TCP4 nobody 127.0.0.1 1 2\r\n", "/healthz")),
        ("a header without end", "127.0.0.2", endless),
        ("a header that never comes", "127.0.0.2", b"PROX".to_vec()),
        ("a peer that is not trusted", "127.0.0.3", asking(line, "/healthz")),
        ("a peer that is not trusted and says nothing", "127.0.0.3", asking(b"", "/healthz")),
    ] {
        let seen = world.server.log.count();
        assert_eq!(world.answer(from, &bytes).await, "", "{what}");
        let line = world.server.log.find(what, seen, |line| line.contains("\"reason\":\"proxy_header\"")).await;
        assert!(line.contains("127.0.0.0/24"), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_setting_a_proxy_header_is_no_request() {
    let world = World::begin("trusted_proxies = [\"127.0.0.2\"]\n").await;
    let line = b"PROXY TCP4 203.0.113.9 127.0.0.1 4660 80\r\n";
    for from in ["127.0.0.2", "127.0.0.3"] {
        let answer = world.answer(from, &asking(line, "/healthz")).await;
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let url = format!("{}/healthz", world.server.addresses.http);
    assert_eq!(request(&connector(), "GET", &url, &[], bytes::Bytes::new()).await.unwrap().status, 200);
}
