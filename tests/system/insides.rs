//! No byte that a client gets, over any carrier and under faults, tells of paths, types, keys, queries or panics of ours.

#[path = "../support/system/mod.rs"]
#[allow(dead_code, reason = "each test of the release binary uses its own part")]
mod system;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use system::caller::{Caller, connector, request};
use system::conversation::{CARRIERS, Conversation};
use system::damage::damage_log;
use system::server::{Launch, Server};
use system::strace::Strace;
use system::sure;
use system::tokens::{Signer, claims};
use testkit::insides::told;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Everything that clients were given, with what they had asked.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Answer>>>);

/// What was asked, and every byte that came.
type Answer = (String, Vec<u8>);

impl Heard {
    fn keep(&self, asked: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.lock().unwrap().push((asked.into(), bytes.into()));
    }

    /// What of it tells of our insides, and how much there was.
    fn judge(&self, own: &[Vec<u8>]) -> (Vec<String>, usize) {
        let heard = self.0.lock().unwrap();
        let complaints = heard.iter().filter_map(|(asked, bytes)| {
            let what = told(bytes, own)?;
            Some(format!("{what:?} in the answer to {asked}: {}", String::from_utf8_lossy(bytes)))
        });
        (complaints.collect(), heard.len())
    }
}

/// The keys of a data directory, as they are and as they are written, and the directory's name.
fn secrets(data: &Path) -> Vec<Vec<u8>> {
    let files = ["dev.key", "log.secret", "keyring.key", "checkpoint.key"].map(|name| data.join(name));
    let files: Vec<PathBuf> = files.into_iter().filter(|path| path.exists()).collect();
    assert!(files.len() >= 3, "{files:?}");
    let read = files.iter().map(|path| std::fs::read(path).unwrap().trim_ascii().to_vec());
    let mut found: Vec<Vec<u8>> = read.collect();
    found.extend(found.clone().iter().filter_map(|text| HEXLOWER.decode(text).ok()));
    found.push(data.to_str().unwrap().as_bytes().to_vec());
    found
}

/// Somebody who asks for everything that is wrong.
struct Prober {
    server: String,
    addresses: system::server::Addresses,
    tokens: Vec<String>,
    heard: Heard,
}

impl Prober {
    fn new(server: &Server, data: &Path, heard: &Heard) -> Self {
        let signer = Signer::dev(data);
        let roles = ["user", "service", "auditor", "tenant_admin", "privacy_officer"];
        let mut tokens: Vec<String> = roles.iter().map(|role| signer.token("acme", "ada", role)).collect();
        tokens.push(signer.sign(&claims("acme", "ada", "user", -600)));
        tokens.push(signer.sign(&json!({"tenant": {"a": 1}, "sub": 7, "exp": "soon"})));
        tokens.push("no token".to_owned());
        Self {
            server: server.addresses.http.clone(),
            addresses: server.addresses.clone(),
            tokens,
            heard: heard.clone(),
        }
    }

    async fn probe(&self) {
        self.http().await;
        for transport in CARRIERS {
            for token in &self.tokens {
                self.session(transport, token).await;
            }
        }
        self.events().await;
    }

    /// Every route with every body, by every token; then what is no route.
    async fn http(&self) {
        let routes = routes();
        for token in &self.tokens {
            let authorization = format!("Bearer {token}");
            for (method, path) in &routes {
                for body in bodies(method) {
                    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
                    self.ask(method, path, &headers, body).await;
                }
            }
        }
        for path in [
            "/nothing",
            "/v1/../../nowhere",
            "/v1/%00",
            "/v1/inbox/notifications/%ff/read",
            "/v1/inbox/notifications?after=..%2f",
        ] {
            self.ask("GET", path, &[("origin", "https://evil.example")], b"").await;
            self.ask("PUT", path, &[("content-type", "text/html")], b"<x>").await;
        }
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &'static [u8]) {
        let url = format!("{}{path}", self.server);
        let connector = connector();
        let asking = request(&connector, method, &url, headers, Bytes::from_static(body));
        // A server that has ended tells nothing.
        let Ok(answer) = sure("answer", asking).await else { return };
        let mut heard = answer.headers.iter().fold(Vec::new(), |mut all, (name, value)| {
            all.extend_from_slice(format!("{name} = {value}\n").as_bytes());
            all
        });
        heard.extend_from_slice(&answer.body);
        self.heard.keep(format!("{method} {path} {}", String::from_utf8_lossy(body)), heard);
    }

    /// A hello and every wrong frame, each on a connection that may be ended by it.
    async fn session(&self, transport: tidings_client::Transport, token: &str) {
        for frame in frames() {
            let Ok(mut client) = sure("connection", Conversation::connect(&self.addresses, transport)).await else {
                return;
            };
            let client = client.client();
            let hello = json!({"type": "hello", "token": token, "subscribe": [{"inbox": "me"}, {"inbox": "audit", "from": "x"}]});
            let last = json!({"type": "hello", "token": "again"}).to_string();
            // Three of them end the session, if nothing did before.
            for text in [hello.to_string(), frame.clone(), last.clone(), last.clone(), last.clone()] {
                if client.send_text(text).await.is_err() {
                    break;
                }
            }
            while let Ok(bytes) = sure("end of the connection", client.recv_bytes()).await {
                self.heard.keep(format!("{frame} over {transport:?}"), bytes.to_vec());
            }
        }
    }

    /// All bytes of a stream of events, until the first event is whole or the server ends it.
    async fn first_event(&self, query: &str, authorization: &str) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(self.server.trim_start_matches("http://")).await?;
        let request = format!(
            "GET /v1/connect/events{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Authorization: {authorization}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut heard = Vec::new();
        while stream.read_buf(&mut heard).await? > 0 {
            let text = String::from_utf8_lossy(&heard);
            if text.split_once("data:").is_some_and(|(_, event)| event.contains("\n\n")) {
                break;
            }
        }
        Ok(heard)
    }

