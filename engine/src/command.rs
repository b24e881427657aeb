//! What a caller asks to change, parsed and within its limits.

use crate::event::{Audience, Content, Published};
use crate::grant::Grant;
use crate::ids::Position;
use crate::item::{Filter, Mark};
use crate::rejection::Rejection;
use std::sync::Arc;

/// Which inbox a mark is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Inbox {
    /// The caller's own.
    Own,
    /// The tenant's.
    Tenant,
}

/// A request to change something. Item ids are already positions: a foreign or malformed id is [`Position::ZERO`], so that
/// it costs the same as an absent one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Records that the caller was seen, with these roles and topics, if that is news.
    Observe,
    /// Publishes a notification.
    Publish(Box<Publication>),
    /// Takes a notification back.
    Retract {
        /// The notification.
        notification: Position,
    },
    /// Sets a mark on items.
    Mark {
        /// Where.
        inbox: Inbox,
        /// Which mark.
        mark: Mark,
        /// The notifications, as the caller ordered them: 1 to 500.
        items: Vec<Position>,
    },
    /// Sets a mark on every item that matches.
    MarkAll {
        /// Where.
        inbox: Inbox,
        /// Which mark.
        mark: Mark,
        /// Which items.
        filter: Filter,
        /// Greatest order key; all before the command's own event when absent.
        up_to: Option<Position>,
    },
}

/// A notification to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The clear part; people are named by their streams.
    pub facts: Published,
    /// The personal part.
    pub content: Content,
}

impl Publication {
    /// How many people it names; `None` for an audience.
    #[must_use]
    pub fn recipients_count(&self) -> Option<u32> {
        match &self.facts.audience {
            Audience::People(people) => Some(u32::try_from(people.len()).unwrap_or(u32::MAX)),
            _ => None,
        }
    }
}

/// A command with who asks for it.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who asks.
    pub grant: Arc<Grant>,
    /// `commandId`, `Idempotency-Key` or `transactionId`: at most 64 bytes. Scoped to tenant and actor.
    pub key: Option<String>,
    /// Hash of the command's arguments; all zero when there is no key.
    pub fingerprint: [u8; 16],
    /// What to change.
    pub command: Command,
}

/// What came of a command that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// What.
    pub answer: Answer,
    /// Position of the last event that holds the answer; the head where nothing had to change.
    pub position: Position,
    /// Whether this is the first answer, given again.
    pub replayed: bool,
}

/// What a done command tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The caller is known now.
    Observed,
    /// A notification was published.
    Published {
        /// The notification.
        notification: Position,
        /// How many people it names.
        recipients: Option<u32>,
    },
    /// A notification was taken back.
    Retracted,
    /// Items were marked.
    Marked,
}

/// What came of a request.
pub type Outcome = Result<Done, Rejection>;
