//! A session with its client, its server, its writer and its clock, all of them played by a script.

use super::bounds::Bounds;
use super::cast::{NOW, context, cursor, first_token, foreign_cursor, token};
use super::reader::Reader;
use super::server::{Feed, index, name};
use super::step::{From, Step, Which};
use crate::fuzz::reach;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use tidings_engine::ids::Time;
use tidings_engine::limits::FRAME_BYTES_MAX;
use tidings_engine::session::{Input, Output, Session, Stream};
use tidings_wire::{CloseCode, decode};

/// Most bytes that wait with an honest server: the outbox, a page and the replies on top.
const HONEST_BYTES_MAX: usize = 64 * 1024;

/// Most bytes that wait with any server: frames that may wait before the session ends, on both streams, and one more of
/// each kind.
const HOSTILE_BYTES_MAX: usize = 10 * FRAME_BYTES_MAX;

/// Rounds of writing and serving after which nothing moves any more.
const ROUNDS_COUNT: usize = 400;

/// How the server behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// It answers in order and keeps to the contract of [`Input`]: every reader must end up with what there is.
    Honest,
    /// Its answers come late, twice, unasked and as large as may be: only what must hold against anybody is judged.
    Hostile,
}

/// The session with what was seen of it.
#[derive(Debug)]
pub struct World {
    pub(super) manner: Manner,
    pub(super) now: Time,
    pub(super) head: u64,
    pub(super) feeds: [Feed; 2],
    pub(super) readers: [Reader; 2],
    pub(super) work: VecDeque<Output>,
    pub(super) bounds: Bounds,
    /// Whether a token was good.
    pub(super) greeted: bool,
    session: Session,
    welcomed: bool,
    closes: usize,
    said: u64,
}

