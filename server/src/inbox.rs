//! The inbox thread: sole owner of the projections and of the hub.
//!
//! It applies durable events, hands deltas to the sessions that follow, and answers every question about inboxes. Since one
//! thread makes snapshots and deltas, no change can fall between the two, and since the writer's answers pass through it,
//! whoever was answered reads what was written.

use crate::audit_followers::AuditFollowers;
use crate::auditing::{AuditPage, Following};
use crate::blocks::Folding;
use crate::clock;
use crate::connection::Connection;
use crate::consents::ConsentsInForce;
use crate::content::Contents;
use crate::erasing::Gone;
use crate::gateway::Server;
use crate::hub::Hub;
use crate::reading;
use crate::writer::Reply;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tidings_adapters::http::{Question, Reading};
use tidings_engine::access::AccessInForce;
use tidings_engine::command::Outcome;
use tidings_engine::cursor::{Cursor, CursorKind};
use tidings_engine::delivered::Deliveries;
use tidings_engine::engine::Engine;
use tidings_engine::event::{Event, Recorded};
use tidings_engine::grant::Grant;
use tidings_engine::ids::Position;
use tidings_engine::keys::{Keys, TenantTag};
use tidings_engine::log::{LogReader, Storage};
use tidings_engine::rejection::Rejection;
use tidings_engine::request::Page;
use tidings_engine::session::Stream;
use tidings_projections::{BlockError, ChangePlace, Owner, Projections, Target};
use tidings_wire::{InboxName, ServerFrame, encode};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info};

/// Longest wait for work while a snapshot of the inboxes is being written: 2 ms, then the next slice.
const PAUSE_SAVING: Duration = Duration::from_millis(2);

/// Longest wait for work while the snapshot is behind: 5 s.
const PAUSE_UNSAVED: Duration = Duration::from_secs(5);

/// Longest wait for work when there is nothing else to do: an hour.
const PAUSE_IDLE: Duration = Duration::from_secs(3_600);

/// Durable events of one commit, and who waits for what.
pub struct Committed {
    /// The events, in the order of the log.
    pub events: Vec<Arc<Recorded>>,
    /// The answers, released after the events are applied.
    pub answers: Vec<(Reply, Outcome)>,
}

/// How the node shall end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It goes on.
    NotYet,
    /// Storage failed, and everyone who waits has been told.
    StorageFailed,
}

/// Something for the inbox thread.
pub enum Work {
    /// A commit is durable.
    Committed(Committed),
    /// A session follows an inbox.
    Subscribe {
        /// Whose session.
        connection: Arc<Connection>,
        /// Which inbox.
        inbox: InboxName,
        /// Where to go on; a snapshot when absent.
        from: Option<Cursor>,
    },
    /// A session follows the audit, which is on record.
    FollowAudit {
        /// Whose session.
        connection: Arc<Connection>,
        /// What it is shown.
        following: Following,
        /// Whether it begins here; else a page comes.
        from_head: bool,
    },
    /// Events for a session that is behind in the audit.
    AuditPage {
        /// Whose session.
        connection: Arc<Connection>,
        /// The events.
        page: AuditPage,
    },
    /// A session follows an inbox no more.
    Unsubscribe {
        /// Whose session.
        connection: Arc<Connection>,
        /// Which inbox.
        inbox: InboxName,
    },
    /// A session that is behind has room again.
    CatchUp {
        /// Whose session.
        connection: Arc<Connection>,
        /// Which inbox.
        inbox: InboxName,
        /// What it knows.
        since: Cursor,
    },
    /// A session asks for a page.
    Fetch {
        /// Whose session.
        connection: Arc<Connection>,
        /// Names the question.
        id: String,
        /// Where the answer goes.
        stream: Stream,
        /// Which inbox.
        inbox: InboxName,
        /// Which page.
        page: Box<Page>,
    },
    /// An HTTP request asks.
    Read {
        /// Who asks.
        grant: Arc<Grant>,
        /// What.
        question: Question,
        /// Who waits.
        answer: oneshot::Sender<Result<Reading, Rejection>>,
    },
    /// A person has what was pushed of their inbox.
    Delivered {
        /// The server that it is said to.
        server: Weak<Server>,
        /// Who.
        grant: Arc<Grant>,
        /// Up to which event.
        up_to: Position,
    },
    /// A connection has ended.
    Ended {
        /// Which.
        connection: Arc<Connection>,
    },
    /// Storage failed: no more commits come.
    StorageFailed,
    /// The node ends.
    Stop,
}

/// The way to the inbox thread. Cheap to clone.
///
/// The queue needs no bound of its own: the writer waits for nobody here, a session has a bounded number of questions under
/// way, and HTTP requests are bounded by their connections.
#[derive(Clone)]
pub struct Inbox {
    queue: Sender<Work>,
    access: AccessInForce,
    consents: ConsentsInForce,
}

