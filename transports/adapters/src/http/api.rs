//! The seam between the HTTP routes and the server: all that a route asks instead of deciding.

use bytes::Bytes;
use futures_util::Stream;
use serde_json::Value;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use tidings_engine::command::{Outcome, Request, Scope};
use tidings_engine::grant::Grant;
use tidings_engine::ids::{Position, StreamId, Time};
use tidings_engine::item::Filter;
use tidings_engine::keys::Keys;
use tidings_engine::limits::{Limit, Limits};
use tidings_engine::rate::Allowance;
use tidings_engine::rejection::Rejection;
use tidings_engine::request::{Events, Replay, StateAt};
use tidings_engine::tickets::IssuedTicket;
use tidings_wire::{Counts, InboxName, Item, PageQuery, Receipt, ReplyCode};

/// Who calls, for the security log and the rates.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The address as the server sees it.
    pub address: SocketAddr,
    /// The `User-Agent` header, as far as it is text.
    pub user_agent: Option<String>,
    /// Names the request in logs and in the answer.
    pub request_id: String,
}

/// How a client reached us, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached<'a> {
    /// The host that it asked for.
    pub host: Option<&'a str>,
    /// Whether by TLS, where a trusted proxy says so.
    pub is_secure: Option<bool>,
}

/// What kind of work a request is, for its rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Work {
    /// It changes something.
    Command,
    /// It publishes or retracts.
    Publish,
    /// It reads.
    Query,
}

impl Work {
    /// Whether it changes something.
    #[must_use]
    pub const fn changes(self) -> bool {
        matches!(self, Self::Command | Self::Publish)
    }
}

/// What a tenant was never given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// The id of a notification.
    Notification,
    /// A cursor.
    Cursor,
}

/// What authentication comes to.
#[derive(Clone, Debug)]
pub struct Authenticated {
    /// What the caller may do, or `Unauthenticated`, `Forbidden` or `RateLimited`.
    pub verdict: Result<Arc<Grant>, Rejection>,
    /// What is left of the caller's rate; `None` where it is not known who calls.
    pub allowance: Option<Allowance>,
}

impl From<Rejection> for Authenticated {
    fn from(rejection: Rejection) -> Self {
        Self { verdict: Err(rejection), allowance: None }
    }
}

/// A question to the projections.
#[derive(Clone, Debug)]
pub enum Question {
    /// One page of an inbox.
    Page {
        /// Which inbox.
        inbox: InboxName,
        /// Which items.
        query: PageQuery,
    },
    /// How many items match, for each filter.
    Count {
        /// Which inbox.
        inbox: InboxName,
        /// The filters.
        filters: Vec<Filter>,
    },
    /// One item.
    Item {
        /// Which inbox.
        inbox: InboxName,
        /// Its notification.
        notification: Position,
    },
}

/// The answer to a [`Question`].
#[derive(Clone, Debug)]
pub enum Reading {
    /// One page.
    Page {
        /// Newest first.
        items: Vec<Item>,
        /// Whether there are older ones.
        has_more: bool,
        /// The counts of the inbox at the same moment.
        counts: Counts,
    },
    /// One number for each filter.
    Count(Vec<u32>),
    /// One item.
    Item(Box<Item>),
}

/// What an auditor asks who may.
#[derive(Clone, Debug)]
pub enum AuditQuestion {
    /// A list of events.
    Events(Events),
    /// An inbox as of a place.
    State(StateAt),
    /// What a range comes to.
    Replay(Replay),
    /// Whether the log is as it must be.
    Verify(Scope),
}

/// Which part of a list.
#[derive(Clone, Debug)]
pub struct ListOf {
    /// Whose.
    pub scope: Scope,
    /// Most entries, 1 to 100.
    pub limit: usize,
    /// Id of the last entry of the part before.
    pub after: Option<String>,
}

/// What is asked about who is let in.
#[derive(Clone, Debug)]
pub enum AccessQuestion {
    /// What is revoked, newest first. For who manages access.
    Revocations(ListOf),
    /// The keys of services, newest first. For who manages access.
    Keys(ListOf),
    /// The sessions of one person on this node.
    Sessions {
        /// Somebody else, for who manages access.
        subscriber_id: Option<String>,
        /// Which of them is the asker's own.
        current: Option<String>,
    },
    /// Ends one session. Gives null.
    EndSession {
        /// Which.
        id: String,
    },
    /// Ends the sessions of one person. Gives how many.
    EndSessions {
        /// Somebody else, for who manages access.
        subscriber_id: Option<String>,
        /// The one that goes on.
        except: Option<String>,
    },
    /// What somebody allows, whom the asker may ask about.
    Consents {
        /// Who; `None` for somebody whom nobody ever named.
        subject: Option<StreamId>,
    },
    /// What a tenant decides for itself. For who manages the tenant.
    Settings(Scope),
}

