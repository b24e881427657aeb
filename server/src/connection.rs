//! One connection: a session behind a lock, driven by its task and by the inbox thread.

use crate::auditing::{self, Following};
use crate::gateway::{Server, Ticket};
use crate::hub::ConnectionId;
use crate::inbox::Work;
use crate::security_log::{Ended, Who};
use crate::writer::Job;
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::Value;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use tidings_adapters::carrier::{CarrierEnd, Close, FrameFault, StreamKind};
use tidings_adapters::gateway::{Peer, Protocol};
use tidings_engine::admission::{NoPlace, RequestKind};
use tidings_engine::command::{Answer, Command, Done, Request};
use tidings_engine::cursor::Cursor;
use tidings_engine::grant::{Grant, Right};
use tidings_engine::ids::Time;
use tidings_engine::rejection::Rejection;
use tidings_engine::request::Page;
use tidings_engine::session::{Input, Output, SecurityEvent, Session, Stream};
use tidings_wire::{CloseCode, InboxName};
use tokio::sync::Notify;

/// Most characters that are kept of what a client says of itself: 128.
const CLIENT_CHARACTERS_MAX: usize = 128;

/// One connection. Lives as long as its task, or as the inbox thread still has it in a list.
pub struct Connection {
    id: ConnectionId,
    server: Arc<Server>,
    peer: Peer,
    opened: Time,
    session: Mutex<Session>,
    wake: Notify,
    /// Set once, when the token was verified.
    grant: OnceLock<Arc<Grant>>,
    ticket: Mutex<Option<Ticket>>,
    /// What the client says of itself.
    client: OnceLock<Box<str>>,
    /// What it is shown of the audit, once it follows that.
    following: Mutex<Option<Following>>,
    /// Bytes of the frames received and sent.
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

impl Connection {
    /// A connection that has said nothing yet.
    pub(crate) fn new(
        id: ConnectionId,
        server: Arc<Server>,
        ticket: Ticket,
        peer: Peer,
        session: Session,
        now: Time,
    ) -> Self {
        server.security.opened(&Who::peer(&peer).on(id.0), peer.origin.as_deref(), now);
        server.counts.opened(peer.carrier);
        Self {
            id,
            server,
            peer,
            opened: now,
            session: Mutex::new(session),
            wake: Notify::new(),
            grant: OnceLock::new(),
            ticket: Mutex::new(Some(ticket)),
            client: OnceLock::new(),
            following: Mutex::default(),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
        }
    }

    /// Its carrier, the bytes that wait to be written, and how many subscriptions are behind.
    pub(crate) fn standing(&self) -> (&'static str, usize, usize) {
        let session = self.session.lock();
        (self.peer.carrier.name(), session.queued_bytes(), session.behind_count())
    }

    /// Its name in this process.
    pub(crate) const fn id(&self) -> ConnectionId {
        self.id
    }

    /// Whom a line of the security log about it names.
    pub(crate) fn who(&self) -> Who<'_> {
        Who::peer(&self.peer).on(self.id.0).with(self.grant.get().map(Arc::as_ref))
    }

    /// What its token permits; `None` before it was verified.
    pub(crate) fn grant(&self) -> Option<Arc<Grant>> {
        self.grant.get().cloned()
    }

    /// The server it is of.
    pub(crate) const fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// What its session may do now, which a refresh can change; `None` before `welcome` and after the end.
    pub(crate) fn session_grant(&self) -> Option<Arc<Grant>> {
        self.session.lock().grant().cloned()
    }

    /// What its session may do now, and when its client was last heard of; `None` before `welcome` and after the end.
    pub(crate) fn last_seen(&self) -> Option<(Arc<Grant>, Time)> {
        let session = self.session.lock();
        Some((Arc::clone(session.grant()?), session.heard()))
    }

    /// Who is at the other end.
    pub(crate) const fn peer(&self) -> &Peer {
        &self.peer
    }

    /// When it began.
    pub(crate) const fn opened(&self) -> Time {
        self.opened
    }

    /// What the client says of itself.
    pub(crate) fn client(&self) -> Option<&str> {
        self.client.get().map(|client| &**client)
    }

    /// Whether its session has a right now.
    pub(crate) fn permits(&self, right: Right) -> bool {
        self.session.lock().grant().is_some_and(|grant| grant.permits(right))
    }

    /// What it is shown of the audit.
    pub(crate) fn following(&self) -> Option<Following> {
        *self.following.lock()
    }

    /// Says what it is shown of the audit from here on.
    pub(crate) fn set_following(&self, following: Following) {
        *self.following.lock() = Some(following);
    }

    /// Hands the session a delta. The bytes are shared by all who get it.
    pub(crate) fn deliver(&self, inbox: &InboxName, frame: &Bytes, at: Cursor) {
        self.give(Input::Delta { inbox, frame, at });
    }

    /// Hands the session the answer to a fetch, encoded.
    pub(crate) fn fetched(&self, id: String, stream: Stream, result: Result<Bytes, Rejection>) {
        self.give(Input::Fetched { id, stream, result });
    }

