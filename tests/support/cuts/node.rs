//! The server in virtual time: the real engine, projections and sessions, with their queues played step by step.

use super::line::{Carrier, Lines};
use super::plant::Plant;
use crate::chance::Chance;
use crate::disk::{DiskStorage, Fault, SimulatedDisk};
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use tidings_engine::command::{Done, Outcome, Request};
use tidings_engine::cursor::{Cursor, CursorKind};
use tidings_engine::engine::Engine;
use tidings_engine::event::{Content, Recorded};
use tidings_engine::grant::Grant;
use tidings_engine::ids::{Position, Time};
use tidings_engine::keys::Keys;
use tidings_engine::log::{LogOptions, LogReader};
use tidings_engine::rejection::Rejection;
use tidings_engine::request::Page;
use tidings_engine::session::{Input, Session, SessionContext, Stream};
use tidings_projections::{ChangePlace, ContentSource, Owner, Projections};
use tidings_wire::{CloseCode, InboxName, Retry};

/// Names a connection within the simulated world.
pub(super) type ConnectionId = u64;

/// Who waits for what came of a request.
#[derive(Clone, Debug)]
pub(super) enum Waiter {
    /// A session that has a person recorded.
    Observed(ConnectionId),
    /// A session's command.
    Command { connection: ConnectionId, id: String, stream: Stream, grant: Arc<Grant> },
    /// A publisher, by the key of its request.
    Publisher(String),
}

/// Something for the inbox thread, in the order in which it came.
pub(super) enum Work {
    Committed { events: Vec<Arc<Recorded>>, answers: Vec<(Waiter, Outcome)> },
    Subscribe { connection: ConnectionId, inbox: InboxName, from: Option<Cursor> },
    CatchUp { connection: ConnectionId, inbox: InboxName, since: Cursor },
    Unsubscribe { connection: ConnectionId, inbox: InboxName },
    Fetch { connection: ConnectionId, id: String, stream: Stream, inbox: InboxName, page: Box<Page> },
    Ended { connection: ConnectionId },
}

/// One connection as the server has it.
pub(super) struct Connection {
    pub(super) session: Session,
    pub(super) grant: Option<Arc<Grant>>,
    pub(super) lines: Lines,
    /// Whether the client still hears it; the server may not know yet.
    pub(super) is_cut: bool,
    /// A delta that is held back, for a planted bug.
    pub(super) held_back: Option<Bytes>,
}

/// Texts of notifications.
#[derive(Default)]
pub(super) struct Contents(pub(super) HashMap<Position, Arc<Content>>);

impl ContentSource for Contents {
    fn content(&self, notification: Position) -> Option<Arc<Content>> {
        self.0.get(&notification).cloned()
    }
}

/// A publisher was answered.
pub(super) struct Answered {
    pub(super) key: String,
    pub(super) outcome: Result<Done, Rejection>,
}

/// The server.
pub(super) struct Node {
    pub(super) disk: SimulatedDisk,
    pub(super) engine: Engine<DiskStorage>,
    pub(super) reader: LogReader,
    pub(super) projections: Projections,
    pub(super) contents: Contents,
    pub(super) keys: Arc<Keys>,
    pub(super) context: Arc<SessionContext>,
    pub(super) connections: BTreeMap<ConnectionId, Connection>,
    pub(super) followers: BTreeMap<Owner, Vec<ConnectionId>>,
    pub(super) requests: Vec<(Request, Waiter)>,
    pub(super) work: VecDeque<Work>,
    pub(super) answered: Vec<Answered>,
    pub(super) now: Time,
    pub(super) plant: Option<Plant>,
    pub(super) deltas: u64,
    next: ConnectionId,
}

impl Node {
    /// A server on an empty disk.
    pub(super) fn new(keys: Arc<Keys>, context: Arc<SessionContext>, now: Time, plant: Option<Plant>) -> Self {
        let disk = SimulatedDisk::default();
        let (engine, reader) = open(&disk, &keys, now).expect("an empty disk opens");
        Self {
            disk,
            engine,
            reader,
            projections: Projections::new(),
            contents: Contents::default(),
            keys,
            context,
            connections: BTreeMap::new(),
            followers: BTreeMap::new(),
            requests: Vec::new(),
            work: VecDeque::new(),
            answered: Vec::new(),
            now,
            plant,
            deltas: 0,
            next: 1,
        }
    }

    /// The process ends where it stands, and another one opens what the disk has kept. Whoever waited hears nothing.
    ///
    /// # Errors
    /// The log does not open, or cannot be read.
    pub(super) fn restart(&mut self, loss: u64) -> Result<(), String> {
        self.connections.clear();
        self.followers.clear();
        self.requests.clear();
        self.work.clear();
        self.disk.cut_power(self.disk.some_loss(loss));
        let told = |error: &dyn std::fmt::Display| format!("after a restart: {error}");
        (self.engine, self.reader) = open(&self.disk, &self.keys, self.now)?;
        self.projections = Projections::new();
        self.contents = Contents::default();
        for record in self.reader.scan(Position(1)) {
            let record = record.map_err(|error| told(&error))?;
            let recorded = Recorded::decode(record).map_err(|error| told(&error))?;
            self.keep(&recorded);
            self.projections.apply(&recorded).map_err(|error| told(&error))?;
        }
        Ok(())
    }

    /// The next storage operations fail as if the power went before one of them.
    pub(super) fn lose_power_within(&self, operations: u64) {
        self.disk.fail_at(self.disk.asked_count() + operations, Fault::PowerOff);
    }

