//! What a caller asks to change, parsed and within its limits.

use crate::event::{Audience, AuditedRead, Channel, Content, Published, RevokedTokens, Setting};
use crate::grant::{Grant, Role};
use crate::ids::{Position, StreamId, TenantId, Time};
use crate::item::{Filter, Mark};
use crate::log::RoomFor;
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
    /// Erases a person: destroys their key, so that nothing personal of them can be read in any copy of the log.
    Erase {
        /// The person's stream; `None` when the keyring knows nobody of the name.
        subject: Option<StreamId>,
    },
    /// Records that an auditor reads through this server.
    RecordAuditRead {
        /// Whose events.
        scope: Scope,
        /// How.
        what: AuditedRead,
        /// Whose stream or inbox, when it is one person's.
        subject: Option<StreamId>,
        /// First position that is asked for.
        from: Position,
        /// Last position that can be told.
        through: Position,
    },
    /// Records by which key checkpoints are signed from here on. The engine's own.
    AdoptCheckpointKey {
        /// The Ed25519 public key.
        public: [u8; 32],
        /// Signature of the key before over this one; empty for the first.
        endorsement: Vec<u8>,
    },
    /// Has tokens permit nothing any more.
    RevokeTokens {
        /// Whose tenant.
        scope: Scope,
        /// Which tokens.
        which: RevokedTokens,
        /// The wall clock.
        now: Time,
        /// For how long from now on a token can be valid that is concerned.
        remember_ms: i64,
    },
    /// Makes a key for a service.
    CreateApiKey {
        /// Whose tenant.
        scope: Scope,
        /// SHA-256 of the secret.
        hash: [u8; 32],
        /// What its grants may be, sorted.
        roles: Vec<Role>,
        /// When it ends by itself.
        expires: Option<Time>,
        /// What people call it.
        name: Option<String>,
    },
    /// Has a key permit nothing any more.
    RevokeApiKey {
        /// Whose tenant.
        scope: Scope,
        /// The key: the position of its creation.
        key: Position,
    },
    /// Records that a person allows something, or no more.
    ChangeConsent(Box<ConsentWanted>),
    /// Records what a tenant decides for itself.
    ChangeSettings {
        /// Whose tenant.
        scope: Scope,
        /// What is to be so.
        settings: Vec<Setting>,
    },
    /// Records that a device of the caller has what was pushed of their inbox, if the tenant wants that and it is due.
    RecordDelivered {
        /// The event up to which.
        up_to: Position,
        /// The wall clock.
        now: Time,
    },
}

/// A consent to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentWanted {
    /// The person's stream.
    pub subject: StreamId,
    /// What is allowed or not.
    pub channel: Channel,
    /// For items of which category; for all others when absent.
    pub category: Option<String>,
    /// Whether it is allowed.
    pub given: bool,
    /// Which text the person was shown.
    pub text_version: Option<String>,
    /// What for.
    pub purpose: Option<String>,
}

impl Command {
    /// Whether it names a notification or key by an id that its tenant was never given: another tenant's, or one that was made up.
    #[must_use]
    pub fn names_foreign(&self) -> bool {
        match self {
            Self::Retract { notification } => *notification == Position::ZERO,
            Self::RevokeApiKey { key, .. } => *key == Position::ZERO,
            Self::Mark { items, .. } => items.contains(&Position::ZERO),
            _ => false,
        }
    }

    /// What it may use of a disk that is full: erasure, retraction and administration must not be stopped by it.
    #[must_use]
    pub fn room_for(&self) -> RoomFor {
        match self {
            // Nobody is kept from taking a consent back.
            Self::ChangeConsent(wanted) if !wanted.given => RoomFor::Urgent,
            Self::Retract { .. }
            | Self::Erase { .. }
            | Self::AdoptCheckpointKey { .. }
            | Self::RevokeTokens { .. }
            | Self::RevokeApiKey { .. } => RoomFor::Urgent,
            Self::Observe
            | Self::Publish(_)
            | Self::Mark { .. }
            | Self::MarkAll { .. }
            | Self::RecordAuditRead { .. }
            | Self::CreateApiKey { .. }
            | Self::ChangeConsent(_)
            | Self::ChangeSettings { .. }
            | Self::RecordDelivered { .. } => RoomFor::Ordinary,
        }
    }
}

/// Whose events an auditor reads, or whose tokens, keys and settings somebody manages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of the caller's tenant.
    Own,
    /// Those of the tenant with this name. For who may do so on the platform.
    Tenant(String),
    /// All. For who may audit the platform, and for nobody who manages.
    Everything,
}

/// A notification to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The clear part; people are named by their streams.
    pub facts: Published,
    /// The personal part.
    pub content: Content,
    /// Stream of the person or service that the content names as its actor.
    pub actor: Option<StreamId>,
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
    /// A person was erased, and their key is destroyed.
    Erased,
    /// Something of the platform's is on record.
    Recorded,
    /// Tokens permit nothing any more.
    TokensRevoked,
    /// A key was made; the position is its identity.
    KeyCreated,
    /// A key permits nothing any more.
    KeyRevoked,
    /// A consent is on record.
    ConsentChanged,
    /// What a tenant decided is on record.
    SettingsChanged,
    /// What reached a person is on record, where it is to be.
    DeliveryRecorded,
    /// That an auditor reads is on record.
    AuditRecorded {
        /// Whose events are read; the platform stands for everybody.
        tenant: TenantId,
    },
}

/// What came of a request.
pub type Outcome = Result<Done, Rejection>;
