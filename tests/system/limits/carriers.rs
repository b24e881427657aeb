//! The five carriers as one: opening, asking, and how each says no.

use super::kept::Kept;
use super::system::conversation::{Conversation, json_of};
use serde_json::{Value, json};
use tidings_client::Transport;
use tidings_wire::ServerFrame;

/// Everything that a client can come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Carrier {
    Http,
    WebSocket,
    WebTransport,
    Quic,
    Events,
}

/// All.
pub(crate) const ALL: &[Carrier] =
    &[Carrier::Http, Carrier::WebSocket, Carrier::WebTransport, Carrier::Quic, Carrier::Events];
/// Those with a session that is told things by frames.
pub(crate) const FRAMES: &[Carrier] = &[Carrier::WebSocket, Carrier::WebTransport, Carrier::Quic];
/// Those with a session.
pub(crate) const SESSIONS: &[Carrier] = &[Carrier::WebSocket, Carrier::WebTransport, Carrier::Quic, Carrier::Events];
/// Those that something can be asked on.
pub(crate) const ASKED: &[Carrier] = &[Carrier::Http, Carrier::WebSocket, Carrier::WebTransport, Carrier::Quic];
/// Plain requests alone.
pub(crate) const HTTP: &[Carrier] = &[Carrier::Http];
/// Those that begin with an HTTP/1.1 request.
pub(crate) const HEADS: &[Carrier] = &[Carrier::Http, Carrier::WebSocket, Carrier::Events];

impl Carrier {
    /// The carrier of frames.
    pub(crate) const fn transport(self) -> Option<Transport> {
        match self {
            Self::Http | Self::Events => None,
            Self::WebSocket => Some(Transport::WebSocket),
            Self::WebTransport => Some(Transport::WebTransport),
            Self::Quic => Some(Transport::Quic),
        }
    }

    /// Its name in metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::WebSocket => "websocket",
            Self::WebTransport => "webtransport",
            Self::Quic => "quic",
            Self::Events => "events",
        }
    }
}

/// A question in the words of every carrier that takes one.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    /// A notification.
    Publish(Value),
    /// These are read, under this key where there is one.
    Read { ids: Vec<String>, key: Option<String> },
    /// All are read.
    ReadAll,
    /// A page of one's inbox.
    Page { limit: u32, tags: Vec<String> },
}

/// Why not: the word on the wire, and the sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct No {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// Somebody who asks.
pub(crate) enum Asker {
    Http { kept: Kept, token: String },
    Session(Conversation),
}

impl Ask {
    fn request(&self) -> (&'static str, String, Value, Option<&str>) {
        let read = "/v1/inbox/notifications/read".to_owned();
        match self {
            Self::Publish(publish) => ("POST", "/v1/notifications".to_owned(), publish.clone(), None),
            Self::Read { ids, key } => ("POST", read, json!({"notificationIds": ids}), key.as_deref()),
            Self::ReadAll => ("POST", read, json!({}), None),
            Self::Page { limit, tags } => {
                let tags: String = tags.iter().map(|tag| format!("&tags[]={tag}")).collect();
                ("GET", format!("/v1/inbox/notifications?limit={limit}{tags}"), Value::Null, None)
            }
        }
    }

    pub(crate) fn frame(&self, id: &str) -> Value {
        match self {
            Self::Publish(publish) => {
                let mut frame = publish.clone();
                (frame["type"], frame["id"], frame["command"]) = (json!("command"), json!(id), json!("publish"));
                frame
            }
            Self::Read { ids, key } => json!({"type": "command", "id": id, "command": "mark_read",
                "notifications": ids, "commandId": key}),
            Self::ReadAll => json!({"type": "command", "id": id, "command": "mark_all_read"}),
            Self::Page { limit, tags } if tags.is_empty() => {
                json!({"type": "fetch", "id": id, "inbox": "me", "query": {"limit": limit}})
            }
            Self::Page { limit, tags } => {
                json!({"type": "fetch", "id": id, "inbox": "me", "query": {"limit": limit, "tags": tags}})
            }
        }
    }
}

impl Asker {
    /// What is answered.
    pub(crate) async fn ask(&mut self, ask: &Ask) -> Result<Value, No> {
        match self {
            Self::Http { kept, token } => {
                let (method, path, body, key) = ask.request();
                let key = key.map(|key| format!("Idempotency-Key: {key}\r\n")).unwrap_or_default();
                let head = format!("Authorization: Bearer {token}\r\nContent-Type: application/json\r\n{key}");
                let body = if method == "GET" { String::new() } else { body.to_string() };
                let told = kept.ask(method, &path, &head, body.as_bytes()).await.expect("the connection is kept");
                if told.status < 300 {
                    return Ok(told.body);
                }
                Err(no(&told.body["code"], &told.body["detail"]))
            }
            Self::Session(session) => {
                session.client().send(&ask.frame("asked")).await.expect("the session is open");
                let reply = reply(session, "asked").await;
                if reply["ok"] == true {
                    return Ok(reply["result"].clone());
                }
                Err(no(&reply["error"]["code"], &reply["error"]["message"]))
            }
        }
    }

    /// The session of a carrier of frames.
    pub(crate) fn session(self) -> Conversation {
        match self {
            Self::Session(session) => session,
            Self::Http { .. } => panic!("HTTP has no session"),
        }
    }
}

fn no(code: &Value, message: &Value) -> No {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    No { code: text(code), message: text(message) }
}

/// The reply to `id`, whatever comes before it.
pub(crate) async fn reply(session: &mut Conversation, id: &str) -> Value {
    loop {
        let frame = session.must().await;
        if matches!(&frame, ServerFrame::Reply { id: found, .. } if found == id) {
            return json_of(&frame);
        }
    }
}
