//! Random conversations against a feed that knows what each reader must end up with.

use super::fixture::{Fixture, frame, me};
use crate::cursor::{Cursor, CursorKind};
use crate::ids::Position;
use crate::limits::Limits;
use crate::session::{Input, Output, Placed, Stream};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tidings_wire::{CloseCode, InboxName};

const PAGE_ITEMS: usize = 3;
const OUTBOX_BYTES_MAX: usize = 4_096;

#[derive(Clone, Debug)]
enum Step {
    /// An item of an inbox changes.
    Change {
        tenant: bool,
        item: u8,
        bytes: usize,
    },
    /// The writer takes so many frames.
    Write(usize),
    /// The server does one piece of its work.
    Serve,
    Subscribe {
        tenant: bool,
        resume: bool,
    },
    Unsubscribe {
        tenant: bool,
    },
    Resync {
        tenant: bool,
    },
    Send(Value),
    Bytes(Vec<u8>),
    Wait(i64),
    Alive,
    Drain,
    Close,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let sent = prop_oneof![
        Just(json!({"type": "ping"})),
        Just(json!({"type": "pong"})),
        Just(json!({"type": "fetch", "id": "f", "inbox": "me"})),
        Just(json!({"type": "command", "id": "c", "command": "mark_all_read"})),
        Just(json!({"type": "subscribe", "id": "x", "inbox": "platform"})),
        Just(json!({"type": "nonsense"})),
    ];
    let step = prop_oneof![
        30 => (any::<bool>(), 0..6_u8, 60..1_500_usize)
            .prop_map(|(tenant, item, bytes)| Step::Change { tenant, item, bytes }),
        10 => (1..6_usize).prop_map(Step::Write),
        10 => Just(Step::Serve),
        3 => (any::<bool>(), any::<bool>()).prop_map(|(tenant, resume)| Step::Subscribe { tenant, resume }),
        1 => any::<bool>().prop_map(|tenant| Step::Unsubscribe { tenant }),
        1 => any::<bool>().prop_map(|tenant| Step::Resync { tenant }),
        3 => sent.prop_map(Step::Send),
        1 => proptest::collection::vec(any::<u8>(), 0..40).prop_map(Step::Bytes),
        1 => (0..20_000_i64).prop_map(Step::Wait),
        1 => Just(Step::Alive),
        1 => Just(Step::Drain),
    ];
    let end = prop_oneof![9 => Just(Step::Alive), 1 => Just(Step::Close)];
    (proptest::collection::vec(step, 0..120), end).prop_map(|(mut steps, end)| {
        steps.push(end);
        steps
    })
}

/// One inbox as the projections know it: the position of each item's last change.
#[derive(Default)]
struct Feed {
    items: BTreeMap<u8, u64>,
    followed: bool,
}

/// What the client of one inbox holds.
#[derive(Default)]
struct Reader {
    items: BTreeMap<u8, u64>,
    cursor: u64,
    subscribed: bool,
}

struct World {
    fixture: Fixture,
    head: u64,
    feeds: [Feed; 2],
    readers: [Reader; 2],
    work: Vec<Output>,
    welcomed: bool,
    closes: usize,
}

fn name(index: usize) -> InboxName {
    if index == 0 { me() } else { InboxName::Tenant }
}

fn index(inbox: &InboxName) -> usize {
    usize::from(*inbox == InboxName::Tenant)
}

fn place(position: u64) -> Cursor {
    Cursor { kind: CursorKind::Changes, epoch: 5, position: Position(position), chain: [0; 4], place: 0 }
}

fn told(kind: &str, inbox: &InboxName, at: u64, items: &BTreeMap<u8, u64>, bytes: usize) -> bytes::Bytes {
    let fill = "x".repeat(bytes);
    let frame = json!({"type": kind, "inbox": inbox, "at": at, "items": items, "fill": fill});
    bytes::Bytes::from(frame.to_string())
}