impl Inbox {
    /// Queues work. After the thread has ended it is dropped, and with it whoever waits.
    pub fn send(&self, work: Work) {
        // The thread ends after everything else: what comes later has nobody to tell.
        let _ = self.queue.send(work);
    }

    /// What every token is held against: it knows what the thread has seen.
    pub(crate) const fn access(&self) -> &AccessInForce {
        &self.access
    }

    /// What people allow, as far as the thread has seen it.
    pub(crate) const fn consents(&self) -> &ConsentsInForce {
        &self.consents
    }

    /// A commit is durable.
    pub fn committed(&self, committed: Committed) {
        self.send(Work::Committed(committed));
    }

    /// Storage failed.
    pub fn storage_failed(&self) {
        self.send(Work::StorageFailed);
    }
}

/// Starts the thread, with the inboxes as of the log's head.
///
/// # Errors
/// The system gives no thread.
pub fn start<S: Storage>(
    engine: &Engine<S>,
    folding: Folding,
    keys: Arc<Keys>,
    ending: watch::Sender<Ending>,
    gone: mpsc::UnboundedSender<Gone>,
) -> std::io::Result<(Inbox, JoinHandle<()>)> {
    let (reader, access) = (engine.reader(), AccessInForce::new(engine.state().access().clone()));
    let consents = ConsentsInForce::new(engine.state().consents().clone());
    let (queue, waiting) = channel();
    let epoch = reader.epoch();
    let thread = InboxThread {
        folding,
        hub: Hub::default(),
        audits: AuditFollowers::default(),
        contents: Contents::new(reader.clone(), Arc::clone(&keys)),
        reader,
        keys,
        epoch,
        ending,
        access: access.clone(),
        consents: consents.clone(),
        deliveries: Deliveries::default(),
        server: Weak::new(),
        gone,
    };
    let thread = thread::Builder::new().name("inbox".to_owned()).spawn(move || thread.run(&waiting))?;
    Ok((Inbox { queue, access, consents }, thread))
}

/// What the thread owns.
pub(crate) struct InboxThread {
    pub(crate) folding: Folding,
    pub(crate) hub: Hub,
    pub(crate) audits: AuditFollowers,
    pub(crate) contents: Contents,
    pub(crate) reader: LogReader,
    pub(crate) keys: Arc<Keys>,
    pub(crate) epoch: u64,
    ending: watch::Sender<Ending>,
    access: AccessInForce,
    pub(crate) consents: ConsentsInForce,
    pub(crate) deliveries: Deliveries,
    /// Where deliveries are recorded, once there was one.
    pub(crate) server: Weak<Server>,
    gone: mpsc::UnboundedSender<Gone>,
}