    /// A client has connected.
    pub(super) fn connect(&mut self, carrier: Carrier) -> ConnectionId {
        let id = self.next;
        self.next += 1;
        let session = Session::new(&format!("s{id}"), Arc::clone(&self.context), self.now);
        let lines = Lines::new(carrier);
        let connection = Connection { session, grant: None, lines, is_cut: false, held_back: None };
        self.connections.insert(id, connection);
        id
    }

    /// The server learns that a connection is gone.
    pub(super) fn ended(&mut self, id: ConnectionId) {
        if let Some(mut connection) = self.connections.remove(&id) {
            connection.session.handle(Input::CarrierEnded, self.now);
            self.work.push_back(Work::Ended { connection: id });
        }
    }

    /// Hands a session what happened, and does what it asks for.
    pub(super) fn give(&mut self, id: ConnectionId, input: Input<'_>) {
        let now = self.now;
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.session.handle(input, now);
            self.perform(id);
        }
    }

    /// Makes what waits durable, and tells the inbox thread. `Err`: storage failed, and the process ends.
    pub(super) fn commit(&mut self) -> Result<Vec<Arc<Recorded>>, ()> {
        let (mut requests, waiters): (Vec<Request>, Vec<Waiter>) =
            std::mem::take(&mut self.requests).into_iter().unzip();
        if self.plant == Some(Plant::ForgetCommands) {
            requests.iter_mut().for_each(|request| request.key = None);
        }
        let commit = self.engine.commit(&requests, self.now).map_err(|_| ())?;
        let events = commit.events.clone();
        let answers = waiters.into_iter().zip(commit.outcomes).collect();
        self.work.push_back(Work::Committed { events: commit.events, answers });
        Ok(events)
    }

    /// Writes to the client until so many bytes are on their way.
    pub(super) fn write(&mut self, id: ConnectionId, window: usize) {
        for stream in [Stream::Ordered, Stream::Fetch] {
            while let Some(connection) = self.connections.get_mut(&id)
                && connection.lines.down(stream).bytes() < window
            {
                let Some(frame) = connection.session.poll_send(stream, self.now) else { break };
                self.write_one(id, stream, &frame);
                self.perform(id);
            }
        }
    }

    fn write_one(&mut self, id: ConnectionId, stream: Stream, frame: &Bytes) {
        let is_delta = frame.starts_with(br#"{"type":"delta""#);
        self.deltas += u64::from(is_delta);
        let is_time = is_delta && self.deltas.is_multiple_of(13);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let held_back = connection.held_back.take();
        let line = connection.lines.down(stream);
        match self.plant {
            Some(Plant::DropFrame) if is_time => {}
            Some(Plant::SwapFrames) if is_time => connection.held_back = Some(frame.clone()),
            Some(Plant::DoubleFrame) if is_time => {
                line.write(frame);
                line.write(frame);
            }
            _ => line.write(frame),
        }
        if let Some(frame) = held_back {
            connection.lines.down(stream).write(&frame);
        }
    }

    /// Reads what has arrived from a client.
    pub(super) fn read(&mut self, id: ConnectionId, bytes: usize) {
        for stream in [Stream::Ordered, Stream::Fetch] {
            let Some(connection) = self.connections.get_mut(&id) else { return };
            for frame in connection.lines.up(stream).arrive(bytes) {
                self.give(id, Input::Frame { stream, bytes: &frame });
            }
        }
    }

    /// Has every session look at the time.
    pub(super) fn keep_time(&mut self) {
        let due = |(id, one): (&ConnectionId, &Connection)| {
            one.session.poll_timeout().filter(|due| *due <= self.now).map(|_| *id)
        };
        let due: Vec<_> = self.connections.iter().filter_map(due).collect();
        for id in due {
            self.give(id, Input::Timeout);
        }
    }

    /// Tells everyone that this server leaves.
    pub(super) fn drain(&mut self, chance: &mut Chance) {
        let ids: Vec<_> = self.connections.keys().copied().collect();
        for id in ids {
            self.give(id, Input::Drain { reconnect_after_ms: chance.below(5_000) as u64 });
            self.give(id, Input::Close(CloseCode::ServerDraining));
        }
    }

    /// Whether nothing waits anywhere in the server.
    pub(super) fn is_quiet(&self) -> bool {
        let are_written = self.connections.values().all(|one| one.session.queued_bytes() == 0 && one.lines.are_quiet());
        self.requests.is_empty() && self.work.is_empty() && are_written
    }

    /// Keeps the text of an event.
    pub(super) fn keep(&mut self, recorded: &Recorded) {
        if let Ok(Some(content)) = self.keys.content(&recorded.envelope, &recorded.content) {
            self.contents.0.insert(recorded.envelope.position, Arc::new(content));
        }
    }

    /// A place as a cursor of this log.
    pub(super) fn cursor(&self, at: ChangePlace) -> Cursor {
        let chain = self.reader.chain_prefix(at.position).unwrap_or_default();
        let epoch = self.context.epoch;
        Cursor { kind: CursorKind::Changes, epoch, position: at.position, chain, place: at.place }
    }
}

fn open(disk: &SimulatedDisk, keys: &Arc<Keys>, now: Time) -> Result<(Engine<DiskStorage>, LogReader), String> {
    let options = LogOptions { segment_bytes: SEGMENT_BYTES, reserve_bytes: Some(0), ..LogOptions::default() };
    let opened = Engine::open(disk.folder("log"), options, Arc::clone(keys), [9; 16], now);
    let (engine, _) = opened.map_err(|error| format!("the log does not open: {error}"))?;
    let reader = engine.reader();
    Ok((engine, reader))
}

/// Small enough that a story has several.
const SEGMENT_BYTES: u64 = 64 * 1024;

/// Whether a client comes back after a close, by its code.
pub(super) fn comes_back(retry: Retry) -> bool {
    !matches!(retry, Retry::Never)
}
