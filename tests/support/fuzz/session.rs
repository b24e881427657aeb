//! A session between a hostile client and a server whose answers come late, twice, or unasked.
//!
//! What a well-behaved pair must end up with is the engine's own property test; here nothing is well-behaved, and only
//! what must hold against anybody is checked: no panic, bounded memory, nothing before `welcome`, nothing after `close`.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde_json::{Value, json};
use tidings_engine::cursor::{Cursor, CursorKind};
use tidings_engine::grant::Role;
use tidings_engine::ids::{Position, Time};
use tidings_engine::keys::Keys;
use tidings_engine::limits::{FRAME_BYTES_MAX, Limits};
use tidings_engine::rejection::Rejection;
use tidings_engine::session::{Input, Output, Placed, Session, SessionContext, Stream};
use tidings_engine::token::{Algorithm, KeyConfig, Tenants, Verifier, sign};
use tidings_wire::{CloseCode, InboxName};

const NOW: Time = Time(1_800_000_000_000);

/// Most steps of one script; what follows is ignored.
const STEPS_COUNT_MAX: usize = 256;

/// Frames that may wait before the session ends, times their bytes, on both streams, and one more of each kind.
const QUEUED_BYTES_MAX: usize = 10 * FRAME_BYTES_MAX;

/// Reads the bytes as a script and runs it.
pub fn run(data: &[u8]) {
    let mut script = Script { data };
    let mut world = World::new();
    for _ in 0..STEPS_COUNT_MAX {
        let Some(step) = script.byte() else { break };
        world.step(step, &mut script);
        world.check();
    }
    while world.write(Stream::Ordered) || world.write(Stream::Fetch) {}
    assert_eq!(world.closes, usize::from(world.session.close().is_some()), "an end that nobody was told");
}

/// What is left of the bytes.
struct Script<'a> {
    data: &'a [u8],
}

impl<'a> Script<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.data.split_first()?;
        self.data = rest;
        Some(*first)
    }

    fn number(&mut self) -> usize {
        usize::from(self.byte().unwrap_or_default())
    }

    fn bytes(&mut self) -> &'a [u8] {
        let count = self.number().min(self.data.len());
        let (taken, rest) = self.data.split_at(count);
        self.data = rest;
        taken
    }

    fn inbox(&mut self) -> InboxName {
        match self.number() % 3 {
            0 => InboxName::Me,
            1 => InboxName::Tenant,
            _ => InboxName::Platform,
        }
    }

    fn stream(&mut self) -> Stream {
        if self.number() % 4 == 3 { Stream::Fetch } else { Stream::Ordered }
    }

    fn frame(&mut self) -> Bytes {
        let fill = "x".repeat(self.number() * 240);
        Bytes::from(json!({ "type": "delta", "fill": fill }).to_string())
    }

    fn place(&mut self) -> Cursor {
        place(self.number() as u64)
    }
}

/// The session with what was seen of it.
struct World {
    session: Session,
    now: Time,
    asked: Vec<Output>,
    welcomed: bool,
    closes: usize,
}

