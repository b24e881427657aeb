//! Limits over all connections of a user together, whatever carrier they came by.

use super::system::caller::Caller;
use super::system::conversation::{CARRIERS, Conversation, json_of};
use super::system::server::{Launch, Server};
use super::system::stopwatch::Micros;
use super::system::tokens::Signer;
use serde_json::{Value, json};
use std::path::Path;
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