/// Parts of an answer, each made when the one before has left. It ends early where the server can give no more.
pub type AuditParts = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// The answer to an [`AuditQuestion`], on record when it comes.
pub enum AuditAnswer {
    /// Lines of JSON.
    Lines(AuditParts),
    /// One JSON text.
    Parts(AuditParts),
    /// One JSON value.
    Json(Value),
}

/// The server as the routes see it.
pub trait Api: Send + Sync + 'static {
    /// The wall clock.
    fn now(&self) -> Time;

    /// The keys of item ids and cursors.
    fn keys(&self) -> &Keys;

    /// Verifies a token and takes one from the caller's rate. Logs its own refusals. May wait until the key that the token
    /// names has been loaded.
    fn authenticate(
        &self,
        token: Option<&str>,
        work: Work,
        caller: &Caller,
    ) -> impl Future<Output = Authenticated> + Send;

    /// The limits of the node, as they are now.
    fn limits(&self) -> Arc<Limits> {
        Arc::default()
    }

    /// Counts that somebody was over a limit.
    fn limit_hit(&self, _limit: Limit, _caller: &Caller) {}

    /// Whether a page of this origin may read answers. `None`: not a browser. Logs its own refusal.
    fn origin_allowed(&self, origin: Option<&str>, caller: &Caller) -> bool;

    /// Logs a request that was not even looked into, malformed or too large, or one that its grant does not permit.
    fn refused(&self, _code: ReplyCode, _caller: &Caller, _grant: Option<&Grant>) {}

    /// Logs a request that shows an id or cursor which the grant's tenant was never given.
    fn foreign(&self, _what: Foreign, _caller: &Caller, _grant: &Grant) {}

    /// Has a command decided and made durable. The answer comes after the sync, and after the projections know it.
    fn submit(&self, request: Request) -> impl Future<Output = Outcome> + Send;

    /// Reads from the projections. Records the caller's first sight before, where that is due.
    fn read(&self, grant: Arc<Grant>, question: Question) -> impl Future<Output = Result<Reading, Rejection>> + Send;

    /// The signed receipt of an erasure of the grant's tenant, by the position of its event.
    ///
    /// # Errors
    /// `NotFound` when no erasure of the tenant has this position.
    fn receipt(&self, grant: &Arc<Grant>, event: Position) -> impl Future<Output = Result<Receipt, Rejection>> + Send;

    /// Answers an auditor. That it was read is durable before the answer comes.
    fn audit(
        &self,
        grant: Arc<Grant>,
        question: AuditQuestion,
    ) -> impl Future<Output = Result<AuditAnswer, Rejection>> + Send;

    /// A ticket for one connection of whoever holds the grant. Logs its own refusals.
    ///
    /// # Errors
    /// As [`Tickets::issue`](tidings_engine::tickets::Tickets::issue).
    fn ticket(&self, grant: &Arc<Grant>, caller: &Caller) -> Result<IssuedTicket, Rejection>;

    /// Answers a question about who is let in, or ends sessions.
    ///
    /// # Errors
    /// `Forbidden` where it is not the grant's to ask; `NotFound` for a session out of its reach.
    fn access(
        &self,
        grant: &Arc<Grant>,
        question: AccessQuestion,
    ) -> impl Future<Output = Result<Value, Rejection>> + Send;

    /// How long a token may live, in milliseconds.
    fn token_lifetime_ms_max(&self) -> i64;

    /// A fresh secret of an API key.
    ///
    /// # Errors
    /// `Internal`: the system gives no random bytes.
    fn new_secret(&self) -> Result<String, Rejection>;

    /// The cursor of a position for the grant's tenant.
    fn cursor(&self, grant: &Grant, position: Position) -> String;

    /// The answer of `GET /v1/connect` for a client that reached us so.
    fn discovery(&self, reached: Reached<'_>) -> Value;

    /// Whether requests can be served.
    ///
    /// # Errors
    /// Why not, in a plain sentence.
    fn ready(&self) -> Result<(), &'static str>;

    /// What an operator should look into although requests are served: a plain sentence each, told to everyone.
    fn warnings(&self) -> Vec<&'static str>;

    /// Signs a token for the demo page; `None` without `--dev`.
    fn dev_token(&self, tenant: &str, user: &str, roles: &[String]) -> Option<Result<String, Rejection>>;

    /// Whether answers go over TLS, so that HSTS is sent.
    fn is_secure(&self) -> bool;

    /// A fresh id for a request: unique, opaque.
    fn request_id(&self) -> String;
}