impl World {
    fn new() -> Self {
        let session = Session::new("s1", Arc::clone(context()), NOW);
        Self { session, now: NOW, asked: Vec::new(), welcomed: false, closes: 0 }
    }

    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        match step % 16 {
            0..=2 => self.say(script),
            3 => self.frame(script.stream(), script.bytes()),
            4 | 5 => self.answer(script.number()),
            6 => self.unasked(script),
            7 | 8 => {
                let (inbox, frame, at) = (script.inbox(), script.frame(), script.place());
                self.give(Input::Delta { inbox: &inbox, frame: &frame, at });
            }
            9 | 10 => (0..script.number() % 8).for_each(|_| {
                self.write(Stream::Ordered);
            }),
            11 => {
                self.write(Stream::Fetch);
            }
            12 => {
                self.now = self.now.plus(script.number() as i64 * 250);
                self.give(Input::Timeout);
            }
            13 => self.give(Input::Alive),
            14 => self.give(Input::Drain { reconnect_after_ms: 5 }),
            _ => self.seldom(script.number()),
        }
    }

    /// One of the frames that a client may say, at a moment of the script's choice.
    fn say(&mut self, script: &mut Script<'_>) {
        let stream = script.stream();
        let kind = script.number();
        let inbox = script.inbox();
        let cursor = script.place().seal(&context().keys, context().keys.tenant_tag("acme"));
        let frame = match kind % 12 {
            0 | 1 => json!({ "type": "hello", "token": token(kind / 12), "subscribe": [{ "inbox": inbox }] }),
            2 => {
                json!({ "type": "hello", "token": token(kind / 12), "subscribe": [{ "inbox": inbox, "from": cursor }] })
            }
            3 => json!({ "type": "refresh", "id": "r", "token": token(kind / 12) }),
            4 => json!({ "type": "subscribe", "id": "s", "inbox": inbox }),
            5 => json!({ "type": "subscribe", "id": "s", "inbox": inbox, "from": cursor }),
            6 => json!({ "type": "unsubscribe", "id": "u", "inbox": inbox }),
            7 => json!({ "type": "command", "id": "c", "command": "mark_all_read", "upTo": cursor }),
            8 => json!({ "type": "fetch", "id": "f", "inbox": inbox, "query": { "limit": 3 } }),
            9 => json!({ "type": "ack", "cursor": cursor }),
            10 => json!({ "type": "ping" }),
            _ => json!({ "type": "pong" }),
        };
        self.frame(stream, frame.to_string().as_bytes());
    }

    fn frame(&mut self, stream: Stream, bytes: &[u8]) {
        self.give(Input::Frame { stream, bytes });
    }

    fn give(&mut self, input: Input<'_>) {
        let (ended, queued) = (self.session.close(), self.session.queued_bytes());
        self.session.handle(input, self.now);
        if ended.is_some() {
            assert_eq!(
                (self.session.close(), self.session.queued_bytes()),
                (ended, queued),
                "it went on after its end"
            );
        }
    }

    /// Answers one of the questions that are open, if there is one: well, or with a refusal.
    fn answer(&mut self, choice: usize) {
        self.ask();
        if self.asked.is_empty() {
            return;
        }
        let good = choice % 4 != 3;
        let at = place(choice as u64);
        match self.asked.remove(choice % self.asked.len()) {
            Output::Admit { .. } => {
                self.give(Input::Admitted(if good { Ok(()) } else { Err(CloseCode::TooManyConnections) }));
            }
            Output::Observe(_) => self.give(Input::Observed(if good { Ok(()) } else { Err(Rejection::Forbidden) })),
            Output::Subscribe { inbox, .. } | Output::CatchUp { inbox, .. } => self.bring(&inbox, choice, at),
            Output::Command { id, stream, .. } => {
                let result = if good { Ok((None, None)) } else { Err(Rejection::NotFound) };
                self.give(Input::Replied { id, stream, result });
            }
            Output::Fetch { id, stream, .. } => {
                let result = if good { Ok(large("reply")) } else { Err(Rejection::NotFound) };
                self.give(Input::Fetched { id, stream, result });
            }
            Output::Unsubscribe { .. } | Output::Security(_) => {}
        }
    }

    /// One of the four answers to a subscription.
    fn bring(&mut self, inbox: &InboxName, choice: usize, at: Cursor) {
        match choice / 4 % 4 {
            0 => self.give(Input::Snapshot { inbox, frame: large("snapshot"), at }),
            1 => {
                let frames = vec![Placed { frame: large("delta"), at }];
                self.give(Input::CatchUpPage { inbox, frames, next: at, done: choice.is_multiple_of(2) });
            }
            2 => self.give(Input::Resync { inbox, reason: "void" }),
            _ => self.give(Input::SubscribeFailed { inbox, rejection: Rejection::NotFound }),
        }
    }

    /// An answer that nobody asked for, or that comes again.
    fn unasked(&mut self, script: &mut Script<'_>) {
        let (inbox, at, choice) = (script.inbox(), script.place(), script.number());
        match choice % 3 {
            0 => self.bring(&inbox, choice, at),
            1 => self.give(Input::Admitted(Ok(()))),
            _ => self.give(Input::Observed(Ok(()))),
        }
    }

    fn seldom(&mut self, choice: usize) {
        match choice % 4 {
            0 => self.give(Input::TooLarge),
            1 => self.give(Input::NotText),
            2 => self.give(Input::Close(CloseCode::Internal)),
            _ => self.give(Input::Alive),
        }
    }

    fn ask(&mut self) {
        self.asked.extend(std::iter::from_fn(|| self.session.poll_output()));
    }

    /// Takes one frame as the writer does; whether there was one.
    fn write(&mut self, stream: Stream) -> bool {
        let Some(bytes) = self.session.poll_send(stream, self.now) else { return false };
        assert!(bytes.len() <= FRAME_BYTES_MAX, "a frame of {} bytes", bytes.len());
        let frame: Value = serde_json::from_slice(&bytes).expect("a server frame is JSON");
        let kind = frame["type"].as_str().expect("a server frame has a type");
        assert_eq!(self.closes, 0, "{kind} after close");
        // The second stream may overtake the first, but only once the session is open.
        let is_open = self.welcomed || (stream == Stream::Fetch && self.session.grant().is_some());
        assert!(is_open || ["welcome", "close"].contains(&kind), "{kind} before welcome");
        self.welcomed |= kind == "welcome";
        self.closes += usize::from(kind == "close");
        true
    }

    fn check(&mut self) {
        self.ask();
        let queued = self.session.queued_bytes();
        assert!(queued <= QUEUED_BYTES_MAX, "{queued} bytes are queued");
        assert!(self.session.grant().is_none() || self.session.close().is_none(), "a grant after the end");
    }
}

