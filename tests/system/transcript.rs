//! One transcript on every carrier: the same conversation gives the same JSON, frame by frame, but for names and times.

#[path = "../support/system/mod.rs"]
#[allow(dead_code, reason = "each test of the release binary uses its own part")]
mod system;

use serde_json::{Value, json};
use std::collections::HashMap;
use system::caller::Caller;
use system::conversation::{CARRIERS, Conversation, json_of};
use system::event_stream::EventStream;
use system::server::{Launch, Server};
use system::sure;
use system::tokens::{Signer, claims};
use tempfile::TempDir;
use tidings_client::{ClientError, Transport};
use tidings_wire::{InboxName, ServerFrame};

/// Names and times of one run, told apart and otherwise without meaning.
#[derive(Default)]
struct Names(HashMap<String, String>);

impl Names {
    /// The same value with its names in the order in which they came up, and without its times.
    fn plain(&mut self, value: &Value) -> Value {
        match value {
            Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), self.field(key, value))).collect(),
            Value::Array(values) => values.iter().map(|value| self.plain(value)).collect(),
            Value::String(text) if text.len() == 24 && text.ends_with('Z') && text.as_bytes()[10] == b'T' => {
                json!("a time")
            }
            other => other.clone(),
        }
    }

    fn field(&mut self, key: &str, value: &Value) -> Value {
        let Some(text) = value.as_str() else {
            // The delay of a leaving server is drawn for each client.
            return if matches!(key, "reconnectAfterMs" | "retryAfterMs") {
                json!("a while")
            } else {
                self.plain(value)
            };
        };
        let is_name =
            matches!(key, "cursor" | "session" | "epoch" | "transactionId" | "upTo") || (key == "id" && text.len() > 8);
        if !is_name {
            return self.plain(value);
        }
        let next = format!("name {}", self.0.len());
        json!(self.0.entry(text.to_owned()).or_insert(next))
    }

    fn name_of(&self, plain: &str) -> &str {
        let found = self.0.iter().find(|(_, name)| *name == plain);
        found.map(|(text, _)| text.as_str()).expect("the name came up before")
    }
}

struct World {
    server: Server,
    signer: Signer,
    service: Caller,
    ada: Caller,
    token: String,
    _folder: TempDir,
}

impl World {
    async fn begin() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let server = Launch::new(&data).start().await;
        let signer = Signer::dev(&data);
        let token = signer.token("acme", "ada", "user");
        let service = Caller::new(&server.addresses, &signer.token("acme", "billing", "service"));
        let ada = Caller::new(&server.addresses, &token);
        Self { server, signer, service, ada, token, _folder: folder }
    }

    /// What ada and others do over HTTP while somebody listens, and how many frames come of each act.
    async fn act(&self, act: usize) -> usize {
        let newest = async || {
            let page = self.ada.ask("GET", "/v1/inbox/notifications?limit=1", None, 200).await;
            page["data"][0]["id"].as_str().unwrap().to_owned()
        };
        match act {
            0 => drop(self.service.publish(&json!("ada"), "one").await),
            1 => drop(
                self.service
                    .publish(&json!(["ada", "bob"]), "two, with \"quotes\", a \u{1f514} and\na second line")
                    .await,
            ),
            2 => drop(self.service.publish(&json!({"type": "tenant"}), "to everyone").await),
            3 => {
                let path = format!("/v1/inbox/notifications/{}/read", newest().await);
                drop(self.ada.ask("PATCH", &path, None, 200).await);
            }
            4 => drop(self.ada.ask("POST", "/v1/inbox/notifications/seen", Some(&json!({})), 204).await),
            5 => {
                let path = format!("/v1/inbox/notifications/{}/delete", newest().await);
                drop(self.ada.ask("DELETE", &path, None, 204).await);
            }
            _ => return 0,
        }
        1
    }
}

/// Whoever is told what a session says.
enum Listener {
    Both(Box<Conversation>),
    Events(Box<EventStream>),
}

impl Listener {
    async fn next(&mut self) -> Option<Value> {
        match self {
            Self::Events(stream) => stream.next().await.map(|event| {
                assert_eq!((&event.data["type"], &event.data["cursor"]), (&json!(event.event), &json!(event.id)));
                event.data
            }),
            Self::Both(conversation) => match sure("frame", conversation.next()).await {
                Ok(frame) => Some(json_of(&frame)),
                Err(ClientError::Closed { .. }) => None,
                Err(error) => panic!("{error}"),
            },
        }
    }
}