impl InboxThread {
    fn run(mut self, waiting: &Receiver<Work>) {
        metrics::gauge!("tidings_projected_position").set(self.folding.position().0 as f64);
        loop {
            let work = match waiting.recv_timeout(self.pause()) {
                Ok(work) => work,
                Err(RecvTimeoutError::Timeout) => {
                    self.keep_house();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            };
            match work {
                Work::Committed(committed) => self.committed(committed),
                Work::Subscribe { connection, inbox, from } => self.subscribe(&connection, &inbox, from),
                Work::FollowAudit { connection, following, from_head } => {
                    self.follow_audit(&connection, following, from_head);
                }
                Work::AuditPage { connection, page } => self.audit_page(&connection, page),
                Work::Unsubscribe { connection, inbox: InboxName::Audit } => self.audits.leave(&connection),
                Work::Unsubscribe { connection, inbox } => self.unsubscribe(&connection, &inbox),
                Work::CatchUp { connection, inbox, since } => self.catch_up(&connection, &inbox, since),
                Work::Fetch { connection, id, stream, inbox, page } => {
                    let result = connection
                        .session_grant()
                        .map_or(Err(Rejection::Unauthenticated), |grant| self.page(&grant, &inbox, &page));
                    let frame =
                        result.map(|page| encode(&ServerFrame::done(id.clone(), None, Some(reading::json(page)))));
                    connection.fetched(id, stream, frame);
                }
                Work::Read { grant, question, answer } => {
                    // A request that was given up meanwhile needs no answer.
                    let _ = answer.send(self.read(&grant, &question));
                }
                Work::Delivered { server, grant, up_to } => self.acknowledged(server, grant, up_to),
                Work::Ended { connection } => self.ended(&connection),
                Work::StorageFailed => {
                    error!("storage failed: nothing more can be made durable");
                    let _ = self.ending.send(Ending::StorageFailed);
                }
                Work::Stop => break,
            }
            self.keep_house();
        }
        self.folding.close();
        info!("inbox thread ended");
    }

    /// How long to wait for work before looking after memory and store.
    fn pause(&self) -> Duration {
        let house = match (self.folding.is_saving(), self.folding.is_unsaved()) {
            (true, _) => PAUSE_SAVING,
            (false, true) => PAUSE_UNSAVED,
            (false, false) => PAUSE_IDLE,
        };
        self.until_delivery().map_or(house, |delivery| house.min(delivery))
    }

    fn keep_house(&mut self) {
        self.record_deliveries();
        let Self { folding, hub, .. } = self;
        let held = |owner| match owner {
            Owner::User(stream) => hub.is_followed(Target::User(stream)),
            Owner::Tenant(stream) => hub.is_followed(Target::TenantInbox(stream)),
        };
        if let Err(error) = folding.keep_house(&held, clock::now()) {
            self.unreadable(&error);
        }
    }

    /// Asks the projections.
    pub(crate) fn ask<T>(
        &mut self,
        question: impl Fn(&mut Projections) -> Result<T, BlockError>,
    ) -> Result<T, Rejection> {
        self.folding.ask(question).map_err(|error| {
            self.unreadable(&error);
            Rejection::Unavailable
        })
    }

    /// The log cannot be read where it was written: nothing that is told from here on could be trusted.
    pub(crate) fn unreadable(&self, error: &std::io::Error) {
        error!(%error, "the log cannot be read; the process ends");
        let _ = self.ending.send(Ending::StorageFailed);
    }

    fn committed(&mut self, committed: Committed) {
        for recorded in &committed.events {
            if let Event::SubjectErased { subject, key, .. } = recorded.facts.event {
                self.contents.clear();
                // The node ends: then nobody's session is left either.
                let _ = self.gone.send(Gone::Erased { subject, key });
            }
            // Before a revocation is answered: from here on nobody is let in by what was revoked.
            if self.access.apply(recorded) {
                let _ = self.gone.send(Gone::Revoked);
            }
            self.contents.keep(recorded);
            let otherwise = self.consents.apply(recorded);
            self.fan_out(recorded);
            if let Some(otherwise) = otherwise {
                self.show_anew(otherwise);
            }
            self.tell_auditors(recorded);
        }
        // Before an erasure is answered.
        if let Err(error) = self.folding.save_erasures() {
            self.unreadable(&error);
        }
        metrics::gauge!("tidings_projected_position").set(self.folding.position().0 as f64);
        for (reply, outcome) in committed.answers {
            reply(outcome);
        }
    }

    fn unsubscribe(&mut self, connection: &Arc<Connection>, inbox: &InboxName) {
        if let Some((owner, grant)) = following(connection, inbox) {
            self.hub.leave(owner, grant.tenant_stream, connection.id());
        }
    }

    fn ended(&mut self, connection: &Arc<Connection>) {
        self.audits.leave(connection);
        if let Some(grant) = connection.grant() {
            self.deliveries.closed(grant.stream, clock::now());
        }
        for inbox in [InboxName::Me, InboxName::Tenant] {
            self.unsubscribe(connection, &inbox);
        }
    }

    /// A place as a cursor of this log.
    pub(crate) fn cursor(&self, at: ChangePlace) -> Cursor {
        let chain = self.reader.chain_prefix(at.position).unwrap_or_default();
        Cursor { kind: CursorKind::Changes, epoch: self.epoch, position: at.position, chain, place: at.place }
    }

    /// The text of a place for clients of one tenant.
    pub(crate) fn sealed(&self, tenant: TenantTag, at: ChangePlace) -> String {
        self.cursor(at).seal(&self.keys, tenant)
    }

    /// Whether a cursor is of this log as it is now.
    pub(crate) fn is_of_this_log(&self, cursor: &Cursor) -> bool {
        cursor.kind == CursorKind::Changes
            && cursor.epoch == self.epoch
            && cursor.position <= self.folding.position()
            && (cursor.position == Position::ZERO || self.reader.chain_prefix(cursor.position) == Some(cursor.chain))
    }
}

/// Whose inbox a name means for a connection.
pub(crate) fn following(connection: &Connection, inbox: &InboxName) -> Option<(Owner, Arc<Grant>)> {
    let grant = connection.grant()?;
    Some((owner(&grant, inbox)?, grant))
}

/// Whose inbox a name means for a grant; `None` for those that are not offered yet.
pub(crate) fn owner(grant: &Grant, inbox: &InboxName) -> Option<Owner> {
    match inbox {
        InboxName::Me => Some(Owner::User(grant.stream)),
        InboxName::Tenant => Some(Owner::Tenant(grant.tenant_stream)),
        InboxName::Platform | InboxName::Audit | InboxName::Topic(_) => None,
    }
}