impl World {
    fn new() -> Self {
        let limits = Limits { outbox_bytes_max: OUTBOX_BYTES_MAX, outbox_frames_max: 8, ..Limits::default() };
        let mut fixture = Fixture::new(limits);
        fixture.hello("tenant_admin", json!([{"inbox": "me"}]));
        let mut world = Self {
            fixture,
            head: 0,
            feeds: Default::default(),
            readers: Default::default(),
            work: Vec::new(),
            welcomed: false,
            closes: 0,
        };
        world.readers[0].subscribed = true;
        world
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Change { tenant, item, bytes } => self.change(usize::from(tenant), item, bytes),
            Step::Write(count) => (0..count).for_each(|_| self.write()),
            Step::Serve => self.serve(),
            Step::Subscribe { tenant, resume } => self.subscribe(usize::from(tenant), resume),
            Step::Unsubscribe { tenant } => {
                let inbox = name(usize::from(tenant));
                self.readers[usize::from(tenant)].subscribed = false;
                self.fixture.send(&json!({"type": "unsubscribe", "id": "u", "inbox": inbox}));
            }
            Step::Resync { tenant } => {
                let inbox = name(usize::from(tenant));
                self.fixture.give(Input::Resync { inbox: &inbox, reason: "void" });
            }
            Step::Send(frame) => self.fixture.send(&frame),
            Step::Bytes(bytes) => self.fixture.give(Input::Frame { stream: Stream::Ordered, bytes: &bytes }),
            Step::Wait(ms) => self.fixture.wait(ms),
            Step::Alive => self.fixture.give(Input::Alive),
            Step::Drain => self.fixture.give(Input::Drain { reconnect_after_ms: 5 }),
            Step::Close => self.fixture.give(Input::Close(CloseCode::Internal)),
        }
        self.check();
    }

    fn change(&mut self, of: usize, item: u8, bytes: usize) {
        self.head += 1;
        self.feeds[of].items.insert(item, self.head);
        if self.feeds[of].followed {
            let frame = told("delta", &name(of), self.head, &BTreeMap::from([(item, self.head)]), bytes);
            self.fixture.give(Input::Delta { inbox: &name(of), frame: &frame, at: place(self.head) });
        }
    }

    fn subscribe(&mut self, of: usize, resume: bool) {
        let reader = &mut self.readers[of];
        let keys = self.fixture.context.keys.clone();
        let from = resume.then(|| place(reader.cursor).seal(&keys, keys.tenant_tag("acme")));
        reader.subscribed = true;
        self.fixture.send(&json!({"type": "subscribe", "id": "s", "inbox": name(of), "from": from}));
    }

    /// Plays the inbox thread: one answer at a time, in the order of the questions.
    fn serve(&mut self) {
        self.work.extend(self.fixture.outputs());
        if self.work.is_empty() {
            return;
        }
        match self.work.remove(0) {
            Output::Subscribe { inbox, from: None } => {
                let feed = &mut self.feeds[index(&inbox)];
                feed.followed = true;
                let frame = told("snapshot", &inbox, self.head, &feed.items, 0);
                self.fixture.give(Input::Snapshot { inbox: &inbox, frame, at: place(self.head) });
            }
            Output::Subscribe { inbox, from: Some(from) } => {
                self.feeds[index(&inbox)].followed = true;
                self.page(&inbox, from.position.0);
            }
            Output::CatchUp { inbox, from } => self.page(&inbox, from.position.0),
            Output::Unsubscribe { inbox } => self.feeds[index(&inbox)].followed = false,
            Output::Command { id, stream, .. } => {
                self.fixture.give(Input::Replied { id, stream, result: Ok((None, None)) });
            }
            Output::Fetch { id, stream, .. } => {
                self.fixture.give(Input::Fetched { id, stream, result: Ok(frame("reply", 0, 200)) });
            }
            Output::Admit { .. } | Output::Observe(_) | Output::Security(_) => {}
        }
    }

    fn page(&mut self, inbox: &InboxName, from: u64) {
        let mut changed: Vec<_> = self.feeds[index(inbox)].items.iter().map(|(item, at)| (*at, *item)).collect();
        changed.retain(|(at, _)| *at > from);
        changed.sort_unstable();
        let done = changed.len() <= PAGE_ITEMS;
        changed.truncate(PAGE_ITEMS);
        let delta = |&(at, item): &(u64, u8)| {
            let frame = told("delta", inbox, at, &BTreeMap::from([(item, at)]), 100);
            Placed { frame, at: place(at) }
        };
        let mut frames: Vec<_> = changed.iter().map(delta).collect();
        let next = if done { self.head } else { changed[changed.len() - 1].0 };
        if done {
            frames.push(Placed { frame: told("caught_up", inbox, next, &BTreeMap::new(), 0), at: place(next) });
        }
        self.fixture.give(Input::CatchUpPage { inbox, frames, next: place(next), done });
    }

    /// Plays writer and client.
    fn write(&mut self) {
        let now = self.fixture.now;
        let Some(bytes) = self.fixture.session.poll_send(Stream::Ordered, now) else { return };
        let frame: Value = serde_json::from_slice(&bytes).unwrap();
        let kind = frame["type"].as_str().unwrap();
        assert_eq!(self.closes, 0, "{kind} after close");
        assert!(self.welcomed || ["welcome", "close", "error"].contains(&kind), "{kind} before welcome");
        match kind {
            "welcome" => self.welcomed = true,
            "close" => self.closes += 1,
            "snapshot" | "delta" | "caught_up" => self.read(kind, &frame),
            "behind" => {
                let cursor = self.readers[usize::from(frame["inbox"] == "tenant")].cursor;
                let keys = &self.fixture.context.keys;
                assert_eq!(frame["cursor"], place(cursor).seal(keys, keys.tenant_tag("acme")));
            }
            _ => {}
        }
    }

    fn read(&mut self, kind: &str, frame: &Value) {
        let of = usize::from(frame["inbox"] == "tenant");
        let reader = &mut self.readers[of];
        assert!(reader.subscribed, "{kind} of an inbox that nobody follows");
        let at = frame["at"].as_u64().unwrap();
        let items: BTreeMap<u8, u64> = serde_json::from_value(frame["items"].clone()).unwrap();
        match kind {
            "snapshot" => reader.items = items,
            "delta" => {
                assert!(at > reader.cursor, "delta {at} after {}", reader.cursor);
                reader.items.extend(items);
            }
            _ => assert!(at >= reader.cursor),
        }
        reader.cursor = at;
    }

    fn check(&self) {
        let queued = self.fixture.session.queued_bytes();
        // Deltas keep to the outbox; one page, and the replies, may come on top.
        assert!(queued <= OUTBOX_BYTES_MAX + 16 * 1_024, "{queued} bytes are queued");
    }

    /// Reads and serves until nothing moves: then every reader holds what there is.
    fn settle(&mut self) {
        for _ in 0..400 {
            self.work.extend(self.fixture.outputs());
            (0..60).for_each(|_| self.write());
            self.serve();
        }
        let ended = self.fixture.session.close().is_some();
        assert_eq!(self.closes, usize::from(ended));
        if ended {
            return;
        }
        for (feed, reader) in self.feeds.iter().zip(&self.readers) {
            assert!(!reader.subscribed || reader.items == feed.items, "{:?} is not {:?}", reader.items, feed.items);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_script_loses_doubles_or_reorders_a_change_or_fills_the_memory(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.run(step);
        }
        world.settle();
    }
}