impl World {
    /// Runs a script and judges it.
    ///
    /// # Panics
    /// A promise is broken; the message says which.
    pub fn play(steps: impl IntoIterator<Item = Step>, manner: Manner) {
        let mut world = Self {
            manner,
            now: NOW,
            head: 0,
            feeds: Default::default(),
            readers: Default::default(),
            work: VecDeque::new(),
            bounds: Bounds::new(NOW),
            greeted: false,
            session: Session::new("s1", Arc::clone(context()), NOW),
            welcomed: false,
            closes: 0,
            said: 0,
        };
        for step in steps {
            world.step(step);
            world.check();
        }
        world.settle();
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Hello { token: which, which: inbox, from } => {
                let subscribe = json!([{ "inbox": name(inbox), "from": self.from(inbox, from) }]);
                self.say(false, &json!({ "type": "hello", "token": first_token(which), "subscribe": subscribe }));
            }
            Step::Bytes { fetch_stream, bytes } => self.bytes(fetch_stream, &bytes),
            Step::TooLarge => self.give(Input::TooLarge),
            Step::NotText => {
                self.mistake();
                self.bounds.heard(self.now);
                self.give(Input::NotText);
            }
            Step::Alive => {
                self.bounds.heard(self.now);
                self.give(Input::Alive);
            }
            Step::Change { which, item, bytes } => self.change(which, item, bytes),
            Step::Serve { choice } => self.serve(choice),
            Step::Unasked { choice, which } => self.unasked(choice, which),
            Step::Write(count) => (0..count).for_each(|_| {
                self.write(Stream::Ordered);
            }),
            Step::WriteFetched => {
                self.write(Stream::Fetch);
            }
            Step::Wait(milliseconds) => {
                self.now = self.now.plus(milliseconds);
                self.give(Input::Timeout);
            }
            Step::Drain => self.give(Input::Drain { reconnect_after_ms: 5 }),
            Step::Close => self.give(Input::Close(CloseCode::Internal)),
            said => self.speak(&said),
        }
    }

    /// The steps that are one frame of the client.
    fn speak(&mut self, step: &Step) {
        self.said += 1;
        let id = format!("i{}", self.said);
        let (fetch_stream, frame) = match step {
            Step::Refresh(which) => (false, json!({ "type": "refresh", "id": id, "token": token(*which) })),
            Step::Subscribe(inbox, from) => {
                let from = self.from(*inbox, *from);
                (false, json!({ "type": "subscribe", "id": id, "inbox": name(*inbox), "from": from }))
            }
            Step::Unsubscribe(inbox) => (false, json!({ "type": "unsubscribe", "id": id, "inbox": name(*inbox) })),
            Step::Command { fetch_stream } => {
                (*fetch_stream, json!({ "type": "command", "id": id, "command": "mark_all_read" }))
            }
            Step::Fetch { fetch_stream, which } => {
                let query = json!({ "limit": 3 });
                (*fetch_stream, json!({ "type": "fetch", "id": id, "inbox": name(*which), "query": query }))
            }
            Step::Ack => (false, json!({ "type": "ack", "cursor": cursor(self.readers[0].position) })),
            Step::Ping => (false, json!({ "type": "ping" })),
            Step::Pong => (false, json!({ "type": "pong" })),
            _ => (false, json!({ "type": "nonsense" })),
        };
        self.say(fetch_stream, &frame);
    }

    fn from(&self, inbox: Which, from: From) -> Option<String> {
        let position = index(&name(inbox)).map_or(Some(0), |of| self.readers[of].resumes());
        // Whose state is void starts afresh.
        let position = position?;
        match from {
            From::Nowhere => None,
            From::Own => Some(cursor(position)),
            From::Older => Some(cursor(position / 2)),
            From::Foreign => Some(foreign_cursor(position)),
            From::Garbage => Some("AAAA".to_owned()),
        }
    }

    fn say(&mut self, fetch_stream: bool, frame: &Value) {
        self.bytes(fetch_stream, frame.to_string().as_bytes());
    }

    fn bytes(&mut self, fetch_stream: bool, bytes: &[u8]) {
        if decode(bytes, FRAME_BYTES_MAX).is_err() {
            self.mistake();
        }
        self.bounds.heard(self.now);
        let stream = if fetch_stream { Stream::Fetch } else { Stream::Ordered };
        self.give(Input::Frame { stream, bytes });
    }

    /// Counted where the session is open: before, one mistake is the end already.
    fn mistake(&mut self) {
        if self.session.grant().is_some() {
            self.bounds.mistake();
        }
    }

    /// Hands something to the session, and takes what it asks for.
    pub(super) fn give(&mut self, input: Input<'_>) {
        let (ended, queued) = (self.session.close(), self.session.queued_bytes());
        self.session.handle(input, self.now);
        if ended.is_some() {
            let after = (self.session.close(), self.session.queued_bytes());
            assert_eq!(after, (ended, queued), "it went on after its end");
        }
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(output) = self.session.poll_output() {
            self.asked(output);
        }
    }

    /// Takes one frame as the writer does, and reads it as the client does; whether there was one.
    fn write(&mut self, stream: Stream) -> bool {
        let Some(bytes) = self.session.poll_send(stream, self.now) else { return false };
        assert!(bytes.len() <= FRAME_BYTES_MAX, "a frame of {} bytes", bytes.len());
        let frame: Value = serde_json::from_slice(&bytes).expect("a server frame is JSON");
        let kind = frame["type"].as_str().expect("a server frame has a type");
        assert_eq!(self.closes, 0, "{kind} after close");
        // The second stream may overtake the first, but only once the session is open.
        let is_open = self.welcomed || (stream == Stream::Fetch && self.session.grant().is_some());
        assert!(is_open || ["welcome", "close"].contains(&kind), "{kind} before welcome");
        self.reach(kind, &frame);
        match kind {
            "welcome" => self.welcomed = true,
            "close" => self.closes += 1,
            "reply" => self.replied(&frame),
            "snapshot" | "delta" | "behind" | "caught_up" | "resync" if self.manner == Manner::Honest => {
                let of = Self::of_frame(&frame).expect("only two inboxes have frames");
                self.readers[of].take(kind, &frame, &self.feeds[of].changes);
            }
            _ => {}
        }
        self.collect();
        true
    }

    /// Tells the fuzzer's corpus what it reaches.
    fn reach(&self, kind: &str, frame: &Value) {
        match (kind, frame["reason"].as_str()) {
            ("close", Some(reason)) => reach(&format!("close {reason}")),
            _ => reach(kind),
        }
    }

    fn replied(&mut self, frame: &Value) {
        if frame["error"]["code"] == "rate_limited" {
            self.bounds.limited(self.now);
        } else {
            self.bounds.replied(frame["id"].as_str().unwrap_or_default());
        }
    }

    fn check(&mut self) {
        let queued = self.session.queued_bytes();
        let allowed = if self.manner == Manner::Honest { HONEST_BYTES_MAX } else { HOSTILE_BYTES_MAX };
        assert!(queued <= allowed, "{queued} bytes are queued");
        let (grant, has_ended) = (self.session.grant(), self.session.close().is_some());
        assert!(grant.is_none() || !has_ended, "a grant after the end");
        assert!(grant.is_none_or(|grant| grant.expires > self.now), "a grant past its time");
        let follows = self.readers.iter().filter(|reader| reader.follows).count();
        assert!(follows <= 2, "{follows} subscriptions");
        self.bounds.check(self.now, self.greeted, has_ended);
    }

    /// Reads and serves until nothing moves: then every reader holds what there is, and an end was told once.
    fn settle(&mut self) {
        for _ in 0..ROUNDS_COUNT {
            while self.write(Stream::Ordered) || self.write(Stream::Fetch) {}
            self.serve(0);
        }
        let has_ended = self.session.close().is_some();
        assert_eq!(self.closes, usize::from(has_ended), "an end that nobody was told");
        if has_ended || self.manner == Manner::Hostile {
            return;
        }
        for (feed, reader) in self.feeds.iter().zip(&self.readers) {
            assert!(!reader.follows || reader.items == feed.items, "{:?} is not {:?}", reader.items, feed.items);
        }
    }
}