    async fn events(&self) {
        for token in &self.tokens {
            for query in ["", "?inbox=nothing", "?ticket=x", "?from=%00", "?inbox=audit"] {
                let authorization = format!("Bearer {token}");
                // A server that has ended tells nothing.
                let text = sure("event", self.first_event(query, &authorization)).await.unwrap_or_default();
                self.heard.keep(format!("events{query}"), text);
            }
        }
    }
}

fn routes() -> Vec<(&'static str, String)> {
    let mut routes: Vec<(&str, String)> = [
        ("POST", "/v1/notifications"),
        ("DELETE", "/v1/notifications/x"),
        ("GET", "/v1/inbox/notifications"),
        ("GET", "/v1/inbox/notifications?limit=many&tags[=x"),
        ("GET", "/v1/inbox/notifications?after=AAAA"),
        ("GET", "/v1/inbox/notifications/count?filters=[{\"x\":1}]"),
        ("POST", "/v1/inbox/notifications/read"),
        ("POST", "/v1/privacy/erasures"),
        ("GET", "/v1/privacy/erasures/x/receipt"),
        ("POST", "/v1/connect/ticket"),
        ("GET", "/v1/connect"),
        ("GET", "/v1/connect/websocket"),
        ("GET", "/v1/audit/events?after=x"),
        ("GET", "/v1/audit/events?limit=3"),
        ("GET", "/v1/audit/state?user=ada"),
        ("POST", "/v1/audit/replays"),
        ("POST", "/v1/audit/verify"),
        ("GET", "/v1/audit/verify"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
    ]
    .map(|(method, path)| {
        (
            method,
            path.replace('[', "%5B").replace(']', "%5D").replace('"', "%22").replace('{', "%7B").replace('}', "%7D"),
        )
    })
    .into();
    routes.push(("PATCH", format!("/v1/inbox/notifications/{}/read", "v".repeat(26))));
    routes
}

fn bodies(method: &str) -> Vec<&'static [u8]> {
    if method == "GET" {
        return vec![b""];
    }
    vec![
        b"",
        b"{",
        b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
        b"\"text\"",
        b"{\"to\": 7, \"body\": null, \"data\": {\"a\": {\"b\": []}}}",
        b"{\"to\": \"ada\", \"body\": \"x\", \"severity\": \"loud\", \"unknown\": 1}",
        b"{\"to\": \"ada\", \"body\": \"good\"}",
        b"{\"subscriberId\": [\"x\"]}",
        b"{\"notifications\": [7], \"upTo\": \"x\"}",
        b"{\"a\": \"\xff\xfe\"}",
    ]
}

fn frames() -> Vec<String> {
    let values: [Value; 12] = [
        json!({"type": "nothing"}),
        json!({"type": 7}),
        json!([]),
        json!({"type": "command", "id": "1", "command": "fly"}),
        json!({"type": "command", "id": "1", "command": "mark_read", "notifications": "x"}),
        json!({"type": "command", "id": "1", "command": "mark_read", "notifications": ["x"]}),
        json!({"type": "command", "id": "1", "command": "publish", "to": {"type": "moon"}, "body": 1}),
        json!({"type": "command", "id": "1", "command": "publish", "to": "ada", "body": "good"}),
        json!({"type": "fetch", "id": "1", "inbox": "me", "query": {"limit": -1, "after": {}}}),
        json!({"type": "fetch", "id": "1", "inbox": "topic:x", "query": {}}),
        json!({"type": "subscribe", "id": "1", "inbox": "me", "from": "AAAA"}),
        json!({"type": "refresh", "id": "1", "token": "x"}),
    ];
    let mut frames: Vec<String> = values.iter().map(Value::to_string).collect();
    frames.extend(["{".to_owned(), "{\"type\":".to_owned(), "[".repeat(2_000), "\"\\ud800\"".to_owned()]);
    frames
}

const UNLIMITED: &str = "
    [limits]
    commands_per_second = 1000000
    commands_burst = 1000000
    tenant_publishes_per_second = 1000000
    tenant_recipients_per_second = 1000000
    queries_per_second = 1000000
    queries_burst = 1000000
";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_byte_that_a_client_gets_tells_of_our_insides() {
    let folder = tempfile::tempdir().unwrap();
    let (data, heard) = (folder.path().join("data"), Heard::default());
    let launch = Launch::new(&data).with_config(UNLIMITED);
    let server = launch.start().await;
    let service = Caller::new(&server.addresses, &Signer::dev(&data).token("acme", "billing", "service"));
    for number in 0..12 {
        service.publish(&json!("ada"), &format!("text {number}")).await;
    }
    Prober::new(&server, &data, &heard).probe().await;
    assert_eq!(server.stop().await, Some(0));
    // A disk that fails, and one that is full when it is synced.
    for fault in ["error=EIO:when=2", "error=ENOSPC:when=2"] {
        let strace = Strace::new(tempfile::tempdir_in(folder.path()).unwrap().keep().as_path(), &data, Some(fault));
        let server = launch.start_under(Some(&strace)).await;
        Prober::new(&server, &data, &heard).probe().await;
        assert_eq!(server.exit_code().await, Some(4), "{fault}");
    }
    // A log that is damaged.
    damage_log(&data);
    let server = launch.start().await;
    Prober::new(&server, &data, &heard).probe().await;
    drop(server);
    let (complaints, count) = heard.judge(&secrets(&data));
    assert!(complaints.is_empty(), "{} of {count}:\n{}", complaints.len(), complaints.join("\n"));
    assert!(count > 1_000, "only {count} answers were judged");
}
