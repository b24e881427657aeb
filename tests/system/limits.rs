//! Limits on the release binary, on every carrier: at each and one over, and over all connections of a user together.

#[path = "../support/system/mod.rs"]
#[allow(dead_code, reason = "each test of the release binary uses its own part")]
mod system;

use serde_json::{Value, json};
use std::path::Path;
use system::caller::Caller;
use system::conversation::{CARRIERS, Conversation, json_of};
use system::server::{Launch, Server};
use system::stopwatch::Micros;
use system::tokens::Signer;
use tidings_client::{Answer, Transport};
use tidings_wire::ServerFrame;

struct World {
    server: Server,
    signer: Signer,
}

impl World {
    async fn begin(folder: &Path, config: &str) -> Self {
        let data = folder.join("data");
        let server = Launch::new(&data).with_config(config).start().await;
        Self { server, signer: Signer::dev(&data) }
    }

    fn caller(&self, tenant: &str, subject: &str, role: &str) -> Caller {
        Caller::new(&self.server.addresses, &self.signer.token(tenant, subject, role))
    }

    async fn session(&self, transport: Transport, tenant: &str, subject: &str, role: &str) -> Conversation {
        let token = self.signer.token(tenant, subject, role);
        Conversation::open(&self.server.addresses, transport, &token, None).await.expect("there is a place")
    }

    /// The code that a session is refused with; `None` when there is a place for it.
    async fn refused(&self, transport: Transport, tenant: &str, subject: &str) -> Option<u16> {
        let mut opened = Conversation::connect(&self.server.addresses, transport).await.expect("there is a server");
        let token = self.signer.token(tenant, subject, "user");
        opened.client().send(&json!({"type": "hello", "token": token})).await.expect("hello can be said");
        match opened.must().await {
            ServerFrame::Welcome { .. } => None,
            _ => opened.until_the_end().await.1.or(Some(0)),
        }
    }
}

