//! A session with its server's part played by hand.

use crate::cursor::{Cursor, CursorKind};
use crate::ids::{Position, Time};
use crate::keys::Keys;
use crate::limits::Limits;
use crate::session::{Input, Output, Session, SessionContext, Stream};
use crate::token::{Algorithm, KeyConfig, Tenants, Verifier, sign};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;
use tidings_wire::{CloseCode, InboxName};

pub(super) const NOW: Time = Time(1_800_000_000_000);

pub(super) fn key() -> KeyConfig {
    let roles = crate::grant::Role::ALL.to_vec();
    KeyConfig { tenants: Tenants::Any, roles, ..KeyConfig::new(Algorithm::Hs256, vec![7; 32], "acme") }
}

/// A token of acme that is good for `ms` from [`NOW`].
pub(super) fn token(subject: &str, role: &str, ms: i64) -> String {
    let exp = (NOW.0 + ms) / 1_000;
    sign(&key(), &json!({"sub": subject, "tenant": "acme", "roles": [role], "topics": ["t"], "exp": exp})).unwrap()
}

pub(super) struct Fixture {
    pub(super) session: Session,
    pub(super) context: Arc<SessionContext>,
    pub(super) now: Time,
}

impl Fixture {
    pub(super) fn new(limits: Limits) -> Self {
        let verifier = Verifier::new(vec![key()], "tenant".to_owned(), &limits).unwrap();
        let context = SessionContext::new(Arc::new(Keys::new(&[1; 32])), Arc::new(verifier), limits, 5);
        let context = Arc::new(context);
        Self { session: Session::new("s1", Arc::clone(&context), NOW), context, now: NOW }
    }

    /// A session of ada, welcomed, with nothing queued.
    pub(super) fn open(limits: Limits, role: &str) -> Self {
        let mut fixture = Self::new(limits);
        fixture.hello(role, json!([]));
        assert_eq!(fixture.types(), ["welcome"]);
        fixture.outputs();
        fixture
    }

    pub(super) fn hello(&mut self, role: &str, subscribe: Value) {
        self.send(&json!({"type": "hello", "token": token("ada", role, 3_600_000), "subscribe": subscribe}));
        self.give(Input::Admitted(Ok(())));
        self.give(Input::Observed(Ok(())));
    }

    pub(super) fn send(&mut self, frame: &Value) {
        self.send_on(Stream::Ordered, frame);
    }

    pub(super) fn send_on(&mut self, stream: Stream, frame: &Value) {
        let text = frame.to_string();
        self.give(Input::Frame { stream, bytes: text.as_bytes() });
    }

    pub(super) fn give(&mut self, input: Input<'_>) {
        self.session.handle(input, self.now);
    }

    pub(super) fn wait(&mut self, ms: i64) {
        self.now = self.now.plus(ms);
        self.give(Input::Timeout);
    }

    pub(super) fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.session.poll_output()).collect()
    }

    /// Everything that waits, as JSON.
    pub(super) fn frames_on(&mut self, stream: Stream) -> Vec<Value> {
        let now = self.now;
        std::iter::from_fn(|| self.session.poll_send(stream, now))
            .map(|frame| serde_json::from_slice(&frame).unwrap())
            .collect()
    }

    pub(super) fn frames(&mut self) -> Vec<Value> {
        self.frames_on(Stream::Ordered)
    }

    pub(super) fn types(&mut self) -> Vec<String> {
        self.frames().iter().map(|frame| frame["type"].as_str().unwrap().to_owned()).collect()
    }

    /// The one frame that waits.
    pub(super) fn frame(&mut self) -> Value {
        let mut frames = self.frames();
        assert_eq!(frames.len(), 1, "{frames:?}");
        frames.remove(0)
    }

    /// The `code` of the error in the one reply that waits.
    pub(super) fn refusal(&mut self) -> String {
        self.frame()["error"]["code"].as_str().unwrap().to_owned()
    }

    /// The session ended with this code: said once, last, and nothing after it.
    #[track_caller]
    pub(super) fn assert_closed(&mut self, code: CloseCode) {
        assert_eq!(self.session.close(), Some(code));
        assert_eq!(self.session.poll_timeout(), None);
        let frames = self.frames();
        let last = frames.last().unwrap();
        assert_eq!((&last["type"], &last["code"]), (&json!("close"), &json!(code.number())));
        self.send(&json!({"type": "ping"}));
        self.give(Input::Close(CloseCode::Internal));
        self.wait(1_000_000);
        assert_eq!((self.frames(), self.session.close()), (Vec::new(), Some(code)));
    }
}

pub(super) fn at(position: u64) -> Cursor {
    Cursor { kind: CursorKind::Changes, epoch: 5, position: Position(position), chain: [1; 4], place: 0 }
}

/// A frame of a type, as large as wanted, that says where it leads.
pub(super) fn frame(kind: &str, position: u64, bytes: usize) -> Bytes {
    let head = format!(r#"{{"type":"{kind}","at":{position},"fill":""#);
    let fill = "x".repeat(bytes.saturating_sub(head.len() + 2));
    let text = format!(r#"{head}{fill}"}}"#);
    assert!(bytes == 0 || text.len() == bytes);
    Bytes::from(text)
}

pub(super) fn me() -> InboxName {
    InboxName::Me
}

impl Fixture {
    pub(super) fn snapshot(&mut self, position: u64) {
        self.give(Input::Snapshot { inbox: &me(), frame: frame("snapshot", position, 0), at: at(position) });
    }

    pub(super) fn delta(&mut self, position: u64, bytes: usize) {
        self.give(Input::Delta { inbox: &me(), frame: &frame("delta", position, bytes), at: at(position) });
    }

    pub(super) fn live(limits: Limits) -> Self {
        let mut fixture = Self::open(limits, "user");
        fixture.send(&json!({"type": "subscribe", "id": "s", "inbox": "me"}));
        fixture.outputs();
        fixture.snapshot(10);
        assert_eq!(fixture.types(), ["reply", "snapshot"]);
        fixture
    }
}