fn place(position: u64) -> Cursor {
    Cursor { kind: CursorKind::Changes, epoch: 5, position: Position(position), chain: [0; 4], place: 0 }
}

/// A frame of nearly the largest size.
fn large(kind: &str) -> Bytes {
    Bytes::from(json!({ "type": kind, "fill": "x".repeat(FRAME_BYTES_MAX - 64) }).to_string())
}

fn key() -> KeyConfig {
    KeyConfig {
        tenants: Tenants::Any,
        roles: Role::ALL.to_vec(),
        ..KeyConfig::new(Algorithm::Hs256, vec![7; 32], "acme")
    }
}

fn context() -> &'static Arc<SessionContext> {
    static CONTEXT: OnceLock<Arc<SessionContext>> = OnceLock::new();
    CONTEXT.get_or_init(|| {
        let limits = Limits::default();
        let verifier = Verifier::new(vec![key()], "tenant".to_owned(), &limits).expect("one key is a configuration");
        Arc::new(SessionContext::new(Arc::new(Keys::new(&[1; 32])), Arc::new(verifier), limits, 5))
    })
}

/// A user's, an administrator's, a service's, a short-lived, another person's, or no token.
fn token(which: usize) -> &'static str {
    static TOKENS: OnceLock<Vec<String>> = OnceLock::new();
    let tokens = TOKENS.get_or_init(|| {
        let one = |subject: &str, role: &str, seconds: i64| {
            let exp = NOW.0 / 1_000 + seconds;
            let claims = json!({ "sub": subject, "tenant": "acme", "roles": [role], "exp": exp });
            sign(&key(), &claims).expect("the key signs")
        };
        vec![
            one("ada", "user", 3_600),
            one("ada", "tenant_admin", 3_600),
            one("mail", "service", 3_600),
            one("ada", "user", 20),
            one("bob", "user", 3_600),
            "a.b.c".to_owned(),
        ]
    });
    &tokens[which % tokens.len()]
}
