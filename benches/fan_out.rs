//! Handing one delta to many sessions, without sockets: the work of the hub's loop.

use anyhow::{Result, ensure};
use bytes::Bytes;
use serde_json::json;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;
use tidings_benches::choice::Choice;
use tidings_benches::samples::{START, TENANT, keys};
use tidings_benches::stopwatch::worked;
use tidings_benches::table::{Table, rate, ratio_of, time};
use tidings_engine::cursor::{Cursor, CursorKind};
use tidings_engine::grant::Role;
use tidings_engine::ids::Position;
use tidings_engine::limits::Limits;
use tidings_engine::session::{Input, Output, Session, SessionContext, Stream};
use tidings_engine::token::{Algorithm, KeyConfig, Verifier, sign};
use tidings_wire::InboxName;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes of the frame that everybody gets.
const FRAME_BYTES: usize = 512;

fn main() -> Result<()> {
    let Some(choice) = Choice::of("fan_out") else { return Ok(()) };
    let columns =
        ["sessions", "deliveries", "deliveries/s", "one", "baseline", "one ÷ baseline", "allocations/extra recipient"];
    let title = format!(
        "fan-out: one delta of {FRAME_BYTES} B by handle and poll_send, time of one core; the baseline is a VecDeque<Bytes> a session"
    );
    let mut table = Table::new(&title, &columns);
    let rounds = choice.of_count(200);
    let few = Crowd::new(100)?.measure(rounds);
    for sessions in [1_000, 10_000] {
        let mut crowd = Crowd::new(sessions)?;
        let ours = crowd.measure(rounds);
        let bare = bare(sessions, rounds);
        let extra = (sessions - 100) as u64 * rounds;
        let allocations = (ours.allocations as f64 - few.allocations as f64) / extra as f64;
        let deliveries = sessions as u64 * rounds;
        let one = |took: Duration| took.div_f64(deliveries as f64);
        table.row(&[
            sessions.to_string(),
            deliveries.to_string(),
            rate(deliveries, ours.took),
            time(one(ours.took)),
            time(one(bare)),
            ratio_of(ours.took, bare),
            format!("{allocations:.3}"),
        ]);
        ensure!(allocations == 0.0, "an extra recipient costs {allocations} allocations");
    }
    table.print();
    Ok(())
}

/// What some rounds took.
struct Measured {
    took: Duration,
    allocations: usize,
}

/// Sessions that all follow their own inbox and have nothing queued.
struct Crowd {
    sessions: Vec<Session>,
    position: u64,
}

impl Crowd {
    fn new(count: usize) -> Result<Self> {
        let limits = Limits::default();
        let key = KeyConfig { roles: vec![Role::User], ..KeyConfig::new(Algorithm::Hs256, vec![7; 32], TENANT) };
        let verifier = Verifier::new(vec![key.clone()], "tenant".to_owned(), &limits)?;
        let context = Arc::new(SessionContext::new(keys(), Arc::new(verifier), limits, 1));
        let mut sessions = Vec::with_capacity(count);
        for number in 0..count {
            let subject = format!("user-{number}");
            let exp = START.0 / 1_000 + 3_600;
            let token = sign(&key, &json!({"sub": subject, "tenant": TENANT, "roles": ["user"], "exp": exp}))?;
            sessions.push(live(&subject, &context, &token)?);
        }
        Ok(Self { sessions, position: 1 })
    }

    /// Tells everybody once, as the hub does: all are handed the frame, then all are written.
    fn round(&mut self, frame: &Bytes) -> usize {
        self.position += 1;
        let at = place(self.position);
        for session in &mut self.sessions {
            session.handle(Input::Delta { inbox: &InboxName::Me, frame, at }, START);
        }
        let written = |session: &mut Session| session.poll_send(Stream::Ordered, START).is_some();
        self.sessions.iter_mut().filter_map(|session| black_box(written(session)).then_some(())).count()
    }

    fn measure(&mut self, rounds: u64) -> Measured {
        let frame = Bytes::from(vec![b'x'; FRAME_BYTES]);
        // The queues are allocated when they are first used.
        self.round(&frame);
        let region = Region::new(ALLOCATOR);
        let (delivered, took) = worked(|| (0..rounds).map(|_| self.round(&frame)).sum::<usize>());
        let change = region.change();
        assert_eq!(delivered as u64, self.sessions.len() as u64 * rounds, "a delivery is missing");
        Measured { took, allocations: change.allocations + change.reallocations }
    }
}

/// A session that is welcomed and has its snapshot.
fn live(subject: &str, context: &Arc<SessionContext>, token: &str) -> Result<Session> {
    let mut session = Session::new(subject, Arc::clone(context), START);
    let hello = json!({"type": "hello", "token": token, "subscribe": [{"inbox": "me"}]}).to_string();
    session.handle(Input::Frame { stream: Stream::Ordered, bytes: hello.as_bytes() }, START);
    while let Some(output) = session.poll_output() {
        match output {
            Output::Admit(_) => session.handle(Input::Admitted(Ok(())), START),
            Output::Observe(_) => session.handle(Input::Observed(Ok(())), START),
            Output::Subscribe { inbox, .. } => {
                let frame = Bytes::from_static(br#"{"type":"snapshot"}"#);
                session.handle(Input::Snapshot { inbox: &inbox, frame, at: place(1) }, START);
            }
            _ => {}
        }
    }
    let frames = std::iter::from_fn(|| session.poll_send(Stream::Ordered, START)).count();
    ensure!(frames == 2, "{frames} frames instead of welcome and snapshot");
    Ok(session)
}

fn place(position: u64) -> Cursor {
    Cursor { kind: CursorKind::Changes, epoch: 1, position: Position(position), chain: [0; 4], place: 0 }
}

/// The floor: a queue a session, nothing decided.
fn bare(sessions: usize, rounds: u64) -> Duration {
    let frame = Bytes::from(vec![b'x'; FRAME_BYTES]);
    let mut queues: Vec<VecDeque<Bytes>> = (0..sessions).map(|_| VecDeque::with_capacity(4)).collect();
    let (_, took) = worked(|| {
        for _ in 0..rounds {
            queues.iter_mut().for_each(|queue| queue.push_back(black_box(&frame).clone()));
            queues.iter_mut().for_each(|queue| {
                black_box(queue.pop_front());
            });
        }
    });
    took
}