/// Everything that a listener hears from `welcome` to the end of its server.
async fn listened(transport: Option<Transport>) -> Vec<Value> {
    let world = World::begin().await;
    let (mut listener, mut frames, mut names) = match transport {
        None => {
            let stream = EventStream::with_token(&world.server.addresses, "", &world.token).await;
            (Listener::Events(Box::new(stream.map_err(|why| why.body).unwrap())), Vec::new(), Names::default())
        }
        Some(transport) => {
            let mut conversation = Conversation::connect(&world.server.addresses, transport).await.unwrap();
            let hello = json!({"type": "hello", "token": world.token, "subscribe": [{"inbox": InboxName::Me}]});
            conversation.client().send(&hello).await.unwrap();
            (Listener::Both(Box::new(conversation)), Vec::new(), Names::default())
        }
    };
    for act in 0.. {
        // `welcome` and `snapshot` before anything is done.
        let count = if act == 0 { 2 } else { world.act(act - 1).await };
        if count == 0 {
            break;
        }
        for _ in 0..count {
            frames.push(names.plain(&listener.next().await.expect("it goes on")));
        }
    }
    world.server.terminate();
    while let Some(frame) = listener.next().await {
        frames.push(names.plain(&frame));
    }
    frames
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_session_says_is_the_same_on_every_carrier() {
    let expected = listened(Some(CARRIERS[0])).await;
    let types: Vec<_> = expected.iter().map(|frame| frame["type"].as_str().unwrap()).collect();
    assert_eq!(types[..8], ["welcome", "snapshot", "delta", "delta", "delta", "delta", "delta", "delta"]);
    assert_eq!(types[8..], ["drain", "close"]);
    for transport in [Some(CARRIERS[1]), Some(CARRIERS[2]), None] {
        assert_eq!(listened(transport).await, expected, "{transport:?}");
    }
}

/// What a client says, and how many frames answer it. `NAME` stands for the first item, `CURSOR` for the snapshot's cursor.
fn script(world: &World) -> Vec<(Value, usize)> {
    let later = world.signer.sign(&claims("acme", "ada", "user", 7_200));
    let other = world.signer.token("acme", "bob", "user");
    let command = |id: &str, command: &str| json!({"type": "command", "id": id, "command": command, "notifications": ["NAME"], "commandId": "c"});
    vec![
        (json!({"type": "ping"}), 1),
        (command("1", "mark_read"), 2),
        // The same again, and the same key for something else.
        (command("2", "mark_read"), 1),
        (command("3", "archive"), 1),
        (json!({"type": "command", "id": "4", "command": "mark_all_seen"}), 2),
        (json!({"type": "command", "id": "5", "command": "explode"}), 1),
        (json!({"type": "command", "id": "6", "command": "publish", "to": "ada", "body": "no"}), 1),
        (json!({"type": "fetch", "id": "7", "inbox": "me", "query": {"limit": 1}}), 1),
        (json!({"type": "fetch", "id": "8", "inbox": "me", "query": {"limit": 0}}), 1),
        (json!({"type": "fetch", "id": "9", "inbox": "tenant"}), 1),
        (json!({"type": "refresh", "id": "10", "token": later}), 1),
        (json!({"type": "refresh", "id": "11", "token": other}), 1),
        (json!({"type": "refresh", "id": "12", "token": "none"}), 1),
        (json!({"type": "ack", "cursor": "CURSOR"}), 0),
        (json!({"type": "subscribe", "id": "13", "inbox": "tenant"}), 1),
        (json!({"type": "subscribe", "id": "14", "inbox": "me", "from": "nonsense"}), 1),
        // The reply, `behind`, what changed, `counts`, `caught_up`.
        (json!({"type": "subscribe", "id": "15", "inbox": "me", "from": "CURSOR"}), 5),
        (json!({"type": "unsubscribe", "id": "16", "inbox": "me"}), 1),
        (json!({"type": "nothing"}), 1),
        (json!([1, 2]), 1),
        // The third that is none of the protocol: `error`, and `close`.
        (json!({"type": "hello", "token": other}), 2),
    ]
}

async fn conversed(transport: Transport) -> Vec<Value> {
    let world = World::begin().await;
    let mut names = Names::default();
    let mut frames = Vec::new();
    let mut conversation = Conversation::connect(&world.server.addresses, transport).await.unwrap();
    let hello = json!({"type": "hello", "token": world.token, "subscribe": [{"inbox": "me"}]});
    conversation.client().send(&hello).await.unwrap();
    for _ in 0..2 {
        frames.push(names.plain(&said(&mut conversation).await));
    }
    let cursor = frames[1]["cursor"].as_str().unwrap().to_owned();
    for act in 0..3 {
        world.act(act).await;
        frames.push(names.plain(&said(&mut conversation).await));
    }
    let item = frames[2]["changes"][0]["item"]["id"].as_str().unwrap().to_owned();
    for (frame, answers) in script(&world) {
        let text = frame.to_string().replace("NAME", names.name_of(&item)).replace("CURSOR", names.name_of(&cursor));
        conversation.client().send_text(text).await.unwrap();
        for _ in 0..answers {
            frames.push(json!({"to": frame["type"], "is": names.plain(&said(&mut conversation).await)}));
        }
    }
    let (rest, code) = conversation.until_the_end().await;
    assert!(rest.is_empty(), "{rest:?}");
    assert_eq!(code, Some(4500));
    frames
}

/// The next frame of any kind.
async fn said(conversation: &mut Conversation) -> Value {
    let frame = sure("frame", conversation.client().recv()).await;
    json_of(&frame.unwrap_or_else(|error: ClientError| panic!("{error}")) as &ServerFrame)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_conversation_is_answered_alike_on_every_carrier_that_goes_both_ways() {
    let expected = conversed(CARRIERS[0]).await;
    let last = expected.last().unwrap();
    assert_eq!((&last["is"]["type"], &last["is"]["code"]), (&json!("close"), &json!(4500)));
    for transport in &CARRIERS[1..] {
        let found = conversed(*transport).await;
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "{transport:?}");
        }
        assert_eq!(found.len(), expected.len());
    }
}
