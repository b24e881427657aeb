//! One table of origins has the same verdicts on every carrier, before anything else of a request is looked at.

#[path = "../support/system/mod.rs"]
#[allow(dead_code, reason = "each test of the release binary uses its own part")]
mod system;

use bytes::Bytes;
use system::caller::{connector, request};
use system::conversation::Conversation;
use system::event_stream::EventStream;
use system::server::{Launch, Server};
use system::tokens::Signer;
use tidings_client::{ClientError, Connector, Transport};

const LISTED: &str = "https://app.example";

/// What a request says of its page, and whether it may go on.
const TABLE: [(Option<&str>, bool); 12] = [
    (None, true),
    (Some(LISTED), true),
    // Under `--dev` this machine, at any port.
    (Some("http://localhost:3000"), true),
    (Some("http://127.0.0.1:1"), true),
    (Some("null"), false),
    (Some("https://foreign.example"), false),
    (Some("http://app.example"), false),
    (Some("https://app.example:8443"), false),
    (Some("https://app.example.foreign.example"), false),
    (Some("https://foreign.example/https://app.example"), false),
    (Some("http://localhost.foreign.example"), false),
    (Some("*"), false),
];

/// The ways to ask: those that a page has.
#[derive(Clone, Copy, Debug)]
enum Way {
    Http,
    Preflight,
    Ticket,
    WebSocket,
    WebTransport,
    Events,
}

const WAYS: [Way; 6] = [Way::Http, Way::Preflight, Way::Ticket, Way::WebSocket, Way::WebTransport, Way::Events];

impl Way {
    /// The carrier that its verdicts are counted for.
    const fn carrier(self) -> &'static str {
        match self {
            Self::WebTransport => "webtransport",
            // These are requests when they are judged.
            Self::Http | Self::Preflight | Self::Ticket | Self::WebSocket | Self::Events => "http",
        }
    }

    /// The status of the answer; WebTransport's client is not told it, so a refusal counts as 403 there.
    async fn ask(self, server: &Server, token: &str, origin: Option<&str>) -> u16 {
        let from = origin.map_or_else(connector, |origin| connector().with_origin(origin));
        let bearer = format!("Bearer {token}");
        match self {
            Self::Http => self.http(server, "GET", "/v1/inbox/notifications", &bearer, origin).await,
            Self::Preflight => self.http(server, "OPTIONS", "/v1/inbox/notifications", &bearer, origin).await,
            Self::Ticket => self.http(server, "POST", "/v1/connect/ticket", &bearer, origin).await,
            Self::WebSocket => carried(&from, server, Transport::WebSocket).await,
            Self::WebTransport => carried(&from, server, Transport::WebTransport).await,
            Self::Events => {
                let headers = [("Authorization", bearer.as_str()), ("Origin", origin.unwrap_or_default())];
                let headers = if origin.is_some() { &headers[..] } else { &headers[..1] };
                match EventStream::open(&server.addresses, "", headers).await {
                    Ok(stream) => {
                        assert_eq!(stream.header("access-control-allow-origin"), origin);
                        200
                    }
                    Err(refused) => refused.status,
                }
            }
        }
    }

    async fn http(self, server: &Server, method: &str, path: &str, bearer: &str, origin: Option<&str>) -> u16 {
        let mut headers = vec![("authorization", bearer), ("access-control-request-method", "GET")];
        headers.extend(origin.map(|origin| ("origin", origin)));
        let url = format!("{}{path}", server.addresses.http);
        let answer = request(&connector(), method, &url, &headers, Bytes::new()).await.unwrap();
        let readable = answer.headers.iter().find(|(name, _)| name == "access-control-allow-origin");
        let readable = readable.map(|(_, value)| value.as_str());
        assert_eq!(readable, origin.filter(|_| answer.status != 403), "{self:?} {origin:?}");
        answer.status
    }
}

async fn carried(from: &Connector, server: &Server, transport: Transport) -> u16 {
    match Conversation::connect_with(from, &server.addresses, transport).await {
        Ok(_) => 200,
        Err(ClientError::Refused { status }) => status.unwrap_or(403),
        Err(error) => panic!("{transport:?}: {error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_carrier_gives_every_origin_the_same_verdict_and_counts_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let config = format!("[origins]\nallow = [\"{LISTED}\"]\n[limits]\nuser_connections_max = 1000\n");
    let server = Launch::new(&data).with_config(&config).start().await;
    let token = Signer::dev(&data).token("acme", "ada", "user");
    for way in WAYS {
        for (origin, allowed) in TABLE {
            let status = way.ask(&server, &token, origin).await;
            // A preflight without an origin is no preflight, and no route takes OPTIONS.
            let good = if matches!((way, origin), (Way::Preflight, None)) { status == 405 } else { status < 300 };
            assert_eq!((good, status == 403), (allowed, !allowed), "{origin:?} by {way:?}: {status}");
        }
        let refused = format!("tidings_origins_total{{carrier=\"{}\",verdict=\"refused\"}}", way.carrier());
        assert!(server.metric(&refused).await >= 8.0, "{way:?}");
    }
    // Raw QUIC has no place for an origin: it is absent, allowed and counted like that of any other native client.
    assert_eq!(carried(&connector(), &server, Transport::Quic).await, 200);
    let mut told = Conversation::open(&server.addresses, Transport::Quic, &token, None).await.unwrap();
    told.client().send_text("{\"type\":\"ping\"}".to_owned()).await.unwrap();
    for carrier in ["http", "webtransport", "quic"] {
        let absent = format!("tidings_origins_total{{carrier=\"{carrier}\",verdict=\"absent\"}}");
        assert!(server.metric(&absent).await >= 1.0, "{carrier}");
    }
    for secret in [LISTED, "foreign.example"] {
        let url = format!("{}/v1/connect", server.addresses.http);
        let headers = [("origin", "https://foreign.example")];
        let answer = request(&connector(), "GET", &url, &headers, Bytes::new()).await.unwrap();
        assert!(!String::from_utf8_lossy(&answer.body).contains(secret), "a refusal repeats nothing");
    }
}
