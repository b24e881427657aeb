//! The server as adapters see it: admission, origins, sessions, and the questions of HTTP routes.

mod discovery;
mod in_force;
mod places;

pub use places::Ticket;

use crate::auditing::{Auditing, Recorder};
use crate::checkpoints::Checkpoints;
use crate::config::Public;
use crate::connection::{Connection, Driven};
use crate::connection_counts::ConnectionCounts;
use crate::hub::ConnectionId;
use crate::inbox::{Inbox, Work};
use crate::issuers::Issuers;
use crate::observed::Observed;
use crate::origins::Origins;
use crate::receipt::Receipts;
use crate::security_log::{Refused as Why, SecurityLog, Who};
use crate::sessions::Sessions;
use crate::statistics::Statistics;
use crate::verifier::Trusted;
use crate::writer::{Job, Writer};
use crate::{clock, dev_token, entropy};
use data_encoding::BASE32_DNSSEC;
use parking_lot::{Mutex, RwLock};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use tidings_adapters::carrier::CarrierKind;
use tidings_adapters::gateway::{Admission as Asked, Gateway, Peer, Refused};
use tidings_adapters::http::{
    AccessQuestion, Api, AuditAnswer, AuditQuestion, Authenticated, Caller, Foreign, Question, Reached, Reading,
    Work as Kind,
};
use tidings_engine::admission::{Admission, RequestKind};
use tidings_engine::command::{Command, Outcome, Request};
use tidings_engine::cursor::{Cursor, CursorKind};
use tidings_engine::drain::{Drain, DrainSettings};
use tidings_engine::grant::{Grant, Right};
use tidings_engine::ids::{Position, Time};
use tidings_engine::keys::{Keys, TenantTag};
use tidings_engine::limits::{Limit, LimitSet, Limits};
use tidings_engine::rejection::Rejection;
use tidings_engine::session::{Session, SessionContext};
use tidings_engine::tickets::IssuedTicket;
use tidings_wire::{Receipt, ReplyCode};
use tokio::sync::oneshot;

/// What a server is made of.
pub(crate) struct Parts {
    pub(crate) keys: Arc<Keys>,
    pub(crate) trusted: Trusted,
    pub(crate) limits: Arc<LimitSet>,
    pub(crate) epoch: u64,
    pub(crate) reader: tidings_engine::log::LogReader,
    pub(crate) writer: Writer,
    pub(crate) inbox: Inbox,
    pub(crate) origins: Origins,
    pub(crate) public: Public,
    pub(crate) quic: SocketAddr,
    pub(crate) is_secure: bool,
    pub(crate) pinned: Option<String>,
    pub(crate) dev_key: Option<[u8; 32]>,
    pub(crate) counts: ConnectionCounts,
    pub(crate) is_read_only: bool,
    pub(crate) session_seed: [u8; 16],
    pub(crate) checkpoints: Checkpoints,
    pub(crate) receipts: Receipts,
    pub(crate) security: SecurityLog,
    pub(crate) statistics: Statistics,
}

/// One node, shared by everything that serves.
pub struct Server {
    /// The log's keys.
    pub(crate) keys: Arc<Keys>,
    /// The inbox thread.
    pub(crate) inbox: Inbox,
    /// Who may come in.
    pub(crate) admission: Arc<Mutex<Admission>>,
    /// How many are in.
    pub(crate) counts: ConnectionCounts,
    /// Where it is written who came and who was refused.
    pub(crate) security: SecurityLog,
    /// What the moment is measured by.
    pub(crate) statistics: Statistics,
    /// The way to the log for auditors.
    pub(crate) auditing: Auditing,
    /// Everyone who is in.
    pub(crate) sessions: Sessions,
    /// What all sessions share.
    pub(crate) context: Arc<SessionContext>,
    /// What names of sessions are made with: of this process alone.
    pub(crate) session_tag: TenantTag,
    /// Reads the log.
    pub(crate) reader: tidings_engine::log::LogReader,
    /// Loads the keys that issuers publish.
    pub(crate) issuers: Arc<Issuers>,
    epoch: u64,
    writer: Mutex<Option<Writer>>,
    origins: RwLock<Origins>,
    public: RwLock<Public>,
    quic: SocketAddr,
    is_secure: bool,
    pinned: Option<String>,
    dev_key: Option<[u8; 32]>,
    pub(crate) checkpoints: Checkpoints,
    seed: [u8; 16],
    /// Signs receipts.
    receipts: Receipts,
    next: AtomicU64,
    /// The plan by which this server leaves, once it does.
    leaving: Mutex<Option<Drain>>,
    pub(crate) is_read_only: bool,
    /// Whose first sight was recorded, so that reading need not wait for the writer.
    pub(crate) observed: Mutex<Observed>,
    /// Whoever this is behind: connections hold the server.
    own: Weak<Self>,
}