    /// Tells the session that this server leaves, and when to come back.
    pub(crate) fn leave(&self, reconnect_after_ms: u64) {
        self.give(Input::Drain { reconnect_after_ms });
        self.give(Input::Close(CloseCode::ServerDraining));
    }

    /// Hands the session what happened, from any thread, and wakes its task.
    pub(crate) fn give(&self, input: Input<'_>) {
        self.session.lock().handle(input, self.server.time());
        self.wake.notify_one();
    }
}

/// The protocol as the driver sees it.
pub struct Driven(pub(crate) Arc<Connection>);

impl Driven {
    fn give(&self, input: Input<'_>, now: Time) {
        self.0.session.lock().handle(input, now);
        self.perform(now);
    }

    /// Does what the session asks for. Answers that come at once may make it ask for more.
    fn perform(&self, now: Time) {
        loop {
            let output = self.0.session.lock().poll_output();
            match output {
                Some(output) => self.perform_one(output, now),
                None => return,
            }
        }
    }

    fn perform_one(&self, output: Output, now: Time) {
        let (connection, server) = (&self.0, &self.0.server);
        match output {
            Output::LoadKeys { from } => match server.issuers.ask(from) {
                None => connection.session.lock().handle(Input::KeysLoaded, now),
                Some(under_way) => {
                    let connection = Arc::clone(connection);
                    tokio::spawn(async move {
                        under_way.ended().await;
                        connection.give(Input::KeysLoaded);
                    });
                }
            },
            Output::Admit(grant) => {
                let admitted = match connection.ticket.lock().as_ref() {
                    Some(ticket) => server.admission.lock().authenticated(ticket.id(), &grant),
                    None => Err(NoPlace::Released),
                };
                let admitted = admitted.map_err(|no_place| {
                    if let NoPlace::TooMany(limit) = no_place {
                        server.security.limit_hit(&connection.who(), limit, now);
                    }
                    no_place.code()
                });
                connection.session.lock().handle(Input::Admitted(admitted), now);
            }
            Output::Observe(grant) => self.observe(grant),
            Output::Subscribe { inbox, .. } if let Err(rejection) = self.charge_query(now) => {
                connection.session.lock().handle(Input::SubscribeFailed { inbox: &inbox, rejection }, now);
            }
            Output::Fetch { id, stream, .. } if let Err(rejection) = self.charge_query(now) => {
                connection.session.lock().handle(Input::Fetched { id, stream, result: Err(rejection) }, now);
            }
            Output::Command { id, stream, request } if let Err(rejection) = self.charge(&request, now) => {
                connection.session.lock().handle(Input::Replied { id, stream, result: Err(rejection) }, now);
            }
            Output::Subscribe { inbox: InboxName::Audit, from } => auditing::follow(Arc::clone(connection), from),
            Output::CatchUp { inbox: InboxName::Audit, from } => auditing::catch_up(Arc::clone(connection), from),
            Output::Subscribe { inbox, from } => {
                server.inbox.send(Work::Subscribe { connection: Arc::clone(connection), inbox, from });
            }
            Output::Unsubscribe { inbox } => {
                server.inbox.send(Work::Unsubscribe { connection: Arc::clone(connection), inbox });
            }
            Output::CatchUp { inbox, from: since } => {
                server.inbox.send(Work::CatchUp { connection: Arc::clone(connection), inbox, since });
            }
            Output::Command { id, stream, request } => self.command(id, stream, *request, now),
            Output::Fetch { id, stream, inbox, page } => self.fetch(id, stream, inbox, page, now),
            Output::Delivered { grant, up_to } => {
                server.inbox.send(Work::Delivered { server: Arc::downgrade(server), grant, up_to });
            }
            Output::Security(event) => {
                // Not everyone who is let in is observed: a service has no inbox of its own.
                if let SecurityEvent::Authenticated { grant, client } = &event {
                    let _ = connection.grant.set(Arc::clone(grant));
                    if let Some(client) = client {
                        let _ = connection.client.set(client.chars().take(CLIENT_CHARACTERS_MAX).collect());
                    }
                    server.sessions.authenticated(connection, grant.stream);
                }
                server.security.session(&connection.who(), &event, now);
            }
        }
    }

    /// Counts a command for the session's user or tenant. The lock of all places is let go of before anything comes of it.
    fn charge(&self, request: &Request, now: Time) -> Result<(), Rejection> {
        self.0.server.admission.lock().charge(request, now)
    }

    /// Counts a page or subscription for the session's user.
    fn charge_query(&self, now: Time) -> Result<(), Rejection> {
        let Some(grant) = self.0.session_grant() else { return Ok(()) };
        self.0.server.admission.lock().request(&grant, RequestKind::Query, now).0
    }

