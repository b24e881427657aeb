//! Hostile clients on every carrier: each ends in its code and a line of the security log, and a healthy client beside it
//! still gets its delta within a second.

#[path = "../support/system/mod.rs"]
#[allow(dead_code, reason = "each test of the release binary uses its own part")]
mod system;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use system::caller::{Caller, connector, request};
use system::conversation::{CARRIERS, Conversation, carrier_name, json_of};
use system::server::{Launch, Server};
use system::sure;
use system::tokens::{Signer, claims};
use tidings_client::{ClientError, Transport};
use tidings_wire::{ClientFrame, CloseCode, Fetch, Hello, InboxName, PageQuery, varint};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};

/// The promise to those beside an attack.
const PROMISED: Duration = Duration::from_secs(1);

const LARGE_BYTES: usize = 1024 * 1024;

/// What bad tokens there are, and what each is worth.
fn bad_tokens(world: &World) -> Vec<(&'static str, String, CloseCode, u16)> {
    let (dev, foreign) = (&world.signer, &world.foreign_key);
    let forged = Signer::new("dev", b"not the secret of this server at all");
    vec![
        ("no token", String::new(), CloseCode::Unauthenticated, 401),
        ("no token at all", "what is a token".to_owned(), CloseCode::Unauthenticated, 401),
        ("a forged token", forged.token("acme", "ada", "user"), CloseCode::Unauthenticated, 401),
        ("alg none", dev.unsigned(&claims("acme", "ada", "user", 600)), CloseCode::Unauthenticated, 401),
        ("an expired token", dev.sign(&claims("acme", "ada", "user", -600)), CloseCode::TokenExpired, 401),
        ("a key asserting a foreign tenant", foreign.token("acme", "ada", "user"), CloseCode::Forbidden, 403),
    ]
}

/// A server with a second key, bound to a tenant of its own, and a person of acme who follows her inbox.
struct World {
    server: Server,
    signer: Signer,
    foreign_key: Signer,
    service: Caller,
    healthy: Conversation,
    published: u32,
}

impl World {
    async fn begin(folder: &Path, limits: &str) -> Self {
        let data = folder.join("data");
        let secret = b"the secret of a key that speaks for the tenant other alone";
        let path = folder.join("other.key");
        std::fs::write(&path, secret).unwrap();
        let path = path.to_str().unwrap();
        let config = format!(
            "[[keys]]\nkid = \"other\"\nalgorithm = \"HS256\"\nsecret_file = \"{path}\"\ntenants = [\"other\"]\n\n\
             [limits]\n{limits}\n"
        );
        let server = Launch::new(&data).with_config(&config).start().await;
        let (signer, foreign_key) = (Signer::dev(&data), Signer::new("other", secret));
        let service = Caller::new(&server.addresses, &signer.token("acme", "billing", "service"));
        let token = signer.token("acme", "grace", "user");
        let (healthy, _) =
            Conversation::follow(&server.addresses, Transport::WebTransport, &token, InboxName::Me).await;
        Self { server, signer, foreign_key, service, healthy, published: 0 }
    }

    /// Runs an attack. Beside it grace gets her delta; after it the security log has the line that `logged` knows.
    async fn attacked<T>(&mut self, what: &str, logged: impl Fn(&Value) -> bool, attack: impl Future<Output = T>) -> T {
        let from = self.server.log.count();
        self.published += 1;
        let (service, body) = (self.service.clone(), format!("beside {what} {}", self.published));
        let beside = async {
            service.publish(&json!("grace"), &body).await;
            let delta = tokio::time::timeout(PROMISED, self.healthy.next()).await;
            let delta = delta.unwrap_or_else(|_| panic!("beside {what} a healthy client waits for more than a second"));
            assert!(json_of(&delta.unwrap()).to_string().contains(&body), "beside {what}");
        };
        let (outcome, ()) = tokio::join!(sure(what, attack), beside);
        let is_logged = |line: &str| match serde_json::from_str::<Value>(line) {
            Ok(line) => line["target"] == "security" && !line["address"].is_null() && logged(&line),
            Err(_) => false,
        };
        self.server.log.find(&format!("line of the security log about {what}"), from, is_logged).await;
        outcome
    }