impl Server {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let (keys, verifier) = (Arc::clone(&parts.keys), Arc::new(parts.trusted.verifier));
        let auditing = Auditing::new(parts.reader.clone(), Arc::clone(&keys), parts.epoch, parts.limits.node());
        let context = SessionContext::new(keys, verifier, Arc::clone(&parts.limits), parts.epoch);
        let context = Arc::new(context.with_access(parts.inbox.access().clone()));
        let issuers = Issuers::start(Arc::clone(&context), parts.trusted.places);
        Arc::new_cyclic(|own| Self {
            keys: parts.keys,
            inbox: parts.inbox,
            admission: Arc::new(Mutex::new(Admission::new(parts.limits))),
            counts: parts.counts,
            security: parts.security,
            statistics: parts.statistics,
            is_read_only: parts.is_read_only,
            auditing,
            sessions: Sessions::default(),
            session_tag: TenantTag(*parts.session_seed.first_chunk().expect("a tag is shorter than the seed")),
            context,
            issuers,
            reader: parts.reader,
            epoch: parts.epoch,
            writer: Mutex::new(Some(parts.writer)),
            origins: RwLock::new(parts.origins),
            public: RwLock::new(parts.public),
            quic: parts.quic,
            is_secure: parts.is_secure,
            pinned: parts.pinned,
            dev_key: parts.dev_key,
            checkpoints: parts.checkpoints,
            seed: parts.session_seed,
            receipts: parts.receipts,
            next: AtomicU64::new(1),
            leaving: Mutex::default(),
            observed: Mutex::default(),
            own: Weak::clone(own),
        })
    }

    /// The wall clock.
    pub(crate) fn time(&self) -> Time {
        clock::now()
    }

    /// Queues a request for the writer.
    pub(crate) fn writer_submit(&self, job: Job) {
        let writer = self.writer.lock().clone();
        match writer {
            Some(writer) => writer.submit(job),
            None => (job.reply)(Err(Rejection::Unavailable)),
        }
    }

    /// A session has a person's roles and topics recorded: what was known of them before may be so no more.
    pub(crate) fn observed_anew(&self, grant: &Grant) {
        self.observed.lock().forget(grant.stream);
    }

    /// The cursor after an event, for the grant's tenant.
    pub(crate) fn cursor_at(&self, grant: &Grant, position: Position) -> String {
        let chain = self.reader.chain_prefix(position).unwrap_or_default();
        let cursor = Cursor { kind: CursorKind::Changes, epoch: self.epoch, position, chain, place: 0 };
        cursor.seal(&self.keys, grant.tenant_tag)
    }

    /// Everyone who is in.
    pub(crate) fn all_connections(&self) -> Vec<Weak<Connection>> {
        self.sessions.known()
    }

    /// Takes no more sessions from here on.
    pub(crate) fn begin_leaving(&self, drain: Drain) {
        self.leaving.lock().get_or_insert(drain);
    }

    /// When a newcomer may try again, if this server is leaving.
    fn leaves_in_ms(&self) -> Option<u64> {
        self.leaving.lock().as_ref().map(|drain| drain.newcomer_after_ms(clock::now()))
    }

    /// Closes at once whoever is still in, each with its own delay, so that the next server is not stormed.
    pub(crate) fn leave_at_once(&self, settings: &DrainSettings) {
        let now = clock::now();
        let connections = self.sessions.all();
        let drain = Drain::plan(connections.len(), settings, now);
        self.begin_leaving(drain.clone());
        for (index, connection) in connections.iter().enumerate() {
            connection.leave(drain.returns_after_ms(index, now));
        }
    }

    /// Lets the writer and the inbox thread end once their queues are empty.
    pub(crate) fn stop(&self) {
        self.writer.lock().take();
        self.inbox.send(Work::Stop);
    }

    /// A fresh opaque name: unique in this process, and telling nothing about how many there were.
    fn fresh_id(&self, number: u64) -> String {
        let mut block = self.seed.to_vec();
        block.extend_from_slice(&number.to_le_bytes());
        BASE32_DNSSEC.encode(&self.keys.fingerprint(&block))
    }

    fn refuse_origin(&self, who: &Who<'_>, origin: Option<&str>) {
        let answer = ReplyCode::Forbidden;
        let why = Why { code: answer.http_status(), answer: answer.word(), reason: "origin" };
        self.security.refused(who, why, origin, clock::now());
    }

    /// Whether a client with this `Origin` may go on. Every verdict is counted; a refusal is logged.
    fn judge_origin(&self, who: &Who<'_>, carrier: CarrierKind, origin: Option<&str>) -> bool {
        let allowed = self.origins.read().allow(origin);
        let verdict = match origin {
            None => "absent",
            Some(_) if allowed => "allowed",
            Some(_) => "refused",
        };
        metrics::counter!("tidings_origins_total", "carrier" => carrier.name(), "verdict" => verdict).increment(1);
        if !allowed {
            self.refuse_origin(who, origin);
        }
        allowed
    }
}