/// Sends a frame whose id is `id`; the code of the reply's error, or nothing.
async fn code(session: &mut Conversation, frame: &Value) -> Option<String> {
    session.client().send(frame).await.expect("the session is open");
    let id = frame["id"].as_str().expect("every frame of these has an id");
    loop {
        let reply = json_of(&session.must().await);
        if reply["id"] == id {
            return reply["error"]["code"].as_str().map(str::to_owned);
        }
    }
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

/// What a publish may hold and what is one too much, by the field that is refused.
fn publishes() -> Vec<(&'static str, Value, Value)> {
    let text = |count: usize| json!("x".repeat(count));
    let names = |count: usize| json!((0..count).map(|number| format!("t{number}")).collect::<Vec<_>>());
    let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    vec![
        ("subject", text(512), text(513)),
        ("body", text(16_384), text(16_385)),
        ("data", text(32_766), text(32_767)),
        ("data", nested(16), nested(17)),
        ("tags", names(32), names(33)),
        ("category", text(128), text(129)),
        ("groupKey", text(128), text(129)),
        ("actor", text(128), text(129)),
        ("transactionId", text(64), text(65)),
        (
            "redirect",
            json!({"url": format!("/{}", "x".repeat(2_047))}),
            json!({"url": format!("/{}", "x".repeat(2_048))}),
        ),
        ("to", text(128), text(129)),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_request_may_hold_is_the_same_on_every_carrier() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::begin(folder.path(), "[limits]\nqueries_burst = 1000\ncommands_burst = 1000").await;
    let service = world.caller("acme", "desk", "service");
    let cases: Vec<_> = publishes()
        .into_iter()
        .flat_map(|(field, at, over)| [(field, at, None), (field, over, Some("too_large"))])
        .map(|(field, value, expected)| {
            let mut publish = json!({"to": "ada", "body": "b"});
            publish[field] = value;
            (field, publish, expected)
        })
        .collect();
    for (field, publish, expected) in &cases {
        let status = if expected.is_some() { 413 } else { 201 };
        let answer = service.ask("POST", "/v1/notifications", Some(publish), status).await;
        assert_eq!(answer["code"].as_str(), *expected, "{field} over HTTP");
    }
    let ada = world.caller("acme", "ada", "user");
    ada.ask("GET", "/v1/inbox/notifications?limit=100", None, 200).await;
    ada.ask("GET", "/v1/inbox/notifications?limit=101", None, 400).await;
    let ids = |count: usize| json!(vec!["nobody"; count]);
    let marked = |count: usize| json!({"notificationIds": ids(count)});
    ada.ask("POST", "/v1/inbox/notifications/read", Some(&marked(500)), 404).await;
    ada.ask("POST", "/v1/inbox/notifications/read", Some(&marked(501)), 413).await;
    let people = |count: usize| json!({"to": (0..count).map(|one| format!("u{one}")).collect::<Vec<_>>(), "body": "b"});
    service.ask("POST", "/v1/notifications", Some(&people(10_000)), 201).await;
    service.ask("POST", "/v1/notifications", Some(&people(10_001)), 413).await;
    for transport in CARRIERS {
        let mut desk = world.session(transport, "acme", "desk", "service").await;
        for (number, (field, publish, expected)) in cases.iter().enumerate() {
            let mut frame = publish.clone();
            frame["type"] = json!("command");
            frame["command"] = json!("publish");
            frame["id"] = json!(number.to_string());
            assert_eq!(code(&mut desk, &frame).await.as_deref(), *expected, "{field} over {transport:?}");
        }
        let mut ada = world.session(transport, "acme", "ada", "user").await;
        for (limit, expected) in [(100, None), (101, Some("invalid"))] {
            let frame = json!({"type": "fetch", "id": "f", "inbox": "me", "query": {"limit": limit}});
            assert_eq!(code(&mut ada, &frame).await.as_deref(), expected, "a page over {transport:?}");
        }
        for (count, command_id, expected) in
            [(500, 64, Some("not_found")), (501, 64, Some("too_large")), (1, 65, Some("too_large"))]
        {
            let frame = json!({"type": "command", "id": "m", "command": "mark_read", "notifications": ids(count),
                "commandId": "c".repeat(command_id)});
            assert_eq!(code(&mut ada, &frame).await.as_deref(), expected, "{count} ids over {transport:?}");
        }
    }
    assert!(world.server.metric("tidings_limit_hits_total{limit=\"subject_bytes_max\"}").await >= 3.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_users_connections_count_together_on_every_carrier_and_a_tenant_may_have_fewer() {
    let folder = tempfile::tempdir().unwrap();
    let config =
        "[limits]\nuser_connections_max = 2\n\n[[tenants]]\nname = \"small\"\nlimits = { user_connections_max = 1 }";
    let world = World::begin(folder.path(), config).await;
    for (transport, other) in CARRIERS.into_iter().zip(CARRIERS.into_iter().rev()) {
        let (tenant, user) = ("acme", format!("u-{transport:?}"));
        let first = world.session(transport, tenant, &user, "user").await;
        let second = world.session(other, tenant, &user, "user").await;
        for one_over in CARRIERS {
            assert_eq!(world.refused(one_over, tenant, &user).await, Some(4005), "{one_over:?}");
        }
        drop((first, second));
        let only = world.session(transport, "small", &user, "user").await;
        assert_eq!(world.refused(other, "small", &user).await, Some(4005));
        drop(only);
    }
    assert!(world.server.metric("tidings_limit_hits_total{limit=\"user_connections_max\"}").await >= 6.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_users_commands_count_together_on_every_carrier_and_over_http() {
    let folder = tempfile::tempdir().unwrap();
    let limits = "[limits]\ncommands_per_second = 1\ncommands_burst = 6\nrate_limited_per_minute_max = 1000";
    let world = World::begin(folder.path(), limits).await;
    let began = Micros::now();
    let mark = |id: usize| json!({"type": "command", "id": id.to_string(), "command": "mark_all_read"});
    let mut taken = 0;
    for transport in CARRIERS {
        let mut ada = world.session(transport, "acme", "ada", "user").await;
        for id in 0..12 {
            match code(&mut ada, &mark(id)).await.as_deref() {
                None => taken += 1,
                Some(code) => assert_eq!(code, "rate_limited"),
            }
        }
    }
    let ada = world.caller("acme", "ada", "user");
    let mut refused = 0;
    for _ in 0..12 {
        let answer = ada.call("POST", "/v1/inbox/notifications/read", Some(&json!({}))).await.expect("it is there");
        assert_eq!(
            (header(&answer, "ratelimit-limit"), header(&answer, "ratelimit-policy")),
            (Some("6"), Some("6;w=6"))
        );
        match answer.status {
            204 => taken += 1,
            status => {
                refused += 1;
                let told = [header(&answer, "retry-after"), header(&answer, "ratelimit-remaining")];
                assert_eq!((status, told), (429, [Some("1"), Some("0")]));
            }
        }
    }
    // However slow this machine is: a burst, and one for each second that has passed.
    let seconds = (Micros::now().0 - began.0).div_ceil(1_000_000);
    assert!((6..=6 + seconds).contains(&taken), "{taken} of 36 were taken within {seconds} s");
    assert!(refused > 0 || seconds > 30, "HTTP has the same rate");
}