    /// An attack over a session that must end with `code`.
    async fn ends_with<F>(&mut self, what: &str, transport: Transport, code: CloseCode, attack: F)
    where
        F: AsyncFnOnce(&mut Conversation) -> Result<(), ClientError>,
    {
        let what = format!("{what} over {transport:?}");
        let addresses = self.server.addresses.clone();
        let ends = async {
            let mut conversation = Conversation::connect(&addresses, transport).await.unwrap();
            // The server may have had enough before the attacker has said all.
            let _ = attack(&mut conversation).await;
            conversation.until_the_end().await.1
        };
        let ended = move |line: &Value| {
            line["carrier"] == carrier_name(transport)
                && line["code"] == code.number()
                && ["refused", "ended"].iter().any(|event| line["event"] == *event)
        };
        let found = self.attacked(&what, ended, ends).await;
        assert_eq!(found, Some(code.number()), "{what}");
    }

    fn hello(&self) -> ClientFrame {
        hello(&self.signer.token("acme", "mallory", "user"))
    }
}

fn hello(token: &str) -> ClientFrame {
    ClientFrame::Hello(Hello { token: token.to_owned(), ticket: None, client: None, subscribe: Vec::new() })
}

fn refused_over(carrier: &'static str) -> impl Fn(&Value) -> bool {
    move |line| line["event"] == "refused" && line["carrier"] == carrier
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn bad_tokens_end_in_their_code() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::begin(folder.path(), "").await;
    for (what, token, code, status) in bad_tokens(&world) {
        for transport in CARRIERS {
            let frame = hello(&token);
            world.ends_with(what, transport, code, async |attacker| attacker.client().send(&frame).await).await;
        }
        let caller = Caller::new(&world.server.addresses, &token);
        let asked = async { caller.call("GET", "/v1/inbox/notifications", None).await.unwrap().status };
        let found = world.attacked(what, refused_over("http"), asked).await;
        assert_eq!(found, status, "{what} over HTTP");
    }
    // Neither is there any without a header or a field for it.
    for transport in CARRIERS {
        let bare = async |attacker: &mut Conversation| attacker.client().send_text("{\"type\":\"hello\"}".into()).await;
        world.ends_with("no field", transport, CloseCode::Unauthenticated, bare).await;
    }
    let url = format!("{}/v1/inbox/notifications", world.server.addresses.http);
    let asked = async { request(&connector(), "GET", &url, &[], Bytes::new()).await.unwrap().status };
    assert_eq!(world.attacked("no header", refused_over("http"), asked).await, 401);
    // The second key is no worse than others where it belongs.
    let own = Caller::new(&world.server.addresses, &world.foreign_key.token("other", "olga", "user"));
    assert_eq!(own.count("me").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn foreign_and_null_origins_are_refused_before_a_session() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::begin(folder.path(), "").await;
    let addresses = world.server.addresses.clone();
    let token = world.signer.token("acme", "ada", "user");
    for origin in ["https://evil.example", "null", "http://127.0.0.1.evil.example"] {
        // Raw QUIC is for clients that are no browser: it has no place for an origin.
        for transport in [Transport::WebSocket, Transport::WebTransport] {
            let from = connector().with_origin(origin);
            // Discovery carries no origin here: it is the carrier that must refuse.
            let attack = async { Conversation::connect_with(&from, &addresses, transport).await.err() };
            // A WebSocket is an HTTP request until it is accepted.
            let carrier = match transport {
                Transport::WebSocket => "http",
                other => carrier_name(other),
            };
            let logged = |line: &Value| refused_over(carrier)(line) && line["reason"] == "origin";
            let refused = world.attacked(&format!("origin {origin} over {transport:?}"), logged, attack).await;
            // WebTransport's client is not told the status.
            let status = (transport == Transport::WebSocket).then_some(403);
            assert!(
                matches!(refused, Some(ClientError::Refused { status: found }) if found == status),
                "{origin} over {transport:?}: {refused:?}"
            );
        }
        let url = format!("{}/v1/inbox/notifications", addresses.http);
        let authorization = format!("Bearer {token}");
        let headers = [("origin", origin), ("authorization", authorization.as_str())];
        let attack = async { request(&connector(), "GET", &url, &headers, Bytes::new()).await.unwrap() };
        let logged = |line: &Value| refused_over("http")(line) && line["reason"] == "origin";
        let answer = world.attacked(&format!("origin {origin} over HTTP"), logged, attack).await;
        let allowed = answer.headers.iter().any(|(name, _)| name == "access-control-allow-origin");
        assert_eq!((answer.status, allowed), (403, false), "{origin} over HTTP");
    }
}

/// A length of 1 MiB, and as many bytes.
fn large(transport: Transport) -> Bytes {
    let payload = vec![b' '; LARGE_BYTES];
    match transport {
        Transport::WebSocket => payload.into(),
        Transport::WebTransport | Transport::Quic => {
            let header = varint::encode(LARGE_BYTES as u64).unwrap();
            [header.as_ref(), &payload].concat().into()
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_frame_of_1_mib_ends_the_session_before_and_after_hello() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::begin(folder.path(), "").await;
    for transport in CARRIERS {
        let attack = async |attacker: &mut Conversation| attacker.client().send_raw(large(transport)).await;
        world.ends_with("1 MiB at first", transport, CloseCode::FrameTooLarge, attack).await;
        let greeting = world.hello();
        let attack = async |attacker: &mut Conversation| {
            attacker.client().send(&greeting).await?;
            attacker.must().await;
            attacker.client().send_raw(large(transport)).await
        };
        world.ends_with("1 MiB after hello", transport, CloseCode::FrameTooLarge, attack).await;
    }
    // Over HTTP a body may be 1 MiB: one byte more may not.
    let caller = Caller::new(&world.server.addresses, &world.signer.token("acme", "billing", "service"));
    let body = json!({"to": "ada", "body": "b".repeat(LARGE_BYTES)});
    let attack = async { caller.call("POST", "/v1/notifications", Some(&body)).await };
    let answer = world.attacked("1 MiB over HTTP", refused_over("http"), attack).await;
    assert_eq!(answer.unwrap().status, 413);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_flood_is_answered_and_then_ended() {
    /// More than the burst, what comes in meanwhile, and the refusals of a minute together.
    const FRAMES: usize = 2_000;

    let folder = tempfile::tempdir().unwrap();
    let mut world = World::begin(folder.path(), "").await;
    for transport in CARRIERS {
        let greeting = world.hello();
        let flood = async |attacker: &mut Conversation| {
            attacker.client().send(&greeting).await?;
            attacker.must().await;
            let query = PageQuery::default();
            let fetch = ClientFrame::Fetch(Fetch { id: "1".into(), inbox: InboxName::Me, query });
            for _ in 0..FRAMES {
                attacker.client().send(&fetch).await?;
            }
            Ok(())
        };
        world.ends_with("a flood", transport, CloseCode::RateLimited, flood).await;
    }
    let caller = Caller::new(&world.server.addresses, &world.signer.token("acme", "mallory", "user"));
    let attack = async {
        loop {
            let answer = caller.call("GET", "/v1/inbox/notifications", None).await.unwrap();
            if answer.status != 200 {
                return answer;
            }
        }
    };
    let logged = |line: &Value| refused_over("http")(line) && line["reason"] == "rate_limited";
    let answer = world.attacked("a flood over HTTP", logged, attack).await;
    assert_eq!(answer.status, 429);
    assert!(answer.headers.iter().any(|(name, value)| name == "retry-after" && value.parse::<u32>().is_ok()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn invalid_utf8_ends_in_a_protocol_error() {
    const TURNS: usize = 3;
    const WRONG: &[u8] = b"{\"type\":\"\xff\xfe\"}";

    let folder = tempfile::tempdir().unwrap();
    let mut world = World::begin(folder.path(), "").await;
    for transport in CARRIERS {
        let greeting = world.hello();
        let bytes = match transport {
            // As a binary message; as text see below.
            Transport::WebSocket => Bytes::from_static(WRONG),
            Transport::WebTransport | Transport::Quic => {
                [varint::encode(WRONG.len() as u64).unwrap().as_ref(), WRONG].concat().into()
            }
        };
        let attack = async |attacker: &mut Conversation| {
            attacker.client().send(&greeting).await?;
            attacker.must().await;
            for _ in 0..TURNS {
                attacker.client().send_raw(bytes.clone()).await?;
            }
            Ok(())
        };
        world.ends_with("invalid UTF-8", transport, CloseCode::ProtocolError, attack).await;
        let at_first = async |attacker: &mut Conversation| attacker.client().send_raw(bytes.clone()).await;
        world.ends_with("invalid UTF-8 at first", transport, CloseCode::Unauthenticated, at_first).await;
    }
    text_that_is_none(&mut world, WRONG).await;
    let url = format!("{}/v1/notifications", world.server.addresses.http);
    let authorization = format!("Bearer {}", world.signer.token("acme", "billing", "service"));
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let attack = async { request(&connector(), "POST", &url, &headers, Bytes::from_static(WRONG)).await };
    let answer = world.attacked("invalid UTF-8 over HTTP", refused_over("http"), attack).await;
    assert_eq!(answer.unwrap().status, 400);
}

/// A WebSocket message that says it is text. What follows it on the connection cannot be trusted, so one is enough.
async fn text_that_is_none(world: &mut World, wrong: &'static [u8]) {
    let url = world.server.addresses.http.replacen("http", "ws", 1) + "/v1/connect/websocket";
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "tidings.v1".parse().unwrap());
    let host = world.server.addresses.http.trim_start_matches("http://").to_owned();
    let greeting = serde_json::to_string(&world.hello()).unwrap();
    let attack = async {
        let stream = TcpStream::connect(host).await.unwrap();
        let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        socket.send(Message::text(greeting)).await.unwrap();
        assert!(matches!(socket.next().await, Some(Ok(Message::Text(_)))), "welcome comes first");
        let frame = Frame::message(Bytes::from_static(wrong), OpCode::Data(Data::Text), true);
        socket.send(Message::Frame(frame)).await.unwrap();
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(Some(close)))) => return u16::from(close.code),
                Some(Ok(_)) => {}
                other => panic!("instead of a close frame: {other:?}"),
            }
        }
    };
    let code = CloseCode::ProtocolError.number();
    let logged = move |line: &Value| line["carrier"] == "websocket" && line["code"] == code;
    let found = world.attacked("text that is none over WebSocket", logged, attack).await;
    assert_eq!(found, code);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn silence_and_frames_before_hello_end_in_their_codes() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::begin(folder.path(), "hello_ms_max = 300\nhandshake_ms_max = 1000").await;
    for transport in CARRIERS {
        if transport == Transport::Quic {
            // Nobody knows of a stream on which nothing was said: there is no session that could end with a code.
            let addresses = world.server.addresses.clone();
            let attack = async { Conversation::connect(&addresses, transport).await.unwrap().until_the_end().await };
            let logged = |line: &Value| refused_over("quic")(line) && line["reason"] == "no_stream";
            let (frames, _) = world.attacked("silence over raw QUIC", logged, attack).await;
            assert!(frames.is_empty(), "{frames:?}");
        } else {
            let silence = async |_: &mut Conversation| Ok(());
            world.ends_with("silence", transport, CloseCode::HelloTimeout, silence).await;
        }
        let fetch = Fetch { id: "1".into(), inbox: InboxName::Me, query: PageQuery::default() };
        let early = [ClientFrame::Ping, ClientFrame::Fetch(fetch)];
        for frame in early {
            let attack = async |attacker: &mut Conversation| attacker.client().send(&frame).await;
            world.ends_with("a frame before hello", transport, CloseCode::Unauthenticated, attack).await;
        }
    }
    // The HTTP form of silence: a head that never ends. No status can be the answer to half a request.
    let host = world.server.addresses.http.trim_start_matches("http://").to_owned();
    for said in ["", "GET /v1/inbox/notifications HTTP/1.1\r\nHost: "] {
        let attack = async {
            let mut stream = TcpStream::connect(&host).await.unwrap();
            stream.write_all(said.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            // A reset ends it as well.
            let _ = stream.read_to_end(&mut answer).await;
            answer
        };
        let answer = world.attacked("silence over HTTP", refused_over("http"), attack).await;
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
    }
}