impl Gateway for Server {
    type Ticket = Ticket;
    type Protocol = Driven;

    fn now(&self) -> Time {
        clock::now()
    }

    fn admit(&self, asked: &Asked) -> Result<Ticket, Refused> {
        self.place(asked)
    }

    fn stands_in(&self, asked: &Asked) -> Result<(), Refused> {
        self.lends_to(asked)
    }

    fn limits(&self) -> Arc<Limits> {
        Arc::clone(self.context.limits().node())
    }

    fn known(&self, ticket: &Ticket) -> Result<(), Refused> {
        self.keeps(ticket)
    }

    fn origin_allowed(&self, peer: &Peer) -> bool {
        self.judge_origin(&Who::peer(peer), peer.carrier, peer.origin.as_deref())
    }

    fn sent_away(&self, peer: SocketAddr, carrier: CarrierKind, why: &'static str) {
        // Nothing was asked, so nothing is answered.
        let why = Why { code: 0, answer: "none", reason: why };
        self.security.refused(&Who::stranger(peer, carrier), why, None, clock::now());
    }

    fn open(&self, ticket: Ticket, peer: Peer) -> Driven {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (id, now) = (ConnectionId(number), clock::now());
        let session = Session::new(&self.session_id(id), Arc::clone(&self.context), now);
        let own = self.own.upgrade().expect("whoever opens a connection holds the server");
        let connection = Arc::new(Connection::new(id, own, ticket, peer, session, now));
        self.sessions.insert(&connection);
        // It came in between, or on a connection that had its place before.
        if let Some(retry_after_ms) = self.leaves_in_ms() {
            connection.leave(retry_after_ms);
        }
        Driven(connection)
    }
}

impl Api for Server {
    fn now(&self) -> Time {
        clock::now()
    }

    fn keys(&self) -> &Keys {
        &self.keys
    }

    async fn authenticate(&self, token: Option<&str>, work: Kind, caller: &Caller) -> Authenticated {
        let who = Who::caller(caller);
        let Some(token) = token else {
            self.security.request_refused(&who, ReplyCode::Unauthenticated, "no_token", clock::now());
            return Rejection::Unauthenticated.into();
        };
        let grant = match self.verified(token).await {
            Ok(grant) => grant,
            Err(error) => {
                let rejection = error.rejection();
                self.security.request_refused(&who, rejection.code(), error.word(), clock::now());
                return rejection.into();
            }
        };
        let work = match work {
            Kind::Publish if grant.permits(Right::Publish) => RequestKind::Publish,
            // Who may not publish does not count against those who may.
            Kind::Command | Kind::Publish => RequestKind::Command,
            Kind::Query => RequestKind::Query,
        };
        let now = clock::now();
        let (verdict, allowance) = self.admission.lock().request(&grant, work, now);
        if let Err(rejection) = &verdict {
            self.security.request_refused(&who.with(Some(&grant)), rejection.code(), rejection.code().word(), now);
        }
        Authenticated { verdict: verdict.map(|()| Arc::new(grant)), allowance: Some(allowance) }
    }

    fn origin_allowed(&self, origin: Option<&str>, caller: &Caller) -> bool {
        self.judge_origin(&Who::caller(caller), CarrierKind::Http, origin)
    }

    fn limits(&self) -> Arc<Limits> {
        Arc::clone(self.context.limits().node())
    }

    fn limit_hit(&self, limit: Limit, caller: &Caller) {
        self.security.limit_hit(&Who::caller(caller), limit, clock::now());
    }

    fn refused(&self, code: ReplyCode, caller: &Caller, grant: Option<&Grant>) {
        self.security.request_refused(&Who::caller(caller).with(grant), code, code.word(), clock::now());
    }

