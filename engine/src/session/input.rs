use crate::command::Request;
use crate::cursor::Cursor;
use crate::grant::Grant;
use crate::ids::Position;
use crate::limits::Limit;
use crate::rejection::Rejection;
use crate::request::Page;
use crate::token::KeySource;
use bytes::Bytes;
use serde_json::Value;
use std::sync::Arc;
use tidings_wire::{CloseCode, InboxName};

/// Which of a connection's streams a frame travels on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// The stream of all that is ordered; the only one on most carriers.
    Ordered,
    /// The second one, for `fetch` frames and their replies alone.
    Fetch,
}

/// A frame of a subscription with the place it brings its reader to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The encoded frame.
    pub frame: Bytes,
    /// Everything up to here is known to whom it was written to.
    pub at: Cursor,
}

/// What can happen to a session.
#[derive(Debug)]
pub enum Input<'a> {
    /// A frame arrived.
    Frame {
        /// Where.
        stream: Stream,
        /// The JSON text, not checked yet.
        bytes: &'a [u8],
    },
    /// A frame arrived that is longer than a frame may be.
    TooLarge,
    /// A message arrived that is no text.
    NotText,
    /// A sign of life below the frames.
    Alive,
    /// The time told by `poll_timeout` has come.
    Timeout,
    /// The carrier is gone; nothing can be sent any more.
    CarrierEnded,
    /// Answers [`Output::LoadKeys`]: the keys are as new as they get now.
    KeysLoaded,
    /// Answers [`Output::Admit`].
    Admitted(Result<(), CloseCode>),
    /// Answers [`Output::Observe`].
    Observed(Result<(), Rejection>),
    /// Answers [`Output::Command`].
    Replied {
        /// That of the command.
        id: String,
        /// That of the command.
        stream: Stream,
        /// Cursor and result for the reply.
        result: Result<(Option<String>, Option<Value>), Rejection>,
    },
    /// Answers [`Output::Fetch`].
    Fetched {
        /// That of the fetch.
        id: String,
        /// That of the fetch.
        stream: Stream,
        /// The encoded `reply` frame, with the fetch's id.
        result: Result<Bytes, Rejection>,
    },
    /// Answers [`Output::Subscribe`], after a [`Input::Resync`] where its cursor could not be used: the subscription is
    /// live from `at` on. Also taken unasked, as the state from then on.
    Snapshot {
        /// Which inbox.
        inbox: &'a InboxName,
        /// The encoded `snapshot`.
        frame: Bytes,
        /// Where it stands.
        at: Cursor,
    },
    /// Something changed in an inbox. Dropped where the subscription is not live: the catching up brings it.
    Delta {
        /// Which inbox.
        inbox: &'a InboxName,
        /// The encoded `delta` or `counts`, shared by all who get it.
        frame: &'a Bytes,
        /// Where its reader stands then.
        at: Cursor,
    },
    /// Answers [`Output::CatchUp`], and [`Output::Subscribe`] whose cursor can be used.
    CatchUpPage {
        /// Which inbox.
        inbox: &'a InboxName,
        /// What changed, each item once, in the order of its last change; with `done` also `counts` and `caught_up`.
        frames: Vec<Placed>,
        /// Where the next page goes on.
        next: Cursor,
        /// Whether that is the head: the subscription is live from here on.
        done: bool,
    },
    /// The client's state of an inbox is void. As an answer to [`Output::Subscribe`] or [`Output::CatchUp`] it is followed
    /// at once by the [`Input::Snapshot`]; otherwise the session asks for one.
    Resync {
        /// Which inbox.
        inbox: &'a InboxName,
        /// Why: one word for the client.
        reason: &'static str,
    },
    /// Answers [`Output::Subscribe`] or [`Output::CatchUp`] that cannot be done: the subscription ends.
    SubscribeFailed {
        /// Which inbox.
        inbox: &'a InboxName,
        /// Why.
        rejection: Rejection,
    },
    /// The server is leaving; the session goes on until it is closed.
    Drain {
        /// This client's own delay.
        reconnect_after_ms: u64,
    },
    /// The server ends the session.
    Close(CloseCode),
}

/// What a session asks of the server.
#[derive(Debug)]
pub enum Output {
    /// A token names a key that is not there: load the keys of its issuer anew, if that is due. Answered by
    /// [`Input::KeysLoaded`] when it was done, or at once where it is not due.
    LoadKeys {
        /// From where.
        from: KeySource,
    },
    /// The token is good: is there a place for one more of this tenant and user? Answered by [`Input::Admitted`].
    Admit(Arc<Grant>),
    /// Record that the person was seen. Answered by [`Input::Observed`]; after a `refresh` the answer changes nothing.
    Observe(Arc<Grant>),
    /// Hand changes of the inbox from now on. Answered by [`Input::Snapshot`] without a cursor; with one by
    /// [`Input::CatchUpPage`], or by [`Input::Resync`] and [`Input::Snapshot`]. An earlier subscription is replaced.
    Subscribe {
        /// Which inbox.
        inbox: InboxName,
        /// Where the client stands.
        from: Option<Cursor>,
    },
    /// Hand no more changes of the inbox.
    Unsubscribe {
        /// Which inbox.
        inbox: InboxName,
    },
    /// One page of what changed after a place. Answered by [`Input::CatchUpPage`], or by [`Input::Resync`] and
    /// [`Input::Snapshot`].
    CatchUp {
        /// Which inbox.
        inbox: InboxName,
        /// The place that the client has been brought to.
        from: Cursor,
    },
    /// Something to decide, if the user and the tenant have not used up what they may over all connections. Answered by
    /// [`Input::Replied`].
    Command {
        /// To be given back.
        id: String,
        /// To be given back.
        stream: Stream,
        /// What.
        request: Box<Request>,
    },
    /// A page to read, if the user has not used up what one may over all connections. Answered by [`Input::Fetched`].
    Fetch {
        /// To be given back.
        id: String,
        /// To be given back.
        stream: Stream,
        /// Whose page; the caller may read it.
        inbox: InboxName,
        /// Which page.
        page: Box<Page>,
    },
    /// The person has what was pushed of their own inbox up to an event. Never answered.
    Delivered {
        /// Who.
        grant: Arc<Grant>,
        /// Up to which.
        up_to: Position,
    },
    /// Something for the security log.
    Security(SecurityEvent),
}

/// Something for the security log. The server adds session, address and user agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecurityEvent {
    /// The session is open.
    Authenticated {
        /// Who, and what they may.
        grant: Arc<Grant>,
        /// What the client says of itself.
        client: Option<String>,
    },
    /// The session was refused before it was open, or a later token was.
    Refused {
        /// How it ended; for a later token, how it would have.
        code: CloseCode,
        /// A stable word.
        why: &'static str,
    },
    /// Something was asked for that the grant does not permit.
    NotPermitted,
    /// A limit was reached.
    LimitHit {
        /// Which.
        limit: Limit,
    },
    /// A cursor was given that is no cursor of this tenant.
    ForeignCursor,
}
