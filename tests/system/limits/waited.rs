//! Silence, and readers who do not read.

use super::carriers::{Ask, Carrier};
use super::system::conversation::json_of;
use super::system::event_stream::EventStream;
use super::system::sure;
use super::table::Until;
use super::world::World;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tidings_wire::{ClientFrame, InboxName, ServerFrame};

/// Whoever is silent instead of what `until` names is sent away, or pinged; whoever is not, stays.
pub(crate) async fn silence(world: &World, carrier: Carrier, tenant: &str, until: Until) {
    match (until, carrier) {
        (Until::Handshake | Until::Hello, Carrier::Http) => silent_over_http(world, tenant, until).await,
        (Until::Handshake, _) => {
            let mut silent = world.connect(carrier).await.expect("there is a server");
            let (frames, code) = silent.until_the_end().await;
            assert!(
                frames.is_empty() && matches!(code, None | Some(0)),
                "there is no session yet: {frames:?}, {code:?}"
            );
        }
        (Until::Hello, _) => {
            let mut silent = world.connect(carrier).await.expect("there is a server");
            let mut honest = world.asker(carrier, tenant, "user").await;
            if carrier == Carrier::Quic {
                // A stream is there from its first byte on.
                silent.client().send_raw(bytes::Bytes::from_static(&[9])).await.expect("there is a server");
            }
            assert_eq!(silent.until_the_end().await.1, Some(4_007));
            assert_eq!(honest.ask(&Ask::Page { limit: 1, tags: Vec::new() }).await.err(), None, "hello was in time");
        }
        (Until::Ping, Carrier::Events) => {
            let token = world.token(tenant, "user");
            let stream = EventStream::with_token(&world.server.addresses, "", &token).await;
            stream.map_err(|refused| refused.status).expect("there is a place").until_comments(3).await;
        }
        (Until::Ping | Until::Idle, _) => {
            let mut silent = world.asker(carrier, tenant, "user").await.session();
            let mut honest = world.asker(carrier, tenant, "user").await.session();
            let ends = async {
                let mut pings = 0;
                loop {
                    match silent.client().recv().await {
                        Ok(ServerFrame::Ping) => pings += 1,
                        Ok(ServerFrame::Close { code, .. }) => return (pings, code),
                        other => panic!("instead of silence: {other:?}"),
                    }
                }
            };
            let (pings, code) = tokio::select! {
                ended = sure("end of the silent one", ends) => ended,
                heard = honest.next() => panic!("who answers pings hears nothing else: {heard:?}"),
            };
            assert!(pings >= 1 && code == 4_001, "{pings} pings, then {code}");
            honest.client().send(&ClientFrame::Ping).await.expect("who answers pings stays");
        }
        (Until::Body, _) => half_a_body(world, tenant).await,
    }
}

/// Which of the two times it was stands in the log: a connection without a head has ended before the time to authenticate, and
/// one that asks and asks has a head each time.
async fn silent_over_http(world: &World, tenant: &str, until: Until) {
    let (from, mut silent, mut honest) = (world.server.log.count(), world.kept().await, world.kept().await);
    let head = format!("Authorization: Bearer {}\r\n", world.token(tenant, "user"));
    let told = honest.ask("GET", "/v1/inbox/notifications", &head, b"").await.expect("in time");
    assert_eq!(told.status, 200);
    let reason = if until == Until::Hello { "hello_timeout" } else { "head_timeout" };
    if until == Until::Hello {
        sure("end of the stranger", async {
            while silent.ask("GET", "/healthz", "", b"").await.is_some() {
                let told = honest.ask("GET", "/v1/inbox/notifications", &head, b"").await.expect("it is known");
                assert_eq!(told.status, 200);
            }
        })
        .await;
    } else {
        silent.ends().await;
    }
    let is_it =
        |line: &str| line.contains(&format!("\"reason\":\"{reason}\"")) && line.contains("\"carrier\":\"http\"");
    world.server.log.find(reason, from, is_it).await;
}

async fn half_a_body(world: &World, tenant: &str) {
    let (token, body) = (world.token(tenant, "service"), "{\"to\":\"ada\",\"body\":\"b\"}");
    let head = format!(
        "POST /v1/notifications HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    for (sent, status) in [(body, 201), (&body[..10], 408)] {
        let mut kept = world.kept().await;
        kept.send(format!("{head}{sent}").as_bytes()).await;
        assert_eq!(kept.answer().await.map(|told| told.status), Some(status));
    }
}

/// A reader who does not read falls behind, and loses nothing.
pub(crate) async fn outbox(world: &World, carrier: Carrier, tenant: &str, bytes: usize) {
    /// Published at once, so that they share a sync.
    const AT_ONCE: usize = 16;

    let token = world.token(tenant, "user");
    let behind = format!("tidings_subscriptions_behind{{carrier=\"{}\"}}", carrier.name());
    let mut reader = Reader::begin(world, carrier, &token).await;
    let mut publishers = Vec::new();
    for _ in 0..AT_ONCE {
        publishers.push(world.asker(Carrier::Http, tenant, "service").await);
    }
    let mut published = 0;
    sure("reader behind", async {
        while world.server.metric(&behind).await < 1.0 {
            let publishing = publishers.iter_mut().enumerate().map(|(number, publisher)| async move {
                let body = format!("{}:{}", published + number, "b".repeat(bytes));
                let ask = Ask::Publish(json!({"to": "ada", "body": body}));
                assert_eq!(publisher.ask(&ask).await.err(), None);
            });
            futures_util::future::join_all(publishing).await;
            published += AT_ONCE;
        }
    })
    .await;
    let (mut seen, mut was_behind, mut caught_up) = (BTreeSet::new(), false, false);
    // It may fall behind more than once.
    while !caught_up || seen.len() < published {
        let told = reader.next().await;
        let text = told.to_string();
        let bodies = text.split("\"body\":\"").skip(1);
        seen.extend(bodies.filter_map(|body| body.split_once(':')?.0.parse::<usize>().ok()));
        was_behind |= told["type"] == "behind";
        caught_up |= was_behind && told["type"] == "caught_up";
    }
    assert_eq!(seen, (0..published).collect());
}

enum Reader {
    Frames(Box<super::system::conversation::Conversation>),
    Events(Box<EventStream>),
}

impl Reader {
    async fn begin(world: &World, carrier: Carrier, token: &str) -> Self {
        let Some(transport) = carrier.transport() else {
            let stream = EventStream::with_token(&world.server.addresses, "", token).await;
            return Self::Events(Box::new(stream.map_err(|refused| refused.status).expect("there is a place")));
        };
        let addresses = &world.server.addresses;
        let (session, _) =
            super::system::conversation::Conversation::follow(addresses, transport, token, InboxName::Me).await;
        Self::Frames(Box::new(session))
    }

    /// What is told next, with its type.
    async fn next(&mut self) -> Value {
        match self {
            Self::Frames(session) => json_of(&session.must().await),
            Self::Events(stream) => {
                let event = stream.must().await;
                let mut told = event.data;
                told["type"] = json!(event.event);
                told
            }
        }
    }
}