    fn foreign(&self, what: Foreign, caller: &Caller, grant: &Grant) {
        let what = match what {
            Foreign::Notification => "notification",
            Foreign::Cursor => "cursor",
        };
        self.security.cross_tenant(&Who::caller(caller).with(Some(grant)), what, clock::now());
    }

    async fn submit(&self, request: Request) -> Outcome {
        self.admission.lock().recipients_of(&request, clock::now())?;
        let (tell, told) = oneshot::channel();
        let reply = Box::new(move |outcome| {
            // Whoever gave up waiting has an outcome that is known to the log, and may ask again with the same key.
            let _ = tell.send(outcome);
        });
        self.writer_submit(Job { request, reply });
        told.await.unwrap_or(Err(Rejection::OutcomeUnknown))
    }

    async fn read(&self, grant: Arc<Grant>, question: Question) -> Result<Reading, Rejection> {
        if grant.permits(Right::OwnInbox) && !self.observed.lock().is_known(&grant) {
            let observed = Arc::clone(&grant);
            let request = Request { grant: observed, key: None, fingerprint: [0; 16], command: Command::Observe };
            match self.submit(request).await {
                Ok(_) => self.observed.lock().insert(&grant),
                // Where nothing can be recorded, what there is can still be read.
                Err(Rejection::ReadOnly) => {}
                Err(rejection) => return Err(rejection),
            }
        }
        let (answer, answered) = oneshot::channel();
        self.inbox.send(Work::Read { grant, question, answer });
        answered.await.unwrap_or(Err(Rejection::Unavailable))
    }

    async fn receipt(&self, grant: &Arc<Grant>, event: Position) -> Result<Receipt, Rejection> {
        // One record, mostly still in the page cache: short enough for this thread.
        self.receipts.receipt(&self.reader, &self.keys, grant, event)
    }

    async fn audit(&self, grant: Arc<Grant>, question: AuditQuestion) -> Result<AuditAnswer, Rejection> {
        let tenant_max = self.context.limits().of(&grant.tenant).tenant_audits_max;
        self.auditing.answer(self, &grant, question, tenant_max).await
    }

    fn ticket(&self, grant: &Arc<Grant>, caller: &Caller) -> Result<IssuedTicket, Rejection> {
        let (entropy, now) = (entropy::bytes().map_err(|_| Rejection::Internal)?, clock::now());
        self.context.issue_ticket(Arc::clone(grant), entropy, now).inspect_err(|rejection| {
            // Too many of one user are counted as every refusal for the sake of a rate.
            if *rejection == Rejection::Overloaded {
                self.security.limit_hit(&Who::caller(caller).with(Some(grant)), Limit::TicketsCountMax, now);
            }
        })
    }

    async fn access(&self, grant: &Arc<Grant>, question: AccessQuestion) -> Result<Value, Rejection> {
        // Tables in memory, and a few records, mostly still in the page cache: short enough for this thread.
        self.managed(grant, question)
    }

    fn token_lifetime_ms_max(&self) -> i64 {
        self.context.limits().node().token_lifetime_ms_max
    }

    fn new_secret(&self) -> Result<String, Rejection> {
        crate::sessions::fresh_secret()
    }

    fn cursor(&self, grant: &Grant, position: Position) -> String {
        self.cursor_at(grant, position)
    }

    fn discovery(&self, reached: Reached<'_>) -> Value {
        self.places(reached)
    }

    fn ready(&self) -> Result<(), &'static str> {
        if self.leaves_in_ms().is_some() {
            Err("the server is leaving")
        } else if self.is_read_only {
            Err("the log is damaged and read only: what is before the damage can be read")
        } else {
            Ok(())
        }
    }

    fn warnings(&self) -> Vec<&'static str> {
        self.checkpoints.warnings().into_iter().chain(self.issuers.warning()).collect()
    }

    fn dev_token(&self, tenant: &str, user: &str, roles: &[String]) -> Option<Result<String, Rejection>> {
        let key = self.dev_key.as_ref()?;
        let user_role = ["user".to_owned()];
        let roles = if roles.is_empty() { &user_role } else { roles };
        let claims =
            dev_token::Claims { tenant, subject: user, roles, topics: &[], life_seconds: dev_token::DEMO_SECONDS };
        Some(dev_token::sign_with(key, &claims, clock::now()).map_err(|_| Rejection::Internal))
    }

    fn is_secure(&self) -> bool {
        self.is_secure
    }

    fn request_id(&self) -> String {
        self.fresh_id(self.next.fetch_add(1, Ordering::Relaxed))
    }
}

impl Recorder for Server {
    fn decided(&self, request: Request) -> impl Future<Output = Outcome> + Send {
        self.submit(request)
    }
}