    fn observe(&self, grant: Arc<Grant>) {
        let connection = Arc::clone(&self.0);
        let _ = connection.grant.set(Arc::clone(&grant));
        connection.server.observed_anew(&grant);
        let request = Request { grant, key: None, fingerprint: [0; 16], command: Command::Observe };
        let reply = Box::new(move |outcome: Result<Done, Rejection>| {
            connection.give(Input::Observed(outcome.map(|_| ())));
        });
        self.0.server.writer_submit(Job { request, reply });
    }

    fn fetch(&self, id: String, stream: Stream, inbox: InboxName, page: Box<Page>, now: Time) {
        if page.names_foreign() {
            self.0.server.security.cross_tenant(&self.0.who(), "notification", now);
        }
        let connection = Arc::clone(&self.0);
        self.0.server.inbox.send(Work::Fetch { connection, id, stream, inbox, page });
    }

    fn command(&self, id: String, stream: Stream, request: Request, now: Time) {
        if request.command.names_foreign() {
            self.0.server.security.cross_tenant(&self.0.who(), "notification", now);
        }
        let connection = Arc::clone(&self.0);
        let grant = Arc::clone(&request.grant);
        let transaction = transaction_of(&request);
        let reply = Box::new(move |outcome: Result<Done, Rejection>| {
            let result = outcome.map(|done| {
                let cursor = connection.server.cursor_at(&grant, done.position);
                let result = result(&connection.server, &grant, &done, transaction, &cursor);
                (Some(cursor), result)
            });
            connection.give(Input::Replied { id, stream, result });
        });
        self.0.server.writer_submit(Job { request, reply });
    }
}

/// The publisher's own name for what a request publishes.
fn transaction_of(request: &Request) -> Option<String> {
    match &request.command {
        Command::Publish(publication) => publication.content.transaction_id.clone(),
        _ => None,
    }
}

fn result(server: &Server, grant: &Grant, done: &Done, transaction: Option<String>, cursor: &str) -> Option<Value> {
    let Answer::Published { notification, recipients } = done.answer else { return None };
    let id = server.keys.item_id(grant.tenant_tag, notification);
    let transaction_id = transaction.unwrap_or_else(|| id.clone());
    let published = tidings_wire::Published { id, transaction_id, cursor: cursor.to_owned(), recipients };
    serde_json::to_value(published).ok()
}

impl Protocol for Driven {
    fn on_frame(&self, stream: StreamKind, bytes: Bytes, now: Time) {
        self.0.bytes_in.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.give(Input::Frame { stream: of_kind(stream), bytes: &bytes }, now);
    }

    fn on_alive(&self, now: Time) {
        self.give(Input::Alive, now);
    }

    fn on_fault(&self, _stream: StreamKind, fault: FrameFault, now: Time) {
        let input = match fault {
            FrameFault::TooLarge { .. } => Input::TooLarge,
            FrameFault::NotText => Input::NotText,
        };
        self.give(input, now);
    }

    fn on_carrier_end(&self, end: &CarrierEnd, now: Time) {
        self.give(Input::CarrierEnded, now);
        let connection = &self.0;
        let code = connection.session.lock().close().map(CloseCode::number);
        let end = match (code, end) {
            (Some(_), _) => "closed_by_server",
            (None, CarrierEnd::Closed { .. }) => "closed_by_peer",
            (None, CarrierEnd::Lost { .. }) => "lost",
        };
        let ended = Ended {
            code,
            end,
            duration_ms: now.since(connection.opened),
            bytes_in: connection.bytes_in.load(Ordering::Relaxed),
            bytes_out: connection.bytes_out.load(Ordering::Relaxed),
        };
        connection.server.security.ended(&connection.who(), ended, now);
        connection.server.counts.ended(connection.peer.carrier);
        connection.server.sessions.remove(connection);
        connection.server.inbox.send(Work::Ended { connection: Arc::clone(connection) });
        connection.ticket.lock().take();
    }

    fn take_frames(&self, stream: StreamKind, bytes_max: usize, frames: &mut Vec<Bytes>, now: Time) {
        self.perform(now);
        let mut session = self.0.session.lock();
        let mut bytes = 0;
        while bytes < bytes_max
            && let Some(frame) = session.poll_send(of_kind(stream), now)
        {
            bytes += frame.len();
            frames.push(frame);
        }
        drop(session);
        self.0.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
        // An emptied outbox may be what a subscription that is behind waited for.
        self.perform(now);
    }

    fn close(&self) -> Option<Close> {
        let code = self.0.session.lock().close()?;
        Some(Close { code: code.number(), reason: code.reason().to_owned() })
    }

    fn timeout(&self) -> Option<Time> {
        self.0.session.lock().poll_timeout()
    }

    fn on_timeout(&self, now: Time) {
        self.give(Input::Timeout, now);
    }

    fn wake(&self) -> &Notify {
        &self.0.wake
    }
}

const fn of_kind(stream: StreamKind) -> Stream {
    match stream {
        StreamKind::Ordered => Stream::Ordered,
        StreamKind::Fetch => Stream::Fetch,
    }
}
